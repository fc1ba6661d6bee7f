//! Backups that come out well, and backups that do not.

use super::bed::{Bed, State, backup, copies, instance};
use super::keeping::PlaceFault;
use super::lab::Fault;
use fleet_core::backup::{Counted, Kept, Manifest};
use fleet_core::names::BackupId;
use fleet_core::order::{End, Outcome};
use std::time::Duration;

#[track_caller]
fn check_failed(end: &End, why: &str) {
    match &end.outcome {
        Outcome::Failed { reason } => assert!(reason.contains(why), "`{reason}` should say `{why}`"),
        other => panic!("expected a failure because of `{why}`, found {other:?}"),
    }
}

#[tokio::test]
async fn a_backup_holds_what_the_instance_has() {
    let (bed, agent) = Bed::new("").await;
    let end = bed.carry_out(&agent, backup(&["near", "far"])).await;
    assert_eq!(end.outcome, Outcome::Done);
    for name in ["near", "far"] {
        let sets = bed.sets(name).await;
        assert_eq!(sets.len(), 1);
        assert_eq!(bed.restored(name, &sets[0]).await, Ok(bed.state()));
        let manifest = sets[0].manifest().expect("it can be read");
        assert_eq!(manifest.values["password"], "s3cret");
        assert_eq!(manifest.clone().without_values(), copies(&end)[name].clone().expect("it is there"));
        assert_eq!(manifest.uncovered, Vec::<String>::new());
        let rows = manifest.parts.iter().find(|part| part.store.as_str() == "rows").expect("it is there");
        assert_eq!(rows.counts["public.notes"], Counted { low: 3, high: 3 });
        let uploads = manifest.parts.iter().find(|part| part.store.as_str() == "uploads").expect("it is there");
        assert_eq!(uploads.bytes, 9005);
        match &uploads.kept {
            Kept::Files { files, sample, .. } => assert_eq!((*files, sample.len()), (2, 2)),
            Kept::Stream { .. } => panic!("expected files"),
        }
    }
    bed.check_calm("after a backup");
}

#[tokio::test]
async fn nothing_secret_is_said_of_a_backup() {
    let (bed, agent) = Bed::new("").await;
    let end = bed.carry_out(&agent, backup(&["near"])).await;
    assert!(copies(&end)["near"].as_ref().expect("it is there").values.is_empty());
    let key = &bed.keeping.access("near", &instance()).master_key.0;
    for order in std::fs::read_dir(bed.data_dir().join("ledger/orders")).expect("a folder") {
        let text = std::fs::read_to_string(order.expect("a file").path()).expect("text");
        assert!(!text.contains("s3cret") && !text.contains(key.as_str()), "{text}");
    }
}

#[tokio::test]
async fn what_stands_still_for_its_files_goes_on_afterwards() {
    for holds in ["stop: [web]", "pause: [web]", "pause: [db]"] {
        let (bed, agent) = Bed::new(holds).await;
        let end = bed.carry_out(&agent, backup(&["near"])).await;
        assert_eq!(end.outcome, Outcome::Done, "{holds}");
        let manifest = copies(&end)["near"].clone().expect("it is there");
        assert_eq!(manifest.holds.len(), 1, "{holds}");
        bed.check_calm(holds);
    }
}

#[tokio::test]
async fn a_service_that_was_off_stays_off() {
    let (bed, agent) = Bed::new("stop: [web]").await;
    for it in bed.lab.fake.world().containers.iter_mut().filter(|it| it.service == "web") {
        it.state = fleet_core::steps::ContainerState::Exited { code: 0 };
    }
    let end = bed.carry_out(&agent, backup(&["near"])).await;
    assert_eq!((end.outcome, bed.running()), (Outcome::Done, vec!["db".to_owned()]));
}

#[tokio::test]
async fn a_dump_that_is_not_whole_is_no_backup() {
    let faults = [
        (Fault::DumpKilled(60), "ended with 137: killed"),
        (Fault::EngineErrorAsData, "could not be started"),
        (Fault::Truncated(70), "breaks off"),
        (Fault::Empty, "the dump is empty"),
        (Fault::DatabaseDown, "does not run"),
        (Fault::ToolMissing, "has no `pg_dump`"),
    ];
    for (fault, why) in faults {
        let (bed, agent) = Bed::new("stop: [web]").await;
        bed.lab.plan().fault = Some(fault.clone());
        let end = bed.carry_out(&agent, backup(&["near", "far"])).await;
        check_failed(&end, why);
        assert!(copies(&end).values().all(Result::is_err), "{fault:?}");
        assert_eq!((bed.sets("near").await.len(), bed.sets("far").await.len()), (0, 0), "{fault:?}");
        bed.check_calm(&format!("{fault:?}"));
    }
}

#[tokio::test]
async fn a_dump_that_hangs_stands_in_nobodys_way_for_long() {
    let (mut bed, agent) = Bed::new("pause: [web]").await;
    bed.deadline = Duration::from_secs(6);
    bed.lab.plan().fault = Some(Fault::Hangs(30));
    let end = bed.carry_out(&agent, backup(&["near"])).await;
    check_failed(&end, "stood still for 3s, which is the longest they may");
    bed.check_calm("after a dump that hung");
}

#[tokio::test]
async fn dumps_and_files_together_stand_in_nobodys_way_for_long() {
    let (mut bed, agent) = Bed::new("pause: [web]").await;
    bed.deadline = Duration::from_secs(6);
    // Either alone is within the limit.
    bed.lab.plan().slow = Some(Duration::from_secs(2));
    let end = bed.carry_out(&agent, backup(&["near"])).await;
    check_failed(&end, "stood still for 3s, which is the longest they may");
    bed.check_calm("after a slow backup");
}

#[tokio::test]
async fn a_volume_that_is_removed_under_way_is_no_backup_and_the_former_ones_stay() {
    let (bed, agent) = Bed::new("").await;
    let first = bed.order(backup(&["near"]), "first");
    assert_eq!(bed.carry_out_order(&agent, &first).await.outcome, Outcome::Done);
    let state = bed.state();
    bed.lab.plan().fault = Some(Fault::VolumeRemoved);
    check_failed(&bed.carry_out(&agent, backup(&["near"])).await, "oasis-1_uploads");
    let sets = bed.sets("near").await;
    assert_eq!(sets.len(), 1);
    assert_eq!(bed.restored("near", &sets[0]).await, Ok(state));
    // From now on it is missing, and said to be.
    bed.lab.forget_crash();
    let again = bed.order(backup(&["near"]), "again");
    check_failed(&bed.carry_out_order(&agent, &again).await, "its data is gone: somebody removed oasis-1_uploads");
}

#[tokio::test]
async fn a_set_that_somebody_else_has_put_under_a_backups_id_is_not_taken_for_it() {
    let (bed, agent) = Bed::new("").await;
    let first = bed.order(backup(&["near"]), "first");
    assert_eq!(bed.carry_out_order(&agent, &first).await.outcome, Outcome::Done);
    let manifest = bed.sets("near").await[0].manifest().expect("it can be read");
    let put = async |salt: &str, hosts: &[&str]| {
        let order = bed.order(backup(&["near"]), salt);
        let backup: BackupId = order.order.id.as_str().parse().expect("an id");
        for host in hosts {
            let host = host.parse().expect("a name");
            let manifest = Manifest { backup: backup.clone(), host, ..manifest.clone() };
            bed.keeping.write_set("near", &backup, &manifest).await;
        }
        order
    };
    let ours = manifest.host.as_str();
    let order = put("its own", &[ours]).await;
    let end = bed.carry_out_order(&agent, &order).await;
    assert_eq!(end.outcome, Outcome::Done, "it was made before");
    let made = bed.sets("near").await;
    let order = put("another's", &["lab-9"]).await;
    check_failed(&bed.carry_out_order(&agent, &order).await, "it says that it is of oasis-1 on lab-9");
    let order = put("both", &["lab-9", ours]).await;
    check_failed(&bed.carry_out_order(&agent, &order).await, "2 snapshots carry the id");
    assert_eq!(bed.sets("near").await.len(), made.len() + 3, "nothing was added to them");
}

#[tokio::test]
async fn a_copy_that_fails_does_not_fail_the_other() {
    for fault in [PlaceFault::Full, PlaceFault::Refuses, PlaceFault::Dies] {
        for from in [1, 4, 8, 12] {
            let (bed, agent) = Bed::new("stop: [web]").await;
            // So that both repositories are there.
            let order = bed.order(backup(&["near", "far"]), "");
            bed.keeping.plan("far", Some((fault, from)));
            let end = bed.carry_out_order(&agent, &order).await;
            check_failed(&end, "far: ");
            let copies = copies(&end);
            assert!(copies["near"].is_ok() && copies["far"].is_err(), "{fault:?} from {from}: {copies:?}");
            assert_eq!((bed.sets("near").await.len(), bed.sets("far").await.len()), (1, 0), "{fault:?} from {from}");
            bed.check_calm(&format!("{fault:?} from {from}"));
        }
    }
}

#[tokio::test]
async fn where_a_dump_fails_nobody_waits_for_a_copy_that_hangs() {
    let (bed, agent) = Bed::new("stop: [web]").await;
    let rows = (0..900).map(|number| format!("row {number}\n")).collect();
    bed.set(&State { rows, ..bed.state() });
    bed.keeping.plan("far", Some((PlaceFault::Hangs, 1)));
    // Of five pieces the copy that hangs takes four.
    bed.lab.plan().fault = Some(Fault::DumpKilled(3000));
    // The copy hangs for ever: whoever waited for it would, too.
    let end = bed.carry_out(&agent, backup(&["near", "far"])).await;
    check_failed(&end, "the tool ended with 137");
    bed.check_calm("after a dump that failed beside a copy that hangs");
}

#[tokio::test]
async fn a_backup_that_is_there_is_not_made_again() {
    let (bed, agent) = Bed::new("").await;
    let order = bed.order(backup(&["near"]), "");
    let first = bed.carry_out_order(&agent, &order).await;
    agent.kill().await;
    // Its end was lost with the ledger's entry: the same order comes again.
    for entry in std::fs::read_dir(bed.data_dir().join("ledger/orders")).expect("a folder").flatten() {
        std::fs::remove_file(entry.path()).expect("removed");
    }
    bed.lab.plan().fault = Some(Fault::DatabaseDown);
    let agent = bed.agent();
    assert_eq!(bed.carry_out_order(&agent, &order).await, first);
    assert_eq!(bed.sets("near").await.len(), 1);
}

#[tokio::test]
async fn a_dump_that_shrank_is_kept_and_said() {
    let (bed, agent) = Bed::new("").await;
    let mut state = bed.state();
    state.rows = (0..3000).map(|number| format!("row {number}\n")).collect();
    bed.set(&state);
    bed.carry_out(&agent, backup(&["near"])).await;
    state.rows = "row 1\n".to_owned();
    bed.set(&state);
    let end = bed.carry_out_order(&agent, &bed.order(backup(&["near"]), "again")).await;
    assert_eq!(end.outcome, Outcome::Done);
    let manifest = copies(&end)["near"].clone().expect("it is there");
    let rows = manifest.parts.iter().find(|part| part.store.as_str() == "rows").expect("it is there");
    assert!(!rows.notes.is_empty(), "{rows:?}");
}

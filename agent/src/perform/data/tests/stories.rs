//! Backups that come out well, and backups that do not.

use super::actions::{backup, copies};
use super::harness::{Harness, State, instance};
use super::keeping::BackendFault;
use super::lab::Fault;
use fleet_core::backup::{Counted, DataNote, Kept, Manifest};
use fleet_core::names::BackupId;
use fleet_core::order::{End, Outcome};
use std::time::Duration;

#[track_caller]
fn check_failed(end: &End, why: &str) {
    match &end.outcome {
        Outcome::Failed { failure } => assert!(failure.to_string().contains(why), "`{failure}` should say `{why}`"),
        other => panic!("expected a failure because of `{why}`, found {other:?}"),
    }
}

#[tokio::test]
async fn a_backup_holds_what_the_instance_has() {
    let (harness, agent) = Harness::new("").await;
    let end = harness.carry_out(&agent, backup(&["near", "far"])).await;
    assert_eq!(end.outcome, Outcome::Done);
    for name in ["near", "far"] {
        let sets = harness.sets(name).await;
        assert_eq!(sets.len(), 1);
        assert_eq!(harness.restored(name, &sets[0]).await, Ok(harness.state()));
        let manifest = sets[0].read_manifest().expect("it can be read");
        assert_eq!(manifest.values["password"], "s3cret");
        assert_eq!(manifest.clone().without_values(), copies(&end)[name].clone().expect("it is there"));
        assert_eq!(manifest.uncovered, []);
        let rows = manifest.parts.iter().find(|part| part.store.as_str() == "rows").expect("it is there");
        assert_eq!(rows.counts["public.notes"], Counted { low: 3, high: 3 });
        let uploads = manifest.parts.iter().find(|part| part.store.as_str() == "uploads").expect("it is there");
        assert_eq!(uploads.bytes, 9005);
        match &uploads.kept {
            Kept::Files { files, sample, .. } => assert_eq!((*files, sample.len()), (2, 2)),
            Kept::Stream { .. } => panic!("expected files"),
        }
    }
    harness.check_calm("after a backup");
}

#[tokio::test]
async fn nothing_secret_is_said_of_a_backup() {
    let (harness, agent) = Harness::new("").await;
    let end = harness.carry_out(&agent, backup(&["near"])).await;
    assert!(copies(&end)["near"].as_ref().expect("it is there").values.is_empty());
    let key = &harness.keeping.access("near", &instance()).master_key.0;
    for order in std::fs::read_dir(harness.data_dir().join("ledger/orders")).expect("a folder") {
        let text = std::fs::read_to_string(order.expect("a file").path()).expect("text");
        assert!(!text.contains("s3cret") && !text.contains(key.as_str()), "{text}");
    }
}

#[tokio::test]
async fn what_stands_still_for_its_files_goes_on_afterwards() {
    for holds in ["stop: [web]", "pause: [web]", "pause: [db]"] {
        let (harness, agent) = Harness::new(holds).await;
        let end = harness.carry_out(&agent, backup(&["near"])).await;
        assert_eq!(end.outcome, Outcome::Done, "{holds}");
        let manifest = copies(&end)["near"].clone().expect("it is there");
        assert_eq!(manifest.holds.len(), 1, "{holds}");
        harness.check_calm(holds);
    }
}

#[tokio::test]
async fn a_service_that_was_off_stays_off() {
    let (harness, agent) = Harness::new("stop: [web]").await;
    for it in harness.lab.fake.world().containers.iter_mut().filter(|it| it.service == "web") {
        it.state = fleet_core::steps::ContainerState::Exited { code: 0 };
    }
    let end = harness.carry_out(&agent, backup(&["near"])).await;
    assert_eq!((end.outcome, harness.running()), (Outcome::Done, vec!["db".to_owned()]));
}

#[tokio::test]
async fn a_dump_that_is_not_whole_is_no_backup() {
    let faults = [
        (Fault::DumpKilled(60), "exited with code 137: killed"),
        (Fault::EngineErrorAsData, "not started"),
        (Fault::Truncated(70), "breaks off"),
        (Fault::Empty, "not valid: empty"),
        (Fault::DatabaseDown, "container not running"),
        (Fault::ToolMissing, "has no `pg_dump`"),
    ];
    for (fault, why) in faults {
        let (harness, agent) = Harness::new("stop: [web]").await;
        harness.lab.plan().fault = Some(fault.clone());
        let end = harness.carry_out(&agent, backup(&["near", "far"])).await;
        check_failed(&end, why);
        assert!(copies(&end).values().all(Result::is_err), "{fault:?}");
        assert_eq!((harness.sets("near").await.len(), harness.sets("far").await.len()), (0, 0), "{fault:?}");
        harness.check_calm(&format!("{fault:?}"));
    }
}

#[tokio::test]
async fn a_dump_that_hangs_stands_in_nobodys_way_for_long() {
    let (mut harness, agent) = Harness::new("pause: [web]").await;
    harness.deadline = Duration::from_secs(6);
    harness.lab.plan().fault = Some(Fault::Hangs(30));
    let end = harness.carry_out(&agent, backup(&["near"])).await;
    check_failed(&end, "were quiesced for 3s, the longest time allowed");
    harness.check_calm("after a dump that hung");
}

#[tokio::test]
async fn dumps_and_files_together_stand_in_nobodys_way_for_long() {
    let (mut harness, agent) = Harness::new("pause: [web]").await;
    harness.deadline = Duration::from_secs(6);
    // Either alone is within the limit.
    harness.lab.plan().slow = Some(Duration::from_secs(2));
    let end = harness.carry_out(&agent, backup(&["near"])).await;
    check_failed(&end, "were quiesced for 3s, the longest time allowed");
    harness.check_calm("after a slow backup");
}

#[tokio::test]
async fn a_volume_that_is_removed_under_way_is_no_backup_and_the_former_ones_stay() {
    let (harness, agent) = Harness::new("").await;
    let first = harness.order(backup(&["near"]), "first");
    assert_eq!(harness.carry_out_order(&agent, &first).await.outcome, Outcome::Done);
    let state = harness.state();
    harness.lab.plan().fault = Some(Fault::VolumeRemoved);
    check_failed(&harness.carry_out(&agent, backup(&["near"])).await, "oasis-1_uploads");
    let sets = harness.sets("near").await;
    assert_eq!(sets.len(), 1);
    assert_eq!(harness.restored("near", &sets[0]).await, Ok(state));
    // From now on it is missing, and reported as such.
    harness.lab.forget_crash();
    let again = harness.order(backup(&["near"]), "again");
    check_failed(&harness.carry_out_order(&agent, &again).await, "its data is gone: somebody removed oasis-1_uploads");
}

#[tokio::test]
async fn a_set_that_somebody_else_has_put_under_a_backups_id_is_not_taken_for_it() {
    let (harness, agent) = Harness::new("").await;
    let first = harness.order(backup(&["near"]), "first");
    assert_eq!(harness.carry_out_order(&agent, &first).await.outcome, Outcome::Done);
    let manifest = harness.sets("near").await[0].read_manifest().expect("it can be read");
    let put = async |salt: &str, hosts: &[&str]| {
        let order = harness.order(backup(&["near"]), salt);
        let backup: BackupId = order.order.id.as_str().parse().expect("an id");
        for host in hosts {
            let host = host.parse().expect("a name");
            let manifest = Manifest { backup: backup.clone(), host, ..manifest.clone() };
            harness.keeping.write_set("near", &backup, &manifest).await;
        }
        order
    };
    let ours = manifest.host.as_str();
    let order = put("its own", &[ours]).await;
    let end = harness.carry_out_order(&agent, &order).await;
    assert_eq!(end.outcome, Outcome::Done, "it was made before");
    let made = harness.sets("near").await;
    let order = put("another's", &["lab-9"]).await;
    check_failed(&harness.carry_out_order(&agent, &order).await, "other exists");
    let order = put("both", &["lab-9", ours]).await;
    check_failed(&harness.carry_out_order(&agent, &order).await, "ambiguous");
    assert_eq!(harness.sets("near").await.len(), made.len() + 3, "nothing was added to them");
}

#[tokio::test]
async fn a_copy_that_fails_does_not_fail_the_other() {
    for fault in [BackendFault::Full, BackendFault::Refuses, BackendFault::Dies] {
        for from in [1, 4, 8, 12] {
            let (harness, agent) = Harness::new("stop: [web]").await;
            // Creates both repositories.
            let order = harness.order(backup(&["near", "far"]), "");
            harness.keeping.plan("far", Some((fault, from)));
            let end = harness.carry_out_order(&agent, &order).await;
            check_failed(&end, "far: ");
            let copies = copies(&end);
            assert!(copies["near"].is_ok() && copies["far"].is_err(), "{fault:?} from {from}: {copies:?}");
            assert_eq!(
                (harness.sets("near").await.len(), harness.sets("far").await.len()),
                (1, 0),
                "{fault:?} from {from}"
            );
            harness.check_calm(&format!("{fault:?} from {from}"));
        }
    }
}

#[tokio::test]
async fn where_a_dump_fails_nobody_waits_for_a_copy_that_hangs() {
    let (harness, agent) = Harness::new("stop: [web]").await;
    let rows = (0..900).map(|number| format!("row {number}\n")).collect();
    harness.set(&State { rows, ..harness.state() });
    harness.keeping.plan("far", Some((BackendFault::Hangs, 1)));
    // The hanging copy takes four of five pieces.
    harness.lab.plan().fault = Some(Fault::DumpKilled(3000));
    // The copy hangs for ever, so a caller that waited for it would hang too.
    let end = harness.carry_out(&agent, backup(&["near", "far"])).await;
    check_failed(&end, "exited with code 137");
    harness.check_calm("after a dump that failed beside a copy that hangs");
}

#[tokio::test]
async fn a_backup_that_is_there_is_not_made_again() {
    let (harness, agent) = Harness::new("").await;
    let order = harness.order(backup(&["near"]), "");
    let first = harness.carry_out_order(&agent, &order).await;
    agent.kill().await;
    // Its end was lost with the ledger's entry: the same order comes again.
    for entry in std::fs::read_dir(harness.data_dir().join("ledger/orders")).expect("a folder").flatten() {
        std::fs::remove_file(entry.path()).expect("removed");
    }
    harness.lab.plan().fault = Some(Fault::DatabaseDown);
    let agent = harness.agent();
    assert_eq!(harness.carry_out_order(&agent, &order).await, first);
    assert_eq!(harness.sets("near").await.len(), 1);
}

#[tokio::test]
async fn a_dump_that_shrank_is_kept_and_said() {
    let (harness, agent) = Harness::new("").await;
    let mut state = harness.state();
    state.rows = (0..3000).map(|number| format!("row {number}\n")).collect();
    harness.set(&state);
    harness.carry_out(&agent, backup(&["near"])).await;
    state.rows = "row 1\n".to_owned();
    harness.set(&state);
    let end = harness.carry_out_order(&agent, &harness.order(backup(&["near"]), "again")).await;
    assert_eq!(end.outcome, Outcome::Done);
    let manifest = copies(&end)["near"].clone().expect("it is there");
    let rows = manifest.parts.iter().find(|part| part.store.as_str() == "rows").expect("it is there");
    assert!(rows.notes.iter().any(DataNote::is_warning), "{rows:?}");
}

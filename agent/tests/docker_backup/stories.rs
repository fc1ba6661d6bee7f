//! From a running instance to a proven backup, and back from it.

use super::images::docker;
use super::lab::Lab;
use fleet_core::backup::{DataAction, DataResult, DrillCheck};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// SHA-256 of all files below a folder.
pub fn hashes(folder: &Path) -> BTreeMap<String, String> {
    let (mut found, mut line) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(path) = line.pop() {
        for entry in std::fs::read_dir(path).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                line.push(path);
            } else {
                let hash = Sha256::digest(std::fs::read(&path).expect("a file"));
                let name = path.strip_prefix(folder).expect("below").display().to_string();
                found.insert(name, data_encoding::HEXLOWER.encode(&hash));
            }
        }
    }
    found
}

pub fn fill(lab: &Lab) {
    let rows = "create table notes(id int primary key, body text); \
                insert into notes select n, repeat(md5(n::text), 20) from generate_series(1, 20000) n";
    lab.sql(&lab.name, rows);
    let files = lab.files(&lab.name);
    for number in 0..40_u32 {
        let bytes: Vec<u8> = (0..50_000_u32).map(|n| (n.wrapping_mul(number + 7) >> 3) as u8).collect();
        std::fs::create_dir_all(files.join(format!("d{}", number % 5))).expect("made");
        std::fs::write(files.join(format!("d{}/f{number}", number % 5)), bytes).expect("written");
    }
}

pub fn rows(lab: &Lab, instance: &str) -> String {
    lab.sql(instance, "select count(*), md5(string_agg(id || body, ',' order by id)) from notes")
}

#[tokio::test]
async fn an_instance_is_backed_up_proven_destroyed_and_restored() {
    let Some(lab) = Lab::new("ftb").await else { return };
    let mut agent = lab.agent();
    let instance = lab.instance();
    let end = lab.carry_out(&lab.order(&instance, Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    fill(&lab);
    let (was, files) = (rows(&lab, &lab.name), hashes(&lab.files(&lab.name)));

    let order = lab.backup();
    let began = Instant::now();
    let end = lab.carry_out(&order).await;
    assert_eq!(end.outcome, Outcome::Done);
    eprintln!("backup: {:?}", began.elapsed());
    let id: BackupId = order.order.id.as_str().parse().expect("an id");

    let drill =
        lab.order(&instance, Action::Data(DataAction::Drill { from: lab.source(&id), privileges: Default::default() }));
    let began = Instant::now();
    let end = lab.carry_out(&drill).await;
    let Some(DataResult::Drill(made)) = end.made.as_deref() else { panic!("expected a proof, found {end:?}") };
    assert_eq!(made.proof.failure, None);
    let is_counted = |check: &DrillCheck| matches!(check, DrillCheck::Counted { count: 20_000, .. });
    assert!(made.proof.checks.iter().any(is_counted), "{:?}", made.proof.checks);
    eprintln!("drill: {:?}: {:?}", began.elapsed(), made.proof.checks);
    let sandbox = format!("fleet-throwaway-{}", drill.order.id);
    for words in [&["ps", "-aq"][..], &["network", "ls", "-q"], &["volume", "ls", "-q"]] {
        assert_eq!(lab.of_label(words, &sandbox), Vec::<String>::new(), "{words:?}");
    }

    // Changed, and restored in place.
    lab.sql(&lab.name, "delete from notes where id > 10");
    std::fs::remove_file(lab.files(&lab.name).join("d1/f1")).expect("removed");
    let action = |goal| {
        let (only, safety) = (BTreeSet::new(), BTreeSet::new());
        Action::Data(DataAction::Restore {
            from: lab.source(&id),
            only,
            safety,
            goal,
            replaces: None,
            others: Default::default(),
            privileges: Default::default(),
        })
    };
    let began = Instant::now();
    let end = lab.carry_out(&lab.order(&instance, action(None))).await;
    assert_eq!(end.outcome, Outcome::Done);
    eprintln!("restore in place: {:?}", began.elapsed());
    assert_eq!((rows(&lab, &lab.name), hashes(&lab.files(&lab.name))), (was.clone(), files.clone()));

    // The server burns down, and another has nothing but the repository.
    agent.kill().await.expect("it was there");
    lab.destroy(&lab.name);
    lab.forget();
    let _agent = lab.agent();
    let other = format!("{}-new", lab.name);
    let began = Instant::now();
    let end = lab.carry_out(&lab.order(&other.parse().expect("a name"), action(Some(lab.goal())))).await;
    assert_eq!(end.outcome, Outcome::Done);
    eprintln!("restore anew: {:?}", began.elapsed());
    assert_eq!((rows(&lab, &other), hashes(&lab.files(&other))), (was, files));
}

#[tokio::test]
async fn killed_in_the_middle_services_go_on_and_the_backup_is_made_by_the_next() {
    let Some(lab) = Lab::new("ftk").await else { return };
    let mut agent = lab.agent();
    let instance = lab.instance();
    let end = lab.carry_out(&lab.order(&instance, Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    fill(&lab);
    let web = format!("{}-web-1", lab.name);
    let state = || docker(&["inspect", "--format", "{{.State.Status}}", &web]);
    let order = lab.backup();
    lab.ask(&order);
    let began = Instant::now();
    while state() != "paused" {
        assert!(began.elapsed() < Duration::from_secs(60), "it is paused for its files");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    agent.kill().await.expect("it was there");
    assert_eq!(state(), "paused");
    let _agent = lab.agent();
    let end = lab.end_of(&order.order.id).await;
    assert_eq!((&end.outcome, state().as_str()), (&Outcome::Done, "running"));
    let Some(DataResult::Backup(copies)) = end.made.as_deref() else { panic!("expected copies") };
    assert!(copies.iter().all(|copy| copy.result.is_ok()), "{copies:?}");
}

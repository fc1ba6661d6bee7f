//! Level of backup health, and its reason.

use super::*;
use crate::backup::{DrillMade, EngineKind, Proof, StoreSeen};
use crate::facts::Running;
use crate::plan::PlanContext;
use crate::plan::tests::given::{given, read};

/// At 03:00:10 of the first day; the policy asks for an hourly backup that is at most two hours old.
fn health(lines: &str, coverage: Option<&Coverage>) -> BackupHealth {
    let mut given = given(&format!("now 10810\na 1.1\n{lines}"));
    for seen in given.observed.instances.values_mut() {
        if let Running::Settled(said) = &mut seen.running {
            said.coverage = coverage.cloned();
        }
    }
    let plan_context = PlanContext::new(&given.desired, &given.asked, &given.observed, given.now);
    plan_context.health(&read("a")).expect("it is wanted")
}

fn check(lines: &str, expect: &str) {
    let found = health(lines, None);
    let said: Vec<String> = [found.word.to_string()].into_iter().chain(found.reasons).collect();
    assert_eq!(said.join("; "), expect, "for\n{lines}");
}

const POLICY: &str = "policy p @hourly for all";

#[test]
fn without_a_good_backup_it_is_never() {
    check(POLICY, "never; there is no backup of it");
    check(&format!("{POLICY}\nbackup a central 10801 damaged"), "never; there is no backup of it");
    check(
        &format!("{POLICY}\nended a backup/10800/1 failed 10805"),
        "never; there is no backup of it; its last backup failed at 1970-01-01T03:00:05Z: the probe got no answer",
    );
}

#[test]
fn a_failure_counts_until_something_succeeds() {
    let failed = format!("{POLICY}\nbackup a central 7200\nended a backup/10800/1 failed 10805");
    check(&failed, "failing; its last backup failed at 1970-01-01T03:00:05Z: the probe got no answer");
    check(&format!("{failed}\nbackup a central 10806"), "ok");
    let drill = format!("{POLICY} drill 1h\nbackup a central 10801\nended a drill/10801/0/1 failed 10805");
    check(&drill, "failing; its last drill failed at 1970-01-01T03:00:05Z: the probe got no answer");
    check(&format!("{drill}\nbackup a central 10801 proven 10806"), "ok");
}

#[test]
fn an_old_backup_is_late_in_each_repository_of_its_policy() {
    check(
        &format!("{POLICY}\nbackup a central 3000"),
        "late; its newest backup in central is 2h10m old, and may be 2h",
    );
    let both = "policy p @hourly for all to central,offsite\nbackup a central 10801";
    check(both, "late; there is no backup of it in offsite");
    check(&format!("{both}\nbackup a offsite 3000"), "late; its newest backup in offsite is 2h10m old, and may be 2h");
    check(&format!("{both}\nbackup a offsite 10000"), "ok");
    check(&format!("{both}\nbackup a offsite 10000\nbackup a elsewhere 1"), "ok");
}

#[test]
fn an_old_proof_is_late() {
    let with = |backups: &str| format!("policy p @hourly for all drill 30m age 1h\n{backups}");
    check(
        &with("backup a central 10801\nbackup a central 100 proven 5409"),
        "late; it was last proven 1h30m ago, and is to be every 30m",
    );
    check(&with("backup a central 10801\nbackup a central 100 proven 5500"), "ok");
    check(
        &with("backup a central 10801\nbackup a central 100"),
        "late; none of its backups was ever proven, since 2h58m",
    );
    check(&with("backup a central 10801"), "ok");
}

#[test]
fn each_copy_has_its_own_age_proof_and_failure() {
    let both = "policy p @hourly for all to central,offsite drill 1h\nbackup a central 10801 proven 10802";
    let never = "late; none of its backups in offsite was ever proven, since 3h0m";
    check(&format!("{both}\nbackup a offsite 1\nbackup a offsite 10801"), &never.replace("3h0m", "3h"));
    let old = "late; it was last proven in offsite 3h ago, and is to be every 1h";
    check(&format!("{both}\nbackup a offsite 5 proven 6\nbackup a offsite 10801"), old);
    check(&format!("{both}\nbackup a offsite 10801 proven 10802"), "ok");
    // One of the two fails; a later success elsewhere does not hide it.
    let partly = format!("{both}\nbackup a offsite 7000 proven 10000\nended a backup/10800/1 partly-offsite 10803");
    let failing = "failing; its last copy to offsite failed at 1970-01-01T03:00:03Z: it is full";
    check(&partly, failing);
    check(&format!("{partly}\nbackup a central 10805"), failing);
    check(&format!("{partly}\nbackup a offsite 10805"), "ok");
    let found = health(&partly, None);
    let copies: Vec<_> = found.copies.iter().map(|copy| (copy.repository.as_str(), copy.problems.len())).collect();
    assert_eq!(copies, [("central", 0), ("offsite", 1)]);
}

#[test]
fn a_copy_that_could_not_be_restored_is_not_hidden_by_one_elsewhere_that_could() {
    let both = "policy p @hourly for all to central,offsite drill 1h\nbackup a central 10801 proven 10804";
    let mut given = given(&format!(
        "now 10810\na 1.1\n{both}\nbackup a offsite 9000 proven 10000\nbackup a offsite 10801 proven 10802"
    ));
    let backups = given.observed.backups.values_mut().next().expect("it has some");
    let bad: Vec<_> = backups
        .iter()
        .filter(|(key, seen)| key.repository.as_str() == "offsite" && seen.began == Time(10_801_000))
        .map(|(key, seen)| (key.clone(), seen.clone()))
        .collect();
    for (key, mut seen) in bad {
        seen.proof.as_mut().expect("it was drilled").failure = Some("it is cut off".to_owned());
        backups.insert(key, seen);
    }
    let plan_context = PlanContext::new(&given.desired, &given.asked, &given.observed, given.now);
    let found = plan_context.health(&read("a")).expect("it is wanted");
    assert_eq!(found.word, HealthLevel::Failing);
    assert_eq!(found.reasons, ["its newest backup in offsite could not be restored: it is cut off"]);
}

#[test]
fn a_drill_that_left_something_behind_has_proven_its_backup_all_the_same() {
    let lines = format!(
        "now 10810\na 1.1\n{POLICY} drill 1h\nbackup a central 10801 proven 10804\nended a drill/10801/0/1 failed 10805"
    );
    let word = |failure: Option<&str>| {
        let mut given = given(&lines);
        let key = given.observed.backups[&read("a")].iter().next().expect("it has one").0.clone();
        for ended in given.observed.ended.values_mut() {
            let (at, host, failure) = (Time(10_804_500), read("a"), failure.map(str::to_owned));
            let proof = Proof { at, host, took_ms: 1, bytes: 1, checks: Vec::new(), failure };
            let (repository, backup) = (key.repository.clone(), key.backup.clone());
            ended.made = Some(Box::new(DataResult::Drill(DrillMade { repository, backup, proof })));
        }
        let plan_context = PlanContext::new(&given.desired, &given.asked, &given.observed, given.now);
        plan_context.health(&read("a")).expect("it is wanted").word
    };
    assert_eq!((word(None), word(Some("it is cut off"))), (HealthLevel::Ok, HealthLevel::Failing));
}

#[test]
fn backups_of_an_earlier_instance_of_its_name_count_for_nothing() {
    let mut given =
        given(&format!("now 10810\na 1.1 created 9000\n{POLICY} drill 1h\nbackup a central 8000 proven 8500"));
    let said = |given: &crate::plan::tests::given::Given| {
        let plan_context = PlanContext::new(&given.desired, &given.asked, &given.observed, given.now);
        plan_context.health(&read("a")).expect("it is wanted")
    };
    let found = said(&given);
    assert_eq!(
        (found.word, found.newest, found.proven, found.copies[0].newest),
        (HealthLevel::Never, None, None, None)
    );
    for instance in given.desired.instances.values_mut() {
        instance.created = Time(8_000_000);
    }
    assert_eq!(said(&given).word, HealthLevel::Ok);
}

#[test]
fn what_nobody_asks_for_or_declares_is_uncovered() {
    check("backup a central 10801", "uncovered; no policy asks for backups of it");
    let found = |coverage: Coverage| {
        let found = health(&format!("{POLICY}\nbackup a central 10801"), Some(&coverage));
        (found.word, found.reasons.join("; "), (found.covered, found.declared))
    };
    let store = |name: &str, state| StoreSeen { name: read(name), engine: EngineKind::Volume, state };
    let stores = vec![store("files", StoreState::Covered), store("index", StoreState::Derivable)];
    let well = Coverage { stores: stores.clone(), undeclared: Vec::new() };
    assert_eq!(found(well), (HealthLevel::Ok, String::new(), (1, 1)));
    let more = Coverage { stores: stores.clone(), undeclared: vec!["the volume a_extra".to_owned()] };
    assert_eq!(found(more), (HealthLevel::Uncovered, "no store declares the volume a_extra".to_owned(), (1, 2)));
    let missing = StoreState::Missing { reason: "there is no service db".to_owned() };
    let less = Coverage { stores: vec![store("db", missing)], undeclared: Vec::new() };
    let reason = "its store db is missing: there is no service db".to_owned();
    assert_eq!(found(less), (HealthLevel::Uncovered, reason, (0, 1)));
}

#[test]
fn what_the_newest_backup_lacks_is_named() {
    let sales = "database `sales` of db: no store declares it".to_owned();
    let seen = |declared: u32, uncovered: Vec<String>| BackupSeen {
        declared,
        uncovered,
        began: Time(10_801_000),
        ended: Time(10_801_000),
        ..crate::backup::testing::seen("1")
    };
    let found = |seen: BackupSeen, coverage: Option<&Coverage>| {
        let given = given(&format!("now 10810\na 1.1\n{POLICY}"));
        let policy = given.desired.policy_of(&read("a")).expect("there is one");
        let mut backups = Backups::default();
        backups.insert(BackupKey { repository: read("central"), backup: read(&"1".repeat(24)) }, seen);
        let input = HealthInput {
            policy: Some(policy),
            backups: &backups,
            coverage,
            failed_backups: &[],
            last_drill: None,
            next: None,
            now: given.now,
        };
        let health = BackupHealth::of(&input);
        (health.word, health.reasons.join("; "))
    };
    let lacks = format!("its newest backup holds 1 of 2 stores; not in it: {sales}");
    assert_eq!(found(seen(2, vec![sales.clone()]), None), (HealthLevel::Uncovered, lacks.clone()));
    let more = format!("its newest backup holds 1 of 12 stores; not in it: {sales}; and 10 more");
    assert_eq!(found(seen(12, vec![sales.clone()]), None), (HealthLevel::Uncovered, more));
    // A backup from before names were recorded.
    let unnamed = "its newest backup holds 1 of 2 stores".to_owned();
    assert_eq!(found(seen(2, Vec::new()), None), (HealthLevel::Uncovered, unnamed));
    // Problems in the host's present report are not repeated, and hide no database.
    let coverage = Coverage { stores: Vec::new(), undeclared: vec!["volume a_extra".to_owned()] };
    let both = vec!["volume a_extra: no store declares it".to_owned(), sales.clone()];
    let expect = format!("no store declares volume a_extra; its newest backup holds 1 of 3 stores; not in it: {sales}");
    assert_eq!(found(seen(3, both), Some(&coverage)), (HealthLevel::Uncovered, expect));
}

#[test]
fn it_holds_for_a_host_that_is_off_and_says_when_the_next_comes() {
    let lines = format!("{POLICY}\nbackup a central 10801 proven");
    let found = health(&lines, None);
    assert_eq!((found.word, found.next), (HealthLevel::Ok, Some(Next::At { at: Some(Time(14_400_000)) })));
    assert_eq!(found.proven.map(|(began, _)| began), Some(Time(10_801_000)));
    let mut off = given(&format!("now 20000\na 1.1 offline 10802\n{lines}"));
    off.now = Time(20_000_000);
    let plan_context = PlanContext::new(&off.desired, &off.asked, &off.observed, off.now);
    let found = plan_context.health(&read("a")).expect("it is wanted");
    assert_eq!((found.word, found.next), (HealthLevel::Late, Some(Next::Due { since: Time(18_000_000) })));
}

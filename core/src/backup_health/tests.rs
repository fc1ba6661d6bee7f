//! Level of backup health, and its reason.

use super::*;
use crate::backup::{DrillMade, EngineKind, Proof, StoreGap, StoreSeen, UncoveredData, UndeclaredData};
use crate::facts::Running;
use crate::order_failure::OrderFailure;
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

/// Checks the problems, and that the level is that of the worst.
fn check(lines: &str, expect: &[BackupProblem]) {
    let found = health(lines, None);
    assert_eq!(found.reasons, expect, "for\n{lines}");
    assert_eq!(found.word, expect.first().map_or(HealthLevel::Ok, BackupProblem::level), "for\n{lines}");
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(second: u64) -> Time {
    Time(second * 1000)
}

fn other(text: &str) -> Box<OrderFailure> {
    Box::new(OrderFailure::other(text))
}

fn backup_failed() -> BackupProblem {
    BackupProblem::BackupFailed { at: at(10_805), failure: OrderFailure::other("the probe got no answer") }
}

const POLICY: &str = "policy p @hourly for all";

#[test]
fn without_a_good_backup_it_is_never() {
    check(POLICY, &[BackupProblem::NoBackup]);
    check(&format!("{POLICY}\nbackup a central 10801 damaged"), &[BackupProblem::NoBackup]);
    check(&format!("{POLICY}\nended a backup/10800/1 failed 10805"), &[BackupProblem::NoBackup, backup_failed()]);
}

#[test]
fn a_failure_counts_until_something_succeeds() {
    let failed = format!("{POLICY}\nbackup a central 7200\nended a backup/10800/1 failed 10805");
    check(&failed, &[backup_failed()]);
    check(&format!("{failed}\nbackup a central 10806"), &[]);
    let drill = format!("{POLICY} drill 1h\nbackup a central 10801\nended a drill/10801/0/1 failed 10805");
    let drill_failed =
        BackupProblem::DrillFailed { at: at(10_805), failure: OrderFailure::other("the probe got no answer") };
    check(&drill, &[drill_failed]);
    check(&format!("{drill}\nbackup a central 10801 proven 10806"), &[]);
}

#[test]
fn an_old_backup_is_late_in_each_repository_of_its_policy() {
    let old = |repository: &str| BackupProblem::Old {
        repository: read(repository),
        age: seconds(7810),
        limit: seconds(7200),
    };
    check(&format!("{POLICY}\nbackup a central 3000"), &[old("central")]);
    let both = "policy p @hourly for all to central,offsite\nbackup a central 10801";
    check(both, &[BackupProblem::NoCopy(read("offsite"))]);
    check(&format!("{both}\nbackup a offsite 3000"), &[old("offsite")]);
    check(&format!("{both}\nbackup a offsite 10000"), &[]);
    check(&format!("{both}\nbackup a offsite 10000\nbackup a elsewhere 1"), &[]);
}

#[test]
fn an_old_proof_is_late() {
    let with = |backups: &str| format!("policy p @hourly for all drill 30m age 1h\n{backups}");
    check(
        &with("backup a central 10801\nbackup a central 100 proven 5409"),
        &[BackupProblem::ProofOld { age: seconds(5401), interval: seconds(1800), repository: None }],
    );
    check(&with("backup a central 10801\nbackup a central 100 proven 5500"), &[]);
    check(
        &with("backup a central 10801\nbackup a central 100"),
        &[BackupProblem::NeverProven { age: seconds(10_710), repository: None }],
    );
    check(&with("backup a central 10801"), &[]);
}

#[test]
fn each_copy_has_its_own_age_proof_and_failure() {
    let both = "policy p @hourly for all to central,offsite drill 1h\nbackup a central 10801 proven 10802";
    let repository = || Some(read("offsite"));
    let never = BackupProblem::NeverProven { age: seconds(10_809), repository: repository() };
    check(&format!("{both}\nbackup a offsite 1\nbackup a offsite 10801"), &[never]);
    let old = BackupProblem::ProofOld { age: seconds(10_804), interval: seconds(3600), repository: repository() };
    check(&format!("{both}\nbackup a offsite 5 proven 6\nbackup a offsite 10801"), &[old]);
    check(&format!("{both}\nbackup a offsite 10801 proven 10802"), &[]);
    // One of the two fails; a later success elsewhere does not hide it.
    let partly = format!("{both}\nbackup a offsite 7000 proven 10000\nended a backup/10800/1 partly-offsite 10803");
    let failing =
        [BackupProblem::CopyFailed { repository: read("offsite"), at: at(10_803), failure: other("it is full") }];
    check(&partly, &failing);
    check(&format!("{partly}\nbackup a central 10805"), &failing);
    check(&format!("{partly}\nbackup a offsite 10805"), &[]);
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
        seen.proof.as_mut().expect("it was drilled").failure = Some(other("it is cut off"));
        backups.insert(key, seen);
    }
    let plan_context = PlanContext::new(&given.desired, &given.asked, &given.observed, given.now);
    let found = plan_context.health(&read("a")).expect("it is wanted");
    assert_eq!(found.word, HealthLevel::Failing);
    let failure = other("it is cut off");
    assert_eq!(found.reasons, [BackupProblem::NotRestorable { repository: read("offsite"), failure }]);
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
            let (at, host, failure) = (Time(10_804_500), read("a"), failure.map(other));
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
    check("backup a central 10801", &[BackupProblem::NoPolicy]);
    let found = |coverage: Coverage| {
        let found = health(&format!("{POLICY}\nbackup a central 10801"), Some(&coverage));
        (found.word, found.reasons, (found.covered, found.declared))
    };
    let store = |name: &str, state| StoreSeen { name: read(name), engine: EngineKind::Volume, state };
    let stores = vec![store("files", StoreState::Covered), store("index", StoreState::Derivable)];
    let well = Coverage { stores: stores.clone(), undeclared: Vec::new() };
    assert_eq!(found(well), (HealthLevel::Ok, Vec::new(), (1, 1)));
    let more = Coverage { stores: stores.clone(), undeclared: vec![UndeclaredData::other("the volume a_extra")] };
    let undeclared = BackupProblem::Undeclared(UndeclaredData::other("the volume a_extra"));
    assert_eq!(found(more), (HealthLevel::Uncovered, vec![undeclared], (1, 2)));
    let reason = StoreGap::ContainerMissing("db".to_owned());
    let missing = StoreState::Missing { reason: reason.clone() };
    let less = Coverage { stores: vec![store("db", missing)], undeclared: Vec::new() };
    let missing = BackupProblem::StoreMissing { store: read("db"), reason };
    assert_eq!(found(less), (HealthLevel::Uncovered, vec![missing], (0, 1)));
}

#[test]
fn what_the_newest_backup_lacks_is_named() {
    let sales = UncoveredData::UndeclaredDatabase { service: "db".to_owned(), name: "sales".to_owned() };
    let seen = |declared: u32, uncovered: Vec<UncoveredData>| BackupSeen {
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
        assert_eq!(health.word, HealthLevel::Uncovered);
        health.reasons
    };
    let lacks = |declared, more, named: &[&UncoveredData]| {
        let named = named.iter().map(|data| (*data).clone()).collect();
        BackupProblem::Incomplete { covered: 1, declared, more, named }
    };
    assert_eq!(found(seen(2, vec![sales.clone()]), None), [lacks(2, 0, &[&sales])]);
    assert_eq!(found(seen(12, vec![sales.clone()]), None), [lacks(12, 10, &[&sales])]);
    // A backup from before names were recorded.
    assert_eq!(found(seen(2, Vec::new()), None), [lacks(2, 0, &[])]);
    // Problems in the host's present report are not repeated, and hide no database.
    let extra = UndeclaredData::Volume { name: "a_extra".to_owned(), at: None };
    let coverage = Coverage { stores: Vec::new(), undeclared: vec![extra.clone()] };
    let undeclared = BackupProblem::Undeclared(extra.clone());
    // An earlier version recorded a text.
    for extra in
        [UncoveredData::Undeclared { data: extra }, UncoveredData::other("volume a_extra: no store declares it")]
    {
        let both = vec![extra, sales.clone()];
        assert_eq!(found(seen(3, both), Some(&coverage)), [undeclared.clone(), lacks(3, 0, &[&sales])]);
    }
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

//! Layout of backups, policies and repositories.

use super::{pairs, section};
use crate::format::{age, bytes, moment, one_line, or_dash, short, until};
use crate::output::{Column, grid};
use crate::words::{damage, failures, notes, problems, refusals, repository_place, results, uncovered};
use fleet_core::grammar::count;
use fleet_core::time::Time;
use fleet_proto::v1::{
    BackupCause, BackupCopyView, BackupDetail, BackupHealthView, BackupLevel, BackupPolicyView, BackupView, CopyView,
    NextBackup, PartView, RepositoryKind, RepositoryView, StoreEngine,
};
use fleet_proto::words::word;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// Number of digits that identify a backup.
const DIGITS: usize = 8;

pub const STANDING: &[Column<BackupHealthView>] = &[
    Column::new("INSTANCE", |it, _| it.instance.clone()),
    Column::new("BACKUPS", |it, _| word::<BackupLevel>(it.word)),
    Column::new("NEWEST", |it, now| age(now, it.newest_ms)),
    Column::new("PROVEN", |it, now| age(now, it.proven_ms)),
    Column::new("SIZE", |it, _| bytes(it.bytes)),
    Column::new("ADDED", |it, _| bytes(it.added)),
    Column::new("COPIES", copies),
    Column::new("NEXT", next),
    Column::new("STORES", |it, _| format!("{}/{}", it.covered, it.declared)),
    Column::wide("POLICY", |it, _| or_dash(&it.policy)),
    Column::wide("HOST", |it, _| if it.host_online { it.host.clone() } else { format!("{} (offline)", it.host) }),
    Column::wide("DRILLED", |it, now| age(now, it.proof_ms)),
    Column::wide("WHY", |it, _| or_dash(&problems::shown_backups(&it.reasons))),
];

/// Returns the locations of the copies; if the policy asks for several, also the number of good ones.
fn copies(it: &BackupHealthView, now: Time) -> String {
    let copy = |copy: &CopyView| match (copy.newest_ms, copy.late, copy.problems.is_empty()) {
        (0, ..) => format!("{} none", copy.repository),
        (newest, true, _) => format!("{} {}", copy.repository, age(now, newest)),
        (_, false, false) => format!("{} !", copy.repository),
        (_, false, true) => copy.repository.clone(),
    };
    let all = it.copies.iter().map(copy).collect::<Vec<_>>().join(", ");
    let asked = || it.copies.iter().filter(|copy| copy.asked);
    let well = asked().filter(|copy| copy.newest_ms > 0 && !copy.late && copy.problems.is_empty()).count();
    match asked().count() {
        0 | 1 => or_dash(&all),
        count => format!("{well} of {count}: {all}"),
    }
}

fn next(it: &BackupHealthView, now: Time) -> String {
    match it.next() {
        NextBackup::At => format!("in {}", until(now, it.next_ms)),
        NextBackup::Running | NextBackup::Due | NextBackup::Unspecified => or_dash(&word::<NextBackup>(it.next)),
    }
}

/// Reason why each is not ok, one line each.
pub fn why(all: &[BackupHealthView]) -> Vec<String> {
    let wrong = all.iter().filter(|it| it.word() != BackupLevel::Ok);
    let line = |it: &BackupHealthView| {
        format!(
            "{}: {}: {}",
            it.instance,
            word::<BackupLevel>(it.word),
            one_line(&problems::shown_backups(&it.reasons))
        )
    };
    wrong.map(line).collect()
}

pub fn tally(all: &[BackupHealthView]) -> String {
    let mut counts: BTreeMap<Reverse<i32>, usize> = BTreeMap::new();
    all.iter().for_each(|it| *counts.entry(Reverse(it.word)).or_default() += 1);
    let line = |(level, count): (&Reverse<i32>, &usize)| format!("{count} {}", word::<BackupLevel>(level.0));
    let said: Vec<String> = counts.iter().map(line).collect();
    format!("{}: {}", count(all.len(), "instance"), if said.is_empty() { "none".to_owned() } else { said.join(", ") })
}

/// Row of one copy of a backup.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: String,
    pub copy: BackupCopyView,
    pub backup: BackupView,
}

/// A row for each copy.
pub fn rows(backups: Vec<BackupView>) -> Vec<Row> {
    let row = |mut backup: BackupView| {
        let copies = std::mem::take(&mut backup.copies);
        copies.into_iter().map(move |copy| Row { id: backup.id.clone(), copy, backup: backup.clone() })
    };
    backups.into_iter().flat_map(row).collect()
}

pub const BACKUPS: &[Column<Row>] = &[
    Column::new("BACKUP", |row, _| row.id.chars().take(DIGITS).collect()),
    Column::new("AGE", |row, now| age(now, row.backup.began_ms)),
    Column::new("IN", |row, _| row.copy.repository.clone()),
    Column::new("VERSION", |row, _| row.backup.version.clone()),
    Column::new("CAUSE", |row, _| word::<BackupCause>(row.backup.cause)),
    Column::new("SIZE", |row, _| bytes(row.backup.bytes)),
    Column::new("ADDED", |row, _| bytes(row.backup.added)),
    Column::new("PROVEN", |row, now| proven(&row.copy, now)),
    Column::new("STAYS", |row, _| stays(&row.copy)),
    Column::wide("BEGAN", |row, _| moment(row.backup.began_ms)),
    Column::wide("TOOK", |row, _| took(row.backup.ended_ms.saturating_sub(row.backup.began_ms))),
    Column::wide("HOST", |row, _| row.backup.host.clone()),
    Column::wide("ID", |row, _| row.id.clone()),
];

fn stays(copy: &BackupCopyView) -> String {
    let why = one_line(&results::shown_retention(&copy.why));
    let why = if copy.kept { why } else { format!("no: {why}") };
    match copy.doubles {
        0 => why,
        doubles => format!("{why}; {} with its id not used", count(doubles, "other set")),
    }
}

fn proven(copy: &BackupCopyView, now: Time) -> String {
    if copy.not_asked {
        return "NOT ASKED FOR".to_owned();
    }
    match (copy.damaged.is_none(), copy.proof_ms, copy.proof_failure.is_none()) {
        (false, ..) => "DAMAGED".to_owned(),
        (true, 0, _) => "-".to_owned(),
        (true, at, true) => format!("{} ago", age(now, at)),
        (true, _, false) => "FAILED".to_owned(),
    }
}

fn took(millis: u64) -> String {
    if millis < 1000 { format!("{millis}ms") } else { short(Duration::from_millis(millis)) }
}

/// Returns the full view of one backup.
pub fn lines(detail: &BackupDetail, now: Time) -> Vec<String> {
    let Some(backup) = &detail.backup else { return Vec::new() };
    let mut lines = pairs(&[
        ("backup", backup.id.clone()),
        ("instance", whose(backup)),
        ("release", format!("{}@{}", backup.app, backup.version)),
        ("began", format!("{}, {} ago", moment(backup.began_ms), age(now, backup.began_ms))),
        ("took", took(backup.ended_ms.saturating_sub(backup.began_ms))),
        ("cause", word::<BackupCause>(backup.cause)),
        ("size", format!("{}, {} added", bytes(backup.bytes), bytes(backup.added))),
        ("stores", format!("{} of {}", backup.covered, backup.declared)),
        ("held", if backup.held_by.is_empty() { String::new() } else { format!("by {}", backup.held_by) }),
        ("unread", detail.refusal.as_ref().map(refusals::shown).unwrap_or_default()),
    ]);
    lines.extend(section("copies", backup.copies.iter().flat_map(|copy| copy_lines(copy, now)).collect()));
    let titles = ["STORE", "ENGINE", "SIZE", "ADDED", "TOOK", "HOLDS"].map(str::to_owned).to_vec();
    if !detail.parts.is_empty() {
        lines.extend(section("parts", grid(titles, detail.parts.iter().map(part).collect())));
    }
    let notes = detail
        .parts
        .iter()
        .flat_map(|part| part.notes.iter().map(|note| format!("{}: {}", part.store, notes::shown_note(note))));
    lines.extend(section("notes", notes.map(|note| one_line(&note)).collect()));
    lines.extend(section("compared by a drill", detail.parts.iter().filter_map(compared).collect()));
    lines.extend(section(
        "stood still",
        detail.service_holds.iter().map(|hold| one_line(&notes::service_hold(hold))).collect(),
    ));
    lines.extend(section("not in it, for they can be rebuilt", detail.derivable.clone()));
    lines.extend(section("uncovered", detail.uncovered.iter().map(|data| one_line(&uncovered::shown(data))).collect()));
    lines.extend(section("images", detail.images.iter().map(|(name, image)| format!("{name}  {image}")).collect()));
    lines
}

fn whose(backup: &BackupView) -> String {
    let earlier = if backup.earlier { ", an earlier one of this name" } else { "" };
    format!("{} on {}{earlier}", backup.instance, backup.host)
}

fn copy_lines(copy: &BackupCopyView, now: Time) -> Vec<String> {
    let word = if copy.kept { "stays" } else { "may go" };
    let mut lines = vec![format!("{}: {word}, {}", copy.repository, one_line(&results::shown_retention(&copy.why)))];
    if let Some(damage) = &copy.damaged {
        lines.push(format!("  damaged: {}", one_line(&damage::shown(damage))));
    }
    if copy.not_asked {
        lines.push("  no order asked for it: it counts for nothing; `fleet backup accept` lets it count".to_owned());
    }
    if copy.doubles > 0 {
        lines.push(format!("  {} in this repository with its id: not used", count(copy.doubles, "other set")));
    }
    if copy.proof_ms > 0 {
        let found = match &copy.proof_failure {
            None => "proven".to_owned(),
            Some(failure) => format!("NOT proven: {}", failures::shown(Some(failure))),
        };
        lines.push(format!("  {} {} ago, in {}", one_line(&found), age(now, copy.proof_ms), took(copy.proof_took_ms)));
        lines.extend(copy.checks.iter().map(|check| format!("    {}", one_line(&notes::shown_check(check)))));
    }
    lines
}

fn part(part: &PartView) -> Vec<String> {
    let holds = match (part.files, part.counts.len()) {
        (0, 0) => "-".to_owned(),
        (0, _) => count(part.counts.values().sum::<u64>(), "row"),
        (files, _) => count(files, "file"),
    };
    let engine = word::<StoreEngine>(part.engine);
    vec![part.store.clone(), engine, bytes(part.bytes), bytes(part.added), took(part.took_ms), holds]
}

/// Returns the facts that a drill compares with those of the dumped server, and those that it does not.
fn compared(part: &PartView) -> Option<String> {
    let (samples, noun, not) = match part.engine() {
        StoreEngine::Postgresql => {
            ("rows", "table", "passwords, rows beyond the sample, contents of large objects, settings of the server")
        }
        StoreEngine::Mariadb | StoreEngine::Mysql => {
            ("rows", "table", "accounts, rows beyond the sample, texts of routines, settings of the server")
        }
        StoreEngine::Mongodb => {
            ("documents", "collection", "passwords, documents beyond the sample, settings of the server")
        }
        StoreEngine::Redis => ("values", "key", "keys beyond the sample, rights of accounts, settings of the server"),
        StoreEngine::Neo4j => {
            ("properties", "kind", "nodes and relationships beyond the sample, accounts, settings of the server")
        }
        StoreEngine::Command => ("rows", "table", "all but what its own commands count"),
        StoreEngine::Volume | StoreEngine::S3 | StoreEngine::Unspecified => return None,
    };
    let what = match part.noted_facts {
        0 => "only counts: nothing was noted at its server".to_owned(),
        facts => format!("counts, {} and {samples} of {}", count(facts, "fact"), count(part.noted_tables, noun)),
    };
    Some(format!("{}: {what}; not compared: {not}", part.store))
}

pub const POLICIES: &[Column<BackupPolicyView>] = &[
    Column::new("POLICY", |it, _| it.name.clone()),
    Column::new("SCHEDULE", |it, _| it.schedule.clone()),
    Column::new("KEEP", |it, _| it.keep.clone()),
    Column::new("MAX-AGE", |it, _| it.max_age.clone()),
    Column::new("DRILL", |it, _| if it.drill.is_empty() { "never".to_owned() } else { it.drill.clone() }),
    Column::new("TO", |it, _| it.to.join(", ")),
    Column::new("FOR", |it, _| it.given_to.clone()),
    Column::new("INSTANCES", |it, _| it.instances.len().to_string()),
    Column::wide("NEXT", |it, now| until(now, it.next_ms)),
    Column::wide("WINDOW", |it, _| or_dash(&it.window)),
    Column::wide("RATE", |it, _| bytes(it.limit_rate)),
];

pub fn policy_lines(policy: &BackupPolicyView, now: Time) -> Vec<String> {
    let rate = if policy.limit_rate == 0 { String::new() } else { format!("{} a second", bytes(policy.limit_rate)) };
    let mut lines = pairs(&[
        ("policy", policy.name.clone()),
        ("schedule", format!("{}, next in {}", policy.schedule, until(now, policy.next_ms))),
        ("spread", policy.spread.clone()),
        ("window", policy.window.clone()),
        ("deadline", policy.deadline.clone()),
        ("keep", policy.keep.clone()),
        ("max age", policy.max_age.clone()),
        ("drill", if policy.drill.is_empty() { "never".to_owned() } else { format!("every {}", policy.drill) }),
        ("rate", rate),
        ("to", policy.to.join(", ")),
        ("for", policy.given_to.clone()),
    ]);
    lines.extend(section("instances", policy.instances.clone()));
    lines
}

pub const REPOSITORIES: &[Column<RepositoryView>] = &[
    Column::new("REPOSITORY", |it, _| it.name.clone()),
    Column::new("KIND", |it, _| word::<RepositoryKind>(it.kind)),
    Column::new("PLACE", |it, _| repository_place(it)),
    Column::new("INSTANCES", |it, _| it.instances.to_string()),
    Column::new("BACKUPS", |it, _| it.backups.to_string()),
    Column::new("POLICIES", |it, _| or_dash(&it.policies.join(", "))),
];

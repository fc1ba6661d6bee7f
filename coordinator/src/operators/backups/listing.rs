//! Listing, showing, comparing and holding backups.

use super::chosen::{DIGITS, by_id};
use crate::clock;
use crate::facts::{DesiredChange, StateSnapshot};
use crate::operators::request::{ChangeError, absent, read};
use crate::operators::service::OperatorsService;
use crate::repositories::Candidate;
use crate::rpc_status::{failed, refuse};
use fleet_core::backup::{BackupSeen, Held, Retained, RetentionReason, RetentionVerdict};
use fleet_core::event::EventKind;
use fleet_core::hint::Hint;
use fleet_core::names::{BackupId, InstanceName, OperatorName, RepositoryName};
use fleet_core::refused_call::{Attempt, BackupRefusal, NamedKind, SnapshotCandidate};
use fleet_core::time::Time;
use fleet_proto::v1;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use tonic::Status;

/// Maximum number of snapshots that are listed to choose from.
const SHOWN: usize = 8;

impl OperatorsService {
    pub fn list_backups_now(&self, request: &v1::ListBackupsRequest, now: Time) -> Result<v1::BackupList, Status> {
        const ATTEMPT: Attempt = Attempt::ListBackups;
        let name: InstanceName = read(ATTEMPT, &request.instance)?;
        let snapshot = self.shared.facts.read();
        let is_known = snapshot.instance(&name).is_some() || snapshot.observed().backups.contains_key(&name);
        if !is_known {
            return Err(absent(ATTEMPT, NamedKind::Instance, name, Hint::SeeBackupStatus));
        }
        Ok(v1::BackupList { backups: views(&snapshot, &name, now) })
    }

    pub async fn hold_as(&self, by: &OperatorName, request: &v1::HoldBackupRequest) -> Result<v1::BackupView, Status> {
        let attempt = if request.release { Attempt::ReleaseBackup } else { Attempt::HoldBackup };
        let now = clock::now();
        let change = |change: &mut DesiredChange<'_>| {
            let (name, id) = by_id(change.snapshot(), attempt, &request.backup)?;
            if request.release {
                change.release_backup(&id);
                change.tell(&name, EventKind::BackupReleased { backup: id.clone(), by: by.clone() });
            } else {
                change.hold_backup(&id, Held { instance: name.clone(), by: by.clone(), at: now });
                change.tell(&name, EventKind::BackupHeld { backup: id.clone(), by: by.clone() });
            }
            Ok::<_, ChangeError>((name, id))
        };
        let ((name, id), _) = self.shared.facts.change_desired(now, change).await?;
        let found = view_of(&self.shared.facts.read(), &name, &id, now);
        found.ok_or_else(|| absent(attempt, NamedKind::Backup, id, None))
    }

    pub async fn accept_as(
        &self,
        by: &OperatorName,
        request: &v1::AcceptBackupRequest,
    ) -> Result<v1::BackupView, Status> {
        const ATTEMPT: Attempt = Attempt::AcceptBackup;
        let now = clock::now();
        let (name, id) = by_id(&self.shared.facts.read(), ATTEMPT, &request.backup)?;
        let unclear =
            self.shared.repository_service.unclear_copies(&name, &id).map_err(|error| failed(ATTEMPT, &error))?;
        if !unclear.is_empty() || !request.snapshot.is_empty() {
            self.choose_as(by, (&name, &id), &unclear, &request.snapshot).await?;
            return self.backup_view(ATTEMPT, id.as_str(), now);
        }
        let counts = {
            let snapshot = self.shared.facts.read();
            let copies = snapshot.observed().backups.get(&name).into_iter().flatten();
            copies.filter(|(key, _)| key.backup == id).all(|(_, seen)| seen.asked_by.counts())
        };
        if counts {
            return Err(refuse(ATTEMPT, BackupRefusal::CountsAlready { backup: id }, None));
        }
        let accepted = self.shared.facts.accept_backup(&name, &id, by, now).await;
        accepted.map_err(|error| failed(ATTEMPT, &error))?;
        let found = view_of(&self.shared.facts.read(), &name, &id, now);
        found.ok_or_else(|| absent(ATTEMPT, NamedKind::Backup, id, None))
    }

    /// Lets the snapshot that an operator names be the backup, in each repository where that is unclear and that has it.
    async fn choose_as(
        &self,
        by: &OperatorName,
        (name, id): (&InstanceName, &BackupId),
        unclear: &[RepositoryName],
        snapshot: &str,
    ) -> Result<(), Status> {
        const ATTEMPT: Attempt = Attempt::AcceptBackup;
        let (repository_service, mut found) = (&self.shared.repository_service, Vec::new());
        let _place = self.reader(ATTEMPT, by).await?;
        for repository in unclear {
            let candidates = repository_service.candidates(repository, name, id).await;
            let candidates = candidates.map_err(|error| failed(ATTEMPT, &error))?;
            found.extend(candidates.into_iter().map(|candidate| (repository, candidate)));
        }
        let is_meant = |one: &Candidate| snapshot.len() >= DIGITS && one.snapshot.starts_with(snapshot);
        let mut meant: Vec<_> = found.extract_if(.., |(_, one)| is_meant(one)).collect();
        match (meant.pop(), meant.is_empty()) {
            (Some((repository, chosen)), true) => {
                let chosen = repository_service.choose((repository, name, id), chosen, by).await;
                chosen.map_err(|error| failed(ATTEMPT, &error))
            }
            (Some(_), false) => Err(refuse(ATTEMPT, BackupRefusal::SeveralSnapshots, Hint::GiveMoreDigits)),
            (None, _) => Err(unchosen(id, &found)),
        }
    }

    /// A backup by its id, as it is listed.
    pub fn backup_view(&self, attempt: Attempt, text: &str, now: Time) -> Result<v1::BackupView, Status> {
        let snapshot = self.shared.facts.read();
        let (name, id) = by_id(&snapshot, attempt, text)?;
        view_of(&snapshot, &name, &id, now).ok_or_else(|| absent(attempt, NamedKind::Backup, text, None))
    }
}

/// Returns a refusal that lists the snapshots to choose from.
fn unchosen(id: &BackupId, found: &[(&RepositoryName, Candidate)]) -> Status {
    let candidate = |(repository, one): &(&RepositoryName, Candidate)| SnapshotCandidate {
        snapshot: one.snapshot.chars().take(16).collect(),
        repository: (*repository).clone(),
        at: one.at,
        bytes: one.seen.bytes,
    };
    let (backup, more) = (id.clone(), found.len().saturating_sub(SHOWN));
    let refusal = match found.iter().take(SHOWN).map(candidate).collect::<Vec<_>>() {
        none if none.is_empty() => BackupRefusal::NoUnclearSnapshot { backup },
        candidates => BackupRefusal::SnapshotNotChosen { backup, more, candidates },
    };
    refuse(Attempt::AcceptBackup, refusal, Hint::ChooseSnapshot(id.clone()))
}

fn view_of(snapshot: &StateSnapshot, name: &InstanceName, id: &BackupId, now: Time) -> Option<v1::BackupView> {
    views(snapshot, name, now).into_iter().find(|view| view.id == id.as_str())
}

/// Returns all backups of an instance, the newest first, each with its copies.
fn views(snapshot: &StateSnapshot, name: &InstanceName, now: Time) -> Vec<v1::BackupView> {
    let Some(backups) = snapshot.observed().backups.get(name) else { return Vec::new() };
    let verdicts = verdicts(snapshot, name, now);
    let mut found: BTreeMap<(Reverse<Time>, &BackupId), v1::BackupView> = BTreeMap::new();
    for (key, seen) in backups {
        let held = snapshot.desired().held.get(&key.backup);
        let view = found.entry((Reverse(seen.began), &key.backup)).or_insert_with(|| v1::BackupView {
            earlier: seen.began < snapshot.created(name),
            ..view(name, &key.backup, seen, held)
        });
        let verdict = verdicts.get(&(&key.repository, &key.backup));
        view.copies.push(copy(&key.repository, seen, verdict));
    }
    found.into_values().collect()
}

type Verdicts<'a> = BTreeMap<(&'a RepositoryName, &'a BackupId), RetentionVerdict>;

/// Returns the retention verdict for each copy under the instance's present policy.
fn verdicts<'a>(snapshot: &'a StateSnapshot, name: &InstanceName, now: Time) -> Verdicts<'a> {
    let (Some(backups), Some((_, policy))) =
        (snapshot.observed().backups.get(name), snapshot.desired().policy_of(name))
    else {
        return Verdicts::new();
    };
    let held = snapshot.desired().held_of(name);
    let mut verdicts = Verdicts::new();
    for repository in backups.repositories() {
        let own = backups.iter().filter(|(key, _)| key.repository == *repository);
        let own = own.map(|(key, seen)| (key.clone(), seen.clone())).collect();
        for Retained { key, verdict } in policy.judge(own, &held, snapshot.created(name), now).retained {
            if let Some((kept, _)) = backups.get_key_value(&key) {
                verdicts.insert((&kept.repository, &kept.backup), verdict);
            }
        }
    }
    verdicts
}

fn view(name: &InstanceName, id: &BackupId, seen: &BackupSeen, held: Option<&Held>) -> v1::BackupView {
    v1::BackupView {
        id: id.to_string(),
        instance: name.to_string(),
        host: seen.host.to_string(),
        app: seen.release.name.app.to_string(),
        version: seen.release.name.version.to_string(),
        began_ms: seen.began.0,
        ended_ms: seen.ended.0,
        cause: v1::BackupCause::from(seen.cause).into(),
        bytes: seen.bytes,
        added: seen.added,
        covered: seen.covered,
        declared: seen.declared,
        copies: Vec::new(),
        held_by: held.map(|held| held.by.to_string()).unwrap_or_default(),
        held_ms: held.map_or(0, |held| held.at.0),
        earlier: false,
    }
}

fn copy(repository: &RepositoryName, seen: &BackupSeen, verdict: Option<&RetentionVerdict>) -> v1::BackupCopyView {
    let proof = seen.proof.as_ref();
    let reasons = verdict.map_or(&[RetentionReason::NoPolicy][..], RetentionVerdict::reasons);
    v1::BackupCopyView {
        repository: repository.to_string(),
        proof_ms: proof.map_or(0, |proof| proof.at.0),
        proof_failure: proof.and_then(|proof| proof.failure.as_deref()).cloned().map(Into::into),
        proof_took_ms: proof.map_or(0, |proof| proof.took_ms),
        checks: proof.map(|proof| proof.checks.iter().cloned().map(Into::into).collect()).unwrap_or_default(),
        damaged: seen.damaged.clone().map(Into::into),
        kept: verdict.is_none_or(RetentionVerdict::is_keep),
        not_asked: !seen.asked_by.counts(),
        doubles: seen.doubles,
        why: reasons.iter().cloned().map(Into::into).collect(),
    }
}

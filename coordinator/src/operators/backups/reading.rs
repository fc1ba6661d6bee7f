//! Reads repositories: manifests, single files, and checks.

use super::chosen::{Meant, by_id, choose};
use crate::clock;
use crate::operators::request::read;
use crate::operators::service::OperatorsService;
use crate::permits::Permit;
use crate::repositories::{Opened, RepositoryService, RepositoryServiceError, Which, said, unreadable_file};
use crate::rpc_status::{refusal_of, refuse};
use fleet_core::backup::{
    BackupDamage, BackupSource, FileKind, Kept, Manifest, ManifestDifference, Part, VerifyFinding, side_file_note,
};
use fleet_core::hint::Hint;
use fleet_core::names::{BackupId, InstanceName, OperatorName, RepositoryName};
use fleet_core::refused_call::{Attempt, BackupRefusal};
use fleet_core::time::Time;
use fleet_proto::v1;
use fleet_repository::{CheckReport, MAX_MANIFEST, ReadData, SnapshotOwner};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

/// Time limit for a repository to return its content to an operator.
const LIMIT: Duration = Duration::from_secs(60);
/// A manifest is shown and compared up to this size; a larger one is read to restore from it alone.
const SHOWN: u64 = 1 << 20;

impl OperatorsService {
    pub async fn show_backup_now(
        &self,
        by: &OperatorName,
        request: &v1::ShowBackupRequest,
        now: Time,
    ) -> Result<v1::BackupDetail, Status> {
        const ATTEMPT: Attempt = Attempt::ShowBackup;
        let view = self.backup_view(ATTEMPT, &request.backup, now)?;
        let _place = self.reader(ATTEMPT, by).await?;
        let detail = v1::BackupDetail { backup: Some(view), ..Default::default() };
        Ok(match self.any_manifest(ATTEMPT, &request.backup).await {
            Ok(manifest) => with_manifest(detail, &manifest),
            Err(status) => v1::BackupDetail { refusal: Some(refusal_of(&status).into()), ..detail },
        })
    }

    pub async fn diff_backups_now(
        &self,
        by: &OperatorName,
        request: &v1::DiffBackupsRequest,
        now: Time,
    ) -> Result<v1::BackupDifference, Status> {
        const ATTEMPT: Attempt = Attempt::CompareBackups;
        let (older, newer) =
            (self.backup_view(ATTEMPT, &request.older, now)?, self.backup_view(ATTEMPT, &request.newer, now)?);
        let _place = self.reader(ATTEMPT, by).await?;
        let then = self.any_manifest(ATTEMPT, &request.older).await?;
        let since = self.any_manifest(ATTEMPT, &request.newer).await?;
        let ManifestDifference { changes, stores } = ManifestDifference::of(&then, &since);
        let lines = changes.into_iter().map(Into::into).collect();
        let stores = u32::try_from(stores).unwrap_or(u32::MAX);
        Ok(v1::BackupDifference { older: Some(older), newer: Some(newer), lines, stores })
    }

    /// The manifest of a backup from whichever repository has it.
    async fn any_manifest(&self, attempt: Attempt, backup: &str) -> Result<Manifest, Status> {
        let from = {
            let snapshot = self.shared.facts.read();
            let (name, id) = by_id(&snapshot, attempt, backup)?;
            choose(&snapshot, attempt, &name, &Meant { backup: id.as_str(), ..Meant::default() })?.0
        };
        self.manifest_up_to(SHOWN, attempt, &from).await
    }

    /// Waits for a slot to read repositories.
    pub async fn reader(&self, attempt: Attempt, by: &OperatorName) -> Result<Permit, Status> {
        let entered = self.shared.readers.enter(by).await;
        entered.map_err(|why| refuse(attempt, why.refusal(), Hint::TryWhenAnswered))
    }

    /// The manifest of one copy of a backup, values in the clear included.
    pub async fn manifest_of(&self, attempt: Attempt, from: &BackupSource) -> Result<Manifest, Status> {
        self.manifest_up_to(MAX_MANIFEST, attempt, from).await
    }

    async fn manifest_up_to(&self, most: u64, attempt: Attempt, from: &BackupSource) -> Result<Manifest, Status> {
        let reading = self.shared.repository_service.manifest(&from.repository, &from.instance, &from.backup, most);
        let late = |_| refuse(attempt, silent(&from.repository), None);
        timeout(LIMIT, reading).await.map_err(late)?.map_err(|error| unread(attempt, &error))
    }

    pub async fn extract_now(
        &self,
        by: &OperatorName,
        request: &v1::ExtractRequest,
    ) -> Result<BoxStream<'static, Result<v1::ExtractPiece, Status>>, Status> {
        const ATTEMPT: Attempt = Attempt::ExtractBackup;
        let from = {
            let snapshot = self.shared.facts.read();
            let (name, id) = by_id(&snapshot, ATTEMPT, &request.backup)?;
            let meant = Meant { backup: id.as_str(), at: None, repository: &request.repository };
            choose(&snapshot, ATTEMPT, &name, &meant)?.0
        };
        let place = self.reader(ATTEMPT, by).await?;
        let opening = self.shared.repository_service.open(&from.repository, &from.instance, &from.backup);
        let late = |_| refuse(ATTEMPT, silent(&from.repository), None);
        let opened = timeout(LIMIT, opening).await.map_err(late)?.map_err(|error| unread(ATTEMPT, &error))?;
        let path = path_of(ATTEMPT, &opened, request)?;
        let pieces = opened.read(&path).await.map_err(|error| unread(ATTEMPT, &error))?;
        let piece = move |piece: Result<_, RepositoryServiceError>| {
            // It is held until everything has been read.
            let _held = &place;
            match piece {
                Ok(bytes) => Ok(v1::ExtractPiece { bytes: Vec::from(bytes) }),
                Err(error) => Err(unread(ATTEMPT, &error)),
            }
        };
        Ok(pieces.map(piece).boxed())
    }

    pub fn verify_now(
        &self,
        request: &v1::VerifyRequest,
    ) -> Result<BoxStream<'static, Result<v1::VerifyLine, Status>>, Status> {
        const ATTEMPT: Attempt = Attempt::Verify;
        let instance = Some(&request.instance).filter(|name| !name.is_empty());
        let instance = instance.map(|name| read::<InstanceName>(ATTEMPT, name)).transpose()?;
        let how = how_much(ATTEMPT, request.percent, clock::now())?;
        let all: BTreeSet<Which> = {
            let snapshot = self.shared.facts.read();
            let backups = snapshot.observed().backups.iter();
            let chosen = backups.filter(|(name, _)| instance.as_ref().is_none_or(|only| only == *name));
            chosen.flat_map(|(name, backups)| backups.repositories().map(|of| (of.clone(), name.clone()))).collect()
        };
        if all.is_empty() {
            return Err(refuse(ATTEMPT, BackupRefusal::NoBackupYet, Hint::TakeBackup));
        }
        let repository_service = Arc::clone(&self.shared.repository_service);
        let look = move |(repository, instance): Which| {
            let repository_service = Arc::clone(&repository_service);
            async move { Ok(verified(&repository_service, repository, instance, how).await) }
        };
        Ok(stream::iter(all).then(look).boxed())
    }
}

/// An error while reading is reported as the repository's error, not as an internal one.
fn unread(attempt: Attempt, error: &RepositoryServiceError) -> Status {
    match error {
        RepositoryServiceError::OnItsHost(repository) => {
            refuse(attempt, BackupRefusal::RepositoryOnHost { repository: repository.clone() }, Hint::ReadOnItsHost)
        }
        other => {
            refuse(attempt, BackupRefusal::RepositoryFailed { reason: Box::new(other.into()) }, Hint::VerifyBackups)
        }
    }
}

fn silent(repository: &RepositoryName) -> BackupRefusal {
    BackupRefusal::RepositorySilent { repository: repository.clone(), waited: LIMIT }
}

async fn verified(
    repository_service: &RepositoryService,
    repository: RepositoryName,
    instance: InstanceName,
    how: ReadData,
) -> v1::VerifyLine {
    let (state, finding, first) = match repository_service.verify(&repository, &instance, how).await {
        Ok(report) if report.is_fine() => {
            (v1::VerifyState::Ok, VerifyFinding::Whole { read: report.packs_read, packs: report.packs }, None)
        }
        Ok(report) => {
            let (finding, first) = damage(&report);
            (v1::VerifyState::Damaged, finding, first)
        }
        Err(RepositoryServiceError::OnItsHost(repository)) => {
            (v1::VerifyState::Skipped, VerifyFinding::OnItsHost(repository), None)
        }
        Err(error) => (v1::VerifyState::Damaged, VerifyFinding::NotRead { cause: said(&error) }, None),
    };
    let (finding, first) = (Some(finding.into()), first.map(Into::into));
    let (repository, instance) = (repository.to_string(), instance.to_string());
    v1::VerifyLine { repository, instance, state: state.into(), finding, first }
}

/// Returns the damage, and the first damaged file.
fn damage(report: &CheckReport) -> (VerifyFinding, Option<BackupDamage>) {
    let named = |owner: &SnapshotOwner| match owner {
        SnapshotOwner::Backup(backup) => Some(backup.clone()),
        SnapshotOwner::Foreign | SnapshotOwner::Unknown => None,
    };
    let backups: BTreeSet<BackupId> = report.damaged.iter().filter_map(|one| named(&one.owner)).collect();
    let file = |kind, file: String, cause: String| BackupDamage::FileUnreadable { kind, file, cause };
    let packs = report.damaged_packs.iter().map(|one| file(FileKind::Pack, one.pack.to_string(), one.reason.clone()));
    let indexes = report.damaged_indexes.iter().map(|index| file(FileKind::Index, index.to_string(), String::new()));
    let mut files = packs.chain(indexes).chain(report.unreadable.iter().map(unreadable_file));
    let first = files.next();
    let number = first.iter().count() + files.count();
    (VerifyFinding::Damaged { files: number, backups: backups.into_iter().collect() }, first)
}

/// Parts take turns by the hour, so that who asks again and again reads all of it in the end.
fn how_much(attempt: Attempt, percent: u32, now: Time) -> Result<ReadData, Status> {
    match percent {
        0 => Ok(ReadData::Nothing),
        100 => Ok(ReadData::All),
        1..=99 => {
            let of = 100_u32.div_ceil(percent);
            let part = u32::try_from(now.0 / 3_600_000 % u64::from(of)).unwrap_or(0);
            Ok(ReadData::Part { part, of })
        }
        percent => Err(refuse(attempt, BackupRefusal::TooManyPercent { percent }, None)),
    }
}

/// A dump by the name of its store; a file of a store by its path there.
fn path_of(attempt: Attempt, opened: &Opened, request: &v1::ExtractRequest) -> Result<OsString, Status> {
    let asked = if request.path_bytes.is_empty() { request.path.as_bytes() } else { &request.path_bytes };
    if request.store.is_empty() {
        return Ok(OsStr::from_bytes(asked).to_owned());
    }
    let part = opened.manifest.parts.iter().find(|part| part.store.as_str() == request.store);
    let Some(part) = part else {
        let stores = opened.manifest.parts.iter().map(|part| part.store.to_string()).collect();
        let refusal = BackupRefusal::NoSuchStore { store: request.store.clone() };
        return Err(refuse(attempt, refusal, Hint::ChooseAmong(stores)));
    };
    match (&part.kept, asked) {
        (Kept::Stream { path, .. }, _) => Ok(path.into()),
        (Kept::Files { .. }, b"") => {
            Err(refuse(attempt, BackupRefusal::ManyFiles { store: request.store.clone() }, Hint::NamePath))
        }
        (Kept::Files { roots, .. }, path) => {
            let root = roots.first().map(|root| root.path.trim_end_matches('/')).unwrap_or_default();
            let path = &path[path.iter().take_while(|byte| **byte == b'/').count()..];
            Ok(OsString::from_vec([root.as_bytes(), b"/", path].concat()))
        }
    }
}

fn with_manifest(detail: v1::BackupDetail, manifest: &Manifest) -> v1::BackupDetail {
    v1::BackupDetail {
        parts: manifest.parts.iter().map(|it| part(manifest, it)).collect(),
        derivable: manifest.derivable.iter().map(ToString::to_string).collect(),
        uncovered: manifest.uncovered.iter().cloned().map(Into::into).collect(),
        images: manifest.images.clone(),
        service_holds: manifest.holds.iter().cloned().map(Into::into).collect(),
        ..detail
    }
}

fn part(manifest: &Manifest, part: &Part) -> v1::PartView {
    let files = match &part.kept {
        Kept::Files { files, .. } => *files,
        Kept::Stream { .. } => 0,
    };
    v1::PartView {
        store: part.store.to_string(),
        engine: v1::StoreEngine::from(part.engine).into(),
        bytes: part.bytes,
        added: part.added,
        took_ms: part.took_ms,
        files,
        counts: part.counts.iter().map(|(name, counted)| (name.clone(), counted.high)).collect(),
        notes: part.notes.iter().cloned().chain(side_file_note(manifest, part)).map(Into::into).collect(),
        noted_facts: u32::try_from(part.source.as_ref().map_or(0, |source| source.size().0)).unwrap_or(u32::MAX),
        noted_tables: u32::try_from(part.source.as_ref().map_or(0, |source| source.size().1)).unwrap_or(u32::MAX),
    }
}

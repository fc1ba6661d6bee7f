//! Results of orders about data.
//!
//! **Invariant:** of a manifest only the summary travels: values, counts, notes of sources and samples stay in the repository.

use super::failure::incoming_failure;
use super::note::{reported_checks, reported_notes};
use super::uncovered::reported_uncovered;
use super::{ConvertError, LIST_LIMIT, at_most, bounded, cut, enumeration, names, needed};
use crate::v1;
use fleet_core::backup::{
    CopyMade, DataNote, DataResult, DrillCheck, DrillMade, Hold, HoldKind, Kept, Manifest, Part, Proof, RestoreMade,
    Root,
};
use fleet_core::time::Time;
use prost::Message;
use std::collections::BTreeMap;
use v1::backup_copy::Result as CopyResult;
use v1::backup_part::Kept as WireKept;
use v1::data_result::Kind;
use v1::drill_result::Verdict;

/// The largest result, in bytes on the wire.
pub const RESULT_LIMIT: usize = 1 << 20;

enumeration!(HoldKind, ServiceHoldKind, "hold.kind": Stopped => Stopped, Paused => Paused);

impl From<DataResult> for v1::DataResult {
    fn from(result: DataResult) -> Self {
        let kind = match result {
            DataResult::Backup(copies) => Kind::Backup(v1::BackupCopies { copies: write_copies(copies) }),
            DataResult::Drill(drill) => Kind::Drill(drill.into()),
            DataResult::Restore(restore) => Kind::Restore(v1::RestoreResult {
                backup: restore.backup.into(),
                safety: write_copies(restore.safety),
                took_ms: restore.took_ms,
                bytes: restore.bytes,
                notes: cut(restore.notes).into_iter().map(Into::into).collect(),
            }),
            DataResult::Forgotten(backups) => {
                Kind::Forgotten(v1::ForgottenBackups { backups: backups.into_iter().map(Into::into).collect() })
            }
        };
        Self { kind: Some(kind) }
    }
}

/// Reads a result that is no larger than [`RESULT_LIMIT`].
pub fn incoming_result(message: v1::DataResult) -> Result<DataResult, ConvertError> {
    if message.encoded_len() > RESULT_LIMIT {
        return Err(ConvertError::TooLarge { field: "order.result", limit: RESULT_LIMIT });
    }
    Ok(match needed("order.result", message.kind)? {
        Kind::Backup(backup) => DataResult::Backup(read_copies(backup.copies)?),
        Kind::Drill(drill) => DataResult::Drill(drill.try_into()?),
        Kind::Restore(restore) => DataResult::Restore(RestoreMade {
            backup: restore.backup.parse()?,
            safety: read_copies(restore.safety)?,
            took_ms: restore.took_ms,
            bytes: restore.bytes,
            notes: reported_notes("restore.notes", restore.notes)?,
        }),
        Kind::Forgotten(forgotten) => DataResult::Forgotten(names("forgotten.backups", LIST_LIMIT, forgotten.backups)?),
    })
}

/// Returns whether it has a remark or a comparison of a kind that only its host knows.
pub(super) fn has_unknown(result: &DataResult) -> bool {
    let is_unknown = |note: &DataNote| matches!(note, DataNote::Unknown { .. });
    let in_copies = |copies: &[CopyMade]| {
        let parts = copies.iter().filter_map(|copy| copy.result.as_ref().ok()).flat_map(|manifest| &manifest.parts);
        parts.flat_map(|part| &part.notes).any(is_unknown)
    };
    match result {
        DataResult::Backup(copies) => in_copies(copies),
        DataResult::Drill(drill) => drill.proof.checks.iter().any(|check| matches!(check, DrillCheck::Unknown { .. })),
        DataResult::Restore(restore) => restore.notes.iter().any(is_unknown) || in_copies(&restore.safety),
        DataResult::Forgotten(_) => false,
    }
}

fn write_copies(copies: Vec<CopyMade>) -> Vec<v1::BackupCopy> {
    copies.into_iter().map(Into::into).collect()
}

fn read_copies(copies: Vec<v1::BackupCopy>) -> Result<Vec<CopyMade>, ConvertError> {
    at_most("backup.copies", LIST_LIMIT, copies)?.into_iter().map(TryInto::try_into).collect()
}

impl From<CopyMade> for v1::BackupCopy {
    fn from(copy: CopyMade) -> Self {
        let result = match copy.result {
            Ok(manifest) => CopyResult::Summary(manifest.into()),
            Err(failure) => CopyResult::Failure(failure.into()),
        };
        let snapshots = copy.snapshots.map(Into::into);
        Self { repository: copy.repository.into(), result: Some(result), snapshots }
    }
}

impl TryFrom<v1::BackupCopy> for CopyMade {
    type Error = ConvertError;
    fn try_from(message: v1::BackupCopy) -> Result<Self, ConvertError> {
        let result = match needed("copy.result", message.result)? {
            CopyResult::Summary(summary) => Ok(summary.try_into()?),
            CopyResult::Failure(failure) => Err(incoming_failure(Some(failure))),
        };
        let snapshots = message.snapshots.map(TryInto::try_into).transpose()?;
        Ok(Self { repository: message.repository.parse()?, result, snapshots })
    }
}

impl From<Manifest> for v1::BackupSummary {
    fn from(manifest: Manifest) -> Self {
        Self {
            format: manifest.format,
            backup: manifest.backup.into(),
            instance: manifest.instance.into(),
            host: manifest.host.into(),
            release: Some(manifest.release.into()),
            revision: manifest.revision,
            cause: v1::BackupCause::from(manifest.cause).into(),
            began_ms: manifest.began.0,
            ended_ms: manifest.ended.0,
            images: manifest.images,
            parts: manifest.parts.into_iter().map(Into::into).collect(),
            derivable: manifest.derivable.into_iter().map(Into::into).collect(),
            uncovered: cut(manifest.uncovered).into_iter().map(Into::into).collect(),
            beside: cut(manifest.beside).into_iter().map(Into::into).collect(),
            holds: manifest.holds.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::BackupSummary> for Manifest {
    type Error = ConvertError;
    fn try_from(message: v1::BackupSummary) -> Result<Self, ConvertError> {
        let cause = message.cause().try_into()?;
        let parts = at_most("backup.parts", LIST_LIMIT, message.parts)?;
        let holds = at_most("backup.holds", LIST_LIMIT, message.holds)?;
        let uncovered = at_most("backup.uncovered", LIST_LIMIT, message.uncovered)?;
        let beside = at_most("backup.beside", LIST_LIMIT, message.beside)?;
        let images = at_most("backup.images", LIST_LIMIT, message.images.into_iter().collect())?;
        Ok(Self {
            format: message.format,
            backup: message.backup.parse()?,
            instance: message.instance.parse()?,
            host: message.host.parse()?,
            release: needed("backup.release", message.release)?.try_into()?,
            revision: message.revision,
            cause,
            began: Time(message.began_ms),
            ended: Time(message.ended_ms),
            values: BTreeMap::new(),
            images: images.into_iter().map(|(service, image)| (bounded(service), bounded(image))).collect(),
            parts: parts.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            derivable: names("backup.derivable", LIST_LIMIT, message.derivable)?,
            uncovered: uncovered.into_iter().map(reported_uncovered).collect(),
            beside: beside.into_iter().map(reported_uncovered).collect(),
            side_files: BTreeMap::new(),
            holds: holds.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

impl From<Part> for v1::BackupPart {
    fn from(part: Part) -> Self {
        let kept = match part.kept {
            Kept::Stream { path, sha256 } => WireKept::Stream(v1::KeptStream { path, sha256 }),
            Kept::Files { roots, files, sample: _ } => {
                let root = |Root { from, path }| v1::KeptRoot { from, path };
                WireKept::Files(v1::KeptFiles { roots: cut(roots).into_iter().map(root).collect(), files })
            }
        };
        Self {
            store: part.store.into(),
            engine: v1::StoreEngine::from(part.engine).into(),
            kept: Some(kept),
            bytes: part.bytes,
            added_bytes: part.added,
            took_ms: part.took_ms,
            notes: cut(part.notes).into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::BackupPart> for Part {
    type Error = ConvertError;
    fn try_from(message: v1::BackupPart) -> Result<Self, ConvertError> {
        let engine = message.engine().try_into()?;
        let kept = match needed("part.kept", message.kept)? {
            WireKept::Stream(stream) => Kept::Stream { path: bounded(stream.path), sha256: bounded(stream.sha256) },
            WireKept::Files(v1::KeptFiles { roots, files }) => {
                let root = |v1::KeptRoot { from, path }| Root { from: bounded(from), path: bounded(path) };
                let roots = at_most("part.roots", LIST_LIMIT, roots)?.into_iter().map(root).collect();
                Kept::Files { roots, files, sample: BTreeMap::new() }
            }
        };
        Ok(Self {
            store: message.store.parse()?,
            engine,
            kept,
            bytes: message.bytes,
            added: message.added_bytes,
            took_ms: message.took_ms,
            counts: BTreeMap::new(),
            source: None,
            notes: reported_notes("part.notes", message.notes)?,
        })
    }
}

impl From<Hold> for v1::ServiceHold {
    fn from(hold: Hold) -> Self {
        let kind = v1::ServiceHoldKind::from(hold.kind).into();
        Self { service: hold.service, kind, from_ms: hold.from.0, to_ms: hold.to.0 }
    }
}

impl TryFrom<v1::ServiceHold> for Hold {
    type Error = ConvertError;
    fn try_from(message: v1::ServiceHold) -> Result<Self, ConvertError> {
        let kind = message.kind().try_into()?;
        Ok(Self { service: bounded(message.service), kind, from: Time(message.from_ms), to: Time(message.to_ms) })
    }
}

impl From<DrillMade> for v1::DrillResult {
    fn from(drill: DrillMade) -> Self {
        let Proof { at, host, took_ms, bytes, checks, failure } = drill.proof;
        let verdict = failure.map_or(Verdict::Proven(v1::Empty {}), |failure| Verdict::Failure((*failure).into()));
        Self {
            repository: drill.repository.into(),
            backup: drill.backup.into(),
            at_ms: at.0,
            host: host.into(),
            took_ms,
            bytes,
            checks: cut(checks).into_iter().map(Into::into).collect(),
            verdict: Some(verdict),
        }
    }
}

impl TryFrom<v1::DrillResult> for DrillMade {
    type Error = ConvertError;
    fn try_from(message: v1::DrillResult) -> Result<Self, ConvertError> {
        let failure = match needed("drill.verdict", message.verdict)? {
            Verdict::Proven(_) => None,
            Verdict::Failure(failure) => Some(Box::new(incoming_failure(Some(failure)))),
        };
        let proof = Proof {
            at: Time(message.at_ms),
            host: message.host.parse()?,
            took_ms: message.took_ms,
            bytes: message.bytes,
            checks: reported_checks(message.checks)?,
            failure,
        };
        Ok(Self { repository: message.repository.parse()?, backup: message.backup.parse()?, proof })
    }
}

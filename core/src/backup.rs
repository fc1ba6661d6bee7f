//! Backups: their content, their locations, and their proofs.

mod access;
mod backup_plan;
mod catalog;
mod counted;
mod coverage;
mod data_request;
mod data_result;
mod drill_check;
mod dump_validator;
mod manifest;
mod manifest_change;
mod policy;
mod recovery_sheet;
mod repository;
mod repository_problem;
mod retention;
mod retention_plan;
mod retention_reason;
mod schedule;
mod seen;
mod shrunk;
mod side_files;
mod snapshots;
mod source_note;
#[cfg(test)]
pub(crate) mod testing;
mod tool;
mod version_mismatch;

pub use crate::archive_note::{ArchiveNote, RestoreNote};
pub use crate::backup_damage::{BackupDamage, VerifyFinding};
pub use crate::backup_doubt::BackupDoubt;
pub use crate::dump_error::DumpError;
pub use crate::file_kind::FileKind;
pub use crate::manifest_error::ManifestError;
pub use crate::occupied_target::OccupiedTarget;
pub use crate::order_failure::{DataNote, percent};
pub use crate::order_failure::{SideFileGap, UncoveredData};
pub use crate::store_difference::StoreDifference;
pub use crate::store_gap::{MountPlace, StoreGap, UndeclaredData};
pub use crate::zone::{MomentError, Zone, ZoneError, moment};
pub use access::{FilesParent, LocationAccess, RepositoryAccess, Secret};
pub use backup_plan::{
    BackupPhase, BackupPlan, BackupPlanError, Clash, QuiesceWindow, backup_plan, is_files, works_in,
};
pub use catalog::{Backups, Newest};
pub use counted::{Changes, CounterReading, around, between, exactly, lacking, unequal};
pub use coverage::{
    MountFound, Mounted, MountedAt, MountedFrom, Owner, chosen, coverage, data_mounts, is_all_mounted,
    is_place_of_data, key_of, takes_volume, uncovered,
};
pub use data_request::{BackupSource, DataAction, DataKind, DataRequest, Others, Privileges};
pub use data_result::{CopyMade, DataResult, DrillMade, RestoreMade};
pub use drill_check::DrillCheck;
pub use dump_validator::DumpValidator;
pub use fleet_compose::store::{
    Bucket, Check, CheckError, Commands, DatabaseEngine, DatabaseQuestion, EngineKind, Expected, Files, Rebuild,
    Server, Store, StoreKind, is_pattern, matches_pattern,
};
pub use manifest::{Cause, Counted, Hold, HoldKind, Kept, Manifest, Part, Root, renamed, root_path, stream_path};
pub use manifest_change::{ManifestChange, ManifestDifference};
pub use policy::{BackupPolicy, DEADLINE, Held, Keep, PolicyError};
pub use recovery_sheet::RecoverySheet;
pub use repository::{RepositoryDesired, RepositoryLocation};
pub use repository_problem::RepositoryProblem;
pub use retention::{Retained, RetentionVerdict};
pub use retention_plan::RetentionPlan;
pub use retention_reason::RetentionReason;
pub use schedule::{Schedule, ScheduleError, Slots};
pub use seen::{BackupKey, BackupSeen, Coverage, Proof, StoreSeen, StoreState};
pub use shrunk::Shrunk;
pub use side_files::{
    COUNT_LIMIT_OF_FILES, DataPlace, FILE_LIMIT, PutTime, SaidFiles, SideContent, SideFile, SideFiles, SideFolder,
    TOTAL_LIMIT, UnpackError, can_descend, data_folder, data_place, first_names, has_side_files, is_fit, is_log,
    is_named_log, is_of_server, is_side_file, mentioned, mentioned_logs, pack, put_time, relative, said_files,
    side_file_note, side_files_tool, side_path, uncovered_side_files, unpack, without_side_files,
};
pub use snapshots::{AskedBy, Snapshots};
pub use source_note::{Differences, NOTE_LIMIT, NoteError, NotedAt, SourceNote};
pub use tool::{
    COUNT_LIMIT, CountError, ExecTarget, SETTLED, Tool, ToolEnd, after_tools, check_tool, count_tool, counts,
    dump_tool, is_cut_off, load_tool, loads_beside, note_tool, others, others_tool, prepare_tools, reading, ready_tool,
    rebuild_tool, settled_tool, undo_tools,
};
pub use version_mismatch::VersionMismatch;

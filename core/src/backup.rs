//! Backups: what one holds, where it is kept, what was proven of it.

mod access;
mod catalog;
mod counted;
mod course;
mod coverage;
mod due;
mod judged;
mod made;
mod manifest;
mod pattern;
mod plausible;
mod policy;
mod rebuild;
mod repository;
mod retention;
mod schedule;
mod seen;
mod sheet;
mod shortened;
mod shrunk;
mod side_files;
mod snapshots;
mod source_note;
mod standing;
mod store;
#[cfg(test)]
pub(crate) mod testing;
mod tool;
mod wish;
mod zone;

pub use access::{Access, FilesParent, PlaceAccess, Secret};
pub use catalog::{Backups, Newest};
pub use counted::{Changes, Reading, around, between, exactly, lacking, unequal};
pub use course::{
    Course, Phase, Still, course, data_mounts, is_files, renamed, replaced, root_path, stream_path, uncovered, works_in,
};
pub use coverage::{MountFound, Mounted, MountedAt, MountedFrom, Owner, chosen, coverage, key_of, takes_volume};
pub use due::{About, Due, backup_due, drill_due, forget_due};
pub use judged::Judged;
pub use made::{CopyMade, DrillMade, Made, RestoreMade};
pub use manifest::{Cause, Counted, EngineKind, Hold, HoldKind, Kept, Manifest, Part, Root};
pub use pattern::{is_pattern, matches_pattern};
pub use plausible::Plausible;
pub use policy::{BackupPolicy, DEADLINE, Held, Keep, PolicyError};
pub use rebuild::{Rebuild, rebuild_lines};
pub use repository::{Place, RepositoryDesired};
pub use retention::{Retained, Verdict};
pub use schedule::{Schedule, ScheduleError, Slots};
pub use seen::{BackupKey, BackupSeen, Coverage, Proof, StoreSeen, StoreState};
pub use sheet::Sheet;
pub use shrunk::Shrunk;
pub use side_files::{
    COUNT_LIMIT_OF_FILES, DataPlace, FILE_LIMIT, PutTime, RestoreTo, SaidFiles, SideContent, SideFile, SideFiles,
    SideFolder, TOTAL_LIMIT, can_descend, data_folder, data_place, has_side_files, is_fit, is_log, is_named_log,
    is_of_server, is_side_file, mentioned, mentioned_logs, pack, put_time, refused_without_side_files, relative,
    said_files, short, side_file_lines, side_file_note, side_files_tool, side_path, uncovered_side_files, unpack,
    without_side_files,
};
pub use snapshots::{AskedBy, Snapshots};
pub use source_note::{Differences, NOTE_LIMIT, NotedAt, SourceNote};
pub use standing::{CopyStanding, Next, Sight, Standing, Word, has_failed, rough};
pub use store::{Bucket, Check, Commands, Engine, Expected, Files, Question, Server, Store, StoreKind};
pub use tool::{
    COUNT_LIMIT, SETTLED, Tool, ToolEnd, ToolPlace, after_tools, check_tool, count_tool, counts, dump_tool, load_tool,
    loads_beside, note_tool, others, others_tool, prepare_tools, reading, ready_tool, rebuild_tool, settled_tool,
    undo_tools,
};
pub use wish::{DataAction, DataKind, DataWish, Others, Privileges, Source};
pub use zone::{Zone, ZoneError, moment};

//! Work on an instance's data, as an order asks for it.

use super::{ConvertError, LIST_LIMIT, enumeration, names, needed};
use crate::v1;
use fleet_core::backup::{BackupSource, Cause, DataAction, Others, Privileges};
use fleet_core::release::Goal;
use v1::data::Action;

enumeration!(Cause, BackupCause, "backup.cause":
    Scheduled => Scheduled, Requested => Requested, Safety => Safety);
enumeration!(Privileges, FilePrivileges, "data.privileges": Cleared => Cleared, Kept => Kept);
enumeration!(Others, OtherDatabases, "restore.others": Kept => Kept, Dropped => Dropped);

/// Writes an action; `write_goal` adds the values to the goal of a restore.
pub fn outgoing_action(action: DataAction, write_goal: impl FnOnce(Goal) -> Option<v1::Goal>) -> Action {
    match action {
        DataAction::Backup { to, cause } => Action::Backup(v1::DataBackup {
            to: to.into_iter().map(Into::into).collect(),
            cause: v1::BackupCause::from(cause).into(),
        }),
        DataAction::Drill { from, privileges } => Action::Drill(v1::DataDrill {
            from: Some(from.into()),
            privileges: v1::FilePrivileges::from(privileges).into(),
        }),
        DataAction::Restore { from, only, safety, goal, replaces, others, privileges } => {
            Action::Restore(v1::DataRestore {
                from: Some(from.into()),
                only: only.into_iter().map(Into::into).collect(),
                safety: safety.into_iter().map(Into::into).collect(),
                goal: goal.and_then(write_goal),
                replaces: replaces.map(Into::into),
                others: v1::OtherDatabases::from(others).into(),
                privileges: v1::FilePrivileges::from(privileges).into(),
            })
        }
        DataAction::Forget { from, backups } => {
            Action::Forget(v1::DataForget { from: from.into(), backups: backups.into_iter().map(Into::into).collect() })
        }
    }
}

/// Reads an action; `read_goal` reads the goal of a restore and takes its values.
pub fn incoming_action(
    action: Action,
    read_goal: impl FnOnce(v1::Goal) -> Result<Goal, ConvertError>,
) -> Result<DataAction, ConvertError> {
    Ok(match action {
        Action::Backup(backup) => {
            let cause = backup.cause().try_into()?;
            DataAction::Backup { to: names("backup.to", LIST_LIMIT, backup.to)?, cause }
        }
        Action::Drill(drill) => {
            let privileges = drill.privileges().try_into()?;
            DataAction::Drill { from: read_source(drill.from)?, privileges }
        }
        Action::Restore(restore) => DataAction::Restore {
            others: restore.others().try_into()?,
            privileges: restore.privileges().try_into()?,
            from: read_source(restore.from)?,
            only: names("restore.only", LIST_LIMIT, restore.only)?,
            safety: names("restore.safety", LIST_LIMIT, restore.safety)?,
            goal: restore.goal.map(read_goal).transpose()?,
            replaces: restore.replaces.map(TryInto::try_into).transpose()?,
        },
        Action::Forget(forget) => DataAction::Forget {
            from: forget.from.parse()?,
            backups: names("forget.backups", LIST_LIMIT, forget.backups)?,
        },
    })
}

fn read_source(source: Option<v1::BackupSource>) -> Result<BackupSource, ConvertError> {
    needed("data.from", source)?.try_into()
}

//! Reasons of the retention, as values. `fleet` turns them into words.

use super::{BackupDamage, Keep, Shrunk};
use crate::names::BackupId;
use crate::order_failure::OrderFailure;

/// Reason why a backup stays, or may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetentionReason {
    /// Backup of an earlier instance of the name; the reasons after this one are those among its own.
    EarlierInstance,
    /// Instance without a policy that removes backups.
    NoPolicy,

    // It stays.
    /// Backup for which no order asked.
    NotAskedFor,
    /// Id of several snapshots, of which none is noted as the right one.
    Ambiguous,
    /// Younger than a day.
    Young,
    /// Made before a restore, less than 30 days ago.
    SafetyBackup,
    /// Damaged, and younger than 30 days.
    DamagedLately,
    /// Not restored by a drill, and younger than 30 days.
    FailedLately,
    /// Newest backup.
    Newest,
    /// Newest backup on which no drill failed.
    NewestRestorable,
    /// Newest backup that a drill has proven.
    NewestProven,
    /// Oldest backup, while none is proven.
    OldestUnproven,
    /// Held by an operator.
    Held,
    /// Lack of any good backup.
    NoGoodBackup,
    /// Policy that removes nothing.
    NothingRemoved,
    /// Time that cannot be told.
    TimeUnknown,
    /// One of the last.
    Last {
        /// Number of it, the newest first.
        number: u32,
        /// Number of those that stay.
        limit: u32,
    },
    /// Newest of its hour.
    Hourly {
        /// Number of the hour, the newest first.
        number: u32,
        /// Number of hours that have one.
        limit: u32,
        /// The hour, in the time zone of the policy.
        period: String,
    },
    /// Newest of its day.
    Daily {
        /// Number of the day, the newest first.
        number: u32,
        /// Number of days that have one.
        limit: u32,
        /// The day, in the time zone of the policy.
        period: String,
    },
    /// Newest of its week.
    Weekly {
        /// Number of the week, the newest first.
        number: u32,
        /// Number of weeks that have one.
        limit: u32,
        /// The week, in the time zone of the policy.
        period: String,
    },
    /// Newest of its month.
    Monthly {
        /// Number of the month, the newest first.
        number: u32,
        /// Number of months that have one.
        limit: u32,
        /// The month, in the time zone of the policy.
        period: String,
    },
    /// Newest of its year.
    Yearly {
        /// Number of the year, the newest first.
        number: u32,
        /// Number of years that have one.
        limit: u32,
        /// The year, in the time zone of the policy.
        period: String,
    },
    /// Newest backup much smaller than an earlier one: nothing is removed before somebody has looked.
    Shrunk {
        /// Size of the newest backup in bytes.
        bytes: u64,
        /// Larger backup from before.
        before: BackupId,
        /// Size of the larger backup in bytes.
        before_bytes: u64,
    },

    // It may be removed.
    /// Damaged, with the damage.
    Damaged(BackupDamage),
    /// Not restored by a drill.
    NotRestorable(Box<OrderFailure>),
    /// Not among those that the policy keeps.
    NotKept(Keep),
}

impl From<&Shrunk> for RetentionReason {
    fn from(shrunk: &Shrunk) -> Self {
        let Shrunk { bytes, before, before_bytes, .. } = shrunk;
        Self::Shrunk { bytes: *bytes, before: before.clone(), before_bytes: *before_bytes }
    }
}

//! Words of results, and of the retention.

use super::{damage, failures, notes};
use fleet_core::backup::RetentionReason;
use fleet_core::backup_health::rough;
use fleet_core::change_result::ChangeResult;
use fleet_core::grammar::count;
use fleet_proto::convert::{incoming_change_result, incoming_retention_reason};
use fleet_proto::v1;

/// Returns the words of the result of a change as it came over the wire.
pub fn shown_change(result: &v1::ChangeResult) -> String {
    let known = incoming_change_result(result.clone()).as_ref().map(change);
    known.unwrap_or_else(|| super::unknown::<v1::ChangeResultCode>("a result", result.code, &result.arguments))
}

/// Returns the words of the result of a change.
pub fn change(result: &ChangeResult) -> String {
    match result {
        ChangeResult::Gone => "it is gone".to_owned(),
        ChangeResult::Proven { backup, repository, host, took, checks } => format!(
            "backup {backup} in {repository} is proven: restored on {host} in {}, {} passed",
            rough(*took),
            count(*checks, "check")
        ),
        ChangeResult::Restored { more, notes } => {
            let earlier = (*more > 0).then(|| format!("{more} more"));
            earlier.into_iter().chain([notes::notes(notes)]).collect::<Vec<_>>().join("; ")
        }
    }
}

/// Returns the words of reasons of the retention as they came over the wire, on one line.
pub fn shown_retention(reasons: &[v1::RetentionReason]) -> String {
    reasons.iter().map(shown_reason).collect::<Vec<_>>().join(", ")
}

/// Returns the words of one reason of the retention as it came over the wire.
pub fn shown_reason(reason: &v1::RetentionReason) -> String {
    let known = incoming_retention_reason(reason.clone()).as_ref().map(retention);
    known.unwrap_or_else(|| super::unknown::<v1::RetentionReasonCode>("a reason", reason.code, &reason.arguments))
}

/// Returns the words of a reason of the retention.
pub fn retention(reason: &RetentionReason) -> String {
    let text = |text: &str| text.to_owned();
    match reason {
        RetentionReason::EarlierInstance => text("of an earlier instance of its name"),
        RetentionReason::NoPolicy => text("no policy forgets it"),
        RetentionReason::NotAskedFor => text("no order asked for it"),
        RetentionReason::Ambiguous => text("several snapshots carry its id, and nobody noted which one it is"),
        RetentionReason::Young => text("younger than a day"),
        RetentionReason::SafetyBackup => text("saved before a restore, less than 30 days ago"),
        RetentionReason::DamagedLately => text("damaged, and younger than 30 days"),
        RetentionReason::FailedLately => text("not restorable in a drill, and younger than 30 days"),
        RetentionReason::Newest => text("the newest"),
        RetentionReason::NewestRestorable => text("the newest that no drill failed on"),
        RetentionReason::NewestProven => text("the newest proven"),
        RetentionReason::OldestUnproven => text("the oldest, while none is proven"),
        RetentionReason::Held => text("held"),
        RetentionReason::NoGoodBackup => text("there is no good one"),
        RetentionReason::NothingRemoved => text("the policy forgets nothing"),
        RetentionReason::TimeUnknown => text("its moment cannot be told"),
        RetentionReason::Last { number, limit } => format!("last {number} of {limit}"),
        RetentionReason::Hourly { number, limit, period } => format!("hourly {number} of {limit} ({period})"),
        RetentionReason::Daily { number, limit, period } => format!("daily {number} of {limit} ({period})"),
        RetentionReason::Weekly { number, limit, period } => format!("weekly {number} of {limit} ({period})"),
        RetentionReason::Monthly { number, limit, period } => format!("monthly {number} of {limit} ({period})"),
        RetentionReason::Yearly { number, limit, period } => format!("yearly {number} of {limit} ({period})"),
        RetentionReason::Shrunk { bytes, before, before_bytes } => format!(
            "nothing is forgotten before somebody has looked: its newest backup has {} MiB, and {before} had {} MiB",
            bytes >> 20,
            before_bytes >> 20
        ),
        RetentionReason::Damaged(damage) => format!("damaged: {}", damage::words(damage)),
        RetentionReason::NotRestorable(failure) => format!("not restorable in a drill: {}", failures::words(failure)),
        RetentionReason::NotKept(keep) => format!("not among those that the policy keeps ({keep})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::backup::DataNote;

    #[test]
    fn a_restore_counts_its_earlier_notes() {
        let restored =
            |more| change(&ChangeResult::Restored { more, notes: vec![DataNote::other("a"), DataNote::other("b")] });
        assert_eq!(restored(0), "a; b");
        assert_eq!(restored(3), "3 more; a; b");
    }
}

//! Words of results.

use fleet_core::backup_health::rough;
use fleet_core::change_result::ChangeResult;
use fleet_core::grammar::count;
use fleet_proto::convert::incoming_change_result;
use fleet_proto::v1;

/// Returns the words of the result of a change as it came over the wire.
pub fn shown_change(result: &v1::ChangeResult) -> String {
    let known = incoming_change_result(result.clone()).as_ref().map(change);
    known.unwrap_or_else(|| super::unknown::<v1::ChangeResultCode>(result.code, &result.arguments))
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
            earlier.into_iter().chain(notes.iter().cloned()).collect::<Vec<_>>().join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_counts_its_earlier_notes() {
        let restored = |more| change(&ChangeResult::Restored { more, notes: vec!["a".to_owned(), "b".to_owned()] });
        assert_eq!(restored(0), "a; b");
        assert_eq!(restored(3), "3 more; a; b");
    }
}

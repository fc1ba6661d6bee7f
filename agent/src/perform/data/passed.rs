//! The end of a restore whose instance has passed its gate.

use super::bereft::signed_again;
use super::source::Opened;
use super::{DataError, DataWork, OrderEnd, leftovers, rebuild};
use crate::ledger::{InstanceEntry, LedgerUpdate, RestorePhase, StuckMark};
use fleet_core::app::Rendered;
use fleet_core::backup::{DataResult, Part, RestoreMade};
use fleet_core::order::Outcome;
use fleet_core::order_failure::OrderFailure;

/// Records that the instance is healthy with the restored data, and the restored stores.
pub async fn note_passed(
    data: &DataWork<'_>,
    opened: &Opened,
    (parts, rendered): (&[Part], &Rendered),
    began: tokio::time::Instant,
) -> Result<(), DataError> {
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (backup, journal) = (opened.manifest.backup.clone(), data.journal());
    let bytes = parts.iter().map(|part| part.bytes).sum();
    let made = RestoreMade { backup, safety: journal.safety, took_ms, bytes, notes: journal.notes };
    let rebuilds = rendered.rebuilds.keys().cloned().collect();
    let noted = data.note(move |journal| {
        journal.reach = RestorePhase::Passed;
        journal.rebuilds = rebuilds;
        journal.made = Some(Box::new(made));
    });
    Ok(noted.await?)
}

/// Finishes a good restore: removes the old data and rebuilds derived data. A failure of either is reported, and undoes
/// nothing.
pub async fn passed(data: &DataWork<'_>) -> OrderEnd {
    let journal = data.journal();
    let left = leftovers::remove_old(data, &journal.aside).await;
    let open = data.open_now();
    let settled = match open.and_then(|open| open.to.or(open.from)) {
        Some(settled) => Some(signed_again(data, settled).await),
        None => None,
    };
    let unbuilt = match &settled {
        Some(settled) => rebuild::rebuild_left(data, settled).await,
        None => None,
    };
    let mut entry = settled.map(InstanceEntry::settled);
    let outcome = match unbuilt {
        None => Outcome::Done,
        Some(rebuild::Unbuilt { failure, hint }) => {
            let failure = match left.is_empty() {
                true => failure,
                false => OrderFailure::SomethingLeft { left: left.clone(), failure: Box::new(failure) },
            };
            if let Some(entry) = &mut entry {
                entry.stuck = Some(StuckMark::new(data.order.id.clone(), failure.clone()));
            }
            Outcome::Stuck { failure, hint: Some(hint) }
        }
    };
    let made = data.journal().made.map(|made| {
        let RestoreMade { notes, .. } = &*made;
        let notes = notes.iter().cloned().chain(left).collect();
        DataResult::Restore(RestoreMade { notes, ..*made })
    });
    OrderEnd { outcome, made, becomes: entry.map(|entry| LedgerUpdate::Entry(Box::new(entry))) }
}

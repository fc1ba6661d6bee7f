//! The end of an order that leaves something for an operator: what is reported, and what the ledger keeps.

use crate::ledger::{InstanceEntry, LedgerUpdate, Settled, StuckMark};
use fleet_core::hint::Hint;
use fleet_core::order::{Order, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::spec::InstanceSpec;
use fleet_core::upgrade_steps::UpgradePlan;

/// Work that is left for an operator.
pub enum Left {
    /// A failed upgrade's data of before is in its backup alone: the app is stopped until that is restored.
    ToRestore {
        /// Failure of the upgrade.
        because: OrderFailure,
        /// Plan of the upgrade, which knows the stores.
        plan: UpgradePlan,
    },
    /// The way back failed: somebody has to look at the host.
    ToLookAt {
        /// The spec that was tried.
        tried: Box<InstanceSpec>,
        /// Failures of the way there and back.
        failure: OrderFailure,
        /// True if a new version may have changed data that is not put back.
        is_data_changed: bool,
    },
}

/// Returns the outcome of such an order, and what the ledger keeps of the instance, which was `from` before.
pub fn left_for_operator(order: &Order, from: Option<Settled>, left: Left) -> (Outcome, LedgerUpdate) {
    let instance = order.instance.clone();
    let (failure, hint, remains, is_data_changed) = match left {
        Left::ToRestore { because, plan } => {
            let stores = plan.by_backup.iter().map(ToString::to_string).collect();
            let failure = OrderFailure::DataTouched { stores, because: Box::new(because) };
            (failure, Hint::RestoreInstance(instance), None, true)
        }
        Left::ToLookAt { tried, failure, is_data_changed } => {
            (failure, Hint::LookOnHost(instance), from.is_none().then_some(tried), is_data_changed)
        }
    };
    let stuck = Some(StuckMark { is_data_changed, ..StuckMark::new(order.id.clone(), failure.clone()) });
    let entry = InstanceEntry { settled: from, stuck, remains, held: Vec::new() };
    (Outcome::Stuck { failure, hint: Some(hint) }, LedgerUpdate::Entry(Box::new(entry)))
}

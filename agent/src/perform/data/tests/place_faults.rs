//! Faults of repositories' storage.

use fleet_core::names::RepositoryName;
use fleet_repository::BackendError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Fault of a backend from a call on, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendFault {
    Full,
    /// Such as a server that answers 500.
    Refuses,
    /// The process that writes there is killed.
    Dies,
    /// One call cannot reach it.
    Blinks,
    /// Whoever writes streams there never gets any further.
    Hangs,
}

#[derive(Debug, Default)]
pub struct PlacePlan {
    pub fault: Option<(BackendFault, u64)>,
    pub calls: u64,
}

pub type Shared = Arc<Mutex<BTreeMap<RepositoryName, PlacePlan>>>;

/// Returns whether a call of the backend of this name succeeds.
pub fn pass(plans: &Shared, name: &RepositoryName) -> Result<(), BackendError> {
    let mut plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
    let plan = plans.entry(name.clone()).or_default();
    plan.calls += 1;
    match plan.fault {
        Some((BackendFault::Blinks, at)) if plan.calls != at => Ok(()),
        Some((BackendFault::Hangs, _)) => Ok(()),
        Some((fault, from)) if plan.calls >= from => Err(match fault {
            BackendFault::Full => BackendError::Full,
            BackendFault::Refuses => BackendError::Refused("500 internal server error".to_owned()),
            BackendFault::Dies | BackendFault::Blinks | BackendFault::Hangs => {
                BackendError::Unreachable("killed".to_owned())
            }
        }),
        _ => Ok(()),
    }
}

/// Returns whether writers of streams to this backend never get any further.
pub fn hangs(plans: &Shared, name: &RepositoryName) -> bool {
    let plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
    matches!(plans.get(name).and_then(|plan| plan.fault), Some((BackendFault::Hangs, _)))
}

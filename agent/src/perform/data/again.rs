//! What orders about data could not put right is tried again: at the agent's start, and then each minute.

use super::{doubles, left};
use crate::site::Site;
use fleet_core::names::InstanceName;
use std::collections::BTreeSet;
use std::time::Duration;

pub const BETWEEN_TRIES: Duration = Duration::from_secs(60);

/// The instances of which something is left to be put right; of a double it may be gone itself.
pub fn unfinished(site: &Site) -> BTreeSet<InstanceName> {
    let ledger = site.ledger();
    let of_doubles = ledger.doubles().values().map(|double| double.instance.clone());
    left::left(&ledger).chain(of_doubles).collect()
}

/// Tries once. What stands still comes first.
pub async fn try_again(site: &Site, instance: &InstanceName) {
    left::let_go(site, instance).await;
    doubles::try_again(site, instance).await;
}

//! Ways from the versions that instances have to the wanted one, each found once.

use super::RolloutRequest;
use crate::app::Upgrades;
use crate::names::Version;
use crate::reason::LeftOutReason;
use crate::upgrade_path::{Hop, PathRefusal, upgrade_path};
use std::collections::BTreeMap;

/// Checks the versions of instances for one request.
pub(super) struct Ways<'a> {
    request: &'a RolloutRequest,
    found: BTreeMap<Version, Result<(), LeftOutReason>>,
}

impl<'a> Ways<'a> {
    pub(super) fn new(request: &'a RolloutRequest) -> Self {
        Self { request, found: BTreeMap::new() }
    }

    /// Returns the reason why an instance of a version cannot be moved to the wanted one in one hop, if it cannot.
    pub(super) fn check(&mut self, from: &Version) -> Result<(), LeftOutReason> {
        if let Some(found) = self.found.get(from) {
            return found.clone();
        }
        let found = self.way(from);
        self.found.insert(from.clone(), found.clone());
        found
    }

    fn way(&self, from: &Version) -> Result<(), LeftOutReason> {
        let RolloutRequest { to, upgrades, pushed, .. } = self.request;
        let to = &to.name.version;
        // Another release of this version: it was made anew at a coordinator that was restored.
        if from == to {
            return Ok(());
        }
        match upgrade_path(upgrades.as_ref().unwrap_or(&Upgrades::default()), from, to, pushed) {
            Ok(hops) => match hops.as_slice() {
                [] | [_] => Ok(()),
                [Hop { to, stop, .. }, ..] => Err(LeftOutReason::HopFirst { version: to.clone(), why: stop.clone() }),
            },
            Err(PathRefusal::SameVersion { .. }) => Ok(()),
            // An app without a graph may have versions of any kind.
            Err(PathRefusal::NotOrdered(_)) if upgrades.is_none() => Ok(()),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

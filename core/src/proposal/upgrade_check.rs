//! Check of the versions that instances have against the wanted one, once for each version.

use super::RolloutRequest;
use crate::app::DataEffect;
use crate::names::Version;
use crate::reason::LeftOutReason;
use crate::upgrade_path::UpgradePaths;
use std::collections::BTreeMap;

/// Checks the versions of instances for one request.
pub(super) struct UpgradeCheck<'a> {
    paths: UpgradePaths<'a>,
    checked: BTreeMap<Version, Result<DataEffect, LeftOutReason>>,
}

impl<'a> UpgradeCheck<'a> {
    pub(super) fn new(request: &'a RolloutRequest) -> Self {
        let RolloutRequest { to, upgrades, pushed, .. } = request;
        let paths = UpgradePaths::new(upgrades.as_ref(), pushed, &to.name.version);
        Self { paths, checked: BTreeMap::new() }
    }

    /// Returns the effect on data of the hop from a version to the wanted one, or the reason why there is no single hop.
    pub(super) fn check(&mut self, from: &Version) -> Result<DataEffect, LeftOutReason> {
        if let Some(checked) = self.checked.get(from) {
            return checked.clone();
        }
        let checked = self.paths.from(from).and_then(|hops| match hops.as_slice() {
            [] => Ok(DataEffect::default()),
            [hop] => Ok(hop.data),
            [first, ..] => Err(LeftOutReason::HopFirst { version: first.to.clone(), why: first.stop_reason.clone() }),
        });
        self.checked.insert(from.clone(), checked.clone());
        checked
    }
}

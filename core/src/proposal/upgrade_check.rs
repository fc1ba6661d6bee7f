//! Check of the versions that instances have against the wanted one, once for each version.

use super::RolloutRequest;
use crate::app::DataEffect;
use crate::facts::{InstanceDesired, InstanceSaid};
use crate::names::Version;
use crate::order::PowerRequest;
use crate::reason::LeftOutReason;
use crate::release::Release;
use crate::upgrade_actions::time_limit;
use crate::upgrade_path::{Hop, UpgradePaths};
use std::collections::BTreeMap;
use std::time::Duration;

/// Way of an instance to the wanted release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UpgradeRoute {
    /// Releases before the wanted one.
    pub through: Vec<Release>,
    /// Effect on data of all of them together.
    pub data: DataEffect,
    /// Longest time of the actions of all hops together.
    pub action_time: Duration,
}

/// Checks the versions of instances for one request.
pub(super) struct UpgradeCheck<'a> {
    paths: UpgradePaths<'a>,
    pushed: &'a [Release],
    /// The app says which versions have to run one after the other.
    has_graph: bool,
    checked: BTreeMap<Version, Result<UpgradeRoute, LeftOutReason>>,
}

impl<'a> UpgradeCheck<'a> {
    /// Prepares the check. `versions` are those of the releases that were pushed.
    pub(super) fn new(request: &'a RolloutRequest, versions: &'a [Version]) -> Self {
        let RolloutRequest { to, upgrades, pushed, .. } = request;
        let paths = UpgradePaths::new(upgrades.as_ref(), versions, &to.name.version);
        let has_graph = upgrades.as_ref().is_some_and(|graph| !graph.stops.is_empty() || !graph.edges.is_empty());
        Self { paths, pushed, has_graph, checked: BTreeMap::new() }
    }

    /// Returns the way of an instance to the wanted release, or the reason why there is none.
    pub(super) fn of(
        &mut self,
        said: &InstanceSaid,
        instance: &InstanceDesired,
    ) -> Result<UpgradeRoute, LeftOutReason> {
        let version = &said.release.name.version;
        let way = self.from(version)?;
        if instance.power.request != PowerRequest::Stop {
            return Ok(way);
        }
        // Nothing of a stopped instance runs, so that no release on the way could migrate its data.
        match way.through.first() {
            Some(first) => Err(LeftOutReason::Stopped { through: first.name.version.clone() }),
            // It may have been changed to its release when it was stopped already.
            None if self.has_graph => Err(LeftOutReason::NotRunYet { version: version.clone() }),
            None => Ok(way),
        }
    }

    fn from(&mut self, from: &Version) -> Result<UpgradeRoute, LeftOutReason> {
        if let Some(checked) = self.checked.get(from) {
            return checked.clone();
        }
        let checked = self.paths.from(from).and_then(|hops| self.way(from, &hops));
        self.checked.insert(from.clone(), checked.clone());
        checked
    }

    fn way(&self, from: &Version, hops: &[Hop]) -> Result<UpgradeRoute, LeftOutReason> {
        let before = hops.split_last().map(|(_, before)| before).unwrap_or_default();
        let mut through = Vec::new();
        for hop in before {
            let release = self.pushed.iter().find(|release| release.name.version == hop.to).cloned();
            through.push(release.ok_or(LeftOutReason::NoUpgrade { from: from.clone(), to: hop.to.clone() })?);
        }
        let is_data_left_alone = !hops.is_empty() && hops.iter().all(|hop| hop.data == DataEffect::None);
        let data = if is_data_left_alone { DataEffect::None } else { DataEffect::AtStart };
        let action_time = time_limit(hops.iter().flat_map(|hop| &hop.actions));
        Ok(UpgradeRoute { through, data, action_time })
    }
}

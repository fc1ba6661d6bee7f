//! Upgrade graphs of releases, for operators.

use crate::v1;
use fleet_core::app::{
    ActionPhase, CommandRun, CountRule, DataEffect, RequiredStop, UpgradeAction, UpgradeEdge, Upgrades,
};
use fleet_core::names::StoreName;
use fleet_core::upgrade_actions::{HopAction, actions_of_edge};
use fleet_core::upgrade_path::Hop;
use fleet_core::version::VersionScheme;
use std::collections::BTreeMap;

impl From<Upgrades> for v1::UpgradeGraph {
    fn from(Upgrades { scheme, stops, edges }: Upgrades) -> Self {
        let (scheme, listed) = match scheme {
            VersionScheme::Pep440 => (v1::VersionScheme::Pep440, Vec::new()),
            VersionScheme::Semver => (v1::VersionScheme::Semver, Vec::new()),
            VersionScheme::Listed(versions) => (v1::VersionScheme::Listed, versions),
        };
        Self {
            scheme: scheme.into(),
            listed: listed.into_iter().map(String::from).collect(),
            stops: stops.into_iter().map(Into::into).collect(),
            edges: edges.into_iter().map(Into::into).collect(),
            paths: Vec::new(),
        }
    }
}

impl From<RequiredStop> for v1::RequiredStop {
    fn from(RequiredStop { version, why }: RequiredStop) -> Self {
        Self { version: version.into(), why }
    }
}

impl From<UpgradeEdge> for v1::UpgradeEdge {
    fn from(edge: UpgradeEdge) -> Self {
        let actions = actions_of_edge(&edge).into_iter().map(Into::into).collect();
        let UpgradeEdge { from, to, data, compare, before: _, migrate: _ } = edge;
        let of_store = |(store, items): (StoreName, BTreeMap<String, CountRule>)| {
            items.into_iter().map(move |(item, rule)| v1::ComparedItem {
                store: store.to_string(),
                item,
                rule: v1::CountRule::from(rule).into(),
            })
        };
        let compare = compare.into_iter().flat_map(of_store).collect();
        Self { from: from.into(), to: to.into(), data: v1::DataEffect::from(data).into(), compare, actions }
    }
}

impl From<CountRule> for v1::CountRule {
    fn from(rule: CountRule) -> Self {
        match rule {
            CountRule::Equal => Self::Equal,
            CountRule::AtLeast => Self::AtLeast,
        }
    }
}

impl From<DataEffect> for v1::DataEffect {
    fn from(data: DataEffect) -> Self {
        match data {
            DataEffect::None => Self::None,
            DataEffect::AtStart => Self::AtStart,
        }
    }
}

impl From<Hop> for v1::UpgradeHop {
    fn from(Hop { to, data, stop_reason, actions }: Hop) -> Self {
        let actions = actions.into_iter().map(Into::into).collect();
        Self { to: to.into(), data: v1::DataEffect::from(data).into(), stop_reason, actions }
    }
}

impl From<HopAction> for v1::UpgradeAction {
    fn from(HopAction { phase, action: UpgradeAction { run } }: HopAction) -> Self {
        let CommandRun { service, command, offline, limit } = run;
        let limit_ms = u64::try_from(limit.as_duration().as_millis()).unwrap_or(u64::MAX);
        Self { phase: v1::ActionPhase::from(phase).into(), service, command, offline, limit_ms }
    }
}

impl From<ActionPhase> for v1::ActionPhase {
    fn from(phase: ActionPhase) -> Self {
        match phase {
            ActionPhase::Before => Self::Before,
            ActionPhase::Migrate => Self::Migrate,
        }
    }
}

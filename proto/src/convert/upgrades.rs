//! Upgrade graphs of releases, for operators.

use crate::v1;
use fleet_core::app::{DataEffect, RequiredStop, UpgradeEdge, Upgrades};
use fleet_core::upgrade_path::Hop;
use fleet_core::version::VersionScheme;

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
    fn from(UpgradeEdge { from, to, data }: UpgradeEdge) -> Self {
        Self { from: from.into(), to: to.into(), data: v1::DataEffect::from(data).into() }
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
    fn from(Hop { to, data, stop_reason }: Hop) -> Self {
        Self { to: to.into(), data: v1::DataEffect::from(data).into(), stop_reason }
    }
}

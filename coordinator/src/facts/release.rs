//! A release as stored: everything that people ask about it, without its bundle.

use fleet_core::app::{Declaration, Upgrades};
use fleet_core::capability::Capability;
use fleet_core::names::OperatorName;
use fleet_core::release::Release;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A release as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseKept {
    /// Name and digest of the release.
    pub release: Release,
    /// Title of the app.
    pub title: String,
    /// Time at which it was pushed.
    pub pushed: Time,
    /// Operator who pushed it.
    pub by: OperatorName,
    /// Images of its services.
    pub images: Vec<ReleaseImage>,
    /// Values that it declares, by name.
    pub values: BTreeMap<String, Declaration>,
    /// Capabilities beyond protocol 2 that agents need for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<Capability>,
    /// Its upgrade graph, if its `app.yaml` has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrades: Option<Upgrades>,
    /// Number of pieces of its bundle.
    pub pieces: u32,
}

/// Image of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseImage {
    /// Name of the service in the Compose file.
    pub service: String,
    /// Reference of the image.
    pub image: String,
}

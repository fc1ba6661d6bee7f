//! A release as it is kept: what people ask about it, without its bundle.

use fleet_core::app::Declaration;
use fleet_core::capability::Capability;
use fleet_core::names::OperatorName;
use fleet_core::order::Release;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseKept {
    pub release: Release,
    pub title: String,
    pub pushed: Time,
    pub by: OperatorName,
    pub images: Vec<ReleaseImage>,
    pub values: BTreeMap<String, Declaration>,
    /// What agents need for it beyond protocol 2.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<Capability>,
    /// In how many pieces its bundle is kept.
    pub pieces: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseImage {
    pub service: String,
    pub image: String,
}

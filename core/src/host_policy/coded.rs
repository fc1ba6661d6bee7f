//! Codes of what a policy refuses.

use super::reach::{ExecUse, HostReach, Lead, PathUse, Refusal, is_of_engine};
use crate::policy_refusal::PolicyRefusal;
use std::fmt;

/// Returns the refusals as codes.
pub fn coded(refusals: &[Refusal]) -> Vec<PolicyRefusal> {
    refusals.iter().map(Into::into).collect()
}

impl From<&Refusal> for PolicyRefusal {
    fn from(Refusal { reach, lead }: &Refusal) -> Self {
        let refusal = Self::from(reach);
        match lead {
            None => refusal,
            Some(Lead::To(end)) => Self::LeadsTo { refusal: Box::new(refusal), end: end.clone() },
            Some(Lead::Unknown(problem)) => Self::MayBeLink { refusal: Box::new(refusal), problem: problem.clone() },
        }
    }
}

impl From<&HostReach> for PolicyRefusal {
    fn from(reach: &HostReach) -> Self {
        match reach.clone() {
            HostReach::App(app) => Self::App { app },
            HostReach::Image(image) => Self::Image { image },
            HostReach::Path { path, used: PathUse::Mount } => Self::Mount { path },
            HostReach::Path { path, used: PathUse::VolumeDevice(volume) } => Self::VolumeDevice { volume, path },
            HostReach::Path { path, used: PathUse::Store(store) } => Self::StoreFolder { store, path },
            HostReach::ExternalVolume(volume) => Self::ExternalVolume { volume },
            HostReach::RemoteVolume { volume, source } => Self::RemoteVolume { volume, source },
            HostReach::VolumeDriver { volume, driver } => Self::VolumeDriver { volume, driver },
            HostReach::Foreign { store, names } => {
                Self::Foreign { store, name: names.into_iter().next().unwrap_or_default() }
            }
            HostReach::ExternalNetwork(network) if is_of_engine(&network) => Self::EngineNetwork { network },
            HostReach::ExternalNetwork(network) => Self::ExternalNetwork { network },
            HostReach::Power { service, power } => Self::Privilege { service, key: power.key().to_owned() },
            HostReach::NetworkDevice { network, key } => Self::NetworkDevice { network, key },
            HostReach::Exec(ExecUse::Probe { service }) => Self::ProbeExec { service },
            HostReach::Exec(ExecUse::Tools { store }) => Self::ToolsExec { store },
            HostReach::Exec(ExecUse::Check { store }) => Self::CheckExec { store },
            HostReach::Exec(ExecUse::Rebuild { store }) => Self::RebuildExec { store },
            HostReach::Exec(ExecUse::Action { service }) => Self::ActionExec { service },
            HostReach::LogDriver { service, driver } => Self::LogDriver { service, driver },
            HostReach::LogOption { service, driver, option, value } => {
                Self::LogOption { service, option, value, driver }
            }
            HostReach::Bucket(bucket) => Self::Bucket { place: bucket.place() },
            HostReach::RepositoryFolder { repository, path } => Self::RepositoryFolder { repository, path },
            HostReach::RepositoryEndpoint { repository, endpoint, bucket } => {
                Self::RepositoryEndpoint { repository, endpoint, bucket }
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PolicyRefusal::from(self).fmt(f)
    }
}

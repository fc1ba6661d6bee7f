//! Sees to it that no link of this host's file system gets an instance round the host's policy.
//!
//! What is mounted is judged when an order is prepared, and again right before a container is made or started, for a
//! container that runs meanwhile may put a link where there was a folder. The Engine looks for itself when it mounts:
//! what changes in that moment, or before the Engine starts a container on its own, is not seen here.

use crate::site::Site;
use fleet_core::host_policy::{paths_to_follow, strays};
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::Step;

/// What a host's policy says to where a link leads.
#[derive(Debug, thiserror::Error)]
#[error("the host's own policy forbids it: {0}")]
pub struct LedAstray(String);

/// Refuses an instance whose mounts lead out of what the policy allows as of now.
pub async fn refuse_strays(site: &Site, spec: &InstanceSpec) -> Result<(), LedAstray> {
    // A policy that cannot be read allows no path.
    let policy = site.policy.now().unwrap_or_default();
    let leads = site.looks.follow(paths_to_follow(&policy, spec)).await;
    let found = strays(&policy, spec, &leads);
    if found.is_empty() { Ok(()) } else { Err(LedAstray(found.join("; "))) }
}

/// Refuses them right before a step that mounts them.
pub async fn refuse_strays_before(step: &Step, site: &Site, spec: &InstanceSpec) -> Result<(), LedAstray> {
    match step {
        Step::Create { .. } | Step::Start { .. } => refuse_strays(site, spec).await,
        Step::Pull { .. }
        | Step::ExpectNetwork { .. }
        | Step::ExpectVolume { .. }
        | Step::WriteFiles { .. }
        | Step::CreateNetwork { .. }
        | Step::CreateVolume { .. }
        | Step::Stop { .. }
        | Step::RemoveContainer { .. }
        | Step::Rename { .. }
        | Step::AwaitHealthy { .. }
        | Step::AwaitExit { .. }
        | Step::Gate
        | Step::RemoveNetwork { .. }
        | Step::RemoveVolume { .. } => Ok(()),
    }
}

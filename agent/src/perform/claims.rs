//! Ensures that an order takes nothing that belongs to someone else: to another instance of this host, to another agent
//! at the same Engine, or to software outside fleet.
//!
//! **Invariant:** asked before the first step of an order, and again under the ledger's lock when the order begins.

use super::prepare::look;
use crate::agent_context::AgentContext;
use crate::ledger::{Ledger, OrderState};
use crate::runtime::RuntimeError;
use fleet_core::claims::{
    ClaimKind, Claims, Conflict, HeldName, claims_of, conflicts, holders_of_volume, is_network_held,
};
use fleet_core::name_conflict::NameConflict;
use fleet_core::names::InstanceName;
use fleet_core::spec::{EngineNameError, EngineOwner, InstanceSpec};
use fleet_core::steps::{Foreign, ForeignKind, FoundProject, Ownership};
use fleet_core::volume_holder::VolumeHolder;
use std::collections::BTreeSet;

/// Reason why an order would take something that belongs to someone else.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error("`{name}` cannot be the name of a network or a volume: {reason}")]
    BadName { name: String, reason: EngineNameError },
    #[error(
        "its Compose project would be `{to}` and is `{from}`: its volumes would be left behind, and it would begin with nothing; \
         to keep the name of its Compose file, write `project: from-compose` in app.yaml"
    )]
    OtherProject { from: String, to: String },
    #[error("{}; an instance shares none of these with another", listed(conflicts))]
    Taken { conflicts: BTreeSet<NameConflict> },
    #[error(
        "a Compose project `{project}` that fleet did not make is on this host ({}); choose another name",
        containers.join(", ")
    )]
    Occupied { project: String, containers: Vec<String> },
    #[error("{what}, and fleet leaves it; {hint}")]
    Foreign { what: Foreign, hint: &'static str },
    #[error(
        "port {port} on this host is already taken by container {holder}; choose another port, or stop that container"
    )]
    PortTaken { port: u16, holder: String },
    #[error("{}, too: whose data it is cannot be told", listed(conflicts))]
    Shared { conflicts: BTreeSet<NameConflict> },
    #[error("the volume `{volume}` stays: {} has it, too", listed(holders))]
    VolumeHeld { volume: String, holders: BTreeSet<VolumeHolder> },
    #[error(transparent)]
    Look(#[from] RuntimeError),
}

/// Returns the claims of the other instances of this host, including those that an order is creating.
pub fn others(ledger: &Ledger, instance: &InstanceName) -> Vec<(InstanceName, Claims)> {
    let kept = ledger.instances().iter().filter_map(|(name, entry)| Some((name, entry.spec()?)));
    let coming = ledger.orders().values().flat_map(|entry| {
        let states = match &entry.state {
            OrderState::Open(open) => Some(open.target_states()),
            OrderState::Ended { .. } => None,
        };
        states.into_iter().flatten().map(|to| (&entry.order.instance, &to.rendered.spec))
    });
    let others = kept.chain(coming).filter(|(name, _)| *name != instance);
    others.map(|(name, spec)| (name.clone(), claims_of(spec))).collect()
}

/// Refuses a spec with claims of another instance of this host.
pub fn expect_unclaimed(ledger: &Ledger, to: &InstanceSpec, from: Option<&InstanceSpec>) -> Result<(), ClaimError> {
    let others = others(ledger, &to.instance);
    let present = from.map(claims_of);
    let found = conflicts(&claims_of(to), present.as_ref(), others.iter().map(|(name, claims)| (name, claims)));
    if found.is_empty() {
        return Ok(());
    }
    Err(ClaimError::Taken { conflicts: found.into_iter().map(named).collect() })
}

fn named(conflict: Conflict<&InstanceName>) -> NameConflict {
    let Conflict { kind, name, owner } = conflict;
    NameConflict::Held(HeldName { kind, name, owner: owner.clone() })
}

fn listed<T: ToString>(all: &BTreeSet<T>) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Refuses to read or replace data whose owner is uncertain, because another instance of this host has the same names.
/// Both were installed before names belonged to one instance.
pub fn expect_unshared(ledger: &Ledger, spec: &InstanceSpec, kinds: &[ClaimKind]) -> Result<(), ClaimError> {
    let (others, claims) = (others(ledger, &spec.instance), claims_of(spec));
    let found = conflicts(&claims, Some(&claims), others.iter().map(|(name, claims)| (name, claims)));
    let conflicts: BTreeSet<_> = found.into_iter().filter(|it| kinds.contains(&it.kind)).map(named).collect();
    if conflicts.is_empty() { Ok(()) } else { Err(ClaimError::Shared { conflicts }) }
}

/// Refuses a target state that conflicts with the present one: names with another meaning, another project, parts of
/// others.
pub async fn expect_own(
    context: &AgentContext,
    to: &InstanceSpec,
    from: Option<&InstanceSpec>,
) -> Result<(), ClaimError> {
    if let Some((name, reason)) = to.bad_engine_name() {
        return Err(ClaimError::BadName { name: name.to_owned(), reason });
    }
    if let Some(from) = from.filter(|from| from.project != to.project) {
        return Err(ClaimError::OtherProject { from: from.project.clone(), to: to.project.clone() });
    }
    expect_unclaimed(&context.ledger(), to, from)?;
    let found = look(context, to).await?;
    let foreign: Vec<String> = found.foreign_containers().map(str::to_owned).collect();
    if from.is_none() && !foreign.is_empty() {
        return Err(ClaimError::Occupied { project: to.project.clone(), containers: foreign });
    }
    expect_free(&found, from)?;
    expect_ports(&found, from)
}

/// Refuses an order that conflicts with foreign parts. An unlabelled volume or network that the instance has already
/// stays its own.
pub fn expect_free(found: &FoundProject, from: Option<&InstanceSpec>) -> Result<(), ClaimError> {
    let present = from.map(claims_of).unwrap_or_default();
    let is_present = |it: &Foreign| match (it.kind, &it.owner) {
        (ForeignKind::Volume, EngineOwner::Nobody) => present.volumes.contains(&it.name),
        (ForeignKind::Network, EngineOwner::Nobody) => present.networks.contains(&it.name),
        (ForeignKind::Container | ForeignKind::Volume | ForeignKind::Network, _) => false,
    };
    let Some(what) = found.foreign.iter().find(|it| !is_present(it)) else { return Ok(()) };
    let hint = match what.kind {
        ForeignKind::Container => "choose another name, or remove that container",
        ForeignKind::Network => "choose another name, or use it as `external: true` where the host's policy lists it",
        ForeignKind::Volume => "choose another name, or mount it as `external: true` where the host's policy lists it",
    };
    Err(ClaimError::Foreign { what: what.clone(), hint })
}

/// Refuses to begin beside containers of others that have a port open which the instance does not have yet.
fn expect_ports(found: &FoundProject, from: Option<&InstanceSpec>) -> Result<(), ClaimError> {
    let present = from.map(claims_of).unwrap_or_default();
    let is_present = |port: u16| present.ports.iter().any(|it| it.host == Some(port));
    let taken = found.taken_ports.iter().find(|(port, _)| !is_present(**port));
    match taken {
        Some((port, holder)) => Err(ClaimError::PortTaken { port: *port, holder: holder.clone() }),
        None => Ok(()),
    }
}

/// Refuses to start or to heal an instance beside containers that are not its own.
pub fn expect_no_foreign_container(found: &FoundProject) -> Result<(), ClaimError> {
    let container = found.foreign.iter().find(|it| it.kind == ForeignKind::Container);
    match container.cloned() {
        Some(what) => Err(ClaimError::Foreign { what, hint: "remove or rename it first" }),
        None => Ok(()),
    }
}

/// Refuses to delete volumes that another owner claims, uses or has labelled. Nothing was changed before.
pub async fn expect_deletable(
    context: &AgentContext,
    spec: &InstanceSpec,
    volumes: &BTreeSet<String>,
) -> Result<(), ClaimError> {
    if volumes.is_empty() {
        return Ok(());
    }
    let others = others(&context.ledger(), &spec.instance);
    let found = look(context, spec).await?;
    for volume in volumes {
        let claimed = holders_of_volume(
            volume,
            others.iter().map(|(name, claims)| (VolumeHolder::Instance(name.clone()), claims)),
        );
        let mounted = found.borrowed.get(volume).map(|container| VolumeHolder::Container(container.clone()));
        let holders: BTreeSet<_> = claimed.chain(mounted).collect();
        if !holders.is_empty() {
            return Err(ClaimError::VolumeHeld { volume: volume.clone(), holders });
        }
        let foreign = found.foreign.iter().find(|it| it.kind == ForeignKind::Volume && it.name == *volume);
        let is_claimed = claims_of(spec).volumes.contains(volume);
        // A volume without owner is taken only if the ledger records that the instance had it.
        let is_own = |it: &&Foreign| it.owner == EngineOwner::Nobody && is_claimed && !spec.is_unrecorded();
        if let Some(what) = foreign.filter(|it| !is_own(it)) {
            return Err(ClaimError::Foreign { what: what.clone(), hint: "leave it out" });
        }
    }
    Ok(())
}

/// Returns the found parts without those that other instances of this host claim or use: these stay.
pub fn spared(mut found: FoundProject, others: &[(InstanceName, Claims)]) -> FoundProject {
    let is_held = |name: &str| is_network_held(name, others.iter().map(|(_, claims)| claims));
    for network in found.networks.iter_mut().filter(|network| is_held(&network.name)) {
        network.ownership = Ownership::OfOthers;
    }
    let claims = || others.iter().map(|(name, claims)| (name, claims));
    found.volumes.retain(|volume| holders_of_volume(volume, claims()).next().is_none());
    found
}

//! Claims of a host's instances, and the refusal of changes that conflict with them.
//!
//! Hosts report the claims of their instances. Desired states that do not exist yet (an installation, other values, a
//! rollout) are rendered.

use super::asking::{ClaimsSource, MembersAsked};
use super::changes::{check_for, not_rendered, placement};
use super::service::OperatorsService;
use super::subject::Rendering;
use crate::facts::StateSnapshot;
use crate::rpc_status::{failed, refuse};
use fleet_core::claims::{Claims, Conflict, claims_of, conflicts, holders_of_volume};
use fleet_core::compose::ProjectNaming;
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName, OperatorName};
use fleet_core::order::Action;
use fleet_core::plan::upgrade_ids;
use fleet_core::planned_change::PlannedChange;
use fleet_core::proposal::Proposal;
use fleet_core::reason::LeftOutReason;
use fleet_core::refused_call::{Attempt, CallRefusal, HeldName, first_of};
use fleet_core::release::Release;
use fleet_core::rollout::RolloutIntent;
use fleet_core::spec::InstanceSpec;
use fleet_render::HostUse;
use std::collections::{BTreeSet, HashMap};
use tonic::Status;

const ATTEMPT: Attempt = Attempt::CompareClaims;

/// Present and future claims of the other instances of a host.
#[derive(Debug, Default)]
pub struct HostClaims {
    claims: Vec<(InstanceName, Claims)>,
    /// Instances whose claims are unknown.
    unknown: BTreeSet<InstanceName>,
}

/// An instance as its host reports it, or as it is desired.
enum Stage {
    Said(Claims),
    Wanted { release: Release, revision: u64 },
}

/// Reason why an instance cannot become what is planned.
enum ClaimRefusal {
    ProjectChanges { present: String, planned: String },
    NamesHeld { more: usize, names: Vec<HeldName> },
}

impl ClaimRefusal {
    fn of_call(self, of: Claimant<'_>) -> (CallRefusal, Hint) {
        match self {
            Self::ProjectChanges { present, planned } => {
                let instance = of.name.clone();
                (CallRefusal::ProjectChanges { instance, present, planned }, Hint::KeepProjectName)
            }
            Self::NamesHeld { more, names } => {
                (CallRefusal::NamesHeld { host: of.host.clone(), more, names }, Hint::ChooseOtherNames)
            }
        }
    }

    fn of_member(self, of: Claimant<'_>) -> LeftOutReason {
        match self {
            Self::ProjectChanges { present, planned } => LeftOutReason::ProjectChanges { present, planned },
            Self::NamesHeld { more, names } => LeftOutReason::NamesHeld { host: of.host.clone(), more, names },
        }
    }
}

/// An instance that is to become something on a host.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    pub name: &'a InstanceName,
    pub host: &'a HostName,
}

impl OperatorsService {
    /// Refuses a change that would take resources of another instance of the host, or would leave the instance's own
    /// data behind. Returns the instances that could not be compared. The caller must open the host's rendering before it
    /// takes `claiming`, so that no wait happens under that lock.
    pub async fn check_claims(
        &self,
        attempt: Attempt,
        rendering: &mut Rendering,
        of: Claimant<'_>,
        to: &InstanceSpec,
    ) -> Result<Vec<PlannedChange>, Status> {
        let others = self.claims_beside(rendering, of).await;
        if let Err(conflict) = self.against(of, &claims_of(to), &others) {
            let (refusal, hint) = conflict.of_call(of);
            return Err(refuse(attempt, refusal, hint));
        }
        let not_compared = |instance| PlannedChange::NotCompared { instance, host: of.host.clone() };
        Ok(others.unknown.into_iter().map(not_compared).collect())
    }

    fn against(&self, of: Claimant<'_>, to: &Claims, others: &HostClaims) -> Result<(), ClaimRefusal> {
        let present = self.shared.facts.read().said(of.name).and_then(|said| said.claims.clone());
        if let Some(present) = present.as_ref().filter(|present| present.project != to.project) {
            let (present, planned) = (present.project.clone(), to.project.clone());
            return Err(ClaimRefusal::ProjectChanges { present, planned });
        }
        let found = conflicts(to, present.as_ref(), others.claims.iter().map(|(name, claims)| (name, claims)));
        if found.is_empty() {
            return Ok(());
        }
        let held = |it: Conflict<&InstanceName>| HeldName { kind: it.kind, name: it.name, owner: it.owner.clone() };
        let (names, more) = first_of(found.into_iter().map(held).collect::<BTreeSet<_>>());
        Err(ClaimRefusal::NamesHeld { more, names })
    }

    /// Returns the other users of a volume on the host.
    pub async fn holders_beside(
        &self,
        by: &OperatorName,
        of: Claimant<'_>,
        volume: &str,
    ) -> Result<Vec<String>, Status> {
        let mut rendering = self.rendering(ATTEMPT, by).await?;
        let others = self.claims_beside(&mut rendering, of).await;
        let claims = others.claims.iter().map(|(name, claims)| (name.to_string(), claims));
        Ok(holders_of_volume(volume, claims).collect())
    }

    async fn claims_beside(&self, rendering: &mut Rendering, of: Claimant<'_>) -> HostClaims {
        let stages = stages_beside(&self.shared.facts.read(), of);
        let mut found = HostClaims::default();
        for (name, stage) in stages {
            let claims = match stage {
                Stage::Said(claims) => Ok(claims),
                Stage::Wanted { release, revision } => {
                    let claimant = Claimant { name: &name, host: of.host };
                    self.host_use(rendering, claimant, &release, revision).await.map(|used| used.claims)
                }
            };
            match claims {
                Ok(claims) => found.claims.push((name, claims)),
                Err(_) => drop(found.unknown.insert(name)),
            }
        }
        found
    }

    /// Returns what an instance would use of its host as a release and a revision of its values make it.
    pub async fn host_use(
        &self,
        rendering: &mut Rendering,
        of: Claimant<'_>,
        release: &Release,
        revision: u64,
    ) -> Result<HostUse, Status> {
        let opened = self.opened(ATTEMPT, rendering, release)?;
        let values = self.shared.values.open(self.shared.facts.store(), of.name, revision);
        let (values, _) = values.map_err(|error| failed(Attempt::OpenValues, &error))?;
        let checked = check_for(ATTEMPT, &opened.definition, &values)?;
        let place = placement(of.name, of.host, &release.name.version);
        let used = rendering.host_use(&opened.bundle, &checked, &place).await;
        used.map_err(|error| not_rendered(ATTEMPT, error))
    }

    /// Adds the members of a proposal that conflict with other claims, each with the reason. The coordinator's own
    /// knowledge names the owner better than the host's reply. `previous` are revisions that go with it.
    pub async fn refused_members(
        &self,
        rendering: &mut Rendering,
        proposal: &Proposal,
        previous: &HashMap<InstanceName, u64>,
        asked: &mut MembersAsked,
    ) -> Result<(), Status> {
        for member in &proposal.members {
            let desired = self.shared.facts.read().instance(&member.instance).cloned();
            let Some(desired) = desired else { continue };
            let of = Claimant { name: &member.instance, host: &desired.host };
            let others = self.claims_beside(rendering, of).await;
            for release in member.started_releases() {
                let naming = self.opened(ATTEMPT, rendering, release)?.definition.project;
                // Alone on its host, and with its own name: nothing is left to compare.
                if others.claims.is_empty() && naming == ProjectNaming::Instance && self.has_own_name(of) {
                    continue;
                }
                let from = ClaimsSource::of(member, release, &desired, previous);
                let planned = match asked.claims_of(&member.instance, &from) {
                    Some(claims) => Ok(claims),
                    None => self.host_use(rendering, of, &from.release, from.revision).await.map(|used| used.claims),
                };
                match planned {
                    Err(status) => asked.not_rendered(of, &status),
                    Ok(to) => {
                        let reason = self.against(of, &to, &others).err().map(|conflict| conflict.of_member(of));
                        asked.refused.extend(reason.map(|reason| (member.instance.clone(), reason)));
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns whether an instance's project has its name, according to its host.
    fn has_own_name(&self, of: Claimant<'_>) -> bool {
        let snapshot = self.shared.facts.read();
        let claims = snapshot.said(of.name).and_then(|said| said.claims.as_ref());
        claims.is_none_or(|claims| claims.project == of.name.as_str())
    }
}

/// Returns the present and the planned state of each other instance of a host.
fn stages_beside(snapshot: &StateSnapshot, of: Claimant<'_>) -> Vec<(InstanceName, Stage)> {
    let mut stages = Vec::new();
    for name in snapshot.instances_of(of.host).filter(|name| *name != of.name) {
        let seen = snapshot.observed().instances.get(name).filter(|seen| seen.host == *of.host);
        let said = seen.and_then(|seen| seen.running.last());
        if let Some(claims) = said.and_then(|said| said.claims.clone()) {
            stages.push((name.clone(), Stage::Said(claims)));
        }
        let Some(desired) = snapshot.instance(name).filter(|desired| desired.host == *of.host) else { continue };
        let mut wanted = |release: &Release, revision| {
            stages.push((name.clone(), Stage::Wanted { release: release.clone(), revision }));
        };
        match said {
            None => wanted(&desired.release, desired.revision),
            Some(said) if said.claims.is_none() || said.revision < desired.revision => {
                wanted(&said.release, desired.revision);
            }
            Some(_) => {}
        }
        let newest = snapshot.desired().rollouts.values().filter(|it| it.created >= desired.created);
        let members = newest.flat_map(|it| it.members.iter().map(move |member| (it, member)));
        let newest = members.filter(|(_, member)| member.instance == *name).max_by_key(|(it, _)| it.created);
        let coming = newest.filter(|(it, member)| {
            let is_left = it.intent != RolloutIntent::Abort && !it.skips.contains_key(name);
            // It may have another release since, by a restore.
            let has_come = upgrade_ids(it, member)
                .any(|id| snapshot.observed().ended.get(&id).is_some_and(|ended| ended.outcome.is_success()));
            is_left && !has_come && said.is_none_or(|said| said.release != member.to)
        });
        if let Some((_, member)) = coming {
            let revision = member.to_revision.unwrap_or(desired.revision);
            member.started_releases().for_each(|release| wanted(release, revision));
        }
    }
    stages
}

/// Returns whether an instance has an open removal.
pub fn is_being_removed(snapshot: &StateSnapshot, name: &InstanceName) -> bool {
    let mut orders = snapshot.asked().orders.values();
    orders.any(|open| open.order.instance == *name && matches!(open.order.action, Action::Remove { .. }))
}

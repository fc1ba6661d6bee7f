//! Wishes for a backup or a drill now.

use super::chosen::{Meant, choose};
use crate::clock;
use crate::facts::{DesiredChange, Started, StateSnapshot};
use crate::operators::agreed::{Agreed, plan_changed, shown};
use crate::operators::request::{ChangeError, absent, read};
use crate::operators::service::OperatorsService;
use crate::operators::subject::no_instance;
use crate::rpc_status::refuse;
use fleet_core::backup::{Cause, DataAction, DataRequest, Privileges, RepositoryDesired, StoreState};
use fleet_core::event::EventKind;
use fleet_core::facts::InstanceDesired;
use fleet_core::hint::Hint;
use fleet_core::host_policy::{HostPolicy, Reaches, coded};
use fleet_core::labels::Selector;
use fleet_core::names::{HostName, InstanceName, OperatorName, RepositoryName};
use fleet_core::order_summary::OrderSummary;
use fleet_core::plan::data_order_id;
use fleet_core::planned_change::PlannedChange;
use fleet_core::policy_refusal::PolicyRefusal;
use fleet_core::refused_call::{Attempt, BackupRefusal, CallRefusal, NamedKind, first_of};
use fleet_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use tonic::Status;

/// Maximum number of hosts with objections that are named.
const HOSTS_NAMED: usize = 20;

impl OperatorsService {
    pub async fn back_up_as(&self, by: &OperatorName, request: &v1::BackUpRequest) -> Result<v1::BackUpReply, Status> {
        const ATTEMPT: Attempt = Attempt::BackUp;
        let to = request.to.iter().map(|name| read(ATTEMPT, name)).collect::<Result<BTreeSet<RepositoryName>, _>>()?;
        let actions = {
            let snapshot = self.shared.facts.read();
            let names = chosen(&snapshot, request)?;
            let action = |name: InstanceName| {
                let to = if to.is_empty() { usual(&snapshot, &name) } else { to.clone() };
                check_repositories(&snapshot, ATTEMPT, &to)?;
                if let Some(instance) = snapshot.instance(&name) {
                    check_host(&snapshot, ATTEMPT, &instance.host, &to)?;
                }
                Ok::<_, Status>((name, DataAction::Backup { to, cause: Cause::Requested }))
            };
            names.into_iter().map(action).collect::<Result<BTreeMap<_, _>, _>>()?
        };
        let changes = self.request_data_action(by, ATTEMPT, actions, None).await?;
        Ok(v1::BackUpReply { changes })
    }

    pub async fn drill_as(&self, by: &OperatorName, request: &v1::DrillRequest) -> Result<v1::InstanceChange, Status> {
        const ATTEMPT: Attempt = Attempt::Drill;
        let name: InstanceName = read(ATTEMPT, &request.instance)?;
        let meant = Meant { backup: &request.backup, at: None, repository: &request.repository };
        let from = {
            let snapshot = self.shared.facts.read();
            snapshot.instance(&name).ok_or_else(|| no_instance(ATTEMPT, &name))?;
            let from = choose(&snapshot, ATTEMPT, &name, &meant)?.0;
            if let Some(instance) = snapshot.instance(&name) {
                check_host(&snapshot, ATTEMPT, &instance.host, [&from.repository])?;
            }
            from
        };
        let plan = vec![
            PlannedChange::Drilled { backup: from.backup.clone(), repository: from.repository.clone() },
            PlannedChange::DrillRemoved,
        ];
        // The instance of the backup is looked up when its host is ordered.
        let actions = [(name, DataAction::Drill { from, privileges: Privileges::default() })].into();
        let mut changes = self.request_data_action(by, ATTEMPT, actions, None).await?;
        let change = changes.pop().ok_or_else(|| refuse(ATTEMPT, CallRefusal::NothingRequested, None))?;
        Ok(v1::InstanceChange { plan: shown(&plan), ..change })
    }

    /// Stores requests for several instances, all or none.
    pub async fn request_data_action(
        &self,
        by: &OperatorName,
        attempt: Attempt,
        actions: BTreeMap<InstanceName, DataAction>,
        agreed: Option<(&Agreed, &InstanceDesired)>,
    ) -> Result<Vec<v1::InstanceChange>, Status> {
        let (now, names) = (clock::now(), actions.keys().cloned().collect::<Vec<_>>());
        let change = |change: &mut DesiredChange<'_>| {
            for (name, action) in actions {
                let desired = free(change, attempt, &name)?;
                if let Some((agreed, shown)) = agreed {
                    if desired != *shown {
                        return Err(plan_changed(attempt).into());
                    }
                    agreed.check_unused(attempt, change.snapshot())?;
                    agreed.note(change, by, Started::Change(name.clone()));
                }
                let serial = desired.data.as_ref().map_or(0, |request| request.serial + 1).max(now.0);
                let work = Box::new(OrderSummary::from(&action));
                let data = Some(DataRequest { serial, action, at: now });
                change.put_instance(&name, InstanceDesired { data, ..desired });
                change.tell(&name, EventKind::WorkRequested { by: by.clone(), work });
            }
            Ok::<_, ChangeError>(())
        };
        self.change(now, change).await?;
        Ok(names.iter().map(|name| self.requested(name)).collect())
    }

    /// Returns the answer to a request: the order that will carry it out, unless its host is offline.
    pub fn requested(&self, name: &InstanceName) -> v1::InstanceChange {
        let order = {
            let snapshot = self.shared.facts.read();
            let instance = snapshot.instance(name).filter(|instance| is_online(&snapshot, instance));
            let request = instance.and_then(|instance| Some(data_order_id(name, instance, instance.data.as_ref()?)));
            request.map(|id| id.to_string()).unwrap_or_default()
        };
        let instance = self.instance_view(name);
        let mut plan = vec![PlannedChange::DataRead(name.clone())];
        plan.extend(uncovered_now(&self.shared.facts.read(), name));
        v1::InstanceChange { plan: shown(&plan), instance, order, ..Default::default() }
    }
}

fn is_online(snapshot: &StateSnapshot, instance: &InstanceDesired) -> bool {
    let seen = snapshot.observed().hosts.get(&instance.host);
    seen.is_some_and(|seen| seen.link == fleet_core::facts::LinkState::Online)
}

/// Returns the instance; fails if it is being removed or has another pending request about its data.
pub fn free(change: &DesiredChange<'_>, attempt: Attempt, name: &InstanceName) -> Result<InstanceDesired, Status> {
    let desired = change.snapshot().instance(name).cloned().ok_or_else(|| no_instance(attempt, name))?;
    if desired.removal.is_some() {
        return Err(refuse(attempt, CallRefusal::BeingRemoved { instance: name.clone() }, Hint::AwaitRemoval));
    }
    // A return to another release is over when its release and its values are the desired ones.
    let is_pending = |request: &&DataRequest| {
        let id = data_order_id(name, &desired, request);
        request.action.return_to().is_some() || !change.snapshot().observed().ended.contains_key(&id)
    };
    let pending = desired.data.as_ref().filter(is_pending);
    match pending {
        Some(_) => {
            let refusal = BackupRefusal::RequestPending { instance: name.clone() };
            Err(refuse(attempt, refusal, Hint::AwaitOrder(name.clone())))
        }
        None => Ok(desired),
    }
}

fn chosen(snapshot: &StateSnapshot, request: &v1::BackUpRequest) -> Result<BTreeSet<InstanceName>, Status> {
    const ATTEMPT: Attempt = Attempt::BackUp;
    let mut names = BTreeSet::new();
    for name in &request.instances {
        let name: InstanceName = read(ATTEMPT, name)?;
        snapshot.instance(&name).ok_or_else(|| no_instance(ATTEMPT, &name))?;
        names.insert(name);
    }
    if let Some(selector) = &request.selector {
        let selector: Selector = read(ATTEMPT, selector)?;
        let is_picked = |instance: &InstanceDesired| {
            let host = snapshot.desired().hosts.get(&instance.host);
            instance.removal.is_none() && host.is_some_and(|host| selector.matches(&host.labels))
        };
        let picked = snapshot.desired().instances.iter().filter(|(_, instance)| is_picked(instance));
        names.extend(picked.map(|(name, _)| name.clone()));
    }
    match names.is_empty() {
        true => Err(refuse(ATTEMPT, CallRefusal::NoInstanceNamed, Hint::NameInstances)),
        false => Ok(names),
    }
}

/// Returns the repositories of the instance's policy; without one, the coordinator's.
pub fn usual(snapshot: &StateSnapshot, name: &InstanceName) -> BTreeSet<RepositoryName> {
    let policy = snapshot.desired().policy_of(name);
    policy.map_or_else(|| [RepositoryDesired::central()].into(), |(_, policy)| policy.to.clone())
}

pub fn check_repositories(
    snapshot: &StateSnapshot,
    attempt: Attempt,
    names: &BTreeSet<RepositoryName>,
) -> Result<(), Status> {
    let unknown = names.iter().find(|name| !snapshot.desired().repositories.contains_key(*name));
    match unknown {
        Some(name) => Err(absent(attempt, NamedKind::Repository, name, Hint::SeeRepositories)),
        None => Ok(()),
    }
}

/// Refuses repositories that a host's own policy, as last reported, does not allow for backups.
pub fn check_host<'a>(
    snapshot: &StateSnapshot,
    attempt: Attempt,
    host: &HostName,
    names: impl IntoIterator<Item = &'a RepositoryName>,
) -> Result<(), Status> {
    let Some(policy) = snapshot.observed().hosts.get(host).map(|seen| &seen.said.policy) else { return Ok(()) };
    let refusals: Vec<PolicyRefusal> = names.into_iter().flat_map(|name| refusals(snapshot, policy, name)).collect();
    if refusals.is_empty() {
        return Ok(());
    }
    let (refusals, more) = first_of(refusals);
    let refusal = CallRefusal::PolicyForbids { host: host.clone(), more, refusals };
    Err(refuse(attempt, refusal, Hint::AskHostOwners(host.clone())))
}

/// Returns the hosts whose own policy does not allow some of these repositories.
pub fn objections<'a>(
    snapshot: &StateSnapshot,
    hosts: impl IntoIterator<Item = &'a HostName>,
    names: &BTreeSet<RepositoryName>,
) -> Vec<v1::HostObjection> {
    let objections = hosts.into_iter().filter_map(|host| {
        let policy = &snapshot.observed().hosts.get(host)?.said.policy;
        let (first, more) = first_of(names.iter().flat_map(|name| refusals(snapshot, policy, name)));
        (!first.is_empty()).then(|| v1::HostObjection {
            host: host.to_string(),
            refusals: first.into_iter().map(Into::into).collect(),
            more: u32::try_from(more).unwrap_or(u32::MAX),
        })
    });
    objections.take(HOSTS_NAMED).collect()
}

/// Returns the objections of a host's policy to a repository.
pub fn refusals(snapshot: &StateSnapshot, policy: &HostPolicy, name: &RepositoryName) -> Vec<PolicyRefusal> {
    let repository = snapshot.desired().repositories.get(name);
    repository.map_or_else(Vec::new, |it| coded(&policy.refusals(&Reaches::of_place(name, &it.place))))
}

/// The stores that a backup will not have, as their host last said.
fn uncovered_now(snapshot: &StateSnapshot, name: &InstanceName) -> Vec<PlannedChange> {
    let coverage = snapshot.said(name).and_then(|said| said.coverage.as_ref());
    let stores = coverage.map(|coverage| coverage.stores.as_slice()).unwrap_or_default();
    let missing = stores.iter().filter_map(|store| match &store.state {
        StoreState::Missing { reason } => {
            Some(PlannedChange::StoreNotCovered { store: store.name.clone(), reason: reason.clone() })
        }
        StoreState::Covered | StoreState::Derivable => None,
    });
    missing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, memory, read, release, wanted};
    use fleet_core::backup::BackupSource;
    use fleet_core::order::Outcome;
    use fleet_core::release::Goal;

    #[tokio::test]
    async fn a_return_is_pending_until_its_release_is_the_wanted_one() {
        let name: InstanceName = read("notes-1");
        let from = BackupSource {
            repository: read("central"),
            instance: name.clone(),
            backup: read("0123456789abcdef01234567"),
            snapshots: None,
        };
        let plain = DataAction::Restore {
            from,
            only: [].into(),
            safety: [].into(),
            goal: None,
            replaces: None,
            others: Default::default(),
            privileges: Default::default(),
        };
        let mut back = plain.clone();
        back.return_from(release("1.2"), Goal { release: release("1.1"), revision: 2 });
        for (action, is_free) in [(plain, true), (back, false)] {
            let facts = memory().with("lab-1", "notes-1").await;
            let request = DataRequest { serial: 1, action, at: NOW };
            let instance = InstanceDesired { data: Some(request.clone()), ..wanted("lab-1") };
            let id = data_order_id(&name, &instance, &request);
            facts.desire(|change| change.put_instance(&name, instance)).await;
            facts.desire(|change| assert!(free(change, Attempt::BackUp, &name).is_err(), "it has not begun")).await;
            facts.hear_outcome(&read("lab-1"), id, name.clone(), Outcome::Done, NOW).await.expect("it is its own");
            facts.desire(|change| assert_eq!(free(change, Attempt::BackUp, &name).is_ok(), is_free)).await;
        }
    }
}

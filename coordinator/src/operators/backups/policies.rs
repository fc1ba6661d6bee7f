//! Policies: setting, listing and removing them.

use super::requests::{check_repositories, objections};
use crate::clock;
use crate::facts::{DesiredChange, StateSnapshot};
use crate::operators::request::{ChangeError, absent, read, unreadable};
use crate::operators::service::OperatorsService;
use crate::operators::subject::no_instance;
use crate::rpc_status::refuse;
use fleet_core::access::Role;
use fleet_core::backup::{BackupPolicy, Keep, RepositoryDesired, Schedule, Zone};
use fleet_core::event::EventKind;
use fleet_core::facts::{DataConcurrency, Desired};
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName, OperatorName, PolicyName};
use fleet_core::refused_call::{Attempt, BackupRefusal, CallRefusal, CountedThing, NamedKind, first_of};
use fleet_core::time::Time;
use fleet_core::units::{Period, Size};
use fleet_proto::v1;
use std::collections::BTreeSet;
use tonic::Status;

const ATTEMPT: Attempt = Attempt::SetPolicy;
/// No fleet has more.
const POLICIES: usize = 200;
/// Maximum number of instances that an event names.
const NAMED: usize = 16;
const AT_ONCE: u32 = 10_000;

impl OperatorsService {
    pub async fn set_policy_as(
        &self,
        by: &OperatorName,
        role: Role,
        request: v1::SetPolicyRequest,
    ) -> Result<v1::BackupPolicyView, Status> {
        let name: PolicyName = read(ATTEMPT, &request.name)?;
        let now = clock::now();
        // A limit of zero would silently stop all backups.
        if let Some(at_once) = request.fleet_at_once.filter(|at_once| !(1..=AT_ONCE).contains(at_once)) {
            let field = "fleet_at_once".to_owned();
            let refusal = CallRefusal::OutOfRange { field, number: at_once, least: 1, most: AT_ONCE };
            return Err(refuse(ATTEMPT, refusal, Hint::RemovePolicy));
        }
        if request.dry_run {
            let snapshot = self.shared.facts.read();
            let policy = settled(&snapshot, &name, &request)?;
            shortened(&snapshot, (&name, &policy), role, now)?;
            let after = snapshot.desired().with_policy(&name, &policy);
            return Ok(view_with_objections(&snapshot, &after, (&name, &policy), now));
        }
        let change = |change: &mut DesiredChange<'_>| {
            let policy = settled(change.snapshot(), &name, &request)?;
            let before = change.snapshot().desired().policies.get(&name);
            if before.is_none() && change.snapshot().desired().policies.len() >= POLICIES {
                let refusal = CallRefusal::TooMany { what: CountedThing::Policies, limit: POLICIES };
                return Err(refuse(ATTEMPT, refusal, Hint::RemovePolicyFirst).into());
            }
            if before != Some(&policy) {
                let is_new = before.is_none();
                let mut fewer = shortened(change.snapshot(), (&name, &policy), role, now)?;
                fewer.truncate(NAMED);
                let by = by.clone();
                let is_harmless = is_new && fewer.is_empty();
                let kind = if is_harmless { EventKind::Added { by } } else { EventKind::PolicyChanged { by, fewer } };
                change.put_policy(&name, policy);
                change.tell(&name, kind);
            }
            if let Some(at_once) = request.fleet_at_once {
                change.put_at_once(DataConcurrency(at_once));
            }
            Ok::<_, ChangeError>(())
        };
        self.change(now, change).await?;
        let snapshot = self.shared.facts.read();
        let policy = snapshot.desired().policies.get(&name).ok_or_else(|| no_policy(ATTEMPT, &name))?;
        Ok(view_with_objections(&snapshot, snapshot.desired(), (&name, policy), now))
    }

    pub fn list_policies_now(
        &self,
        request: &v1::ListPoliciesRequest,
        now: Time,
    ) -> Result<v1::BackupPolicyList, Status> {
        let snapshot = self.shared.facts.read();
        let is_meant = |name: &PolicyName| request.name.is_empty() || name.as_str() == request.name;
        let chosen = snapshot.desired().policies.iter().filter(|(name, _)| is_meant(name));
        let policies: Vec<_> = chosen.map(|(name, policy)| view(snapshot.desired(), name, policy, now)).collect();
        if policies.is_empty() && !request.name.is_empty() {
            let name: PolicyName = read(Attempt::ShowPolicy, &request.name)?;
            return Err(no_policy(Attempt::ShowPolicy, &name));
        }
        Ok(v1::BackupPolicyList { policies, fleet_at_once: snapshot.desired().at_once.0 })
    }

    pub async fn remove_policy_as(
        &self,
        by: &OperatorName,
        request: &v1::RemovePolicyRequest,
    ) -> Result<v1::RemovePolicyReply, Status> {
        const ATTEMPT: Attempt = Attempt::RemovePolicy;
        let name: PolicyName = read(ATTEMPT, &request.name)?;
        let change = |change: &mut DesiredChange<'_>| {
            if !change.snapshot().desired().policies.contains_key(&name) {
                return Err(no_policy(ATTEMPT, &name).into());
            }
            change.remove_policy(&name);
            change.tell(&name, EventKind::PolicyRemoved { by: by.clone() });
            Ok::<_, ChangeError>(())
        };
        self.change(clock::now(), change).await?;
        let snapshot = self.shared.facts.read();
        let without = snapshot.desired().instances.keys().filter(|name| snapshot.desired().policy_of(name).is_none());
        Ok(v1::RemovePolicyReply { without: without.map(ToString::to_string).collect() })
    }
}

/// The instances of which a policy keeps fewer backups than are kept now: only an administrator may have that.
fn shortened(
    snapshot: &StateSnapshot,
    (name, policy): (&PolicyName, &BackupPolicy),
    role: Role,
    now: Time,
) -> Result<Vec<InstanceName>, Status> {
    let names = snapshot.desired().shortened_by(name, policy, snapshot.observed(), now);
    if names.is_empty() || role >= Role::Administrator {
        return Ok(names);
    }
    let (instances, more) = first_of(names);
    Err(refuse(ATTEMPT, BackupRefusal::FewerBackups { more, instances }, Hint::SeeRemainingBackups))
}

fn no_policy(attempt: Attempt, name: &PolicyName) -> Status {
    absent(attempt, NamedKind::Policy, name, Hint::SeePolicies)
}

/// Returns a policy after a request: settings that it does not mention keep their value or get the default.
fn settled(
    snapshot: &StateSnapshot,
    name: &PolicyName,
    request: &v1::SetPolicyRequest,
) -> Result<BackupPolicy, Status> {
    let before = snapshot.desired().policies.get(name).cloned();
    let is_new = before.is_none();
    let mut policy = before.unwrap_or_else(usual);
    policy.schedule = schedule(&policy.schedule, request)?;
    policy.keep = keep(policy.keep, request, is_new);
    if let Some(text) = &request.max_age {
        policy.max_age = read(ATTEMPT, text)?;
    }
    if let Some(text) = &request.drill {
        policy.drill = often(text)?;
    }
    set(&mut policy.window, request.window.as_deref(), |text| read(ATTEMPT, text))?;
    set(&mut policy.limit_rate, request.limit_rate.as_deref(), |text| Ok(read::<Size>(ATTEMPT, text)?.bytes()))?;
    set(&mut policy.deadline, request.deadline.as_deref(), |text| read(ATTEMPT, text))?;
    set(&mut policy.spread, request.spread.as_deref(), |text| read(ATTEMPT, text))?;
    if !request.to.is_empty() {
        policy.to = request.to.iter().map(|name| read(ATTEMPT, name)).collect::<Result<_, _>>()?;
    }
    give(snapshot, &mut policy, request)?;
    check_repositories(snapshot, ATTEMPT, &policy.to)?;
    policy.check().map_err(|error| unreadable(ATTEMPT, error, None))?;
    Ok(policy)
}

fn usual() -> BackupPolicy {
    BackupPolicy {
        schedule: "@daily".parse().expect("it is a schedule"),
        keep: Keep { last: 3, daily: 7, weekly: 5, monthly: 12, ..Keep::default() },
        max_age: Period::from_secs(26 * 3600),
        drill: Some(Period::from_secs(7 * 86_400)),
        window: None,
        limit_rate: None,
        deadline: None,
        spread: None,
        to: [RepositoryDesired::central()].into(),
        selector: None,
        instances: BTreeSet::new(),
    }
}

fn schedule(before: &Schedule, request: &v1::SetPolicyRequest) -> Result<Schedule, Status> {
    let zone: Zone = match &request.time_zone {
        Some(text) => read(ATTEMPT, text)?,
        None => before.zone().clone(),
    };
    let pattern = request.schedule.as_deref().unwrap_or(before.pattern());
    Schedule::new(pattern, zone).map_err(|error| unreadable(ATTEMPT, error, None))
}

/// Returns the retention of a policy. A request that sets one number for a new policy sets all of them.
fn keep(before: Keep, request: &v1::SetPolicyRequest, is_new: bool) -> Keep {
    let said = [
        request.keep_last,
        request.keep_hourly,
        request.keep_daily,
        request.keep_weekly,
        request.keep_monthly,
        request.keep_yearly,
    ];
    let before = if is_new && said.iter().any(Option::is_some) { Keep::default() } else { before };
    let [last, hourly, daily, weekly, monthly, yearly] = said;
    Keep {
        last: last.unwrap_or(before.last),
        hourly: hourly.unwrap_or(before.hourly),
        daily: daily.unwrap_or(before.daily),
        weekly: weekly.unwrap_or(before.weekly),
        monthly: monthly.unwrap_or(before.monthly),
        yearly: yearly.unwrap_or(before.yearly),
    }
}

fn often(text: &str) -> Result<Option<Period>, Status> {
    let days = |days: u64| Ok(Some(Period::from_secs(days * 86_400)));
    match text {
        "never" | "" => Ok(None),
        "hourly" => Ok(Some(Period::from_secs(3600))),
        "daily" => days(1),
        "weekly" => days(7),
        "monthly" => days(30),
        other => read(ATTEMPT, other).map(Some),
    }
}

/// The empty text unsets.
fn set<T>(
    place: &mut Option<T>,
    said: Option<&str>,
    read: impl FnOnce(&str) -> Result<T, Status>,
) -> Result<(), Status> {
    match said {
        None => {}
        Some("") => *place = None,
        Some(text) => *place = Some(read(text)?),
    }
    Ok(())
}

fn give(snapshot: &StateSnapshot, policy: &mut BackupPolicy, request: &v1::SetPolicyRequest) -> Result<(), Status> {
    if request.for_others {
        (policy.selector, policy.instances) = (None, BTreeSet::new());
    }
    if let Some(text) = &request.selector {
        policy.selector = Some(read(ATTEMPT, text)?);
    }
    for name in &request.instances {
        let name: InstanceName = read(ATTEMPT, name)?;
        snapshot.instance(&name).ok_or_else(|| no_instance(ATTEMPT, &name))?;
        policy.instances.insert(name);
    }
    Ok(())
}

/// Adds the hosts whose own policy does not allow its repositories: their backups will fail with that reason.
fn view_with_objections(
    snapshot: &StateSnapshot,
    desired: &Desired,
    (name, policy): (&PolicyName, &BackupPolicy),
    now: Time,
) -> v1::BackupPolicyView {
    let view = view(desired, name, policy, now);
    let instances = view.instances.iter().filter_map(|instance| instance.parse::<InstanceName>().ok());
    let hosts: BTreeSet<HostName> = instances.filter_map(|it| Some(snapshot.instance(&it)?.host.clone())).collect();
    v1::BackupPolicyView { objections: objections(snapshot, &hosts, &policy.to), ..view }
}

fn view(desired: &Desired, name: &PolicyName, policy: &BackupPolicy, now: Time) -> v1::BackupPolicyView {
    let has = |instance: &&InstanceName| desired.policy_of(instance).is_some_and(|(other, _)| other == name);
    let period = |period: Option<Period>| period.map(|period| period.to_string()).unwrap_or_default();
    v1::BackupPolicyView {
        name: name.to_string(),
        schedule: policy.schedule.to_string(),
        keep: policy.keep.to_string(),
        max_age: policy.max_age.to_string(),
        drill: period(policy.drill),
        window: policy.window.as_ref().map(ToString::to_string).unwrap_or_default(),
        limit_rate: policy.limit_rate.unwrap_or_default(),
        deadline: period(policy.deadline),
        spread: period(policy.spread),
        to: policy.to.iter().map(ToString::to_string).collect(),
        given_to: given_to(policy),
        instances: desired.instances.keys().filter(has).map(ToString::to_string).collect(),
        next_ms: policy.schedule.next(now).map_or(0, |at| at.0),
        objections: Vec::new(),
    }
}

fn given_to(policy: &BackupPolicy) -> String {
    let selector = policy.selector.as_ref().map(|selector| match selector.to_string().as_str() {
        "" => "all".to_owned(),
        text => text.to_owned(),
    });
    let names = policy.instances.iter().map(ToString::to_string);
    selector.into_iter().chain(names).collect::<Vec<_>>().join(", ")
}

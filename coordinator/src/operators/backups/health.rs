//! Health of each instance's backups, as shown to operators.

use crate::facts::StateSnapshot;
use crate::operators::request::read;
use crate::operators::service::OperatorsService;
use crate::operators::subject::no_instance;
use crate::operators::views::instance::plan_context;
use crate::rpc_status::refuse;
use fleet_core::backup_health::{BackupHealth, HealthLevel, Next};
use fleet_core::facts::{InstanceDesired, LinkState};
use fleet_core::hint::Hint;
use fleet_core::labels::Selector;
use fleet_core::names::InstanceName;
use fleet_core::plan::PlanContext;
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_core::time::Time;
use fleet_proto::v1;
use tonic::Status;

impl OperatorsService {
    pub fn backup_health_now(
        &self,
        request: &v1::GetBackupHealthRequest,
        now: Time,
    ) -> Result<v1::BackupHealthList, Status> {
        const ATTEMPT: Attempt = Attempt::ShowBackupHealth;
        let selector: Selector = read(ATTEMPT, &request.selector)?;
        let snapshot = self.shared.facts.read();
        if !request.instance.is_empty() {
            let name: InstanceName = read(ATTEMPT, &request.instance)?;
            snapshot.instance(&name).ok_or_else(|| no_instance(ATTEMPT, &name))?;
        }
        let plan_context = plan_context(&snapshot, now);
        let views = BackupHealthViews { snapshot: &snapshot, plan_context: &plan_context };
        let is_chosen = |(name, instance): &(&InstanceName, &InstanceDesired)| {
            let labels = snapshot.desired().hosts.get(&instance.host).map(|host| &host.labels);
            let is_named = request.instance.is_empty() || name.as_str() == request.instance;
            is_named && labels.is_some_and(|labels| selector.matches(labels))
        };
        let chosen = snapshot.desired().instances.iter().filter(is_chosen);
        if !request.selector.is_empty() && snapshot.desired().instances.iter().all(|one| !is_chosen(&one)) {
            let refusal = CallRefusal::NoneSelected { selector: selector.to_string() };
            return Err(refuse(ATTEMPT, refusal, Hint::SeeHostLabels));
        }
        let mut found: Vec<_> = chosen.filter_map(|(name, _)| Some((plan_context.health(name)?, name))).collect();
        found.sort_by(|(a, x), (b, y)| order(a).cmp(&order(b)).then_with(|| x.cmp(y)));
        let instances = found.iter().map(|(health, name)| views.view(name, health)).collect();
        Ok(v1::BackupHealthList { now_ms: now.0, instances })
    }
}

impl OperatorsService {
    pub fn backup_health_of(&self, name: &InstanceName, now: Time) -> Option<v1::BackupHealthView> {
        let snapshot = self.shared.facts.read();
        let plan_context = plan_context(&snapshot, now);
        BackupHealthViews { snapshot: &snapshot, plan_context: &plan_context }.of(name)
    }
}

/// The worst first, and of those the one whose newest backup is the oldest.
fn order(health: &BackupHealth) -> (HealthLevel, Option<Time>) {
    (health.word, health.newest.as_ref().map(|(_, seen)| seen.began))
}

/// Returns the number of instances at each level of backup health.
pub fn tally(snapshot: &StateSnapshot, plan_context: &PlanContext<'_>) -> v1::BackupTally {
    let mut tally = v1::BackupTally { has_policy: !snapshot.desired().policies.is_empty(), ..Default::default() };
    for health in snapshot.desired().instances.keys().filter_map(|name| plan_context.health(name)) {
        let count = match health.word {
            HealthLevel::Ok => &mut tally.ok,
            HealthLevel::Uncovered => &mut tally.uncovered,
            HealthLevel::Late => &mut tally.late,
            HealthLevel::Failing => &mut tally.failing,
            HealthLevel::Never => &mut tally.never,
        };
        *count += 1;
    }
    tally
}

struct BackupHealthViews<'a> {
    snapshot: &'a StateSnapshot,
    plan_context: &'a PlanContext<'a>,
}

impl BackupHealthViews<'_> {
    fn of(&self, name: &InstanceName) -> Option<v1::BackupHealthView> {
        Some(self.view(name, &self.plan_context.health(name)?))
    }

    fn view(&self, name: &InstanceName, health: &BackupHealth) -> v1::BackupHealthView {
        let host = self.snapshot.instance(name).map(|instance| &instance.host);
        let seen = host.and_then(|host| self.snapshot.observed().hosts.get(host));
        let newest = health.newest.as_ref();
        let copies = health.copies.iter().map(|copy| v1::CopyView {
            repository: copy.repository.to_string(),
            newest_ms: copy.newest.map_or(0, |at| at.0),
            proof_ms: copy.proven.map_or(0, |at| at.0),
            late: copy.is_late,
            asked: copy.is_asked,
            problems: copy.problems.iter().cloned().map(Into::into).collect(),
        });
        v1::BackupHealthView {
            instance: name.to_string(),
            host: host.map(ToString::to_string).unwrap_or_default(),
            host_online: seen.is_some_and(|seen| seen.link == LinkState::Online),
            word: v1::BackupLevel::from(health.word).into(),
            reasons: health.reasons.iter().cloned().map(Into::into).collect(),
            policy: health.policy.as_ref().map(ToString::to_string).unwrap_or_default(),
            newest_ms: newest.map_or(0, |(_, seen)| seen.began.0),
            newest: newest.map(|(key, _)| key.backup.to_string()).unwrap_or_default(),
            proven_ms: health.proven.as_ref().map_or(0, |(began, _)| began.0),
            proven: health.proven.as_ref().map(|(_, id)| id.to_string()).unwrap_or_default(),
            proof_ms: health.proof.map_or(0, |at| at.0),
            bytes: newest.map_or(0, |(_, seen)| seen.bytes),
            added: newest.map_or(0, |(_, seen)| seen.added),
            copies: copies.collect(),
            next: v1::NextBackup::from(health.next).into(),
            next_ms: next_moment(health.next),
            covered: health.covered,
            declared: health.declared,
        }
    }
}

fn next_moment(next: Option<Next>) -> u64 {
    match next {
        Some(Next::Running { since: at } | Next::Due { since: at } | Next::At { at: Some(at) }) => at.0,
        Some(Next::At { at: None }) | None => 0,
    }
}

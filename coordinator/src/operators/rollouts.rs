//! Starting, steering and showing rollouts.

use super::agreed::{Agreed, Once, plan_changed, used};
use super::asking::MembersAsked;
use super::proposals::{ATTEMPT, absent_rollout, leave_out, next_number, propose_in};
use super::request::{ChangeError, read};
use super::service::OperatorsService;
use super::views::instance::plan_context;
use super::views::rollout::{Detail, view};
use crate::clock;
use crate::facts::{DesiredChange, Started, StateSnapshot};
use crate::rpc_status::refuse;
use fleet_core::event::EventKind;
use fleet_core::hint::{Hint, LinkHint};
use fleet_core::names::{OperatorName, RolloutId};
use fleet_core::plan::{RolloutPhase, phase};
use fleet_core::proposal::Proposal;
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_core::rollout::{Rollout, RolloutIntent};
use fleet_core::time::Time;
use fleet_proto::v1::{self, SteerAction};
use std::cmp::Reverse;
use std::collections::HashMap;
use tonic::Status;

impl OperatorsService {
    pub async fn start_rollout_as(
        &self,
        by: &OperatorName,
        request: v1::ProposeRolloutRequest,
    ) -> Result<v1::RolloutView, Status> {
        let agreed = Agreed::read(ATTEMPT, request.agreed.clone())?;
        match self.once(ATTEMPT, by, &agreed, self.start_agreed(by, &request, &agreed)).await? {
            Once::New(id) | Once::Before(Started::Rollout(id)) => self.rollout_view(&id, clock::now()),
            Once::Before(Started::Change(_)) => Err(used(ATTEMPT)),
        }
    }

    async fn start_agreed(
        &self,
        by: &OperatorName,
        request: &v1::ProposeRolloutRequest,
        agreed: &Agreed,
    ) -> Result<RolloutId, Status> {
        let wanted = self.rollout_request(request)?;
        let now = clock::now();
        let proposal = propose_in(&self.shared.facts.read(), &wanted, now)?;
        self.check_values_first(by, &proposal).await?;
        let mut asked = self.ask_members(by, &proposal, &HashMap::new()).await?;
        let mut session = self.rendering(ATTEMPT, by).await?;
        let _one_at_a_time = self.claiming.lock().await;
        let (proposal, shown) = self.shown(&mut session, &wanted, &mut asked, now).await?;
        drop(session);
        agreed.check(ATTEMPT, &self.proposal_digest(request, &shown))?;
        let lost = self.lost_revisions(&proposal)?;
        let change = |change: &mut DesiredChange<'_>| {
            let mut again = propose_in(change.snapshot(), &wanted, now)?;
            leave_out(ATTEMPT, &mut again, &asked.refused)?;
            if again != proposal {
                return Err(plan_changed(ATTEMPT).into());
            }
            agreed.check_unused(ATTEMPT, change.snapshot())?;
            lost.forget_in(&mut again);
            let id = begin(change, again, by, &asked)?;
            agreed.note(change, by, Started::Rollout(id.clone()));
            Ok::<_, ChangeError>(id)
        };
        Ok(self.shared.facts.change_desired(now, change).await?.0)
    }

    pub async fn steer_as(
        &self,
        by: &OperatorName,
        request: v1::SteerRolloutRequest,
    ) -> Result<v1::RolloutView, Status> {
        let id: RolloutId = read(Attempt::SteerRollout, &request.id)?;
        let action = request.action();
        let operator = by.clone();
        let (steer, kind): (Steer, _) = match action {
            SteerAction::Pause => (paused, EventKind::RolloutPaused { by: operator }),
            SteerAction::Resume => (resumed, EventKind::RolloutResumed { by: operator }),
            SteerAction::Abort => (aborted, EventKind::RolloutAborted { by: operator }),
            SteerAction::Undo => return self.undo_as(by, &id).await,
            SteerAction::Unspecified => {
                let unknown = CallRefusal::UnknownValue { field: "action".to_owned() };
                return Err(refuse(Attempt::SteerRollout, unknown, LinkHint::UpgradeCoordinator));
            }
        };
        let now = clock::now();
        let change = |change: &mut DesiredChange<'_>| {
            let rollout = change.snapshot().desired().rollouts.get(&id).cloned();
            let rollout = rollout.ok_or_else(|| absent_rollout(Attempt::SteerRollout, id.as_str()))?;
            let steered = steer(change.snapshot(), rollout, now)?;
            change.tell(&id, kind.clone());
            change.put_rollout(steered);
            Ok::<_, ChangeError>(id.clone())
        };
        let (id, _) = self.shared.facts.change_desired(now, change).await?;
        self.rollout_view(&id, clock::now())
    }

    pub fn list_rollouts_now(&self, request: &v1::ListRolloutsRequest, now: Time) -> v1::RolloutList {
        let snapshot = self.shared.facts.read();
        let plan_context = plan_context(&snapshot, now);
        let is_chosen = |rollout: &&Rollout| request.app.is_empty() || rollout.app.as_str() == request.app;
        let mut chosen: Vec<&Rollout> = snapshot.desired().rollouts.values().filter(is_chosen).collect();
        chosen.sort_by_key(|rollout| Reverse(rollout.created));
        let rollouts = chosen.into_iter().map(|rollout| view(&snapshot, &plan_context, rollout, Detail::Summary));
        v1::RolloutList { rollouts: rollouts.collect() }
    }

    pub fn show_rollout_now(&self, request: &v1::ShowRolloutRequest, now: Time) -> Result<v1::RolloutView, Status> {
        let newest = || {
            let snapshot = self.shared.facts.read();
            snapshot.desired().rollouts.values().max_by_key(|rollout| rollout.created).map(|rollout| rollout.id.clone())
        };
        let id = match request.id.as_str() {
            "" => newest().ok_or_else(|| absent_rollout(Attempt::ShowRollout, ""))?,
            id => read(Attempt::ShowRollout, id)?,
        };
        self.rollout_view(&id, now)
    }

    pub fn rollout_view(&self, id: &RolloutId, now: Time) -> Result<v1::RolloutView, Status> {
        let snapshot = self.shared.facts.read();
        let rollout = snapshot.desired().rollouts.get(id);
        let rollout = rollout.ok_or_else(|| absent_rollout(Attempt::ShowRollout, id.as_str()))?;
        Ok(view(&snapshot, &plan_context(&snapshot, now), rollout, Detail::Full))
    }
}

pub fn begin(
    change: &mut DesiredChange<'_>,
    proposal: Proposal,
    by: &OperatorName,
    asked: &MembersAsked,
) -> Result<RolloutId, Status> {
    let app = &proposal.to.name.app;
    let id: RolloutId = read(ATTEMPT, &format!("{app}-{}", next_number(change.snapshot(), app)))?;
    let (release, members) = (proposal.to.name.clone(), proposal.members.len());
    change.tell(&id, EventKind::RolloutStarted { release, members, by: by.clone() });
    if let Some(kind) = asked.undeliverable(&proposal) {
        change.tell(&id, kind);
    }
    change.put_rollout(proposal.into_rollout(id.clone(), by.clone(), change.now));
    Ok(id)
}

fn phase_of(snapshot: &StateSnapshot, rollout: &Rollout, now: Time) -> RolloutPhase {
    phase(rollout, snapshot.desired(), snapshot.asked(), snapshot.observed(), now)
}

/// Checks a rollout, and returns it with another intent.
type Steer = fn(&StateSnapshot, Rollout, Time) -> Result<Rollout, Status>;

fn paused(snapshot: &StateSnapshot, rollout: Rollout, now: Time) -> Result<Rollout, Status> {
    refuse_over(snapshot, &rollout, Attempt::PauseRollout, now)?;
    Ok(Rollout { intent: RolloutIntent::Pause, ..rollout })
}

fn aborted(snapshot: &StateSnapshot, rollout: Rollout, now: Time) -> Result<Rollout, Status> {
    refuse_over(snapshot, &rollout, Attempt::AbortRollout, now)?;
    Ok(Rollout { intent: RolloutIntent::Abort, ..rollout })
}

/// Returns the halted rollout as resumed: failed members get another attempt.
fn resumed(snapshot: &StateSnapshot, rollout: Rollout, now: Time) -> Result<Rollout, Status> {
    refuse_over(snapshot, &rollout, Attempt::ResumeRollout, now)?;
    let wanted = rollout.intent;
    let running = Rollout { intent: RolloutIntent::Run, ..rollout };
    match (phase_of(snapshot, &running, now), wanted) {
        (RolloutPhase::Halted { .. }, _) => Ok(running.with_next_attempt()),
        (_, RolloutIntent::Pause) => Ok(running),
        (_, RolloutIntent::Run | RolloutIntent::Abort) => {
            let hint = Hint::ExplainRollout(running.id.clone());
            Err(refuse(Attempt::ResumeRollout, CallRefusal::RolloutRuns, hint))
        }
    }
}

fn refuse_over(snapshot: &StateSnapshot, rollout: &Rollout, attempt: Attempt, now: Time) -> Result<(), Status> {
    match phase_of(snapshot, rollout, now) {
        RolloutPhase::Done | RolloutPhase::Aborted => {
            let hint = Hint::ShowRollout(rollout.id.clone());
            Err(refuse(attempt, CallRefusal::RolloutOver, hint))
        }
        RolloutPhase::Running
        | RolloutPhase::Soaking { .. }
        | RolloutPhase::OutsideWindow { .. }
        | RolloutPhase::Paused
        | RolloutPhase::Halted { .. }
        | RolloutPhase::DoneButOffline { .. } => Ok(()),
    }
}

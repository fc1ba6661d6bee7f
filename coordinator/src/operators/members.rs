//! Steering one member of a rollout: it is tried again, or left out from now on.

use super::agreed::{Agreed, Once, used};
use super::proposals::absent_rollout;
use super::request::{ChangeError, read};
use super::service::OperatorsService;
use super::views::instance::plan_context;
use super::views::rollout::{Detail, member_view, view};
use crate::clock;
use crate::facts::{DesiredChange, Started, StateSnapshot};
use crate::rpc_status::refuse;
use fleet_core::event::EventKind;
use fleet_core::hint::{Hint, LinkHint};
use fleet_core::names::{InstanceName, OperatorName, RolloutId};
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_core::rollout::{Rollout, Skip, SkipReason};
use fleet_core::time::Time;
use fleet_proto::v1::{self, MemberAction};
use prost::Message;
use tonic::Status;

/// Parsed request about a member.
struct MemberRequest {
    attempt: Attempt,
    /// Without an id, the newest rollout that is not over and has the instance.
    rollout: Option<RolloutId>,
    instance: InstanceName,
    /// Of a skip: the record of it. Without one, the member is tried again.
    skip: Option<Skip>,
    by: OperatorName,
    now: Time,
}

/// A rollout with the change, and the member as it was before.
struct MemberPlan {
    rollout: Rollout,
    member: v1::MemberView,
    digest: String,
}

impl OperatorsService {
    pub async fn steer_member_as(
        &self,
        by: &OperatorName,
        mut asked: v1::SteerMemberRequest,
    ) -> Result<v1::MemberChange, Status> {
        let request = MemberRequest::read(&asked, by, clock::now())?;
        let (attempt, given) = (request.attempt, asked.agreed.take());
        let Some(agreed) = Agreed::unless_dry_run(attempt, asked.dry_run, given)? else {
            let snapshot = self.shared.facts.read();
            let MemberPlan { rollout, member, digest } = self.member_plan(&snapshot, &asked, &request)?;
            let after = view(&snapshot, &plan_context(&snapshot, request.now), &rollout, Detail::Summary);
            return Ok(v1::MemberChange { rollout: Some(after), member: Some(member), plan_digest: digest });
        };
        let id = match self.once(attempt, by, &agreed, self.steer_agreed(&asked, &request, &agreed)).await? {
            Once::New(id) | Once::Before(Started::Rollout(id)) => id,
            Once::Before(Started::Change(_)) => return Err(used(attempt)),
        };
        let rollout = v1::RolloutView { members: Vec::new(), ..self.rollout_view(&id, clock::now())? };
        Ok(v1::MemberChange { rollout: Some(rollout), ..v1::MemberChange::default() })
    }

    async fn steer_agreed(
        &self,
        asked: &v1::SteerMemberRequest,
        request: &MemberRequest,
        agreed: &Agreed,
    ) -> Result<RolloutId, Status> {
        let change = |change: &mut DesiredChange<'_>| {
            let MemberPlan { rollout, digest, .. } = self.member_plan(change.snapshot(), asked, request)?;
            agreed.check(request.attempt, &digest)?;
            agreed.check_unused(request.attempt, change.snapshot())?;
            let id = rollout.id.clone();
            change.tell(&id, request.event());
            change.put_rollout(rollout);
            agreed.note(change, &request.by, Started::Rollout(id.clone()));
            Ok::<_, ChangeError>(id)
        };
        Ok(self.shared.facts.change_desired(request.now, change).await?.0)
    }

    fn member_plan(
        &self,
        snapshot: &StateSnapshot,
        asked: &v1::SteerMemberRequest,
        request: &MemberRequest,
    ) -> Result<MemberPlan, Status> {
        let plan_context = plan_context(snapshot, request.now);
        let before = match &request.rollout {
            Some(id) => snapshot.desired().rollouts.get(id),
            None => plan_context.active_rollout_of(&request.instance),
        };
        let before = before.ok_or_else(|| request.without_rollout())?;
        let rollout = match &request.skip {
            Some(skip) => plan_context.skip(before, &request.instance, skip.clone()),
            None => plan_context.retry(before, &request.instance),
        };
        let rollout = rollout.map_err(|refusal| request.refused(refusal.into(), before))?;
        let progress = plan_context.progress(before);
        let member = progress.members().find(|(member, _)| member.instance == request.instance);
        let member = member.map(|(member, state)| member_view(snapshot, before, member, state)).unwrap_or_default();
        let asked = v1::SteerMemberRequest { dry_run: false, agreed: None, ..asked.clone() };
        // A rollout that cannot be serialised makes the plan count as changed.
        let kept = serde_json::to_vec(before).unwrap_or_default();
        let parts = [b"member".as_slice(), &asked.encode_to_vec(), &member.encode_to_vec(), &kept];
        Ok(MemberPlan { rollout, member, digest: self.shared.values.digest(&parts) })
    }
}

impl MemberRequest {
    fn read(asked: &v1::SteerMemberRequest, by: &OperatorName, now: Time) -> Result<Self, Status> {
        let (attempt, skip) = match asked.action() {
            MemberAction::Retry => (Attempt::RetryMember, None),
            MemberAction::Skip => {
                let reason: SkipReason = read(Attempt::SkipMember, &asked.reason)?;
                (Attempt::SkipMember, Some(Skip { by: by.clone(), at: now, reason }))
            }
            MemberAction::Unspecified => {
                let unknown = CallRefusal::UnknownValue { field: "action".to_owned() };
                return Err(refuse(Attempt::SteerRollout, unknown, LinkHint::UpgradeCoordinator));
            }
        };
        let rollout = (!asked.rollout.is_empty()).then(|| read(attempt, &asked.rollout)).transpose()?;
        Ok(Self { attempt, rollout, instance: read(attempt, &asked.instance)?, skip, by: by.clone(), now })
    }

    fn event(&self) -> EventKind {
        let (instance, by) = (self.instance.clone(), self.by.clone());
        match &self.skip {
            Some(skip) => EventKind::MemberSkipped { instance, by, reason: skip.reason.clone() },
            None => EventKind::MemberRetried { instance, by },
        }
    }

    fn without_rollout(&self) -> Status {
        match &self.rollout {
            Some(id) => absent_rollout(self.attempt, id.as_str()),
            None => {
                let refusal = CallRefusal::NoRolloutOf { instance: self.instance.clone() };
                refuse(self.attempt, refusal, Hint::SeeRollouts)
            }
        }
    }

    fn refused(&self, refusal: CallRefusal, rollout: &Rollout) -> Status {
        let is_in_doubt = matches!(refusal, CallRefusal::DataInDoubt { .. });
        let hint = match is_in_doubt {
            true => Hint::RestoreInstance(self.instance.clone()),
            false => Hint::ExplainRollout(rollout.id.clone()),
        };
        refuse(self.attempt, refusal, hint)
    }
}

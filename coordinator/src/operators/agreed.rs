//! Confirmed proposals: the plan that was shown is the plan that runs, and a request that is sent twice is one request.
//!
//! Each proposal has a digest over the request, everything that is shown, and the facts on which it is based. The start
//! sends that digest back; if it has changed, nothing is done.

use super::follow::RequestedAction;
use super::request::unreadable;
use super::service::OperatorsService;
use crate::facts::{DesiredChange, RequestRecord, Started, StateSnapshot};
use crate::rpc_status::refuse;
use fleet_core::facts::InstanceDesired;
use fleet_core::hint::Hint;
use fleet_core::names::{OperatorName, RequestId};
use fleet_core::planned_change::PlannedChange;
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_proto::v1;
use prost::Message;
use std::future::Future;
use tonic::Status;

/// Confirmation of a proposal, with the id of the request.
#[derive(Debug)]
pub struct Agreed {
    plan_digest: String,
    id: RequestId,
}

/// Result of a request.
pub enum Once<T> {
    New(T),
    /// The same request has been carried out before.
    Before(Started),
}

impl Agreed {
    /// Reads the confirmation that a start must contain.
    pub fn read(attempt: Attempt, agreed: Option<v1::AgreedPlan>) -> Result<Self, Status> {
        let agreed = agreed.ok_or_else(|| refuse(attempt, CallRefusal::NoPlan, Hint::AskForPlan))?;
        let id = agreed.request_id.parse().map_err(|error| unreadable(attempt, error, Hint::AskForPlan))?;
        Ok(Self { plan_digest: agreed.plan_digest, id })
    }

    /// Reads the same unless it is a dry run, for which there is nothing to agree to.
    pub fn unless_dry_run(
        attempt: Attempt,
        is_dry_run: bool,
        agreed: Option<v1::AgreedPlan>,
    ) -> Result<Option<Self>, Status> {
        if is_dry_run { Ok(None) } else { Self::read(attempt, agreed).map(Some) }
    }

    /// Refuses a plan that differs from the confirmed one.
    pub fn check(&self, attempt: Attempt, plan_digest: &str) -> Result<(), Status> {
        if self.plan_digest == plan_digest { Ok(()) } else { Err(plan_changed(attempt)) }
    }

    /// Refuses a request that has started something meanwhile.
    pub fn check_unused(&self, attempt: Attempt, snapshot: &StateSnapshot) -> Result<(), Status> {
        if snapshot.request(&self.id).is_some() { Err(used(attempt)) } else { Ok(()) }
    }

    /// Records the result of the request in the same commit.
    pub fn note(&self, change: &mut DesiredChange<'_>, by: &OperatorName, started: Started) {
        let (by, plan_digest, at) = (by.clone(), self.plan_digest.clone(), change.now);
        change.put_request(&self.id, RequestRecord { by, plan_digest, started, at });
    }
}

/// Returns the refusal of a plan that has changed.
pub fn plan_changed(attempt: Attempt) -> Status {
    refuse(attempt, CallRefusal::PlanChanged, Hint::SeePlanAgain)
}

/// Returns the refusal of a request id that was used for another request.
pub fn used(attempt: Attempt) -> Status {
    refuse(attempt, CallRefusal::RequestIdUsed, Hint::MakeRequestId)
}

/// Returns a plan as operators see it.
pub fn shown(plan: &[PlannedChange]) -> Vec<v1::PlannedChange> {
    plan.iter().cloned().map(Into::into).collect()
}

impl OperatorsService {
    /// Starts something, unless the same request has started it before or does so meanwhile.
    pub async fn once<T>(
        &self,
        attempt: Attempt,
        by: &OperatorName,
        agreed: &Agreed,
        start: impl Future<Output = Result<T, Status>>,
    ) -> Result<Once<T>, Status> {
        if let Some(started) = self.started_before(attempt, by, agreed)? {
            return Ok(Once::Before(started));
        }
        match start.await {
            Ok(new) => Ok(Once::New(new)),
            // The change may have been done already, by itself, so that its plan differs now.
            Err(error) => self.started_before(attempt, by, agreed)?.map(Once::Before).ok_or(error),
        }
    }

    fn started_before(&self, attempt: Attempt, by: &OperatorName, agreed: &Agreed) -> Result<Option<Started>, Status> {
        match self.shared.facts.read().request(&agreed.id) {
            None => Ok(None),
            Some(record) if record.by == *by && record.plan_digest == agreed.plan_digest => {
                Ok(Some(record.started.clone()))
            }
            Some(_) => Err(used(attempt)),
        }
    }

    /// Returns the answer to a change that the same request has started before, with the order that does it. Without
    /// `requested`, the change is one of data.
    pub async fn begun_before(
        &self,
        attempt: Attempt,
        started: Started,
        requested: Option<RequestedAction>,
    ) -> Result<v1::InstanceChange, Status> {
        let Started::Change(name) = started else { return Err(used(attempt)) };
        let order = match requested {
            Some(requested) => self.order_for(&name, requested).await,
            None => self.requested(&name).order,
        };
        let plan = vec![PlannedChange::BegunBefore(name.clone()).into()];
        Ok(v1::InstanceChange { instance: self.instance_view(&name), plan, order, ..Default::default() })
    }

    /// The digest of a rollout as it is shown.
    pub fn proposal_digest(&self, request: &v1::ProposeRolloutRequest, shown: &v1::Proposal) -> String {
        let request = v1::ProposeRolloutRequest { agreed: None, ..request.clone() };
        self.shared.values.digest(&[b"rollout", &request.encode_to_vec(), &shown.encode_to_vec()])
    }

    /// Returns the digest of a change of an instance: of the request, the shown plan, and the present desired state.
    pub fn change_digest(
        &self,
        request: &impl Message,
        plan: &[PlannedChange],
        now: Option<&InstanceDesired>,
    ) -> String {
        let plan = v1::InstanceChange { plan: shown(plan), ..Default::default() };
        // A state that cannot be serialised makes the plan count as changed.
        let now = now.map(|now| serde_json::to_vec(now).unwrap_or_default()).unwrap_or_default();
        self.shared.values.digest(&[b"change", &request.encode_to_vec(), &plan.encode_to_vec(), &now])
    }
}

//! Removing instances, with those of their volumes that are named.

use super::agreed::{Agreed, Once, plan_changed};
use super::claims::is_being_removed;
use super::follow::RequestedAction;
use super::instances::find_any;
use super::request::{ChangeError, read};
use super::service::OperatorsService;
use super::subject::Subject;
use crate::clock;
use crate::facts::{DesiredChange, Started, StateSnapshot};
use crate::rpc_status::refuse;
use fleet_core::event::EventKind;
use fleet_core::facts::{InstanceDesired, Removal};
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, OperatorName};
use fleet_core::order_summary::OrderSummary;
use fleet_core::planned_change::PlannedChange;
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_proto::v1;
use std::collections::BTreeSet;
use tonic::Status;

const ATTEMPT: Attempt = Attempt::RemoveInstance;

impl OperatorsService {
    pub async fn remove_as(
        &self,
        by: &OperatorName,
        mut request: v1::RemoveInstanceRequest,
    ) -> Result<v1::InstanceChange, Status> {
        let given = request.agreed.take();
        let Some(agreed) = Agreed::unless_dry_run(ATTEMPT, request.dry_run, given)? else {
            return self.remove_agreed(by, &request, None).await;
        };
        match self.once(ATTEMPT, by, &agreed, self.remove_agreed(by, &request, Some(&agreed))).await? {
            Once::New(change) => Ok(change),
            Once::Before(started) => self.begun_before(ATTEMPT, started, Some(RequestedAction::Removal)).await,
        }
    }

    async fn remove_agreed(
        &self,
        by: &OperatorName,
        request: &v1::RemoveInstanceRequest,
        agreed: Option<&Agreed>,
    ) -> Result<v1::InstanceChange, Status> {
        let name: InstanceName = read(ATTEMPT, &request.name)?;
        let subject = self.subject(ATTEMPT, &name)?;
        let volumes: BTreeSet<String> = request.volumes.iter().cloned().collect();
        let has = self.volumes_of(ATTEMPT, by, &subject).await?;
        if let Some(unknown) = volumes.iter().find(|volume| !has.contains(volume)) {
            let refusal = CallRefusal::NotAVolume { volume: unknown.clone(), instance: name };
            return Err(refuse(ATTEMPT, refusal, Hint::ChooseAmong(has)));
        }
        self.check_removal(by, &subject, &volumes).await?;
        let mut plan = vec![PlannedChange::ContainersRemoved];
        plan.extend(has.iter().cloned().map(|volume| match volumes.contains(&volume) {
            true => PlannedChange::VolumeDeleted(volume),
            false => PlannedChange::VolumeKept(volume),
        }));
        let asked = v1::RemoveInstanceRequest { dry_run: false, ..request.clone() };
        let plan_digest = self.change_digest(&asked, &plan, Some(&subject.desired));
        let Some(agreed) = agreed else {
            return Ok(v1::InstanceChange { plan_digest, ..self.changed(name, plan, None).await? });
        };
        agreed.check(ATTEMPT, &plan_digest)?;
        let change = |change: &mut DesiredChange<'_>| {
            let desired = find_any(change, ATTEMPT, &name)?;
            if desired != subject.desired {
                return Err(plan_changed(ATTEMPT).into());
            }
            let removal = next_removal(change.snapshot(), &name, desired.removal.as_ref(), volumes)?;
            agreed.check_unused(ATTEMPT, change.snapshot())?;
            if desired.removal.is_some() {
                change.forget_failures(&name);
            }
            change.put_instance(&name, InstanceDesired { removal: Some(removal), ..desired });
            let work = Box::new(OrderSummary::Remove);
            change.tell(&name, EventKind::WorkRequested { by: by.clone(), work });
            agreed.note(change, by, Started::Change(name.clone()));
            Ok::<_, ChangeError>(())
        };
        self.change(clock::now(), change).await?;
        self.changed(name, plan, Some(RequestedAction::Removal)).await
    }

    /// Refuses to delete a volume that another instance of the host has, too.
    async fn check_removal(
        &self,
        by: &OperatorName,
        subject: &Subject,
        volumes: &BTreeSet<String>,
    ) -> Result<(), Status> {
        for volume in volumes {
            let holders = self.holders_beside(by, subject.claimant(), volume).await?;
            if !holders.is_empty() {
                let refusal = CallRefusal::VolumeShared { volume: volume.clone(), holders };
                return Err(refuse(ATTEMPT, refusal, Hint::KeepVolume));
            }
        }
        Ok(())
    }
}

/// Returns the desired removal. If an earlier one has failed, this is another attempt with a new order: a host that
/// gets the same order again only repeats its end.
fn next_removal(
    snapshot: &StateSnapshot,
    name: &InstanceName,
    before: Option<&Removal>,
    volumes: BTreeSet<String>,
) -> Result<Removal, Status> {
    let Some(before) = before else { return Ok(Removal { volumes, attempt: 0 }) };
    if !is_being_removed(snapshot, name) {
        return Ok(Removal { volumes, attempt: before.attempt + 1 });
    }
    if before.volumes == volumes {
        return Ok(before.clone());
    }
    Err(refuse(ATTEMPT, CallRefusal::RemovalUnderWay { instance: name.clone() }, Hint::AwaitOrder(name.clone())))
}

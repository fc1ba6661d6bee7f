//! Listing and showing instances.

use super::request::read;
use super::service::OperatorsService;
use super::subject::no_instance;
use super::views::instance::{InstanceViews, plan_context};
use crate::rpc_status::refusal_of;
use crate::values::Values;
use fleet_core::facts::InstanceDesired;
use fleet_core::labels::Selector;
use fleet_core::names::{InstanceName, OperatorName};
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_core::time::Time;
use fleet_proto::v1;
use tonic::Status;

impl OperatorsService {
    pub async fn list_instances_now(
        &self,
        by: &OperatorName,
        request: &v1::ListInstancesRequest,
        now: Time,
    ) -> Result<v1::InstanceList, Status> {
        const ATTEMPT: Attempt = Attempt::ListInstances;
        let selector: Selector = read(ATTEMPT, &request.selector)?;
        let mut list = {
            let snapshot = self.shared.facts.read();
            let plan_context = plan_context(&snapshot, now);
            let views = InstanceViews::new(&snapshot, &plan_context);
            let is_chosen = |(name, instance): &(&InstanceName, &InstanceDesired)| {
                let labels =
                    snapshot.desired().hosts.get(&instance.host).map(|host| host.labels.clone()).unwrap_or_default();
                (request.name.is_empty() || name.as_str() == request.name)
                    && (request.app.is_empty() || instance.release.name.app.as_str() == request.app)
                    && selector.matches(&labels)
            };
            let chosen = snapshot.desired().instances.iter().filter(is_chosen);
            chosen.map(|(name, instance)| views.view(name, instance)).collect::<Vec<_>>()
        };
        if request.name.is_empty() {
            return Ok(v1::InstanceList { instances: list });
        }
        let name: InstanceName = read(ATTEMPT, &request.name)?;
        let Some(view) = list.first_mut() else { return Err(no_instance(Attempt::ShowInstance, &name)) };
        view.backup = self.backup_health_of(&name, now);
        self.add_detail(by, view, &name).await;
        Ok(v1::InstanceList { instances: list })
    }

    /// Adds the details of a single instance: its values and its volumes.
    async fn add_detail(&self, by: &OperatorName, view: &mut v1::InstanceView, name: &InstanceName) {
        const ATTEMPT: Attempt = Attempt::ShowInstance;
        let volumes = match self.subject(ATTEMPT, name) {
            Ok(subject) => self.volumes_of(ATTEMPT, by, &subject).await,
            Err(status) => Err(status),
        };
        match volumes {
            Ok(volumes) => view.volumes = volumes,
            Err(status) => view.not_known.push(not_known(v1::InstancePart::Volumes, refusal_of(&status))),
        }
        let revision = self.shared.facts.read().instance(name).map(|desired| desired.revision);
        let shown = revision.map(|revision| Values::shown(self.shared.facts.store(), name, revision)).transpose();
        match shown {
            Ok(shown) => view.values = shown.unwrap_or_default().into_iter().collect(),
            Err(error) => view.not_known.push({
                let problem = error.to_string();
                not_known(v1::InstancePart::Values, CallRefusal::Failed { problem })
            }),
        }
    }

    pub fn instance_view(&self, name: &InstanceName) -> Option<v1::InstanceView> {
        let snapshot = self.shared.facts.read();
        let instance = snapshot.instance(name)?;
        let views = InstanceViews::of_one(&snapshot, name);
        Some(views.view(name, instance))
    }
}

fn not_known(part: v1::InstancePart, refusal: CallRefusal) -> v1::NotKnown {
    v1::NotKnown { part: part.into(), refusal: Some(refusal.into()) }
}

//! Checks of a change against the policy of its host, as the host last reported it. The host checks again.

use super::service::OperatorsService;
use super::subject::Subject;
use crate::rpc_status::refuse;
use fleet_core::app::Rendered;
use fleet_core::hint::Hint;
use fleet_core::host_policy::{Reaches, coded};
use fleet_core::names::HostName;
use fleet_core::policy_refusal::PolicyRefusal;
use fleet_core::refused_call::{Attempt, CallRefusal, first_of};
use tonic::Status;

impl OperatorsService {
    /// Refuses changes that the host's own policy, as last reported, forbids.
    pub fn check_policy(&self, attempt: Attempt, subject: &Subject, rendered: &Rendered) -> Result<(), Status> {
        self.check_reaches(attempt, &subject.desired.host, &Reaches::of_instance(rendered))
    }

    /// Checks the parts of a host that a change reaches.
    pub fn check_reaches(&self, attempt: Attempt, host: &HostName, reaches: &Reaches) -> Result<(), Status> {
        let Some((refusals, more)) = self.policy_refusals(host, reaches) else { return Ok(()) };
        let refusal = CallRefusal::PolicyForbids { host: host.clone(), more, refusals };
        Err(refuse(attempt, refusal, Hint::AskHostOwners(host.clone())))
    }

    /// Returns the first refusals of the host's policy, as far as it is reported, and the number of the others.
    pub fn policy_refusals(&self, host: &HostName, reaches: &Reaches) -> Option<(Vec<PolicyRefusal>, usize)> {
        let snapshot = self.shared.facts.read();
        let refusals = coded(&snapshot.observed().hosts.get(host)?.said.policy.refusals(reaches));
        (!refusals.is_empty()).then(|| first_of(refusals))
    }
}

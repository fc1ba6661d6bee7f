//! Refusals of a host's policy, and their codes.

use super::arguments::{Argument, coded_message};
use crate::v1;
use fleet_core::policy_refusal::{LeadError, PolicyRefusal};

coded_message! {
    PolicyRefusal, PolicyRefusal, PolicyRefusalCode, read_policy_refusal:
    Other { text },
    Unknown { number, arguments },
    App { app },
    Image { image },
    Mount { path },
    VolumeDevice { volume, path },
    StoreFolder { store, path },
    ExternalVolume { volume },
    RemoteVolume { volume, source },
    VolumeDriver { volume, driver },
    Foreign { store, name },
    ExternalNetwork { network },
    EngineNetwork { network },
    Privilege { service, key },
    NetworkDevice { network, key },
    ProbeExec { service },
    ToolsExec { store },
    CheckExec { store },
    RebuildExec { store },
    ActionExec { service },
    LogDriver { service, driver },
    LogOption { service, option, value, driver },
    Bucket { place },
    RepositoryFolder { repository, path },
    RepositoryEndpoint { repository, endpoint, bucket },
    LeadsTo { refusal, end },
    MayBeLink { refusal, problem },
    NoWayBack,
}

coded_message! {
    LeadError, LinkProblem, LinkProblemCode, incoming_link_problem:
    TooManyLinks,
    NotShown { path },
    NotText { path },
    Unreadable { path, reason },
    Late { path },
    NotLooked { reason },
}

/// The most levels of refusals in refusals that are taken in.
const DEPTH_LIMIT: usize = 4;

/// Reads a refusal.
pub fn incoming_policy_refusal(message: v1::PolicyRefusal) -> Option<PolicyRefusal> {
    read_policy_refusal(message).filter(|refusal| refusal.depth() <= DEPTH_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::incoming_order_failure;
    use fleet_core::order_failure::OrderFailure;

    fn name() -> String {
        "a".to_owned()
    }

    fn refusals() -> Vec<PolicyRefusal> {
        let (store, repository) = ("rows".parse().expect("a name"), "near".parse().expect("a name"));
        let boxed = || Box::new(PolicyRefusal::Mount { path: name() });
        let link = |problem| PolicyRefusal::MayBeLink { refusal: boxed(), problem };
        let mut all = vec![
            PolicyRefusal::other("words"),
            PolicyRefusal::Unknown { number: 99, arguments: name() },
            PolicyRefusal::App { app: "notes".parse().expect("a name") },
            PolicyRefusal::Image { image: name() },
            PolicyRefusal::Mount { path: name() },
            PolicyRefusal::VolumeDevice { volume: name(), path: name() },
            PolicyRefusal::StoreFolder { store, path: name() },
            PolicyRefusal::ExternalVolume { volume: name() },
            PolicyRefusal::RemoteVolume { volume: name(), source: name() },
            PolicyRefusal::VolumeDriver { volume: name(), driver: name() },
            PolicyRefusal::ExternalNetwork { network: name() },
            PolicyRefusal::EngineNetwork { network: name() },
            PolicyRefusal::Privilege { service: name(), key: name() },
            PolicyRefusal::NetworkDevice { network: name(), key: name() },
            PolicyRefusal::ProbeExec { service: name() },
            PolicyRefusal::LogDriver { service: name(), driver: name() },
            PolicyRefusal::Bucket { place: name() },
            PolicyRefusal::RepositoryEndpoint { repository, endpoint: name(), bucket: name() },
            PolicyRefusal::LeadsTo { refusal: boxed(), end: name() },
            link(None),
            PolicyRefusal::NoWayBack,
        ];
        let store = || "rows".parse().expect("a name");
        all.extend([
            PolicyRefusal::Foreign { store: store(), name: name() },
            PolicyRefusal::ToolsExec { store: store() },
            PolicyRefusal::CheckExec { store: store() },
            PolicyRefusal::RebuildExec { store: store() },
            PolicyRefusal::ActionExec { service: name() },
            PolicyRefusal::RepositoryFolder { repository: "near".parse().expect("a name"), path: name() },
        ]);
        all.extend([None, Some(name())].map(|driver| PolicyRefusal::LogOption {
            service: name(),
            option: name(),
            value: name(),
            driver,
        }));
        let problems = [
            LeadError::TooManyLinks,
            LeadError::NotShown { path: name() },
            LeadError::NotText { path: name() },
            LeadError::Unreadable { path: name(), reason: name() },
            LeadError::Late { path: name() },
            LeadError::NotLooked { reason: name() },
        ];
        all.extend(problems.map(|problem| link(Some(problem))));
        all
    }

    #[test]
    fn a_refusal_of_each_code_comes_back_as_it_was_alone_and_in_a_failure() {
        let all = refusals();
        let mut codes = std::collections::BTreeSet::new();
        for refusal in &all {
            let message = v1::PolicyRefusal::from(refusal.clone());
            codes.insert(message.code);
            assert_eq!(incoming_policy_refusal(message).as_ref(), Some(refusal));
        }
        let known = (1..10_000).filter_map(|number| v1::PolicyRefusalCode::try_from(number).ok());
        assert_eq!(codes, known.map(Into::into).collect());
        let failure = OrderFailure::PolicyForbids { refusals: all };
        assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
    }

    #[test]
    fn a_refusal_of_many_levels_is_none() {
        let link = |of| PolicyRefusal::LeadsTo { refusal: Box::new(of), end: name() };
        let nested = (0..DEPTH_LIMIT).fold(PolicyRefusal::NoWayBack, |of, _| link(of));
        assert_eq!(incoming_policy_refusal(nested.into()), None);
    }
}

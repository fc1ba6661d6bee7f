//! Words of refusals of a host's policy.

use super::{and_more, not_known};
use fleet_core::names::HostName;
use fleet_core::policy_refusal::{LeadError, PolicyRefusal};
use fleet_proto::convert::{incoming_link_problem, incoming_policy_refusal};
use fleet_proto::v1;

/// Returns the words of a refusal as it came over the wire.
pub fn shown(refusal: &v1::PolicyRefusal) -> String {
    let known = incoming_policy_refusal(refusal.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::PolicyRefusalCode>("a refusal", refusal.code, &refusal.arguments))
}

/// Returns the words of a problem with a link as it came over the wire.
pub fn shown_link(problem: &v1::LinkProblem) -> String {
    let known = incoming_link_problem(problem.clone()).as_ref().map(link_words);
    known.unwrap_or_else(|| super::unknown::<v1::LinkProblemCode>("a problem", problem.code, &problem.arguments))
}

/// Returns the words of a host whose policy does not allow some repositories.
pub fn objection(of: &v1::HostObjection) -> String {
    let refusals: Vec<String> = of.refusals.iter().map(shown).collect();
    format!("{}: {}{}", of.host, refusals.join("; "), and_more(of.more, ""))
}

/// Returns the words of refusals of a host's policy, with the host.
pub fn of_host(host: &HostName, refusals: &[PolicyRefusal], more: usize) -> String {
    format!("`{host}`: {}{}", all(refusals), and_more(more, ""))
}

/// Returns the words of several refusals.
pub fn all(refusals: &[PolicyRefusal]) -> String {
    refusals.iter().map(words).collect::<Vec<_>>().join("; ")
}

/// Returns the words of a refusal, with the line of the policy that would allow it.
pub fn words(refusal: &PolicyRefusal) -> String {
    match refusal {
        PolicyRefusal::Other { text } => text.clone(),
        PolicyRefusal::Unknown { number, arguments } => {
            format!("the host does not allow {}", not_known("something", "the coordinator", *number, arguments))
        }
        PolicyRefusal::LeadsTo { refusal, end } => format!("{}: it leads to {end}", forbidden(refusal)),
        PolicyRefusal::MayBeLink { refusal, problem: None } => format!("{}: it may be a link", forbidden(refusal)),
        PolicyRefusal::MayBeLink { refusal, problem: Some(problem) } => {
            format!("{}: it may be a link: {}", forbidden(refusal), link_words(problem))
        }
        PolicyRefusal::NoWayBack => {
            "it does not run as it was, so there would be no way back: stop the instance first".to_owned()
        }
        plain => match plain.line() {
            Some(line) => format!("{}; its policy.yaml would need `{line}`", forbidden(plain)),
            None => forbidden(plain),
        },
    }
}

fn forbidden(refusal: &PolicyRefusal) -> String {
    let object = match refusal {
        PolicyRefusal::App { app } => format!("the app {app}"),
        PolicyRefusal::Image { image } => format!("images such as {image}"),
        PolicyRefusal::Mount { path } => format!("mounting {path}"),
        PolicyRefusal::VolumeDevice { volume, path } => format!("mounting {path}, to which the volume {volume} leads"),
        PolicyRefusal::StoreFolder { store, path } => format!("the folder {path} to the store {store}"),
        PolicyRefusal::ExternalVolume { volume } => format!("mounting the existing volume {volume}"),
        PolicyRefusal::RemoteVolume { volume, source } => format!("mounting {source} through the volume {volume}"),
        PolicyRefusal::VolumeDriver { volume, driver } => format!("the driver {driver} of the volume {volume}"),
        PolicyRefusal::Foreign { store, name } => format!("{name}, which is of no instance, to the store {store}"),
        PolicyRefusal::ExternalNetwork { network } => {
            format!("joining the network {network}, which is not the instance's own")
        }
        PolicyRefusal::EngineNetwork { network } => {
            format!("joining the network {network}, which is the Engine's own or a container's")
        }
        PolicyRefusal::Privilege { service, key } => format!("privileges, and {service} has `{key}`"),
        PolicyRefusal::NetworkDevice { network, key } => format!("privileges, and the network {network} has `{key}`"),
        PolicyRefusal::ProbeExec { service } => format!("exec, and {service} has an exec probe"),
        PolicyRefusal::ToolsExec { store } => format!("exec, and the store {store} needs programs inside a container"),
        PolicyRefusal::CheckExec { store } => {
            format!("exec, and a check of the store {store} is a program inside a container")
        }
        PolicyRefusal::RebuildExec { store } => {
            format!("exec, and the store {store} is rebuilt by a program inside a container")
        }
        PolicyRefusal::ActionExec { service } => format!("exec, and the upgrade runs a command of {service}"),
        PolicyRefusal::LogDriver { service, driver } => format!("the log driver {driver} of {service}"),
        PolicyRefusal::LogOption { service, option, driver, .. } => {
            let driver = driver.as_deref().unwrap_or("the Engine's default");
            format!("the option {option} of the log driver of {service} ({driver})")
        }
        PolicyRefusal::Bucket { place } => format!("the bucket {place}"),
        PolicyRefusal::RepositoryFolder { repository, path } => {
            format!("backups in the folder {path} (repository {repository})")
        }
        PolicyRefusal::RepositoryEndpoint { repository, endpoint, bucket } => {
            format!("backups at {}/{bucket} (repository {repository})", endpoint.trim_end_matches('/'))
        }
        PolicyRefusal::Other { .. }
        | PolicyRefusal::Unknown { .. }
        | PolicyRefusal::LeadsTo { .. }
        | PolicyRefusal::MayBeLink { .. }
        | PolicyRefusal::NoWayBack => return words(refusal),
    };
    format!("the host does not allow {object}")
}

fn link_words(problem: &LeadError) -> String {
    match problem {
        LeadError::TooManyLinks => "too many links".to_owned(),
        LeadError::NotShown { path } => format!("{path} is not shown to the agent"),
        LeadError::NotText { path } => format!("{path} is no text"),
        LeadError::Unreadable { path, reason } => format!("could not look at {path}: {reason}"),
        LeadError::Late { path } => format!("could not look at {path} in time"),
        LeadError::NotLooked { reason } => format!("could not look at it: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objection_names_the_host_and_counts_what_is_not_listed() {
        let refusals = vec![PolicyRefusal::Bucket { place: "s3.lab/a".to_owned() }.into()];
        let of = v1::HostObjection { host: "lab-1".to_owned(), refusals, more: 2 };
        assert_eq!(objection(&of), "lab-1: the host does not allow the bucket s3.lab/a; and 2 more");
    }

    #[test]
    fn a_refusal_ends_with_the_line_that_would_allow_it_or_with_the_end_of_the_link() {
        let network = "lab".to_owned();
        assert_eq!(
            words(&PolicyRefusal::ExternalNetwork { network }),
            "the host does not allow joining the network lab, which is not the instance's own; its policy.yaml would need \
             `networks: [lab]`"
        );
        let mount = || Box::new(PolicyRefusal::Mount { path: "/srv/a".to_owned() });
        let leads = PolicyRefusal::LeadsTo { refusal: mount(), end: "/etc".to_owned() };
        assert_eq!(
            all(&[leads, PolicyRefusal::NoWayBack]),
            "the host does not allow mounting /srv/a: it leads to /etc; it does not run as it was, so there would be no way \
             back: stop the instance first"
        );
        let problem = Some(LeadError::Late { path: "/srv".to_owned() });
        assert_eq!(
            words(&PolicyRefusal::MayBeLink { refusal: mount(), problem }),
            "the host does not allow mounting /srv/a: it may be a link: could not look at /srv in time"
        );
    }
}

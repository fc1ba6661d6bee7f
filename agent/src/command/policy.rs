//! `fleet-agent policy check`.

use crate::policy::{PolicyError, read};
use fleet_core::command_error::CommandError;
use fleet_core::host_policy::{HostPolicy, USUAL_DRIVERS};
use fleet_core::names::AppName;
use std::collections::BTreeSet;
use std::path::Path;

pub fn check(file: &Path) -> Result<String, CommandError> {
    match read(file) {
        Ok(policy) => Ok(format!("{} is well written:\n{}", file.display(), lines(&policy))),
        Err(error @ PolicyError::Read { .. }) => Err(CommandError::refused(error.to_string())),
        Err(error @ PolicyError::Wrong { .. }) => {
            let hint = "until it is mended, a running agent refuses all orders once it has read it";
            Err(CommandError::refused(error.to_string()).hint(hint))
        }
    }
}

/// Returns the meaning of a policy, one line for each rule.
pub fn lines(policy: &HostPolicy) -> String {
    let list = |entries: Vec<&str>| if entries.is_empty() { "none".to_owned() } else { entries.join(", ") };
    let apps = policy.apps.as_ref().map(|apps| list(apps.iter().map(AppName::as_str).collect()));
    let registries = policy.registries.as_ref().map(|entries| list(entries.iter().map(String::as_str).collect()));
    let any = || "any".to_owned();
    let all = |entries: &BTreeSet<String>| list(entries.iter().map(String::as_str).collect());
    let HostPolicy {
        apps: _,
        registries: _,
        paths,
        buckets,
        volumes,
        remote_volumes,
        networks,
        foreign,
        repositories,
        log_drivers,
        hours,
        exec,
        privileges,
    } = policy;
    let lines = [
        ("apps", apps.unwrap_or_else(any)),
        ("registries", registries.unwrap_or_else(any)),
        ("host paths", all(paths)),
        ("buckets", all(buckets)),
        ("volumes", all(volumes)),
        ("remote volumes", all(remote_volumes)),
        ("networks", all(networks)),
        ("foreign", all(foreign)),
        ("repositories", all(repositories)),
        ("log drivers", log_drivers.as_ref().map_or_else(|| USUAL_DRIVERS.join(", "), all)),
        ("hours", hours.as_ref().map_or_else(any, ToString::to_string)),
        ("exec", exec.word().to_owned()),
        ("privileges", privileges.word().to_owned()),
    ];
    lines.iter().map(|(key, value)| format!("  {key:<14}  {value}\n")).collect()
}

//! What of an instance a host's policy forbids.

use super::{Exec, HostPolicy};
use crate::image::is_registry;
use crate::names::AppName;

const DEFAULT_REGISTRY: &str = "docker.io";

/// Says, one sentence each, what the policy forbids; nothing said means that the instance may run.
///
/// `host_paths` are the host directories it would mount, its own directory apart; `exec_probes` names the services that
/// are probed by running a program inside them.
pub fn violations<'a>(
    policy: &HostPolicy,
    app: &AppName,
    images: impl IntoIterator<Item = &'a str>,
    host_paths: impl IntoIterator<Item = &'a str>,
    exec_probes: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let app = (!policy.allows_app(app)).then(|| format!("the host does not allow the app {app}"));
    let images = images.into_iter().filter(|image| !policy.allows_image(image));
    let images = images.map(|image| format!("the host does not allow images such as {image}"));
    let paths = host_paths.into_iter().filter(|path| !policy.allows_path(path));
    let paths = paths.map(|path| format!("the host does not allow mounting {path}"));
    let probes = exec_probes.into_iter().filter(|_| policy.exec == Exec::Denied);
    let probes = probes.map(|service| format!("the host does not allow exec, and {service} has an exec probe"));
    app.into_iter().chain(images).chain(paths).chain(probes).collect()
}

impl HostPolicy {
    pub fn allows_app(&self, app: &AppName) -> bool {
        self.apps.as_ref().is_none_or(|apps| apps.contains(app))
    }

    /// Tells whether an image may come from where its reference says. `nginx` means `docker.io/library/nginx`.
    pub fn allows_image(&self, image: &str) -> bool {
        let image = full_name(image);
        let is_below = |entry: &String| is_at_or_below(&image, &full_prefix(entry));
        self.registries.as_ref().is_none_or(|entries| entries.iter().any(is_below))
    }

    /// Tells whether a host path may be mounted. A path that is relative or climbs with `..` never may.
    pub fn allows_path(&self, path: &str) -> bool {
        let Some(path) = components(path) else { return false };
        let is_below = |entry: &String| components(entry).is_some_and(|entry| path.starts_with(&entry));
        self.paths.iter().any(is_below)
    }
}

/// Where an image comes from, written out in full, without tag and digest.
fn full_name(image: &str) -> String {
    let untagged = match image.split_once('@') {
        Some((name, _)) => name,
        None => image,
    };
    let last = untagged.rfind('/').map_or(0, |slash| slash + 1);
    let name = match untagged[last..].find(':') {
        Some(colon) => &untagged[..last + colon],
        None => untagged,
    };
    let (registry, path) = match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => (first, rest),
        Some(_) | None => (DEFAULT_REGISTRY, name),
    };
    let registry = registry_name(registry);
    let is_official = registry == DEFAULT_REGISTRY && !path.contains('/');
    if is_official { format!("{registry}/library/{path}") } else { format!("{registry}/{path}") }
}

/// An entry of the policy, `host[:port][/path]`, in the form in which images are compared.
fn full_prefix(entry: &str) -> String {
    let entry = entry.trim_end_matches('/');
    match entry.split_once('/') {
        Some((registry, path)) => format!("{}/{path}", registry_name(registry)),
        None => registry_name(entry),
    }
}

fn registry_name(text: &str) -> String {
    match text.to_ascii_lowercase() {
        alias if alias == "index.docker.io" || alias == "registry-1.docker.io" => DEFAULT_REGISTRY.to_owned(),
        name => name,
    }
}

fn is_at_or_below(name: &str, prefix: &str) -> bool {
    let rest = if prefix.is_empty() { None } else { name.strip_prefix(prefix) };
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The components of an absolute path that does not climb.
fn components(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix('/')?;
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.map(|part| (part != "..").then_some(part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(entries: &[&str]) -> std::collections::BTreeSet<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    fn check_image(registries: &[&str], allowed: &[&str], forbidden: &[&str]) {
        let policy = HostPolicy { registries: Some(set(registries)), ..HostPolicy::default() };
        for image in allowed {
            assert!(policy.allows_image(image), "{image} should be allowed by {registries:?}");
        }
        for image in forbidden {
            assert!(!policy.allows_image(image), "{image} should be forbidden by {registries:?}");
        }
    }

    #[test]
    fn a_registry_is_matched_at_its_boundaries() {
        check_image(
            &["ghcr.io/org"],
            &["ghcr.io/org/x", "ghcr.io/org/x:1", "ghcr.io/org/x/y@sha256:00", "GHCR.io/org/x"],
            &["ghcr.io/organ/x", "ghcr.io/x", "evil.io/ghcr.io/org/x", "nginx"],
        );
    }

    #[test]
    fn a_port_is_part_of_a_registry() {
        check_image(
            &["localhost:5000"],
            &["localhost:5000/x:1"],
            &["localhost/x", "localhost:50001/x", "localhost:5001/x"],
        );
        check_image(&["localhost"], &["localhost/x"], &["localhost:5000/x"]);
    }

    #[test]
    fn a_bare_name_is_from_docker_io() {
        check_image(
            &["docker.io"],
            &["nginx", "nginx:1", "org/x", "docker.io/nginx", "index.docker.io/org/x"],
            &["quay.io/x"],
        );
        check_image(&["docker.io/library/"], &["nginx", "docker.io/nginx:1"], &["org/x"]);
    }

    #[test]
    fn an_entry_may_be_one_image() {
        check_image(
            &["ghcr.io/org/x"],
            &["ghcr.io/org/x", "ghcr.io/org/x:1", "ghcr.io/org/x@sha256:00"],
            &["ghcr.io/org/xy"],
        );
    }

    #[test]
    fn an_empty_list_or_entry_allows_nothing() {
        check_image(&[], &[], &["nginx", "ghcr.io/org/x"]);
        check_image(&[""], &[], &["nginx", "ghcr.io/org/x"]);
    }

    fn check_path(paths: &[&str], allowed: &[&str], forbidden: &[&str]) {
        let policy = HostPolicy { paths: set(paths), ..HostPolicy::default() };
        for path in allowed {
            assert!(policy.allows_path(path), "{path} should be allowed by {paths:?}");
        }
        for path in forbidden {
            assert!(!policy.allows_path(path), "{path} should be forbidden by {paths:?}");
        }
    }

    #[test]
    fn a_path_is_matched_by_its_components() {
        check_path(
            &["/srv/data"],
            &["/srv/data", "/srv/data/", "/srv//data/./x"],
            &["/srv/database", "/srv", "/", "srv/data"],
        );
        check_path(&["/"], &["/etc"], &["etc"]);
        check_path(&[], &[], &["/srv"]);
    }

    #[test]
    fn a_path_that_climbs_is_forbidden() {
        check_path(&["/srv/data"], &[], &["/srv/data/..", "/srv/data/../../etc", "/srv/data/x/../y"]);
        check_path(&["/srv/../etc"], &[], &["/etc/x", "/srv/../etc/x"]);
    }

    #[test]
    fn every_violation_is_said() {
        let app: AppName = "labnotes".parse().expect("the name is well formed");
        let policy = HostPolicy {
            apps: Some(["other".parse().expect("the name is well formed")].into()),
            registries: Some(set(&["ghcr.io"])),
            exec: Exec::Denied,
            ..HostPolicy::default()
        };
        let said = violations(&policy, &app, ["nginx", "ghcr.io/x"], ["/etc"], ["web"]);
        let expect = [
            "the host does not allow the app labnotes",
            "the host does not allow images such as nginx",
            "the host does not allow mounting /etc",
            "the host does not allow exec, and web has an exec probe",
        ];
        assert_eq!(said, expect);
        assert_eq!(violations(&HostPolicy::default(), &app, ["nginx"], [], ["web"]), [""; 0]);
    }
}

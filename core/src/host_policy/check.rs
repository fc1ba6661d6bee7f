//! Judges reaches by a host's policy, as they are written; [`super::links`] judges where links take them.

use super::logging::{allows_driver, allows_option};
use super::reach::{HostReach, Refusal, is_of_engine};
use super::reaches::Reaches;
use super::{HostPolicy, Permission};
use crate::app::Rendered;
use crate::backup::{Bucket, matches_pattern};
use crate::image::is_registry;
use crate::names::AppName;
use std::collections::BTreeSet;

const DEFAULT_REGISTRY: &str = "docker.io";

/// Returns what the policy forbids, one sentence each; none if the instance may run.
pub fn violations(policy: &HostPolicy, rendered: &Rendered) -> Vec<String> {
    policy.refusals(&Reaches::of_instance(rendered)).iter().map(ToString::to_string).collect()
}

impl HostPolicy {
    /// Returns the parts of an order's reaches that are forbidden, each once. Links are not followed.
    pub fn refusals(&self, reaches: &Reaches) -> Vec<Refusal> {
        let mut refusals: Vec<Refusal> = Vec::new();
        for reach in reaches.all.iter().filter(|reach| !self.allows(reach, reaches.own.as_deref())) {
            let refusal = Refusal::as_written(reach.clone());
            if !refusals.contains(&refusal) {
                refusals.push(refusal);
            }
        }
        refusals
    }

    /// Decides about every kind of reach; the only place that does.
    fn allows(&self, reach: &HostReach, own: Option<&str>) -> bool {
        let log_drivers = || self.log_drivers.as_ref().map(|entries| entries.iter().map(String::as_str));
        match reach {
            HostReach::App(app) => self.allows_app(app),
            HostReach::Image(image) => self.allows_image(image),
            HostReach::Path { path, used: _ } => own.is_some_and(|own| is_inside(own, path)) || self.allows_path(path),
            HostReach::ExternalVolume(name) => is_listed(&self.volumes, name),
            HostReach::Foreign { store: _, names } => names.iter().any(|name| is_listed(&self.foreign, name)),
            HostReach::RemoteVolume { volume: _, source } => !climbs(source) && is_listed(&self.remote_volumes, source),
            HostReach::VolumeDriver { volume: _, driver } => is_listed(&self.remote_volumes, driver),
            HostReach::ExternalNetwork(name) => !is_of_engine(name) && is_listed(&self.networks, name),
            HostReach::Power { .. } | HostReach::NetworkDevice { .. } => self.privileges == Permission::Allowed,
            HostReach::Exec(_) => self.exec == Permission::Allowed,
            HostReach::LogDriver { service: _, driver } => allows_driver(log_drivers(), driver),
            HostReach::LogOption { service: _, driver, option: _, value } => {
                allows_option(log_drivers(), driver.as_deref(), value)
            }
            HostReach::Bucket(bucket) => self.allows_bucket(bucket),
            HostReach::RepositoryFolder { repository: _, path } => self.allows_repository_folder(path),
            HostReach::RepositoryEndpoint { repository: _, endpoint, bucket } => {
                let is_it = |entry: &String| entry == "*" || is_bucket(entry, endpoint, bucket);
                self.repositories.iter().any(is_it)
            }
        }
    }

    fn allows_repository_folder(&self, path: &str) -> bool {
        let Some(path) = components(path) else { return false };
        let is_below = |entry: &String| entry == "*" || components(entry).is_some_and(|entry| path.starts_with(&entry));
        self.repositories.iter().any(is_below)
    }
}

fn is_listed(entries: &BTreeSet<String>, name: &str) -> bool {
    entries.iter().any(|entry| matches_pattern(entry, name))
}

/// Returns whether a share contains `..`: a server may follow it to a place that the entry does not mean.
fn climbs(share: &str) -> bool {
    share.split(['/', '\\']).any(|part| part == "..")
}

/// Tells whether a path is an instance's own folder or in it. One that climbs never is.
pub(super) fn is_inside(own: &str, path: &str) -> bool {
    let (Some(own), Some(path)) = (components(own), components(path)) else { return false };
    path.starts_with(&own)
}

/// Tells whether an entry, `host[:port][/bucket]`, means a bucket at an endpoint.
fn is_bucket(entry: &str, endpoint: &str, bucket: &str) -> bool {
    let Some((host, port)) = Bucket::authority_of(endpoint) else { return false };
    let is_usual = port == if endpoint.starts_with("https://") { 443 } else { 80 };
    let (authority, name) = match entry.split_once('/') {
        Some((authority, name)) => (authority, Some(name.trim_end_matches('/')).filter(|name| !name.is_empty())),
        None => (entry, None),
    };
    let is_there =
        authority.eq_ignore_ascii_case(&format!("{host}:{port}")) || is_usual && authority.eq_ignore_ascii_case(host);
    is_there && name.is_none_or(|name| name == bucket)
}

impl HostPolicy {
    /// Returns true where the app may run on the host.
    pub fn allows_app(&self, app: &AppName) -> bool {
        self.apps.as_ref().is_none_or(|apps| apps.contains(app))
    }

    /// Returns whether the policy allows the registry and path of an image. `nginx` means `docker.io/library/nginx`.
    pub fn allows_image(&self, image: &str) -> bool {
        let image = full_name(image);
        let is_below = |entry: &String| is_at_or_below(&image, &full_prefix(entry));
        self.registries.as_ref().is_none_or(|entries| entries.iter().any(is_below))
    }

    /// Tells whether a store may be that bucket. An instance's own service is as free as the instance is.
    pub fn allows_bucket(&self, bucket: &Bucket) -> bool {
        let is_it = |entry: &String| is_bucket(entry, &bucket.endpoint, &bucket.bucket);
        bucket.service.is_some() || self.buckets.iter().any(is_it)
    }

    /// Tells whether a host path may be mounted. A path that is relative or climbs with `..` never may.
    pub fn allows_path(&self, path: &str) -> bool {
        let Some(path) = components(path) else { return false };
        let is_below = |entry: &String| components(entry).is_some_and(|entry| path.starts_with(&entry));
        self.paths.iter().any(is_below)
    }
}

/// Returns the full name of an image, without tag and digest.
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
pub(super) fn components(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix('/')?;
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.map(|part| (part != "..").then_some(part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host_policy::testing::rendered;

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

    const GREEDY: &str = "services:
  web:
    image: nginx
    privileged: true
    volumes: ['/etc:/host', 'lab:/lab']
  dns: { image: 'ghcr.io/x', network_mode: host }
  vpn: { image: 'ghcr.io/x', cap_add: [NET_ADMIN] }
  fuse: { image: 'ghcr.io/x', security_opt: ['apparmor:unconfined'] }
volumes:
  lab: { driver_opts: { type: none, o: bind, device: /srv/lab } }
";

    #[test]
    fn every_violation_is_said() {
        let policy = HostPolicy {
            apps: Some(["other".parse().expect("the name is well formed")].into()),
            registries: Some(set(&["ghcr.io"])),
            exec: Permission::Denied,
            ..HostPolicy::default()
        };
        let mut said = violations(&policy, &rendered(GREEDY));
        said.sort();
        let expect = [
            "the host does not allow exec, and web has an exec probe",
            "the host does not allow images such as nginx",
            "the host does not allow mounting /etc",
            "the host does not allow mounting /srv/lab",
            "the host does not allow privileges, and dns has `network_mode: host`",
            "the host does not allow privileges, and fuse has `security_opt`",
            "the host does not allow privileges, and vpn has `cap_add`",
            "the host does not allow privileges, and web has `privileged`",
            "the host does not allow the app labnotes",
        ];
        assert_eq!(said, expect);
    }

    #[test]
    fn an_ordinary_app_needs_no_policy() {
        let compose = "services: { web: { image: nginx, volumes: ['./a:/a', 'data:/data'] } }\nvolumes: { data: }\n";
        assert_eq!(violations(&HostPolicy::default(), &rendered(compose)), [""; 0]);
    }

    #[test]
    fn a_bucket_elsewhere_needs_the_hosts_consent() {
        let allows = |entries: &[&str], endpoint: &str, service: Option<&str>| {
            let policy = HostPolicy { buckets: set(entries), ..HostPolicy::default() };
            let word = str::to_owned;
            let (endpoint, service, data, region) = (word(endpoint), service.map(word), None, word("us-east-1"));
            let (bucket, prefix, key) = (word("media"), String::new(), crate::spec::Text::secret("x"));
            policy.allows_bucket(&Bucket { endpoint, service, data, region, bucket, prefix, key_id: key.clone(), key })
        };
        assert!(allows(&[], "http://objects:9000", Some("objects")), "a service of the instance is its own");
        assert!(!allows(&[], "https://s3.example.org", None));
        for (entry, good) in [
            ("s3.example.org", true),
            ("S3.example.org:443", true),
            ("s3.example.org/media", true),
            ("s3.example.org/other", false),
            ("s3.example.org:9000", false),
            ("example.org", false),
        ] {
            assert_eq!(allows(&[entry], "https://s3.example.org", None), good, "{entry}");
        }
        assert!(!allows(&["s3.example.org"], "https://s3.example.org:8443", None));
    }
}

//! What of an instance a host's policy forbids.

use super::{HostPolicy, Permission};
use crate::app::{Probe, Rendered};
use crate::backup::Bucket;
use crate::image::is_registry;
use crate::names::AppName;
use crate::spec::{ContainerSpec, NetworkMode, Switch};

const DEFAULT_REGISTRY: &str = "docker.io";

/// Says, one sentence each, what the policy forbids; nothing said means that the instance may run.
pub fn violations(policy: &HostPolicy, rendered: &Rendered) -> Vec<String> {
    let spec = &rendered.spec;
    let app = (!policy.allows_app(&spec.app)).then(|| format!("the host does not allow the app {}", spec.app));
    let images = spec.containers.iter().map(|container| container.image.as_str());
    let images = images.filter(|image| !policy.allows_image(image));
    let images = images.map(|image| format!("the host does not allow images such as {image}"));
    let paths = spec.host_paths().into_iter().filter(|path| !policy.allows_path(path));
    let paths = paths.map(|path| format!("the host does not allow mounting {path}"));
    let probes = rendered.health.probes.iter().filter(|probe| is_exec(probe) && policy.exec == Permission::Denied);
    let probes = probes.map(|probe| format!("the host does not allow exec, and {} has an exec probe", probe.service()));
    let powers = spec.containers.iter().filter(|_| policy.privileges == Permission::Denied).filter_map(power);
    let outside = rendered.stores.values().filter_map(|store| store.bucket()).filter(|it| !policy.allows_bucket(it));
    let buckets = outside.map(|bucket| format!("the host does not allow the bucket {}", bucket.place()));
    app.into_iter().chain(images).chain(paths).chain(buckets).chain(probes).chain(powers).collect()
}

fn is_exec(probe: &Probe) -> bool {
    match probe {
        Probe::Exec(_) => true,
        Probe::Http(_) | Probe::Version(_) => false,
    }
}

/// The power over the host that a container asks for, if it asks for any.
fn power(container: &ContainerSpec) -> Option<String> {
    let key = match container {
        ContainerSpec { privileged: Switch::On, .. } => "privileged",
        ContainerSpec { network_mode: NetworkMode::Host, .. } => "network_mode: host",
        ContainerSpec { cap_add, .. } if !cap_add.is_empty() => "cap_add",
        ContainerSpec { security_opt, .. } if !security_opt.is_empty() => "security_opt",
        ContainerSpec { .. } => return None,
    };
    Some(format!("the host does not allow privileges, and {} has `{key}`", container.service))
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

    /// Tells whether a store may be that bucket. An instance's own service is as free as the instance is.
    pub fn allows_bucket(&self, bucket: &Bucket) -> bool {
        let Some((host, port)) = bucket.authority() else { return false };
        let is_usual = port == if bucket.endpoint.starts_with("https://") { 443 } else { 80 };
        let is_it = |entry: &String| {
            let (authority, name) = match entry.split_once('/') {
                Some((authority, name)) => {
                    (authority, Some(name.trim_end_matches('/')).filter(|name| !name.is_empty()))
                }
                None => (entry.as_str(), None),
            };
            let is_there = authority.eq_ignore_ascii_case(&format!("{host}:{port}"))
                || is_usual && authority.eq_ignore_ascii_case(host);
            is_there && name.is_none_or(|name| name == bucket.bucket)
        };
        bucket.service.is_some() || self.buckets.iter().any(is_it)
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

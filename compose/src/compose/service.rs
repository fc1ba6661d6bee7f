//! Parses one service of a Compose file, key by key.

mod depends;
mod environment;
mod health;
mod limits;
mod mounts;
mod networks;
mod policy;
mod ports;

use super::Service;
use super::cursor::{Cursor, Span};
use super::keys::{is_extension, refuse};
use super::read::ComposeSource;
use crate::spec::PortSpec;

/// Facts with positions for later checks.
#[derive(Debug, Default)]
pub struct Notes {
    pub references: Vec<Reference>,
    pub ports: Vec<(PortSpec, Span)>,
    pub container_names: Vec<(String, Span)>,
}

/// A name that must be described elsewhere in the file.
#[derive(Debug)]
pub struct Reference {
    pub kind: Kind,
    pub name: String,
    pub place: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Service,
    Network,
    Volume,
}

impl Notes {
    pub fn refer(&mut self, kind: Kind, name: &str, at: &Cursor) {
        self.references.push(Reference { kind, name: name.to_owned(), place: at.place().clone() });
    }
}

const KEYS: [&str; 35] = [
    "cap_add",
    "cap_drop",
    "command",
    "container_name",
    "depends_on",
    "deploy",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extra_hosts",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "labels",
    "links",
    "logging",
    "network_mode",
    "networks",
    "ports",
    "privileged",
    "profiles",
    "read_only",
    "restart",
    "security_opt",
    "shm_size",
    "stop_grace_period",
    "stop_signal",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
    "x-",
];

/// Parses a service; problems are recorded in the notes.
pub fn read_service(name: &str, at: &Cursor, source: &ComposeSource, notes: &mut Notes) -> Service {
    let mut service = Service { name: name.to_owned(), line: at.place().line, ..Service::default() };
    if at.is_null() {
        at.wrong("the service says nothing of itself");
        return service;
    }
    for (key, at) in at.entries() {
        if is_extension(key) {
            continue;
        }
        if !KEYS.contains(&key) {
            refuse(&at, key, &KEYS);
        } else if !at.is_null() {
            read_key(&mut service, key, &at, notes);
        }
    }
    environment::read_environment(&mut service, at, source);
    networks::settle(&mut service, at);
    if service.image.is_empty() && !at.entries().iter().any(|(key, _)| matches!(*key, "image" | "build")) {
        at.wrong_with_hint("the service names no image", "name one under `image:`");
    }
    service
}

fn read_key(service: &mut Service, key: &str, at: &Cursor, notes: &mut Notes) {
    match key {
        "image" => service.image = policy::image(at).unwrap_or_default(),
        "container_name" => service.container_name = policy::container_name(at, notes),
        "command" => service.command = at.command(),
        "entrypoint" => service.entrypoint = at.command(),
        "volumes" => mounts::read_volumes(service, at, notes),
        "tmpfs" => mounts::read_tmpfs(service, at),
        "ports" => service.ports = ports::read_ports(at, notes),
        "expose" => service.expose = ports::read_expose(at),
        "links" => service.links = depends::read_links(at, notes),
        "depends_on" => service.depends_on = depends::read_depends_on(at, notes),
        "network_mode" => networks::read_network_mode(service, at, notes),
        "networks" => service.networks = networks::read_networks(at, notes),
        "labels" => service.labels = at.pairs(),
        "healthcheck" => service.healthcheck = health::read_healthcheck(at),
        "deploy" => service.resources = limits::read_deploy(at),
        "ulimits" => service.ulimits = limits::read_ulimits(at),
        "restart" => service.restart = policy::restart(at).unwrap_or_default(),
        "logging" => service.logging = Some(policy::logging(at)),
        "user" => service.user = at.string(),
        "working_dir" => service.working_dir = at.string(),
        "hostname" => service.hostname = at.string(),
        "extra_hosts" => service.extra_hosts = networks::read_extra_hosts(at),
        "stop_grace_period" => service.stop_grace_period = at.parse_or_say(),
        "stop_signal" => service.stop_signal = at.string(),
        "init" => service.init = at.switch(),
        "shm_size" => service.shm_size = at.parse_or_say(),
        "cap_add" => service.cap_add = at.strings(),
        "cap_drop" => service.cap_drop = at.strings(),
        "security_opt" => service.security_opt = at.strings(),
        "read_only" => service.read_only = at.switch().unwrap_or_default(),
        "privileged" => service.privileged = at.switch().unwrap_or_default(),
        // `environment` and `env_file` belong together and are read after all else; `profiles` was read before.
        _ => {}
    }
}

//! The top level of a Compose file.

use super::cursor::{Cursor, Span};
use super::keys::{is_extension, refuse};
use super::read::ComposeSource;
use super::service::{Notes, read_service};
use super::{Network, Project, Service, Volume, network, volume};
use std::collections::{BTreeMap, BTreeSet};

/// The most services in a file.
const SERVICE_LIMIT: usize = 200;

const KEYS: [&str; 5] = ["version", "name", "services", "volumes", "networks"];

/// Parsed content, with positions for later checks.
#[derive(Debug, Default)]
pub struct Top {
    pub services: BTreeMap<String, Service>,
    /// Services whose profiles were not chosen.
    pub left_out: BTreeSet<String>,
    pub networks: BTreeMap<String, Network>,
    pub volumes: BTreeMap<String, Volume>,
    pub places: BTreeMap<String, Span>,
    pub notes: Notes,
}

impl Top {
    pub fn read(at: &Cursor, source: &ComposeSource) -> Self {
        let mut top = Self::default();
        for (key, at) in at.entries() {
            match key {
                "services" => top.read_services(&at, source),
                "volumes" => top.volumes = at.entries().iter().map(volume::read_volume).collect(),
                "networks" => top.networks = at.entries().iter().map(network::read_network).collect(),
                // Compose ignores the version since its second life, and the name has been read before.
                "version" | "name" => {}
                extension if is_extension(extension) => {}
                other => refuse(&at, other, &KEYS),
            }
        }
        let is_said = |(key, at): &(&str, Cursor)| *key == "services" && at.is_map() && !at.entries().is_empty();
        if !at.entries().iter().any(is_said) {
            at.wrong("the file describes no services");
        } else if top.services.is_empty() && !top.left_out.is_empty() {
            let hint = "choose one under `profiles:` in app.yaml";
            at.wrong_with_hint("the profiles chosen leave every service out", hint);
        }
        top
    }

    fn read_services(&mut self, at: &Cursor, source: &ComposeSource) {
        let entries = at.entries();
        if entries.len() > SERVICE_LIMIT {
            at.wrong(format!("the file has {} services; {SERVICE_LIMIT} are allowed", entries.len()));
            return;
        }
        for (name, at) in entries {
            if !is_name(name) {
                at.wrong(format!("`{name}` is not a service name: use letters, digits, `.`, `_` and `-`"));
            } else if !is_chosen(&at, source.profiles) {
                self.left_out.insert(name.to_owned());
            } else {
                self.places.insert(name.to_owned(), at.place().clone());
                let service = read_service(name, &at, source, &mut self.notes);
                self.services.insert(name.to_owned(), service);
            }
        }
    }

    pub fn into_project(mut self, name: Option<String>, entry: &str, variables: BTreeSet<String>) -> Project {
        let used: BTreeSet<_> = self.services.values().flat_map(|service| service.networks.keys()).collect();
        let networks: BTreeMap<_, _> =
            used.into_iter().map(|key| (key.clone(), self.networks.remove(key).unwrap_or_default())).collect();
        let entry = entry.to_owned();
        Project { name, entry, services: self.services, networks, volumes: self.volumes, variables }
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 63 && name.chars().all(allowed)
}

/// A service without profiles always runs; one with profiles runs if one of them was chosen.
fn is_chosen(at: &Cursor, chosen: &BTreeSet<String>) -> bool {
    if !at.is_map() {
        return true;
    }
    let entries = at.entries();
    let Some((_, profiles)) = entries.iter().find(|(key, _)| *key == "profiles") else {
        return true;
    };
    let profiles = profiles.strings();
    profiles.is_empty() || profiles.iter().any(|profile| chosen.contains(profile))
}

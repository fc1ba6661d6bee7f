//! Network settings of a service: `networks`, `network_mode` and `extra_hosts`.

use super::{Kind, Notes};
use crate::compose::cursor::Cursor;
use crate::compose::keys::refuse;
use crate::compose::{Attachment, Service};
use crate::spec::NetworkMode;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// The network of services that name none.
pub const DEFAULT: &str = "default";

pub fn read_networks(at: &Cursor, notes: &mut Notes) -> BTreeMap<String, Attachment> {
    let mut networks = BTreeMap::new();
    if at.is_list() {
        for at in at.items() {
            if let Some(name) = at.string() {
                notes.refer(Kind::Network, &name, &at);
                networks.insert(name, Attachment::default());
            }
        }
        return networks;
    }
    for (name, at) in at.entries() {
        notes.refer(Kind::Network, name, &at);
        networks.insert(name.to_owned(), read_attachment(&at));
    }
    networks
}

fn read_attachment(at: &Cursor) -> Attachment {
    let mut attachment = Attachment::default();
    for (key, at) in at.entries() {
        match key {
            "aliases" => attachment.aliases = at.strings(),
            "ipv4_address" => {
                attachment.ipv4_address = at.parse::<Ipv4Addr>("an IPv4 address").map(|ip| ip.to_string());
            }
            other => refuse(&at, other, &["aliases", "ipv4_address"]),
        }
    }
    attachment
}

pub fn read_network_mode(service: &mut Service, at: &Cursor, notes: &mut Notes) {
    let Some(mode) = at.string() else { return };
    service.network_mode = match mode.as_str() {
        "none" => NetworkMode::None,
        "host" => NetworkMode::Host,
        "bridge" => NetworkMode::Bridge,
        other => match other.strip_prefix("service:") {
            Some(name) => {
                notes.refer(Kind::Service, name, at);
                NetworkMode::Service(name.to_owned())
            }
            None => {
                at.wrong(format!("fleet does not honour the network mode `{other}`"));
                NetworkMode::Attached
            }
        },
    };
}

/// Adds the default network to a service without networks, and refuses settings that contradict its network mode.
pub fn settle(service: &mut Service, at: &Cursor) {
    if service.network_mode == NetworkMode::Attached {
        if service.networks.is_empty() {
            service.networks.insert(DEFAULT.to_owned(), Attachment::default());
        }
        return;
    }
    if !service.networks.is_empty() {
        at.wrong("`network_mode` and `networks` exclude each other");
    }
    if !service.links.is_empty() {
        at.wrong("`network_mode` and `links` exclude each other");
    }
    if !service.ports.is_empty() && service.network_mode != NetworkMode::Bridge {
        at.wrong("`ports` need a network of the container's own, which `network_mode` takes away");
    }
}

/// Reads `name:address` pairs, written with `:` or `=`, or as a map.
pub fn read_extra_hosts(at: &Cursor) -> Vec<String> {
    if !at.is_list() {
        let pairs = at.pairs();
        return pairs.iter().filter_map(|(name, address)| extra_host(at, name, address)).collect();
    }
    let read = |at: &Cursor| {
        let text = at.string()?;
        let pair = text.split_once('=').or_else(|| text.split_once(':'));
        let Some((name, address)) = pair else {
            at.wrong(format!("`{text}` is not a pair of name and address: write `name:10.0.0.1`"));
            return None;
        };
        extra_host(at, name, address)
    };
    at.items().iter().filter_map(read).collect()
}

fn extra_host(at: &Cursor, name: &str, address: &str) -> Option<String> {
    let address = address.trim_start_matches('[').trim_end_matches(']');
    if name.is_empty() || (address != "host-gateway" && address.parse::<IpAddr>().is_err()) {
        at.wrong(format!("`{name}:{address}` does not name an address"));
        return None;
    }
    Some(format!("{name}:{address}"))
}

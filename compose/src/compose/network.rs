//! The networks that a file describes.

use super::Network;
use super::cursor::Cursor;
use super::keys::{is_extension, refuse};
use super::volume::{check_key, read_engine_name, read_external};
use crate::spec::{Subnet, Switch};

const KEYS: [&str; 7] = ["name", "external", "driver", "driver_opts", "internal", "ipam", "labels"];

pub fn read_network((key, at): &(&str, Cursor)) -> (String, Network) {
    let mut network = Network::default();
    for (key, at) in at.entries() {
        match key {
            _ if !KEYS.contains(&key) && !is_extension(key) => refuse(&at, key, &KEYS),
            _ if at.is_null() => {}
            "name" => network.name = read_engine_name(&at, "network"),
            "external" => network.external = read_external(&at, &mut network.name, "network"),
            "driver" => network.driver = at.string(),
            "driver_opts" => network.options = at.pairs(),
            "internal" => network.internal = at.switch().is_some_and(Switch::is_on),
            "ipam" => network.subnets = read_ipam(&at),
            "labels" => network.labels = at.pairs(),
            _ => {}
        }
    }
    check_key(key, at, "network", network.external && network.name.is_none());
    let named = Network { name: network.name.clone(), external: true, ..Network::default() };
    if network.external && network != named {
        at.wrong("an external network is made elsewhere: only its name can be given");
    }
    ((*key).to_owned(), network)
}

fn read_ipam(at: &Cursor) -> Vec<Subnet> {
    let mut subnets = Vec::new();
    for (key, at) in at.entries() {
        match key {
            "config" => subnets = at.items().iter().filter_map(read_subnet).collect(),
            "driver" => {
                if at.string().is_some_and(|driver| driver != "default") {
                    at.wrong("fleet honours only the `default` driver");
                }
            }
            other => refuse(&at, other, &["config", "driver"]),
        }
    }
    subnets
}

fn read_subnet(at: &Cursor) -> Option<Subnet> {
    let (mut subnet, mut gateway, mut ip_range) = (None, None, None);
    for (key, at) in at.entries() {
        match key {
            "subnet" => subnet = at.string(),
            "gateway" => gateway = at.string(),
            "ip_range" => ip_range = at.string(),
            other => refuse(&at, other, &["subnet", "gateway", "ip_range"]),
        }
    }
    if subnet.is_none() {
        at.wrong("`subnet` is missing");
    }
    Some(Subnet { subnet: subnet?, gateway, ip_range })
}

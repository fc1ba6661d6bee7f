//! `ports` and `expose`: short forms with ranges, and the long form.

use super::Notes;
use crate::compose::cursor::Cursor;
use crate::compose::keys::refuse;
use crate::spec::{PortSpec, Protocol};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

const KEYS: [&str; 5] = ["target", "published", "host_ip", "protocol", "mode"];

/// The most ports that a file may open on its host.
const PORT_LIMIT: usize = 4096;
/// The most ports of a range that is only exposed to other containers.
const RANGE_LIMIT: usize = 100;

pub fn read_ports(at: &Cursor, notes: &mut Notes) -> Vec<PortSpec> {
    let mut ports = Vec::new();
    for at in at.items() {
        let found = if at.is_map() { read_long(&at) } else { read_short(&at) };
        if notes.ports.len() + found.len() > PORT_LIMIT {
            at.wrong(format!("the file opens more than {PORT_LIMIT} ports"));
            return ports;
        }
        notes.ports.extend(found.iter().map(|port| (port.clone(), at.place().clone())));
        ports.extend(found);
    }
    ports
}

pub fn read_expose(at: &Cursor) -> BTreeSet<String> {
    let mut exposed = BTreeSet::new();
    for at in at.items() {
        let Some(text) = at.string() else { continue };
        match parse_container(&text) {
            Ok((ports, _)) if ports.len() > RANGE_LIMIT => {
                at.wrong(format!("a range has at most {RANGE_LIMIT} ports here"));
            }
            Ok((ports, protocol)) => exposed.extend(ports.map(|port| format!("{port}/{protocol}"))),
            Err(reason) => at.wrong(format!("`{text}` is not a port: {reason}")),
        }
    }
    exposed
}

fn read_short(at: &Cursor) -> Vec<PortSpec> {
    let Some(text) = at.string() else { return Vec::new() };
    parse_short(&text).unwrap_or_else(|reason| {
        at.wrong_with_hint(format!("`{text}` is not a port: {reason}"), "write it as `8080:80` or `127.0.0.1:8080:80`");
        Vec::new()
    })
}

/// Reads `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`, where both ports may be ranges of one length.
pub fn parse_short(text: &str) -> Result<Vec<PortSpec>, &'static str> {
    let (address, ports) = split_address(text)?;
    let (host, container) = match ports.rsplit_once(':') {
        Some((host, container)) => (host, container),
        None => ("", ports),
    };
    let (container, protocol) = parse_container(container)?;
    let hosts: Vec<Option<u16>> = if host.is_empty() {
        container.clone().map(|_| None).collect()
    } else {
        parse_range(host)?.map(Some).collect()
    };
    if hosts.len() != container.len() {
        return Err("both ranges must be of one length");
    }
    let port = |(container, host)| PortSpec { container, protocol, host, address: address.clone() };
    Ok(container.zip(hosts).map(port).collect())
}

/// Splits off the host's address, which may be in brackets.
fn split_address(text: &str) -> Result<(Option<String>, &str), &'static str> {
    let split = match text.strip_prefix('[') {
        Some(rest) => Some(rest.split_once("]:").ok_or("the address is not closed by `]:`")?),
        None if text.matches(':').count() >= 2 => text.split_once(':'),
        None => None,
    };
    let Some((address, ports)) = split else {
        return Ok((None, text));
    };
    let address: IpAddr = address.parse().map_err(|_| "the address is not an IP address")?;
    Ok((Some(address.to_string()), ports))
}

fn parse_container(text: &str) -> Result<(RangeInclusive<u16>, Protocol), &'static str> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    Ok((parse_range(ports)?, parse_protocol(protocol)?))
}

fn parse_range(text: &str) -> Result<RangeInclusive<u16>, &'static str> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (parse_port(first)?, parse_port(last)?);
    if last < first {
        return Err("the range runs backwards");
    }
    if last - first >= 1000 {
        return Err("a range may have at most 1000 ports");
    }
    Ok(first..=last)
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    text.parse().ok().filter(|port| *port > 0).ok_or("a port is a number from 1 to 65535")
}

fn parse_protocol(text: &str) -> Result<Protocol, &'static str> {
    match text {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "sctp" => Ok(Protocol::Sctp),
        _ => Err("the protocol must be tcp, udp or sctp"),
    }
}

fn read_long(at: &Cursor) -> Vec<PortSpec> {
    let (mut target, mut published, mut address, mut protocol) = (None, String::new(), None, "tcp".to_owned());
    for (key, at) in at.entries() {
        match key {
            "target" => target = at.string(),
            "published" => published = at.string().unwrap_or_default(),
            "host_ip" => address = at.parse::<IpAddr>("an IP address"),
            "protocol" => protocol = at.string().unwrap_or_default(),
            "mode" => check_mode(&at),
            other => refuse(&at, other, &KEYS),
        }
    }
    let Some(target) = target else {
        at.wrong("`target`, the port inside the container, is missing");
        return Vec::new();
    };
    let ports = parse_short(&format!("{published}:{target}/{protocol}"));
    let ports = ports.map_err(|reason| at.wrong(format!("this is not a port: {reason}"))).unwrap_or_default();
    ports.into_iter().map(|port| PortSpec { address: address.map(|ip| ip.to_string()), ..port }).collect()
}

/// Checks the mode of a port; without a swarm, both modes mean the same.
fn check_mode(at: &Cursor) {
    if let Some(mode) = at.string()
        && !matches!(mode.as_str(), "host" | "ingress")
    {
        at.wrong(format!("the mode must be `host` or `ingress`, not `{mode}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expect: &str) {
        let found = parse_short(given).map_or_else(ToString::to_string, |ports| {
            ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found, expect, "for `{given}`");
    }

    #[test]
    fn short_ports_are_read_as_compose_does() {
        check("80", "80/tcp");
        check("80:80", "80:80/tcp");
        check("53:53/udp", "53:53/udp");
        check("8000-8002:9000-9002", "8000:9000/tcp 8001:9001/tcp 8002:9002/tcp");
        check("3000-3001", "3000/tcp 3001/tcp");
        check("127.0.0.1:8080:80", "127.0.0.1:8080:80/tcp");
        check("127.0.0.1::80", "127.0.0.1:80/tcp");
        check("[::1]:8080:80", "::1:8080:80/tcp");
    }

    #[test]
    fn what_is_not_a_port_is_refused() {
        check("", "a port is a number from 1 to 65535");
        check("0:80", "a port is a number from 1 to 65535");
        check("65536", "a port is a number from 1 to 65535");
        check("80:80/icmp", "the protocol must be tcp, udp or sctp");
        check("9-8:9-8", "the range runs backwards");
        check("1-3:80", "both ranges must be of one length");
        check("1-65535", "a range may have at most 1000 ports");
        check("localhost:80:80", "the address is not an IP address");
        check("[::1:80:80", "the address is not closed by `]:`");
    }
}

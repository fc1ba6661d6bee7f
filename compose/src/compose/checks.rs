//! Checks that need the whole file.

use super::cursor::{ReadContext, Span};
use super::cycle;
use super::service::{Kind, Reference};
use super::top::Top;
use crate::guess::closest;
use crate::spec::PortSpec;
use std::collections::BTreeMap;

/// Notes references to nothing, circles, and ports and names that are taken twice.
pub fn check(top: &Top, reading: &ReadContext) {
    for reference in &top.notes.references {
        check_reference(reference, top, reading);
    }
    check_container_names(top, reading);
    check_ports(&top.notes.ports, reading);
    check_links(top, reading);
    check_circles(top, reading);
}

fn check_reference(reference: &Reference, top: &Top, reading: &ReadContext) {
    let Reference { kind, name, place } = reference;
    let (what, known): (_, Vec<&String>) = match kind {
        Kind::Service => ("service", top.services.keys().collect()),
        Kind::Network => ("network", top.networks.keys().collect()),
        Kind::Volume => ("volume", top.volumes.keys().collect()),
    };
    let is_default = *kind == Kind::Network && name == "default";
    if is_default || known.contains(&name) {
        return;
    }
    if *kind == Kind::Service && top.left_out.contains(name) {
        return reading.note(reading.problem(place, format!("the profiles chosen leave the service `{name}` out")));
    }
    let problem = reading.problem(place, format!("the file describes no {what} `{name}`"));
    let meant = closest(name, known.into_iter().map(String::as_str));
    let hint = match (meant, kind) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, Kind::Service) => "name one of the file's services".to_owned(),
        (None, Kind::Network) => "describe it under `networks:` at the top level".to_owned(),
        (None, Kind::Volume) => "describe it under `volumes:` at the top level".to_owned(),
    };
    reading.note(problem.hint(hint));
}

fn check_container_names(top: &Top, reading: &ReadContext) {
    let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
    for (name, place) in &top.notes.container_names {
        if let Some(first) = seen.insert(name, place) {
            let text = format!("the container name `{name}` is taken in line {} already", first.line);
            reading.note(reading.problem(place, text));
        }
    }
}

fn check_ports(ports: &[(PortSpec, Span)], reading: &ReadContext) {
    for (index, (port, place)) in ports.iter().enumerate() {
        if let Some((_, first)) = ports[..index].iter().find(|(other, _)| collide(port, other)) {
            let text = format!("the host's port of `{port}` is taken in line {} already", first.line);
            reading.note(reading.problem(place, text));
        }
    }
}

fn collide(one: &PortSpec, other: &PortSpec) -> bool {
    let same_port = one.host.is_some() && one.host == other.host && one.protocol == other.protocol;
    same_port && (is_everywhere(one) || is_everywhere(other) || one.address == other.address)
}

fn is_everywhere(port: &PortSpec) -> bool {
    port.address.as_deref().is_none_or(|address| matches!(address, "0.0.0.0" | "::"))
}

/// A link reaches only a service in one of the same networks.
fn check_links(top: &Top, reading: &ReadContext) {
    for (name, service) in &top.services {
        for link in &service.links {
            let Some(target) = top.services.get(&link.service) else { continue };
            let is_reached = target.networks.keys().any(|network| service.networks.contains_key(network));
            if let (false, Some(place)) = (is_reached, top.places.get(name)) {
                let text = format!("the link to `{}` leads nowhere: they share no network", link.service);
                reading.note(reading.problem(place, text));
            }
        }
    }
}

fn check_circles(top: &Top, reading: &ReadContext) {
    let needs = top.services.iter().map(|(name, service)| (name.clone(), service.needs().into_keys().collect()));
    let Some(circle) = cycle::find(&needs.collect()) else { return };
    let place = circle.first().and_then(|name| top.places.get(name));
    if let Some(place) = place {
        reading.note(reading.problem(place, format!("services wait for each other: {}", circle.join(" -> "))));
    }
}

use super::*;
use crate::app::testing::{COMPOSE, bundle, rendered};
use crate::spec::Protocol;

fn claims(text: &str) -> Claims {
    let mut claims = Claims { project: "p".to_owned(), ..Claims::default() };
    for word in text.split_whitespace() {
        let (kind, name) = word.split_once('=').expect("KIND=NAME");
        let name = name.to_owned();
        match kind {
            "project" => claims.project = name,
            "container" => drop(claims.containers.insert(name)),
            "volume" => drop(claims.volumes.insert(name)),
            "network" => drop(claims.networks.insert(name)),
            "uses" => drop(claims.used_volumes.insert(name)),
            "port" => drop(claims.ports.insert(port(&name))),
            other => panic!("no kind `{other}`"),
        }
    }
    claims
}

fn port(text: &str) -> PortSpec {
    let (rest, protocol) = match text.split_once('/') {
        Some((rest, "udp")) => (rest, Protocol::Udp),
        _ => (text, Protocol::Tcp),
    };
    let (address, host) = match rest.rsplit_once(':') {
        Some((address, host)) => (Some(address.to_owned()), host),
        None => (None, rest),
    };
    PortSpec { container: 80, protocol, host: host.parse().ok(), address }
}

fn check(new: &str, other: &str, expect: &[&str]) {
    let found = conflicts(&claims(new), None, [("fx1", &claims(other))]);
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expect, "`{new}` beside `{other}`");
}

#[test]
fn what_another_instance_has_is_named_with_its_owner() {
    check("project=fixedproj", "project=fixedproj", &["the project `fixedproj` is fx1's"]);
    check("project=a volume=shared", "project=b volume=shared", &["the volume `shared` is fx1's"]);
    check("project=a network=shared", "project=b network=shared", &["the network `shared` is fx1's"]);
    check("project=a container=db", "project=b container=db", &["the container name `db` is fx1's"]);
    check("project=a port=80", "project=b port=80", &["the port `80/tcp` is fx1's"]);
    check("project=a volume=a_d port=80", "project=b volume=b_d port=81", &[]);
}

#[test]
fn what_is_used_as_external_is_not_claimed() {
    check("project=a uses=shared", "project=b volume=shared", &[]);
    let others = claims("project=b uses=shared");
    assert_eq!(holders_of_volume("shared", [("b", &others)]).collect::<Vec<_>>(), ["b"]);
    assert_eq!(holders_of_volume("other", [("b", &others)]).count(), 0);
}

#[test]
fn ports_overlap_where_both_could_not_listen() {
    let overlaps = |one: &str, other: &str, expect: bool| {
        assert_eq!(overlap(&port(one), &port(other)), expect, "{one} and {other}");
        assert_eq!(overlap(&port(other), &port(one)), expect, "{other} and {one}");
    };
    overlaps("80", "80", true);
    overlaps("80", "127.0.0.1:80", true);
    overlaps("0.0.0.0:80", "127.0.0.1:80", true);
    overlaps("0.0.0.0:80", "[::1]:80", false);
    overlaps("[::]:80", "[::1]:80", true);
    overlaps("[::]:80", "127.0.0.1:80", false);
    overlaps("127.0.0.1:80", "127.0.0.2:80", false);
    overlaps("80", "80/udp", false);
    overlaps("80", "81", false);
}

#[test]
fn a_port_that_the_instance_has_already_keeps_it_from_no_change() {
    let (new, other) = (claims("project=a port=80 port=81"), claims("project=b port=80 port=81"));
    let present = claims("project=a port=80");
    let found = conflicts(&new, Some(&present), [("b", &other)]);
    assert_eq!(found.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["81/tcp"]);
}

#[test]
fn a_port_counts_as_had_by_its_address_protocol_and_number() {
    let check = |present: &str, new: &str, other: &str, expect: &[&str]| {
        let claims_port = |project: &str, name: &str| claims(&format!("project={project} port={name}"));
        let (present, other) = (claims_port("a", present), claims_port("b", other));
        let found = conflicts(&claims_port("a", new), Some(&present), [("b", &other)]);
        let names: Vec<_> = found.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, expect, "{new:?} of one that has {present:?} beside {other:?}");
    };
    check("127.0.0.1:80", "10.0.0.1:80", "10.0.0.1:80", &["10.0.0.1:80/tcp"]);
    check("127.0.0.1:80", "0.0.0.0:80", "10.0.0.1:80", &["0.0.0.0:80/tcp"]);
    check("127.0.0.1:80", "80", "[::1]:80", &["80/tcp"]);
    check("80", "80/udp", "80/udp", &["80/udp"]);
    check("127.0.0.1:80", "127.0.0.1:80", "10.0.0.1:80", &[]);
    check("80", "80", "80/udp", &[]);
    // It conflicts with the other's already.
    check("0.0.0.0:80", "10.0.0.1:80", "10.0.0.1:80", &[]);
    check("127.0.0.1:80", "127.0.0.1:80", "0.0.0.0:80", &[]);
}

#[test]
fn a_file_with_a_name_of_its_own_gives_each_instance_its_own_project() {
    let named = format!("name: victim-1\n{COMPOSE}");
    let found = claims_of(&rendered(&bundle(&[("docker-compose.yaml", &named)]), "1", &[]).expect("it renders").spec);
    assert_eq!(found.project, "demo-1");
    assert_eq!(found.containers, ["demo-1-db-1".to_owned(), "demo-1-web-1".to_owned()].into());
    assert_eq!(found.volumes, ["demo-1_data".to_owned()].into());
    assert_eq!(found.networks, ["demo-1_default".to_owned()].into());
    assert_eq!(found.ports.iter().map(port_name).collect::<Vec<_>>(), ["8080/tcp"]);
}

#[test]
fn a_file_whose_app_keeps_its_name_claims_that_project() {
    let named = format!("name: fixedproj\n{COMPOSE}");
    let app = format!("project: from-compose\n{}", crate::app::testing::APP);
    let files = [("docker-compose.yaml", named.as_str()), ("app.yaml", app.as_str())];
    let found = claims_of(&rendered(&bundle(&files), "1", &[]).expect("it renders").spec);
    assert_eq!(found.project, "fixedproj");
    assert_eq!(found.volumes, ["fixedproj_data".to_owned()].into());
}

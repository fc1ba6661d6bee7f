//! A small language for the present and the desired parts in these tests; one part per line.
//!
//! Goals: `web:1 after db healthy`, `web:1 in vpn`, `network net [HASH]`, `volume data`, `external network lab`,
//! `file a.conf CONTENT`. Found: `web:1 [as NAME] [in ID] [STATE [CODE]]`, `image web:2`, `network net [HASH]`, and so on.
//! Containers are in all networks that are named.

use crate::names::{AppName, Digest, InstanceName};
use crate::spec::{AttachSpec, Condition, Content, FileSpec, InstanceSpec, NetworkMode, NetworkSpec, VolumeSpec};
use crate::spec::{ContainerSpec, Restart};
use crate::steps::{
    ContainerHealth, ContainerState, DEFAULT_GRACE, FileOrigin, FoundContainer, FoundFile, FoundNetwork, FoundProject,
    Ownership, Stage,
};
use crate::version::VersionScheme;
use std::str::FromStr;

fn read<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("the text of a test is well formed")
}

pub fn shown(stages: &[Stage]) -> String {
    let stage = |stage: &Stage| stage.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    stages.iter().map(stage).collect::<Vec<_>>().join("\n")
}

pub fn spec(text: &str) -> InstanceSpec {
    let mut spec = InstanceSpec {
        instance: read::<InstanceName>("p"),
        app: read::<AppName>("app"),
        version: read("1"),
        scheme: VersionScheme::default(),
        digest: read::<Digest>(&format!("sha256:{}", "0".repeat(64))),
        project: "p".to_owned(),
        working_dir: "/instances/p".to_owned(),
        networks: Vec::new(),
        volumes: Vec::new(),
        containers: Vec::new(),
        files: Vec::new(),
    };
    for line in text.lines() {
        read_goal(&mut spec, &line.split_whitespace().collect::<Vec<_>>());
    }
    let attach = |network: &NetworkSpec| AttachSpec {
        network: network.name.clone(),
        aliases: Vec::new(),
        links: Default::default(),
        ipv4_address: None,
    };
    let networks: Vec<_> = spec.networks.iter().map(attach).collect();
    for container in &mut spec.containers {
        container.networks.clone_from(&networks);
    }
    spec
}

fn read_goal(spec: &mut InstanceSpec, words: &[&str]) {
    match words {
        [] => {}
        ["external", "network", name] => spec.networks.push(network(name, "", true)),
        ["external", "volume", name] => spec.volumes.push(volume(name, true)),
        ["network", name, rest @ ..] => spec.networks.push(network(name, rest.first().unwrap_or(&"0"), false)),
        ["volume", name] => spec.volumes.push(volume(name, false)),
        ["file", path, content] => {
            let content = Content::new(*content);
            spec.files.push(FileSpec { path: (*path).to_owned(), mode: 0o644, content });
        }
        [image, rest @ ..] => spec.containers.push(container(image, rest)),
    }
}

fn network(name: &str, config_hash: &str, external: bool) -> NetworkSpec {
    NetworkSpec {
        name: name.to_owned(),
        key: name.to_owned(),
        external,
        driver: None,
        internal: false,
        subnets: Vec::new(),
        options: Default::default(),
        labels: Default::default(),
        config_hash: config_hash.to_owned(),
    }
}

fn volume(name: &str, external: bool) -> VolumeSpec {
    let (options, labels) = Default::default();
    VolumeSpec { name: name.to_owned(), key: name.to_owned(), external, driver: None, options, labels }
}

fn container<'a>(image: &str, mut words: &'a [&'a str]) -> ContainerSpec {
    let (service, version) = image.split_once(':').expect("a service has a version");
    let name = format!("p-{service}-1");
    let fields = serde_json::json!({
        "service": service, "name": name, "image": image, "config_hash": version, "restart": Restart::UnlessStopped,
    });
    let mut container: ContainerSpec = serde_json::from_value(fields).expect("the rest of a container has defaults");
    loop {
        words = match words {
            [] => return container,
            ["after", service, "healthy", rest @ ..] => wait(&mut container, service, Condition::Healthy, rest),
            ["after", service, "completed", rest @ ..] => {
                wait(&mut container, service, Condition::CompletedSuccessfully, rest)
            }
            ["after", service, rest @ ..] => wait(&mut container, service, Condition::Started, rest),
            ["in", service, rest @ ..] => {
                container.network_mode = NetworkMode::Service((*service).to_owned());
                rest
            }
            [word, ..] => panic!("`{word}` means nothing"),
        }
    }
}

fn wait<'a>(container: &mut ContainerSpec, on: &str, condition: Condition, rest: &'a [&'a str]) -> &'a [&'a str] {
    container.depends_on.insert(on.to_owned(), condition);
    rest
}

pub fn found(text: &str) -> FoundProject {
    let mut found = FoundProject::default();
    for line in text.lines() {
        read_found(&mut found, &line.split_whitespace().collect::<Vec<_>>());
    }
    let networks: std::collections::BTreeSet<_> = found.networks.iter().map(|it| it.name.clone()).collect();
    for container in &mut found.containers {
        container.networks.clone_from(&networks);
    }
    found
}

fn read_found(found: &mut FoundProject, words: &[&str]) {
    match words {
        [] => {}
        ["image", image] => drop(found.images.insert((*image).to_owned(), (*image).to_owned())),
        ["volume", name] => drop(found.volumes.insert((*name).to_owned())),
        ["network", name, rest @ ..] => found.networks.push(FoundNetwork {
            name: (*name).to_owned(),
            ownership: Ownership::OfProject,
            config_hash: (*rest.first().unwrap_or(&"0")).to_owned(),
        }),
        ["file", path, content] => {
            let digest = Some(Content::new(*content).digest());
            found.files.insert((*path).to_owned(), FoundFile { digest, mode: 0o644, origin: FileOrigin::Ours });
        }
        [image, rest @ ..] => found.containers.push(found_container(image, rest)),
    }
}

fn found_container(image: &str, words: &[&str]) -> FoundContainer {
    let (service, version) = image.split_once(':').expect("a service has a version");
    let (name, words) = match words {
        ["as", name, rest @ ..] => ((*name).to_owned(), rest),
        words => (format!("p-{service}-1"), words),
    };
    let (lender, words) = match words {
        ["in", id, rest @ ..] => (Some((*id).to_owned()), rest),
        words => (None, words),
    };
    let (state, health) = match words {
        [] => (ContainerState::Running, ContainerHealth::Unchecked),
        ["healthy"] => (ContainerState::Running, ContainerHealth::Healthy),
        ["created"] => (ContainerState::Created, ContainerHealth::Unchecked),
        ["paused"] => (ContainerState::Paused, ContainerHealth::Unchecked),
        ["exited", code] => (ContainerState::Exited { code: read(code) }, ContainerHealth::Unchecked),
        words => panic!("`{words:?}` is no state"),
    };
    FoundContainer {
        id: name.clone(),
        name,
        service: service.to_owned(),
        config_hash: version.to_owned(),
        image: image.to_owned(),
        image_id: image.to_owned(),
        state,
        health,
        restarts: 0,
        networks: Default::default(),
        lender,
        anonymous: Vec::new(),
        stop_grace: DEFAULT_GRACE,
        restart: None,
    }
}

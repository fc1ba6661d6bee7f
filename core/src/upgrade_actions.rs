//! Actions of an upgrade: which ones a hop has, and the container in which one runs.
//!
//! **Invariant:** the container of an action is found again by its name, which has the order, the hop and the place of the action, so that
//! a command never begins twice.

use crate::app::{ActionPhase, CommandRun, UpgradeAction, Upgrades};
use crate::names::{OrderId, Version};
use crate::spec::{
    ContainerSpec, Healthcheck, InstanceSpec, Logging, MountSource, NetworkMode, Probing, Restart, Text,
};
use crate::upgrade_path::edge_between;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Characters of an order's id in the name of a container.
const ID_LENGTH: usize = 12;

/// Action of a hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopAction {
    /// Release whose service runs it.
    pub phase: ActionPhase,
    /// The action.
    pub action: UpgradeAction,
}

impl HopAction {
    /// Returns the command.
    pub fn run(&self) -> &CommandRun {
        &self.action.run
    }
}

/// Container of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionContainer {
    /// Order to which it belongs.
    pub order: OrderId,
    /// Compose project of the instance.
    pub project: String,
    /// Container of the service like which it is made: it has the same image, and the same volumes without a name.
    pub like: String,
    /// Spec by which it is made.
    pub spec: ContainerSpec,
    /// Longest time that it may run.
    pub limit: Duration,
}

/// Returns the actions of an edge.
pub fn actions_of_edge(edge: &crate::app::UpgradeEdge) -> Vec<HopAction> {
    edge.actions().map(|(phase, action)| HopAction { phase, action: action.clone() }).collect()
}

/// Returns the actions of each hop between these versions, which are in their order; none if no hop has any.
pub fn actions_of_hops(upgrades: Option<&Upgrades>, versions: &[&Version]) -> Vec<Vec<HopAction>> {
    let Some(upgrades) = upgrades else { return Vec::new() };
    let of_hop = |hop: &[&Version]| edge_between(upgrades, hop[0], hop[1]).map(actions_of_edge).unwrap_or_default();
    let hops: Vec<Vec<HopAction>> = versions.windows(2).map(of_hop).collect();
    if hops.iter().all(Vec::is_empty) { Vec::new() } else { hops }
}

/// Returns the longest time that the actions may take together.
pub fn time_limit<'a>(actions: impl IntoIterator<Item = &'a HopAction>) -> Duration {
    actions.into_iter().map(|action| action.run().limit.as_duration()).sum()
}

/// Returns the container of an action of a hop; none if the release has no such service.
pub fn container_of(
    run: &CommandRun,
    spec: &InstanceSpec,
    order: &OrderId,
    (hop, number): (usize, usize),
) -> Option<ActionContainer> {
    let service = spec.container(&run.service)?;
    let id: String = order.as_str().chars().take(ID_LENGTH).collect();
    let mut container = ContainerSpec {
        name: format!("{}-upgrade-{id}-{hop}-{number}", spec.project),
        command: Some(run.command.iter().map(Text::plain).collect()),
        restart: Restart::No,
        // Whoever stops it: it must not look as if it had done its work.
        stop_signal: Some("SIGKILL".to_owned()),
        // Those of the service are another container's.
        ports: Vec::new(),
        expose: Default::default(),
        hostname: None,
        labels: BTreeMap::new(),
        depends_on: Default::default(),
        healthcheck: Some(Healthcheck { test: Probing::Disabled, ..Healthcheck::default() }),
        // Whatever the service does with its log: this one is read here.
        logging: Some(Logging {
            driver: Some("json-file".to_owned()),
            options: [("max-size".to_owned(), "10m".to_owned())].into(),
        }),
        ..service.clone()
    };
    // It gets those of the service's container, which have no name.
    container.mounts.retain(|mount| mount.source != MountSource::Anonymous);
    for network in &mut container.networks {
        network.aliases.clear();
        network.ipv4_address = None;
    }
    if run.offline {
        container.networks.clear();
        container.network_mode = NetworkMode::None;
    }
    let (project, like) = (spec.project.clone(), service.name.clone());
    Some(ActionContainer { order: order.clone(), project, like, spec: container, limit: run.limit.as_duration() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::{bundle, rendered};
    use crate::app::{DataEffect, UpgradeEdge};
    use crate::units::Period;

    fn run(service: &str, offline: bool) -> CommandRun {
        let command = vec!["migrate".to_owned(), "--all".to_owned()];
        CommandRun { service: service.to_owned(), command, offline, limit: Period::from_secs(90) }
    }

    const COMPOSE: &str = "
services:
  web:
    image: demo:1
    hostname: front
    entrypoint: [run]
    command: [serve]
    user: '1000'
    restart: always
    ports: ['8080:80']
    environment: { MODE: all }
    depends_on: [db]
    healthcheck: { test: [CMD, look] }
    logging: { driver: none }
    networks: { back: { aliases: [front], ipv4_address: 10.9.0.5 } }
    volumes: ['data:/data', /scratch]
  db: { image: demo-db:1, networks: [back] }
networks:
  back: { ipam: { config: [ { subnet: 10.9.0.0/24 } ] } }
volumes: { data: {} }
";

    fn container(offline: bool) -> Option<ActionContainer> {
        let app = "app: demo\nvalues: { domain: { type: string }, db_password: { type: string } }\n";
        let bundle = bundle(&[("app.yaml", app), ("docker-compose.yaml", COMPOSE), ("nginx.conf.j2", "")]);
        let spec = rendered(&bundle, "1.0", &[]).expect("it can be rendered").spec;
        let order = "0123456789abcdef01234567".parse().expect("an id");
        container_of(&run("web", offline), &spec, &order, (1, 2))
    }

    #[test]
    fn a_container_is_like_that_of_the_service_and_nothing_reaches_it_as_the_service() {
        let ActionContainer { spec, like, limit, project, .. } = container(false).expect("it has the service");
        assert_eq!(spec.name, format!("{project}-upgrade-0123456789ab-1-2"));
        let words = |texts: &Option<Vec<Text>>| texts.iter().flatten().map(|text| text.expose().to_owned()).collect();
        let (entrypoint, command): (Vec<String>, Vec<String>) = (words(&spec.entrypoint), words(&spec.command));
        assert_eq!((entrypoint, command), (vec!["run".to_owned()], vec!["migrate".to_owned(), "--all".to_owned()]));
        assert_eq!((spec.image.as_str(), spec.user.as_deref()), ("demo:1", Some("1000")));
        assert!(spec.environment.contains_key("MODE"));
        assert_eq!((spec.restart, spec.ports.len(), &spec.hostname), (Restart::No, 0, &None));
        assert!(spec.healthcheck.is_some_and(|check| check.test == Probing::Disabled));
        assert_eq!(spec.logging.and_then(|logging| logging.driver).as_deref(), Some("json-file"));
        let network = &spec.networks[0];
        assert!(network.aliases.is_empty() && network.ipv4_address.is_none(), "{network:?}");
        assert_eq!(spec.stop_signal.as_deref(), Some("SIGKILL"));
        assert_eq!(spec.mounts.len(), 1, "the volume without a name is shared with the service");
        assert!(spec.name != like && limit == Duration::from_secs(90));
    }

    #[test]
    fn an_offline_container_has_no_network() {
        let spec = container(true).expect("it has the service").spec;
        assert_eq!((spec.networks.len(), spec.network_mode), (0, NetworkMode::None));
    }

    #[test]
    fn each_hop_has_the_actions_of_its_edge_in_their_order() {
        let action = |service: &str| UpgradeAction { run: run(service, false) };
        let edge = |from: &str, to: &str, before: &[&str], migrate: &[&str]| UpgradeEdge {
            from: from.parse().expect("a range"),
            to: to.parse().expect("a range"),
            data: DataEffect::AtStart,
            compare: Default::default(),
            before: before.iter().map(|it| action(it)).collect(),
            migrate: migrate.iter().map(|it| action(it)).collect(),
        };
        let edges = vec![edge("<2", "==2", &["a"], &["b", "c"]), edge("==2", ">2", &[], &[])];
        let graph = Upgrades { edges, ..Upgrades::default() };
        let found = |text: &str| {
            let versions: Vec<Version> = text.split(' ').map(|it| it.parse().expect("a version")).collect();
            let hops = actions_of_hops(Some(&graph), &versions.iter().collect::<Vec<_>>());
            let shown = |hop: &Vec<HopAction>| {
                hop.iter().map(|it| format!("{:?} {}", it.phase, it.run().service)).collect::<Vec<_>>().join(", ")
            };
            hops.iter().map(shown).collect::<Vec<_>>()
        };
        assert_eq!(found("1 2 3"), ["Before a, Migrate b, Migrate c", ""]);
        assert_eq!(found("2 3"), [""; 0]);
        assert_eq!(found("2 1"), [""; 0], "not back");
        let all = actions_of_edge(&graph.edges[0]);
        assert_eq!(time_limit(&all), Duration::from_secs(270));
        assert!(actions_of_hops(None, &[]).is_empty());
    }
}

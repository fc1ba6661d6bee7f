//! `before` and `migrate` of an edge of `upgrades:`: commands that an upgrade runs on data while nothing of the app runs.

use super::stores::StoreDeclaration;
use super::upgrades::{DataEffect, UpgradeEdge};
use crate::names::StoreName;
use crate::spec::{InstanceSpec, NetworkMode};
use crate::store::StoreKind;
use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most actions of one list.
const ACTION_LIMIT: usize = 16;
/// The most words of a command.
const WORD_LIMIT: usize = 64;
/// The most bytes of a command.
const COMMAND_LIMIT: usize = 8 << 10;
/// The longest time limit of a command.
const LONGEST: Period = Period::from_secs(7 * 24 * 3600);

/// Part of an upgrade that changes data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradeAction {
    /// Command to run once.
    pub run: CommandRun,
}

/// Command that runs in a container of its own, made like that of a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRun {
    /// Service whose image, entrypoint, environment, user, mounts and networks the container has.
    pub service: String,
    /// Words of the command.
    pub command: Vec<String>,
    /// True if it has no network, and no server of a store runs meanwhile.
    #[serde(default, skip_serializing_if = "is_false")]
    pub offline: bool,
    /// Longest time that it may take.
    #[serde(default = "default_limit")]
    pub limit: Period,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn default_limit() -> Period {
    Period::from_secs(30 * 60)
}

/// Release whose service runs an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionPhase {
    /// The release that the upgrade leads from.
    Before,
    /// The release that it leads to, before that starts.
    Migrate,
}

impl UpgradeEdge {
    /// Returns the actions in their order.
    pub fn actions(&self) -> impl Iterator<Item = (ActionPhase, &UpgradeAction)> {
        let before = self.before.iter().map(|action| (ActionPhase::Before, action));
        before.chain(self.migrate.iter().map(|action| (ActionPhase::Migrate, action)))
    }
}

impl UpgradeAction {
    /// Returns why it cannot run with the services of its release.
    pub(super) fn problem_in(&self, spec: &InstanceSpec) -> Option<String> {
        let CommandRun { service, offline, .. } = &self.run;
        let Some(container) = spec.container(service) else {
            return Some(format!("this release has no service `{service}`"));
        };
        match &container.network_mode {
            NetworkMode::Service(other) if !offline => Some(format!(
                "`{service}` has the network of `{other}`, which does not run meanwhile, unless it is a database's"
            )),
            _ => None,
        }
    }
}

/// Returns the problems of an edge's actions, each with the key below the edge.
pub fn problems(edge: &UpgradeEdge, stores: &BTreeMap<StoreName, StoreDeclaration>) -> Vec<(String, String)> {
    let lists = [("before", &edge.before), ("migrate", &edge.migrate)];
    let Some((first, _)) = lists.iter().find(|(_, list)| !list.is_empty()) else { return Vec::new() };
    let whole = |text: &str| vec![((*first).to_owned(), text.to_owned())];
    if edge.data == DataEffect::None {
        return whole("an upgrade with `data: none` changes no data");
    }
    if !stores.values().any(|store| store.kind == StoreKind::Truth) {
        return whole("without a store of kind `truth` under `stores`, nothing brings data back if it fails");
    }
    if let Some((key, _)) = lists.iter().find(|(_, list)| list.len() > ACTION_LIMIT) {
        return vec![((*key).to_owned(), format!("there are more than {ACTION_LIMIT}"))];
    }
    let of_list = |(key, list): (&'static str, &Vec<UpgradeAction>)| {
        let of_action = |(number, action): (usize, &UpgradeAction)| {
            Some((format!("{key}[{number}].run"), problem_of(&action.run)?))
        };
        list.iter().enumerate().filter_map(of_action).collect::<Vec<_>>()
    };
    lists.into_iter().flat_map(of_list).collect()
}

fn problem_of(run: &CommandRun) -> Option<String> {
    let CommandRun { service, command, offline: _, limit } = run;
    if service.is_empty() {
        return Some("`service` is empty".to_owned());
    }
    if command.is_empty() || command.len() > WORD_LIMIT {
        return Some(format!("`command` has 1 to {WORD_LIMIT} words"));
    }
    if command.iter().map(String::len).sum::<usize>() > COMMAND_LIMIT {
        return Some(format!("`command` is longer than {COMMAND_LIMIT} bytes"));
    }
    if command[0].is_empty() || command.iter().any(|word| word.contains('\0')) {
        return Some("`command` names no program".to_owned());
    }
    let is_possible = *limit > Period::ZERO && *limit <= LONGEST;
    (!is_possible).then(|| format!("`limit` is longer than 0, and at most {LONGEST}"))
}

#[cfg(test)]
mod tests {
    use crate::app::lint;
    use crate::app::testing::{APP, bundle};

    const STORES: &str = "stores:
  rows: { engine: postgresql, kind: truth, service: db, database: demo, user: demo }
";

    fn problems(stores: &str, edge: &str) -> Vec<String> {
        let app = format!("{APP}{stores}upgrades:\n  edges:\n    - {{ from: '<2', to: '>=2', {edge} }}\n");
        let first = APP.lines().count() + stores.lines().count() + 1;
        let version = "2.0".parse().expect("a version");
        let report = lint(&bundle(&[("app.yaml", &app)]), Some(&version));
        let shown = |it: crate::compose::Problem| format!("{}:{} {}", it.line.saturating_sub(first), it.path, it.text);
        report.problems.0.into_iter().map(shown).collect()
    }

    #[test]
    fn commands_of_services_are_accepted() {
        let good = "before: [ { run: { service: db, command: [a] } } ], \
                    migrate: [ { run: { service: web, command: [python3, -m, notes, migrate], limit: 2h, offline: true } } ]";
        assert_eq!(problems(STORES, good), [""; 0]);
        assert_eq!(problems("", "data: none, migrate: []"), [""; 0]);
    }

    #[test]
    fn each_fault_of_an_action_is_named_by_its_line_and_key() {
        let run = |fields: &str| format!("migrate: [ {{ run: {{ {fields} }} }} ]");
        let many = (0..17).map(|_| "{ run: { service: db, command: [a] } }, ").collect::<String>();
        let words = "a, ".repeat(65);
        let rows = [
            (
                format!("data: none, {}", run("service: web, command: [a]")),
                "migrate an upgrade with `data: none` changes no data",
            ),
            (format!("before: [ {many} ]"), "before there are more than 16"),
            (run("service: '', command: [a]"), "migrate[0].run `service` is empty"),
            (run("service: web, command: []"), "migrate[0].run `command` has 1 to 64 words"),
            (run(&format!("service: web, command: [{words}]")), "migrate[0].run `command` has 1 to 64 words"),
            (run("service: web, command: ['']"), "migrate[0].run `command` names no program"),
            (run("service: web, command: [a], limit: 0s"), "migrate[0].run `limit` is longer than 0, and at most 7d"),
            (run("service: web, command: [a], limit: 8d"), "migrate[0].run `limit` is longer than 0, and at most 7d"),
            (run("service: nobody, command: [a]"), "migrate[0].run.service this release has no service `nobody`"),
        ];
        for (edge, expect) in rows {
            assert_eq!(problems(STORES, &edge), [format!("2:upgrades.edges[0].{expect}")], "{edge}");
        }
        let without = problems("", &run("service: web, command: [a]"));
        let expect = "without a store of kind `truth` under `stores`, nothing brings data back if it fails";
        assert_eq!(without, [format!("2:upgrades.edges[0].migrate {expect}")]);
    }

    #[test]
    fn an_action_without_a_kind_or_with_an_unknown_key_is_refused_with_its_line() {
        for edge in ["migrate: [ { } ]", "migrate: [ { run: { service: web, command: [a], shell: true } } ]"] {
            let found = problems(STORES, edge);
            assert!(found.len() == 1 && found[0].starts_with("2:"), "{edge}: {found:?}");
        }
    }
}

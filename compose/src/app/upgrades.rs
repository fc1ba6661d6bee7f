//! `upgrades:` of `app.yaml`: the versions between which a release can upgrade, and what each upgrade does to data.

use super::actions::{self, UpgradeAction};
use super::compare::{self, Comparison};
use super::stores::StoreDeclaration;
use super::yaml::problem_at;
use crate::compose::Problems;
use crate::names::{StoreName, Version};
use crate::spec::InstanceSpec;
use crate::version::{VersionKey, VersionRange, VersionScheme};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most required stops, and the most edges.
const LIMIT: usize = 64;
/// The most characters of a stop's reason.
const WHY_LIMIT: usize = 200;

/// Upgrade graph of a release: how instances of other releases get to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upgrades {
    /// Order of the app's versions.
    #[serde(default)]
    pub scheme: VersionScheme,
    /// Versions that no upgrade may pass by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<RequiredStop>,
    /// Upgrades that are possible in one hop. Without any, each upgrade to a newer version is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<UpgradeEdge>,
}

/// Version at which each upgrade from an older to a newer one stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredStop {
    /// Version to stop at.
    pub version: Version,
    /// Reason, for people.
    pub why: String,
}

/// Upgrade that is possible in one hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradeEdge {
    /// Versions that it leads from.
    pub from: VersionRange,
    /// Versions that it leads to.
    pub to: VersionRange,
    /// Effect on data.
    #[serde(default)]
    pub data: DataEffect,
    /// Numbers of items that it has to keep.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compare: Comparison,
    /// Actions with the release that it leads from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<UpgradeAction>,
    /// Actions with the release that it leads to, before that starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrate: Vec<UpgradeAction>,
}

/// Effect of a hop on the data of truth stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataEffect {
    /// The new release leaves data alone.
    None,
    /// The new release may migrate data when it starts.
    #[default]
    AtStart,
}

impl DataEffect {
    /// Returns whether it is what an edge has that says nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Upgrades {
    /// Finds what cannot work in the parts of the graph, each with its line.
    pub(super) fn check(&self, stores: &BTreeMap<StoreName, StoreDeclaration>, bytes: &[u8], problems: &mut Problems) {
        let of_edge = |(index, edge): (usize, &UpgradeEdge)| {
            let found = compare::problems(edge, stores).into_iter().chain(actions::problems(edge, stores));
            found.map(move |(key, text)| (format!("upgrades.edges[{index}].{key}"), text))
        };
        let compared = self.edges.iter().take(LIMIT).enumerate().flat_map(of_edge);
        for (path, text) in self.problems_of_parts().into_iter().chain(compared) {
            problems.push(problem_at(bytes, &path, text));
        }
    }

    /// Returns whether an edge compares numbers of items.
    pub fn has_comparison(&self) -> bool {
        self.edges.iter().any(|edge| !edge.compare.is_empty())
    }

    /// Returns whether an edge has actions.
    pub fn has_actions(&self) -> bool {
        self.edges.iter().any(|edge| edge.actions().next().is_some())
    }

    /// Finds the actions with this release that cannot run with its services.
    pub(super) fn check_services(&self, version: &Version, spec: &InstanceSpec, bytes: &[u8], problems: &mut Problems) {
        let Ok(key) = self.scheme.key(version) else { return };
        for (index, edge) in self.edges.iter().enumerate() {
            let is_to_this = edge.to.resolve(&self.scheme).is_ok_and(|range| range.contains(&key));
            let migrate = edge.migrate.iter().filter(|_| is_to_this).enumerate();
            for (number, text) in migrate.filter_map(|(number, it)| Some((number, it.problem_in(spec)?))) {
                let path = format!("upgrades.edges[{index}].migrate[{number}].run.service");
                problems.push(problem_at(bytes, &path, text));
            }
        }
    }

    /// Finds what cannot work in the whole graph, and for a release of this version. It takes longer, and is done once for a release.
    pub(super) fn check_whole(&self, version: Option<&Version>, bytes: &[u8], problems: &mut Problems) {
        if let Some(error) = version.and_then(|version| self.scheme.key(version).err()) {
            problems.push(problem_at(bytes, "upgrades.scheme", format!("this release: {error}")));
        }
        for (path, text) in self.problems_of_edges() {
            problems.push(problem_at(bytes, &path, text));
        }
    }

    /// Returns the problems of each part by itself, with its path in the file.
    fn problems_of_parts(&self) -> Vec<(String, String)> {
        if let Some(text) = self.scheme.problem() {
            return vec![("upgrades.scheme".to_owned(), text)];
        }
        let counts = [("stops", self.stops.len()), ("edges", self.edges.len())];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count > LIMIT) {
            return vec![(format!("upgrades.{key}"), format!("there are more than {LIMIT}"))];
        }
        let of_stop = |(index, stop)| Some((format!("upgrades.stops[{index}]"), self.problem_of_stop(index, stop)?));
        let of_edge = |(index, edge): (usize, &UpgradeEdge)| {
            [("from", edge.from.problem(&self.scheme)), ("to", edge.to.problem(&self.scheme))]
                .into_iter()
                .filter_map(move |(key, text)| Some((format!("upgrades.edges[{index}].{key}"), text?)))
        };
        let of_stops = self.stops.iter().enumerate().filter_map(of_stop);
        of_stops.chain(self.edges.iter().enumerate().flat_map(of_edge)).collect()
    }

    fn problem_of_stop(&self, index: usize, stop: &RequiredStop) -> Option<String> {
        let key = match self.scheme.key(&stop.version) {
            Ok(key) => key,
            Err(error) => return Some(error.to_string()),
        };
        let is_before = |other: &&RequiredStop| self.scheme.key(&other.version).is_ok_and(|other| other == key);
        if let Some(first) = self.stops[..index].iter().find(is_before) {
            return Some(format!("{} is a required stop already, as {}", stop.version, first.version));
        }
        let length = stop.why.trim().chars().count();
        let is_plain = (1..=WHY_LIMIT).contains(&length) && !stop.why.chars().any(char::is_control);
        (!is_plain).then(|| format!("`why` has 1 to {WHY_LIMIT} characters on one line"))
    }

    /// Returns the problems of edges with each other. Ranges are compared by samples: within one gap between the versions that the
    /// graph names, all versions are alike.
    fn problems_of_edges(&self) -> Vec<(String, String)> {
        let samples = self.samples();
        let inside = |range: &VersionRange| -> Vec<bool> {
            let range = range.resolve(&self.scheme).ok();
            samples.iter().map(|key| range.as_ref().is_some_and(|range| range.contains(key))).collect()
        };
        let sides: Vec<_> = self.edges.iter().map(|edge| (inside(&edge.from), inside(&edge.to))).collect();
        let path = |index: usize| format!("upgrades.edges[{index}]");
        let mut found = Vec::new();
        for (index, (from, to)) in sides.iter().enumerate() {
            let edge = &self.edges[index];
            if !leads_on(from, to) {
                found.push((path(index), format!("no version in {} is older than one in {}", edge.from, edge.to)));
                continue;
            }
            let meets = |(other_from, other_to): &(Vec<bool>, Vec<bool>)| {
                leads_on(&both(from, other_from), &both(to, other_to))
            };
            if let Some(other) = sides[..index].iter().position(meets) {
                let first = &self.edges[other];
                let text = format!(
                    "it and edges[{other}] ({} to {}) lead from one version to the same other",
                    first.from, first.to
                );
                found.push((path(index), text));
            }
        }
        found
    }

    /// Positions by which the ranges of the graph can be compared, in order.
    fn samples(&self) -> Vec<VersionKey> {
        let ranges = self.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
        let mut samples: Vec<VersionKey> = match &self.scheme {
            VersionScheme::Listed(versions) => versions.iter().filter_map(|one| self.scheme.key(one).ok()).collect(),
            VersionScheme::Pep440 | VersionScheme::Semver => {
                let oldest = self.scheme.key_of("0").into_iter().flat_map(VersionKey::with_newer);
                ranges.flat_map(|range| range.samples(&self.scheme)).chain(oldest).collect()
            }
        };
        samples.sort();
        samples.dedup();
        samples
    }
}

/// Returns whether one of the first versions is older than one of the others.
fn leads_on(from: &[bool], to: &[bool]) -> bool {
    let oldest = from.iter().position(|is_in| *is_in);
    let newest = to.iter().rposition(|is_in| *is_in);
    oldest.zip(newest).is_some_and(|(oldest, newest)| oldest < newest)
}

fn both(one: &[bool], other: &[bool]) -> Vec<bool> {
    one.iter().zip(other).map(|(one, other)| *one && *other).collect()
}

#[cfg(test)]
mod tests {
    use crate::app::lint;
    use crate::app::testing::{APP, bundle};

    fn problems(upgrades: &str) -> Vec<String> {
        let app = format!("{APP}upgrades:\n{upgrades}");
        let report = lint(&bundle(&[("app.yaml", &app)]), None);
        let first = APP.lines().count() + 1;
        let shown =
            |problem: crate::compose::Problem| format!("{}:{} {}", problem.line - first, problem.path, problem.text);
        report.problems.0.into_iter().map(shown).collect()
    }

    #[test]
    fn a_graph_that_works_is_accepted() {
        let graph = "  scheme: pep440\n  stops:\n    - { version: '1.3.1', why: moves tags }\n  edges:\n\
                     \x20   - { from: '>=1.1,<1.3.1', to: '==1.3.1' }\n    - { from: '==1.3.1', to: '>=1.4,<2', data: none }\n";
        assert_eq!(problems(graph), [""; 0]);
        assert_eq!(problems("  scheme: semver\n"), [""; 0]);
        assert_eq!(problems("  scheme: [warty, hoary]\n  edges: [{ from: '==warty', to: '==hoary' }]\n"), [""; 0]);
    }

    #[test]
    fn each_fault_of_a_graph_is_named_by_its_line_and_key() {
        let rows = [
            ("  scheme: [a, b, a]\n", "1:upgrades.scheme `a` stands twice in the list"),
            (
                "  scheme: semver\n  stops:\n    - { version: 1.2.3.4, why: because }\n",
                "3:upgrades.stops[0] `1.2.3.4` is not a version by Semantic Versioning, such as `1.2.0` or `1.2.0-rc.1`",
            ),
            (
                "  stops:\n    - { version: '1.2', why: one }\n    - { version: v1.2.0, why: two }\n",
                "3:upgrades.stops[1] v1.2.0 is a required stop already, as 1.2",
            ),
            (
                "  edges:\n    - { from: '>=breezy', to: '==1.2' }\n",
                "2:upgrades.edges[0].from `breezy` is not a version by PEP 440, such as `1.2`, `1.2rc1` or `2026.11`",
            ),
            (
                "  edges:\n    - { from: '>=2,<1', to: '>=1' }\n",
                "2:upgrades.edges[0] no version in >=2,<1 is older than one in >=1",
            ),
            (
                "  edges:\n    - { from: '>=2', to: '<2' }\n",
                "2:upgrades.edges[0] no version in >=2 is older than one in <2",
            ),
            (
                "  edges:\n    - { from: '>1', to: '>1' }\n    - { from: '>=3,<4', to: '<5' }\n",
                "3:upgrades.edges[1] it and edges[0] (>1 to >1) lead from one version to the same other",
            ),
            (
                "  edges:\n    - { from: '==1.2.*', to: '==1.3.*' }\n    - { from: '>=1.2.7', to: '==1.3.4' }\n",
                "3:upgrades.edges[1] it and edges[0] (==1.2.* to ==1.3.*) lead from one version to the same other",
            ),
        ];
        for (graph, expect) in rows {
            assert_eq!(problems(graph), [expect], "{graph}");
        }
    }

    #[test]
    fn a_release_has_a_place_in_its_own_order() {
        let app = format!("{APP}upgrades: {{ scheme: [warty, hoary] }}\n");
        let problems = |version: &str| {
            let version: crate::names::Version = version.parse().expect("a version");
            lint(&bundle(&[("app.yaml", &app)]), Some(&version)).problems.0
        };
        assert!(problems("hoary").is_empty());
        assert_eq!(problems("breezy")[0].text, "this release: `breezy` is not in the list of `upgrades.scheme`");
    }

    #[test]
    fn edges_that_only_touch_do_not_overlap() {
        let graphs: [&[(&str, &str)]; 5] = [
            &[(">=1,<2", "==2.0"), (">=1,<2", ">2.0"), (">=2", ">=2.1")],
            &[("==0.16.*", "==0.18.*"), ("==0.17.*", "==0.18.*")],
            &[("==1.2.*", "==1.4.*"), ("==1.3.*", "==1.4.*"), ("==1", "==2")],
            &[(">2026-03,<2026-06", ">=2027")],
            &[("==1.2.*", "!=1.2.*")],
        ];
        for edges in graphs {
            let lines = edges.iter().map(|(from, to)| format!("    - {{ from: '{from}', to: '{to}' }}\n"));
            let graph = format!("  edges:\n{}", lines.collect::<String>());
            assert_eq!(problems(&graph), [""; 0], "{graph}");
        }
    }
}

//! The path from the release that an instance runs to the one that is wanted, hop by hop.
//!
//! **Invariant:** a path stops at each required stop between its ends, each hop leads to a newer version, and the same graph,
//! versions and ends give the same path anywhere.

#[cfg(test)]
mod tests;

use crate::app::{DataEffect, RequiredStop, UpgradeEdge, Upgrades};
use crate::names::Version;
use crate::reason::LeftOutReason;
use crate::upgrade_actions::{HopAction, actions_of_edge};
use crate::version::{ResolvedRange, VersionError, VersionKey, VersionRange, VersionScheme};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Returns the edge by which a graph leads from a version to another one in one hop.
///
/// No edge leads to the same or to an older version.
pub fn edge_between<'a>(upgrades: &'a Upgrades, from: &Version, to: &Version) -> Option<&'a UpgradeEdge> {
    let scheme = &upgrades.scheme;
    let (from, to) = (scheme.key(from).ok()?, scheme.key(to).ok()?);
    let mut edges = upgrades.edges.iter().filter(|edge| {
        let ranges = edge.from.resolve(scheme).ok().zip(edge.to.resolve(scheme).ok());
        ranges.is_some_and(|(leaves, enters)| leaves.contains(&from) && enters.contains(&to))
    });
    // Two edges do not lead from one version to the same other: the release would be refused.
    edges.next().filter(|_| from < to)
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Version that it leads to.
    pub to: Version,
    /// Effect on data.
    pub data: DataEffect,
    /// Reason of the required stop at its end, if there is one.
    pub stop_reason: Option<String>,
    /// Actions on data, in their order.
    pub actions: Vec<HopAction>,
}

/// Paths to one release, by its own graph.
#[derive(Debug)]
pub struct UpgradePaths<'a> {
    scheme: VersionScheme,
    target: &'a Version,
    /// Position of the target and the rest; an error if the graph cannot be used for it.
    graph: Result<Graph<'a>, VersionError>,
    /// True if the app has no graph of its own: its versions may be of any kind.
    is_without_graph: bool,
}

#[derive(Debug)]
struct Graph<'a> {
    /// Releases up to the target in their order. The target is the last.
    nodes: Vec<Node<'a>>,
    /// Required stops up to the target in their order, each with its release, if it was pushed.
    stops: Vec<Stop>,
    edges: Vec<Edge>,
}

#[derive(Debug)]
struct Node<'a> {
    key: VersionKey,
    version: &'a Version,
}

#[derive(Debug)]
struct Stop {
    key: VersionKey,
    node: Option<usize>,
    stop: RequiredStop,
}

#[derive(Debug)]
struct Edge {
    data: DataEffect,
    actions: Vec<HopAction>,
    /// Range that it leads from; none: any version.
    from: Option<ResolvedRange>,
    /// For each node whether the edge leads from it.
    leaves: Vec<bool>,
    /// For each node whether the edge leads to it.
    enters: Vec<bool>,
}

/// Version from which a part of a path begins.
struct Start {
    version: Version,
    /// For each edge whether it leads from the version.
    leaves: Vec<bool>,
}

impl<'a> UpgradePaths<'a> {
    /// Prepares the paths to a release among those that were pushed. Of two spellings of one version, the target's counts.
    pub fn new(graph: Option<&Upgrades>, pushed: &'a [Version], target: &'a Version) -> Self {
        let upgrades = graph.cloned().unwrap_or_default();
        let graph = Graph::new(&upgrades, pushed, target);
        let is_without_graph = upgrades == Upgrades::default();
        Self { scheme: upgrades.scheme, target, graph, is_without_graph }
    }

    /// Returns the hops from a version: through all required stops, then with the fewest hops, then through the newest releases.
    /// Pre-releases are passed only as required stops.
    ///
    /// # Errors
    ///
    /// Fails with the reason if there is no path.
    pub fn from(&self, from: &Version) -> Result<Vec<Hop>, LeftOutReason> {
        let one = || {
            let (to, data) = (self.target.clone(), DataEffect::AtStart);
            Ok(vec![Hop { to, data, stop_reason: None, actions: Vec::new() }])
        };
        let key = self.scheme.key(from);
        let (graph, start) = match (&self.graph, key) {
            (Ok(graph), Ok(key)) => (graph, key),
            (Err(_), _) | (_, Err(_)) if self.is_without_graph || from == self.target => return one(),
            (Err(error), _) => return Err(LeftOutReason::NotOrdered { version: error.version().to_owned() }),
            (_, Err(error)) => return Err(LeftOutReason::NotOrdered { version: error.version().to_owned() }),
        };
        match graph.target_key().map(|target| start.cmp(target)) {
            // Another spelling, or another release of this version by a coordinator that was restored.
            None | Some(std::cmp::Ordering::Equal) => one(),
            Some(std::cmp::Ordering::Greater) => Err(LeftOutReason::Newer { version: from.clone() }),
            Some(std::cmp::Ordering::Less) => graph.path(from, &start),
        }
    }
}

impl<'a> Graph<'a> {
    fn new(upgrades: &Upgrades, pushed: &'a [Version], target: &'a Version) -> Result<Self, VersionError> {
        let scheme = &upgrades.scheme;
        let end = scheme.key(target)?;
        let mut releases: BTreeMap<VersionKey, &Version> =
            pushed.iter().filter_map(|version| Some((scheme.key(version).ok()?, version))).collect();
        releases.retain(|key, _| *key <= end);
        releases.insert(end.clone(), target);
        let nodes: Vec<Node> = releases.into_iter().map(|(key, version)| Node { key, version }).collect();
        let mut stops = Vec::new();
        for stop in &upgrades.stops {
            let key = scheme.key(&stop.version)?;
            if key <= end {
                let node = nodes.iter().position(|node| node.key == key);
                stops.push(Stop { key, node, stop: stop.clone() });
            }
        }
        stops.sort_by(|one, other| one.key.cmp(&other.key));
        let edges = Edge::all(upgrades, &nodes)?;
        Ok(Self { nodes, stops, edges })
    }

    fn target_key(&self) -> Option<&VersionKey> {
        self.nodes.last().map(|node| &node.key)
    }

    fn path(&self, from: &Version, key: &VersionKey) -> Result<Vec<Hop>, LeftOutReason> {
        let leaves = self.edges.iter().map(|edge| edge.from.as_ref().is_none_or(|range| range.contains(key))).collect();
        let mut start = Start { version: from.clone(), leaves };
        let mut first = self.nodes.partition_point(|node| node.key <= *key);
        let mut hops = Vec::new();
        for Stop { node, stop, .. } in self.stops.iter().filter(|stop| stop.key > *key) {
            let RequiredStop { version, why } = stop.clone();
            let node = node.ok_or(LeftOutReason::StopMissing { version, why })?;
            hops.extend(self.segment(&start, first, node)?);
            if let Some(last) = hops.last_mut() {
                last.stop_reason = Some(stop.why.clone());
            }
            (start, first) = (self.start_at(node), node + 1);
        }
        if first < self.nodes.len() {
            hops.extend(self.segment(&start, first, self.nodes.len() - 1)?);
        }
        Ok(hops)
    }

    fn start_at(&self, node: usize) -> Start {
        let leaves = self.edges.iter().map(|edge| edge.leaves[node]).collect();
        Start { version: self.nodes[node].version.clone(), leaves }
    }

    /// The hops of a part of a path that has no required stop inside: over the nodes from `first` to `end`.
    fn segment(&self, start: &Start, first: usize, end: usize) -> Result<Vec<Hop>, LeftOutReason> {
        let is_passed = |node: &usize| *node == end || !self.nodes[*node].key.is_prerelease();
        let nodes: Vec<usize> = (first..=end).filter(is_passed).collect();
        let distances = self.distances(&nodes);
        let mut start = Start { version: start.version.clone(), leaves: start.leaves.clone() };
        let (mut hops, mut rest) = (Vec::new(), 0);
        while rest < nodes.len() {
            let leads =
                |index: &usize| distances[*index].is_some() && self.leading(&start, nodes[*index]).next().is_some();
            let next = (rest..nodes.len()).filter(leads).min_by_key(|index| (distances[*index], Reverse(*index)));
            let Some(next) = next else {
                let from = self.farthest(&start, &nodes[rest..]);
                return Err(LeftOutReason::NoUpgrade { from, to: self.nodes[end].version.clone() });
            };
            hops.push(self.hop(&start, nodes[next])?);
            (start, rest) = (self.start_at(nodes[next]), next + 1);
        }
        Ok(hops)
    }

    /// Edges from a version to a node, by their position in the graph.
    fn leading(&self, start: &Start, node: usize) -> impl Iterator<Item = (usize, &Edge)> {
        let edges = self.edges.iter().enumerate();
        edges
            .zip(start.leaves.clone())
            .filter(move |((_, edge), leaves)| *leaves && edge.enters[node])
            .map(|(edge, _)| edge)
    }

    fn hop(&self, start: &Start, node: usize) -> Result<Hop, LeftOutReason> {
        let to = self.nodes[node].version.clone();
        let mut leading = self.leading(start, node);
        match (leading.next(), leading.next()) {
            (Some((first, _)), Some((second, _))) => {
                Err(LeftOutReason::TwoUpgrades { from: start.version.clone(), to, first, second })
            }
            (Some((_, edge)), None) => {
                Ok(Hop { to, data: edge.data, stop_reason: None, actions: edge.actions.clone() })
            }
            (None, _) => Err(LeftOutReason::NoUpgrade { from: start.version.clone(), to }),
        }
    }

    /// For each of these nodes the least number of hops to the last of them; none where no hops lead there.
    fn distances(&self, nodes: &[usize]) -> Vec<Option<usize>> {
        let mut distances: Vec<Option<usize>> = vec![None; nodes.len()];
        // For each edge the least distance of the newer nodes that it leads to.
        let mut least: Vec<Option<usize>> = vec![None; self.edges.len()];
        for (at, node) in nodes.iter().enumerate().rev() {
            let onward = self.edges.iter().zip(&least).filter(|(edge, _)| edge.leaves[*node]);
            let nearest = onward.filter_map(|(_, least)| *least).min();
            distances[at] = if at + 1 == nodes.len() { Some(0) } else { nearest.map(|further| further + 1) };
            for (_, least) in self.edges.iter().zip(&mut least).filter(|(edge, _)| edge.enters[*node]) {
                *least = [*least, distances[at]].into_iter().flatten().min();
            }
        }
        distances
    }

    /// The newest version to which hops lead from the start.
    fn farthest(&self, start: &Start, nodes: &[usize]) -> Version {
        let mut is_open = start.leaves.clone();
        let mut farthest = &start.version;
        for node in nodes {
            if self.edges.iter().zip(&is_open).any(|(edge, is_open)| *is_open && edge.enters[*node]) {
                farthest = self.nodes[*node].version;
                self.edges.iter().zip(&mut is_open).for_each(|(edge, is_open)| *is_open |= edge.leaves[*node]);
            }
        }
        farthest.clone()
    }
}

impl Edge {
    /// Returns the edges of a graph in its order. A graph that names none has one from any version to any other.
    fn all(upgrades: &Upgrades, nodes: &[Node]) -> Result<Vec<Self>, VersionError> {
        if upgrades.edges.is_empty() {
            let any = vec![true; nodes.len()];
            let (data, actions) = (DataEffect::AtStart, Vec::new());
            return Ok(vec![Self { data, actions, from: None, leaves: any.clone(), enters: any }]);
        }
        upgrades.edges.iter().map(|edge| Self::new(edge, &upgrades.scheme, nodes)).collect()
    }

    fn new(edge: &UpgradeEdge, scheme: &VersionScheme, nodes: &[Node]) -> Result<Self, VersionError> {
        let has = |range: &ResolvedRange| nodes.iter().map(|node| range.contains(&node.key)).collect();
        let resolve = |range: &VersionRange| range.resolve(scheme);
        let (from, to) = (resolve(&edge.from)?, resolve(&edge.to)?);
        let actions = actions_of_edge(edge);
        Ok(Self { data: edge.data, actions, leaves: has(&from), enters: has(&to), from: Some(from) })
    }
}

//! The way from the release that an instance runs to the one that is wanted, hop by hop.
//!
//! **Invariant:** a path visits each required stop between its ends, each hop leads to a newer version, and the same graph, versions
//! and ends give the same path anywhere.

#[cfg(test)]
mod tests;

use crate::app::{DataEffect, Upgrades};
use crate::names::Version;
use crate::reason::LeftOutReason;
use crate::version::{VersionError, VersionKey, VersionRange, VersionScheme};
use std::collections::BTreeMap;

/// One step of a path, from one release to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Version that it leads from.
    pub from: Version,
    /// Version that it leads to.
    pub to: Version,
    /// Effect on data.
    pub data: DataEffect,
    /// Reason why the path stops at its end, if it is a required stop.
    pub stop: Option<String>,
}

/// Reason why there is no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathRefusal {
    /// A version that has no place in the order.
    NotOrdered(VersionError),
    /// The wanted version is older.
    Downgrade {
        /// Version that runs.
        from: Version,
        /// Version that is wanted.
        to: Version,
    },
    /// Another spelling of the version that runs.
    SameVersion {
        /// Version that runs.
        from: Version,
        /// Version that is wanted.
        to: Version,
    },
    /// A required stop is not a release that was pushed.
    StopMissing {
        /// The required stop.
        stop: Version,
        /// Reason for the stop, by the app's author.
        why: String,
    },
    /// No edge of the graph leads on.
    Gap {
        /// Version from which nothing leads on.
        from: Version,
        /// Version that should come next: a required stop, or the end.
        to: Version,
    },
    /// Two edges of the graph are about one hop.
    Ambiguous {
        /// Version that the hop leads from.
        from: Version,
        /// Version that it leads to.
        to: Version,
        /// Position of the one edge in the graph.
        first: usize,
        /// Position of the other edge.
        second: usize,
    },
}

impl From<VersionError> for PathRefusal {
    fn from(error: VersionError) -> Self {
        Self::NotOrdered(error)
    }
}

impl From<PathRefusal> for LeftOutReason {
    fn from(refusal: PathRefusal) -> Self {
        match refusal {
            PathRefusal::NotOrdered(error) => Self::NotOrdered { version: error.version().to_owned() },
            PathRefusal::Downgrade { from, .. } => Self::Newer { version: from },
            PathRefusal::SameVersion { .. } => Self::AlreadyThere,
            PathRefusal::StopMissing { stop, why } => Self::StopMissing { version: stop, why },
            PathRefusal::Gap { from, to } => Self::NoUpgrade { from, to },
            PathRefusal::Ambiguous { from, to, .. } => Self::TwoUpgrades { from, to },
        }
    }
}

/// Returns the hops from a version to another by the graph of the wanted release: through all required stops, then with the
/// fewest hops, then through the newest releases. Releases that are pre-releases are passed through only as required stops.
///
/// # Errors
///
/// Fails if the graph has no such path.
pub fn upgrade_path(
    graph: &Upgrades,
    from: &Version,
    to: &Version,
    pushed: &[Version],
) -> Result<Vec<Hop>, PathRefusal> {
    let (start, end) = (graph.scheme.key(from)?, graph.scheme.key(to)?);
    if start == end {
        return Err(PathRefusal::SameVersion { from: from.clone(), to: to.clone() });
    }
    if end < start {
        return Err(PathRefusal::Downgrade { from: from.clone(), to: to.clone() });
    }
    let releases = releases(&graph.scheme, pushed, to);
    let mut hops = Vec::new();
    let mut last = Node { key: start, version: from };
    for stop in stops_between(graph, &last.key, &end, &releases)? {
        let between = segment(graph, &last, &stop.node, &releases)?;
        last = stop.node;
        hops.extend(between);
        if let Some(hop) = hops.last_mut() {
            hop.stop = Some(stop.why.to_owned());
        }
    }
    if last.key < end {
        hops.extend(segment(graph, &last, &Node { key: end, version: to }, &releases)?);
    }
    Ok(hops)
}

/// A release with its position in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node<'a> {
    key: VersionKey,
    version: &'a Version,
}

struct Stop<'a> {
    node: Node<'a>,
    why: &'a str,
}

type Releases<'a> = BTreeMap<VersionKey, &'a Version>;

/// Releases that have a place in the order. Of two spellings of one version, the wanted one counts.
fn releases<'a>(scheme: &VersionScheme, pushed: &'a [Version], wanted: &'a Version) -> Releases<'a> {
    let all = pushed.iter().chain([wanted]);
    all.filter_map(|version| Some((scheme.key(version).ok()?, version))).collect()
}

/// Required stops after the one version, up to the other one, in order.
fn stops_between<'a>(
    graph: &'a Upgrades,
    start: &VersionKey,
    end: &VersionKey,
    releases: &Releases<'a>,
) -> Result<Vec<Stop<'a>>, PathRefusal> {
    let mut stops = Vec::new();
    for stop in &graph.stops {
        let key = graph.scheme.key(&stop.version)?;
        if key <= *start || key > *end {
            continue;
        }
        let missing = || PathRefusal::StopMissing { stop: stop.version.clone(), why: stop.why.clone() };
        let version = releases.get(&key).copied().ok_or_else(missing)?;
        stops.push(Stop { node: Node { key, version }, why: &stop.why });
    }
    stops.sort_by(|one, other| one.node.key.cmp(&other.node.key));
    Ok(stops)
}

/// The hops of a part of a path that has no required stop inside.
fn segment(graph: &Upgrades, from: &Node, to: &Node, releases: &Releases) -> Result<Vec<Hop>, PathRefusal> {
    let inside = releases.range(from.key.clone()..to.key.clone()).skip_while(|(key, _)| **key == from.key);
    let passed = inside.filter(|(key, _)| !key.is_prerelease());
    let mut nodes = vec![from.clone()];
    nodes.extend(passed.map(|(key, version)| Node { key: key.clone(), version }));
    nodes.push(to.clone());
    let edges = Edge::all(graph, &nodes)?;
    let distances = distances(&edges, nodes.len());
    let gap =
        || PathRefusal::Gap { from: nodes[farthest(&edges, nodes.len())].version.clone(), to: to.version.clone() };
    let mut hops = Vec::new();
    let mut at = 0;
    while at + 1 < nodes.len() {
        let left = distances[at].ok_or_else(gap)?;
        let is_next = |next: &usize| {
            distances[*next].is_some_and(|further| further + 1 == left)
                && edges.iter().any(|edge| edge.leads(at, *next))
        };
        let next = (at + 1..nodes.len()).rev().find(is_next).ok_or_else(gap)?;
        hops.push(hop(&edges, &nodes, at, next)?);
        at = next;
    }
    Ok(hops)
}

/// An edge of the graph over the nodes of a part of a path.
struct Edge {
    data: DataEffect,
    /// For each node whether the edge leads from it.
    leaves: Vec<bool>,
    /// For each node whether the edge leads to it.
    enters: Vec<bool>,
}

impl Edge {
    /// Returns the edges of a graph in its order. A graph that names none has one between any two nodes.
    fn all(graph: &Upgrades, nodes: &[Node]) -> Result<Vec<Self>, VersionError> {
        if graph.edges.is_empty() {
            let any = vec![true; nodes.len()];
            return Ok(vec![Self { data: DataEffect::AtStart, leaves: any.clone(), enters: any }]);
        }
        let has = |range: &VersionRange| -> Result<Vec<bool>, VersionError> {
            nodes.iter().map(|node| range.contains(&graph.scheme, &node.key)).collect()
        };
        graph
            .edges
            .iter()
            .map(|edge| Ok(Self { data: edge.data, leaves: has(&edge.from)?, enters: has(&edge.to)? }))
            .collect()
    }

    fn leads(&self, from: usize, to: usize) -> bool {
        self.leaves[from] && self.enters[to]
    }
}

/// For each node the least number of hops to the last one; none where no hops lead there.
fn distances(edges: &[Edge], nodes: usize) -> Vec<Option<usize>> {
    let mut distances: Vec<Option<usize>> = vec![None; nodes];
    // For each edge the least distance of the newer nodes that it leads to.
    let mut least: Vec<Option<usize>> = vec![None; edges.len()];
    for at in (0..nodes).rev() {
        let onward = edges.iter().zip(&least).filter(|(edge, _)| edge.leaves[at]).filter_map(|(_, least)| *least);
        distances[at] = if at + 1 == nodes { Some(0) } else { onward.min().map(|further| further + 1) };
        for (_, least) in edges.iter().zip(&mut least).filter(|(edge, _)| edge.enters[at]) {
            *least = [*least, distances[at]].into_iter().flatten().min();
        }
    }
    distances
}

/// The newest of the nodes to which hops lead from the first one.
fn farthest(edges: &[Edge], nodes: usize) -> usize {
    let mut is_open = vec![false; edges.len()];
    let mut farthest = 0;
    for at in 0..nodes {
        if at > 0 && !edges.iter().zip(&is_open).any(|(edge, is_open)| *is_open && edge.enters[at]) {
            continue;
        }
        farthest = at;
        for (edge, is_open) in edges.iter().zip(&mut is_open) {
            *is_open |= edge.leaves[at];
        }
    }
    farthest
}

/// The hop between two nodes that an edge connects.
fn hop(edges: &[Edge], nodes: &[Node], from: usize, to: usize) -> Result<Hop, PathRefusal> {
    let mut leading = edges.iter().enumerate().filter(|(_, edge)| edge.leads(from, to));
    let (first, second) = (leading.next(), leading.next());
    let (from, to) = (nodes[from].version.clone(), nodes[to].version.clone());
    match (first, second) {
        (Some((first, _)), Some((second, _))) => Err(PathRefusal::Ambiguous { from, to, first, second }),
        (Some((_, edge)), None) => Ok(Hop { from, to, data: edge.data, stop: None }),
        (None, _) => Err(PathRefusal::Gap { from, to }),
    }
}

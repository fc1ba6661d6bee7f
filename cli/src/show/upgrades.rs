//! Layout of the upgrades that lead to a release.

use super::{pairs, section};
use crate::output::grid;
use crate::words::reasons::shown_left_out;
use fleet_proto::v1::{
    ComparedItem, CountRule, DataEffect, InstanceView, ReleaseView, UpgradeEdge, UpgradeGraph, UpgradeHop, UpgradePath,
    VersionScheme,
};

/// Returns the required stops, the edges, and the path from each other release.
pub fn lines(release: &ReleaseView) -> Vec<String> {
    let graph = release.upgrades.clone().unwrap_or_default();
    let mut lines = pairs(&[("release", format!("{}@{}", release.app, release.version)), ("versions", order(&graph))]);
    let stops = graph.stops.iter().map(|stop| vec![stop.version.clone(), stop.why.clone()]);
    lines.extend(section("required stops", grid(Vec::new(), stops.collect())));
    let edges = match graph.edges.as_slice() {
        [] => vec!["from any version to any newer one; data may be migrated at the start".to_owned()],
        edges => grid(Vec::new(), edges.iter().map(edge).collect()),
    };
    lines.extend(section("upgrades", edges));
    lines.extend(section("from the other releases", grid(Vec::new(), graph.paths.iter().map(path).collect())));
    lines
}

/// Returns the versions of an upgrade, such as `1.1 -> 1.3 -> 1.4`.
pub fn way(from: &str, through: &[String], to: &str) -> String {
    let ahead = through.iter().map(String::as_str).chain([to]).map(|version| format!(" -> {version}"));
    format!("{from}{}", ahead.collect::<String>())
}

/// Returns the upgrades of a path of an instance, and the rollout that makes them.
pub fn path_lines(instance: &InstanceView, path: &UpgradePath) -> Vec<String> {
    let count = match path.hops.len() {
        0 => "none needed: it is at that version".to_owned(),
        1 => "1 upgrade".to_owned(),
        more => format!("{more} upgrades, one after the other"),
    };
    let mut lines = pairs(&[
        ("instance", format!("{} on {}", instance.name, instance.host)),
        ("release", format!("{}@{}", instance.app, path.from)),
        ("path", count),
    ]);
    let before = std::iter::once(&path.from).chain(path.hops.iter().map(|hop| &hop.to));
    let hop = |(from, hop): (&String, &UpgradeHop)| {
        let stop = hop.stop_reason.as_ref().map_or_else(String::new, |why| format!("required stop: {why}"));
        vec![from.clone(), format!("-> {}", hop.to), data(hop.data()).to_owned(), stop]
    };
    lines.extend(section("upgrades", grid(Vec::new(), before.zip(&path.hops).map(hop).collect())));
    let rollout = |hop: &UpgradeHop| format!("fleet rollout --app {} --version {}", instance.app, hop.to);
    lines.extend(section("rollout", path.hops.last().map(rollout).into_iter().collect()));
    lines
}

fn order(graph: &UpgradeGraph) -> String {
    match graph.scheme() {
        VersionScheme::Unspecified => String::new(),
        VersionScheme::Pep440 => "by PEP 440".to_owned(),
        VersionScheme::Semver => "by Semantic Versioning".to_owned(),
        VersionScheme::Listed => graph.listed.join(" < "),
    }
}

fn edge(edge: &UpgradeEdge) -> Vec<String> {
    let compared = edge.compare.iter().map(compared).collect::<Vec<_>>().join(", ");
    vec![edge.from.clone(), format!("-> {}", edge.to), data(edge.data()).to_owned(), compared]
}

fn compared(of: &ComparedItem) -> String {
    let rule = match of.rule() {
        CountRule::Unspecified => "",
        CountRule::Equal => "equal",
        CountRule::AtLeast => "at least",
    };
    format!("{} {}: {rule}", of.store, of.item)
}

fn data(effect: DataEffect) -> &'static str {
    match effect {
        DataEffect::Unspecified => "",
        DataEffect::None => "data is left alone",
        DataEffect::AtStart => "data may be migrated at the start",
    }
}

fn path(path: &UpgradePath) -> Vec<String> {
    let hop = |hop: &UpgradeHop| if hop.stop_reason.is_some() { format!("{} (stop)", hop.to) } else { hop.to.clone() };
    let hops = match &path.refusal {
        Some(refusal) => format!("none: {}", shown_left_out(Some(refusal))),
        None => format!("-> {}", path.hops.iter().map(hop).collect::<Vec<_>>().join(" -> ")),
    };
    vec![path.from.clone(), hops]
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::reason::LeftOutReason;
    use fleet_proto::v1::RequiredStop;

    fn shown(upgrades: UpgradeGraph) -> String {
        let (app, version) = ("labnotes".to_owned(), "1.4".to_owned());
        lines(&ReleaseView { app, version, upgrades: Some(upgrades), ..Default::default() }).join("\n")
    }

    fn hop(to: &str, stop: Option<&str>) -> UpgradeHop {
        UpgradeHop { to: to.to_owned(), data: DataEffect::AtStart.into(), stop_reason: stop.map(str::to_owned) }
    }

    #[test]
    fn a_graph_shows_stops_edges_and_the_path_from_each_release() {
        let edge = |from: &str, to: &str, data: DataEffect| UpgradeEdge {
            from: from.to_owned(),
            to: to.to_owned(),
            data: data.into(),
            compare: Vec::new(),
        };
        let kept = |item: &str, rule: CountRule| ComparedItem {
            store: "notebook".to_owned(),
            item: item.to_owned(),
            rule: rule.into(),
        };
        let compare = vec![kept("upload_tags", CountRule::AtLeast), kept("uploads", CountRule::Equal)];
        let newer = LeftOutReason::Newer { version: "1.5".parse().expect("a version") };
        let path = |from: &str, hops: Vec<UpgradeHop>, refusal: Option<LeftOutReason>| UpgradePath {
            from: from.to_owned(),
            hops,
            refusal: refusal.map(Into::into),
        };
        let graph = UpgradeGraph {
            scheme: VersionScheme::Pep440.into(),
            stops: vec![RequiredStop {
                version: "1.3.1".to_owned(),
                why: "moves tags to a table of their own".to_owned(),
            }],
            edges: vec![
                UpgradeEdge { compare, ..edge(">=1.1,<1.3.1", "==1.3.1", DataEffect::AtStart) },
                edge("==1.3.1", ">=1.4,<2", DataEffect::None),
            ],
            paths: vec![
                path("1.1", vec![hop("1.3.1", Some("moves tags")), hop("1.4", None)], None),
                path("1.5", Vec::new(), Some(newer)),
            ],
            ..Default::default()
        };
        insta::assert_snapshot!(shown(graph), @r"
        release   labnotes@1.4
        versions  by PEP 440

        required stops
          1.3.1  moves tags to a table of their own

        upgrades
          >=1.1,<1.3.1  -> ==1.3.1   data may be migrated at the start  notebook upload_tags: at least, notebook uploads: equal
          ==1.3.1       -> >=1.4,<2  data is left alone

        from the other releases
          1.1  -> 1.3.1 (stop) -> 1.4
          1.5  none: 1.5 is newer
        ");
    }

    #[test]
    fn a_path_shows_each_upgrade_and_its_rollout() {
        let (name, host, app) = ("notes-1".to_owned(), "lab-1".to_owned(), "notes".to_owned());
        let instance = InstanceView { name, host, app, ..Default::default() };
        let last = UpgradeHop { to: "1.4".to_owned(), data: DataEffect::None.into(), stop_reason: None };
        let path =
            UpgradePath { from: "1.1".to_owned(), hops: vec![hop("1.3.1", Some("moves tags")), last], refusal: None };
        insta::assert_snapshot!(path_lines(&instance, &path).join("\n"), @r"
        instance  notes-1 on lab-1
        release   notes@1.1
        path      2 upgrades, one after the other

        upgrades
          1.1    -> 1.3.1  data may be migrated at the start  required stop: moves tags
          1.3.1  -> 1.4    data is left alone

        rollout
          fleet rollout --app notes --version 1.4
        ");
        let there = UpgradePath { from: "1.4".to_owned(), ..Default::default() };
        insta::assert_snapshot!(path_lines(&instance, &there).join("\n"), @r"
        instance  notes-1 on lab-1
        release   notes@1.4
        path      none needed: it is at that version
        ");
    }

    #[test]
    fn a_release_without_a_graph_says_what_holds() {
        let scheme = VersionScheme::Listed.into();
        let listed = vec!["warty".to_owned(), "hoary".to_owned()];
        insta::assert_snapshot!(shown(UpgradeGraph { scheme, listed, ..Default::default() }), @r"
        release   labnotes@1.4
        versions  warty < hoary

        upgrades
          from any version to any newer one; data may be migrated at the start
        ");
    }
}

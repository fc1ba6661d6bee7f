//! Layout of the upgrades that lead to a release.

use super::{pairs, section};
use crate::output::grid;
use crate::words::reasons::shown_left_out;
use fleet_core::units::Period;
use fleet_proto::v1::{
    ActionPhase, ComparedItem, CountRule, DataEffect, InstanceView, ReleaseView, UpgradeAction, UpgradeEdge,
    UpgradeGraph, UpgradeHop, UpgradePath, VersionScheme,
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
    let commands = graph.edges.iter().flat_map(|edge| {
        let way = format!("{} -> {}", edge.from, edge.to);
        edge.actions.iter().map(move |action| command(&way, action))
    });
    lines.extend(section("commands", grid(Vec::new(), commands.collect())));
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
    let before = || std::iter::once(&path.from).chain(path.hops.iter().map(|hop| &hop.to));
    let hop = |(from, hop): (&String, &UpgradeHop)| {
        let stop = hop.stop_reason.as_ref().map_or_else(String::new, |why| format!("required stop: {why}"));
        vec![from.clone(), format!("-> {}", hop.to), data(hop.data()).to_owned(), stop]
    };
    lines.extend(section("upgrades", grid(Vec::new(), before().zip(&path.hops).map(hop).collect())));
    let commands = before().zip(&path.hops).flat_map(|(from, hop)| {
        let way = format!("{from} -> {}", hop.to);
        hop.actions.iter().map(move |action| command(&way, action))
    });
    lines.extend(section("commands", grid(Vec::new(), commands.collect())));
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

/// Returns a command of an upgrade: in which service of which release, and for how long.
fn command(way: &str, action: &UpgradeAction) -> Vec<String> {
    let phase = match action.phase() {
        ActionPhase::Unspecified => "",
        ActionPhase::Before => "before",
        ActionPhase::Migrate => "migrate",
    };
    let offline = if action.offline { ", without a network and database servers" } else { "" };
    let limit = Period::from_millis(action.limit_ms);
    vec![
        way.to_owned(),
        phase.to_owned(),
        format!("{}: {}", action.service, action.command.join(" ")),
        format!("at most {limit}{offline}"),
    ]
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
        let (data, stop_reason) = (DataEffect::AtStart.into(), stop.map(str::to_owned));
        UpgradeHop { to: to.to_owned(), data, stop_reason, actions: Vec::new() }
    }

    fn run(phase: ActionPhase, command: &[&str], offline: bool) -> UpgradeAction {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        UpgradeAction { phase: phase.into(), service: "web".to_owned(), command, offline, limit_ms: 5_400_000 }
    }

    #[test]
    fn a_graph_shows_stops_edges_and_the_path_from_each_release() {
        let edge = |from: &str, to: &str, data: DataEffect| UpgradeEdge {
            from: from.to_owned(),
            to: to.to_owned(),
            data: data.into(),
            compare: Vec::new(),
            actions: Vec::new(),
        };
        let actions = vec![
            run(ActionPhase::Before, &["export"], false),
            run(ActionPhase::Migrate, &["./manage.py", "migrate"], true),
        ];
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
                UpgradeEdge { compare, actions, ..edge(">=1.1,<1.3.1", "==1.3.1", DataEffect::AtStart) },
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

        commands
          >=1.1,<1.3.1 -> ==1.3.1  before   web: export               at most 1h30m
          >=1.1,<1.3.1 -> ==1.3.1  migrate  web: ./manage.py migrate  at most 1h30m, without a network and database servers

        from the other releases
          1.1  -> 1.3.1 (stop) -> 1.4
          1.5  none: 1.5 is newer
        ");
    }

    #[test]
    fn a_path_shows_each_upgrade_and_its_rollout() {
        let (name, host, app) = ("notes-1".to_owned(), "lab-1".to_owned(), "notes".to_owned());
        let instance = InstanceView { name, host, app, ..Default::default() };
        let last = UpgradeHop { data: DataEffect::None.into(), ..hop("1.4", None) };
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

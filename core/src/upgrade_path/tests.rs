use super::{Hop, UpgradePaths};
use crate::app::{DataEffect, RequiredStop, UpgradeEdge, Upgrades};
use crate::names::Version;
use crate::reason::LeftOutReason;
use proptest::prelude::*;

fn version(text: &str) -> Version {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn versions(texts: &[&str]) -> Vec<Version> {
    texts.iter().map(|text| version(text)).collect()
}

fn graph(stops: &[&str], edges: &[(&str, &str)]) -> Upgrades {
    let stop = |text: &&str| RequiredStop { version: version(text), why: format!("because of {text}") };
    let edge = |(from, to): &(&str, &str)| UpgradeEdge {
        from: from.parse().expect(from),
        to: to.parse().expect(to),
        data: DataEffect::AtStart,
        compare: Default::default(),
        before: Vec::new(),
        migrate: Vec::new(),
    };
    let (stops, edges) = (stops.iter().map(stop).collect(), edges.iter().map(edge).collect());
    Upgrades { stops, edges, ..Upgrades::default() }
}

/// The path as its versions, with `!` after those that are required stops.
fn path(graph: &Upgrades, from: &str, to: &str, pushed: &[&str]) -> Result<Vec<String>, LeftOutReason> {
    let hops = UpgradePaths::new(Some(graph), &versions(pushed), &version(to)).from(&version(from))?;
    let shown = |hop: &Hop| format!("{}{}", hop.to, if hop.stop_reason.is_some() { "!" } else { "" });
    Ok(hops.iter().map(shown).collect())
}

#[test]
fn a_path_goes_through_the_stops_then_with_few_hops_then_through_the_newest() {
    let stops = || graph(&["1.3.1"], &[(">=1.1,<1.3.1", "==1.3.1"), ("==1.3.1", ">=1.4,<2")]);
    let ladder = || graph(&[], &[("==1.*", "==2.*"), ("==2.*", "==3.*"), ("==1.9", "==3.0")]);
    type Row<'a> = (Upgrades, &'a str, &'a str, &'a [&'a str], &'a [&'a str]);
    let rows: [Row; 12] = [
        (graph(&[], &[]), "1.0", "1.2", &["1.0", "1.1", "1.2"], &["1.2"]),
        (graph(&["1.1"], &[]), "1.0", "1.2", &["1.0", "1.1", "1.2"], &["1.1!", "1.2"]),
        (graph(&["1.1"], &[]), "1.1", "1.2", &["1.1", "1.2"], &["1.2"]),
        (graph(&["1.1"], &[]), "1.0", "1.1", &["1.0", "1.1"], &["1.1!"]),
        (graph(&["1.2", "1.1"], &[]), "1.0", "1.3", &["1.1", "1.2", "1.3"], &["1.1!", "1.2!", "1.3"]),
        (graph(&["1.1.0"], &[]), "1.0", "1.2", &["v1.1", "1.2"], &["v1.1!", "1.2"]),
        (stops(), "1.1", "1.4", &["1.2", "1.3.1", "1.4"], &["1.3.1!", "1.4"]),
        (ladder(), "1.5", "3.2", &["2.0", "2.7", "2.1rc1", "3.2"], &["2.7", "3.2"]),
        (ladder(), "1.9", "3.0", &["2.0", "2.7", "3.0"], &["3.0"]),
        (ladder(), "1.5", "3.0", &["2.8rc1", "2.0", "3.0"], &["2.0", "3.0"]),
        (graph(&["2.0rc1"], &[]), "1.5", "3.0", &["2.0rc1", "3.0"], &["2.0rc1!", "3.0"]),
        (graph(&[], &[]), "1.9", "1.10rc1", &["1.10rc1"], &["1.10rc1"]),
    ];
    for (graph, from, to, pushed, expect) in rows {
        assert_eq!(path(&graph, from, to, pushed).expect("there is a path"), expect, "{from} to {to} of {pushed:?}");
    }
}

#[test]
fn each_refusal_names_its_versions() {
    let edges = [("==1.*", "==2.*"), ("==2.*", "==3.0"), (">=2.5", "==3.0")];
    let gap = |from: &str, to: &str| LeftOutReason::NoUpgrade { from: version(from), to: version(to) };
    let newer = || LeftOutReason::Newer { version: version("1.2") };
    let rows: [(Upgrades, &str, &str, &[&str], LeftOutReason); 8] = [
        (graph(&[], &[]), "1.2", "1.1", &[], newer()),
        (graph(&[], &[]), "1.2", "1.2rc9", &[], newer()),
        (
            graph(&["1.1"], &[]),
            "1.0",
            "1.2",
            &["1.2"],
            LeftOutReason::StopMissing { version: version("1.1"), why: "because of 1.1".to_owned() },
        ),
        (graph(&[], &edges), "1.0", "3.0", &[], gap("1.0", "3.0")),
        (graph(&[], &edges), "1.0", "4.0", &["2.0", "3.0"], gap("3.0", "4.0")),
        (graph(&["2.0"], &edges), "0.9", "3.0", &["2.0"], gap("0.9", "2.0")),
        (
            graph(&[], &edges),
            "1.0",
            "3.0",
            &["2.6"],
            LeftOutReason::TwoUpgrades { from: version("2.6"), to: version("3.0"), first: 1, second: 2 },
        ),
        (graph(&["1.1"], &[]), "main-7f", "1.2", &[], LeftOutReason::NotOrdered { version: "main-7f".to_owned() }),
    ];
    for (graph, from, to, pushed, expect) in rows {
        assert_eq!(path(&graph, from, to, pushed), Err(expect), "{from} to {to} of {pushed:?}");
    }
}

#[test]
fn an_app_without_a_graph_may_have_versions_of_any_kind() {
    let path = |from: &str, to: &str| {
        UpgradePaths::new(None, &versions(&["nightly", "1.2"]), &version(to))
            .from(&version(from))
            .map(|hops| hops.len())
    };
    for (from, to) in [("main-7f", "nightly"), ("1.1", "nightly"), ("nightly", "1.2"), ("1.1", "1.2")] {
        assert_eq!(path(from, to), Ok(1), "{from} to {to}");
    }
}

#[test]
fn another_spelling_is_one_hop() {
    assert_eq!(path(&graph(&["1.1"], &[("==1.1", "==1.2")]), "1.2", "v1.2.0", &["1.2"]), Ok(vec!["v1.2.0".to_owned()]));
}

#[test]
fn a_release_whose_version_has_no_place_is_passed_by() {
    let ladder = graph(&[], &[("==1", "==2"), ("==2", "==3")]);
    assert_eq!(path(&ladder, "1", "3", &["nightly-7", "2"]).expect("a path"), ["2", "3"]);
}

proptest! {
    /// A path of any graph is a chain from its start to its end, always to a newer version, through pushed releases alone, and
    /// through each required stop between.
    #[test]
    fn a_path_is_a_chain_that_skips_no_stop(
        pushed in proptest::collection::btree_set(1_u32..30, 1..12),
        stops in proptest::collection::btree_set(1_u32..30, 0..3),
        edges in proptest::collection::vec((1_u32..30, 1_u32..30, 1_u32..30, 1_u32..30), 0..6),
        ends in (1_u32..30, 1_u32..30),
    ) {
        let text = |number: &u32| format!("1.{number}");
        let edge = |(a, b, c, d): &(u32, u32, u32, u32)| UpgradeEdge {
            from: format!(">=1.{},<=1.{}", a.min(b), a.max(b)).parse().expect("a range"),
            to: format!(">=1.{},<=1.{}", c.min(d), c.max(d)).parse().expect("a range"),
            data: DataEffect::AtStart,
            compare: Default::default(),
        before: Vec::new(),
        migrate: Vec::new(),
        };
        let stop = |number: &u32| RequiredStop { version: version(&text(number)), why: String::new() };
        let graph = Upgrades { stops: stops.iter().map(stop).collect(), edges: edges.iter().map(edge).collect(), ..Upgrades::default() };
        let releases: Vec<Version> = pushed.iter().map(|number| version(&text(number))).collect();
        let (from, to) = (version(&text(&ends.0)), version(&text(&ends.1)));
        let number = |version: &Version| version.as_str()[2..].parse::<u32>().expect("a number");
        match UpgradePaths::new(Some(&graph), &releases, &to).from(&from) {
            Ok(hops) => {
                let visited: Vec<u32> = hops.iter().map(|hop| number(&hop.to)).collect();
                prop_assert_eq!(visited.last(), Some(&ends.1));
                prop_assert!(ends.0 == ends.1 || std::iter::once(&ends.0).chain(&visited).is_sorted_by(|older, newer| older < newer));
                for hop in &hops {
                    prop_assert!(hop.to == to || releases.contains(&hop.to));
                    prop_assert_eq!(hop.stop_reason.is_some(), ends.0 != ends.1 && stops.contains(&number(&hop.to)));
                }
                for stop in stops.iter().filter(|stop| **stop > ends.0 && **stop <= ends.1) {
                    prop_assert!(visited.contains(stop));
                }
            }
            Err(LeftOutReason::Newer { .. }) => prop_assert!(ends.1 < ends.0),
            Err(LeftOutReason::StopMissing { version, .. }) => prop_assert!(!releases.contains(&version)),
            Err(LeftOutReason::NoUpgrade { .. } | LeftOutReason::TwoUpgrades { .. }) => prop_assert!(!edges.is_empty()),
            Err(other) => panic!("{other:?}"),
        }
    }
}

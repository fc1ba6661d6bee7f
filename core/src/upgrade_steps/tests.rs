//! Each position of each kind of upgrade: how it goes on, and how it goes back.

use super::*;
use crate::app::{ActionPhase, CommandRun, CountRule, UpgradeAction};
use crate::units::Period;
use proptest::prelude::*;

fn plan(points: usize, has_backup: bool, by_backup: bool, has_servers: bool) -> UpgradePlan {
    let point = |number: usize| RestorePoint {
        path: format!("/data/{number}").into(),
        copy: format!("/data/{number}.point").into(),
        bytes: 1,
    };
    let name = |text: &str| text.parse().expect("a name");
    UpgradePlan {
        backup: if has_backup || by_backup { [name("central")].into() } else { BTreeSet::new() },
        points: (0..points).map(point).collect(),
        by_backup: if by_backup { ["files".parse().expect("a name")].into() } else { BTreeSet::new() },
        servers: if by_backup && has_servers { ["db".to_owned()].into() } else { BTreeSet::new() },
        through: 0,
        compare: Vec::new(),
        actions: Vec::new(),
    }
}

/// The plan with these numbers of actions in its hops.
fn acting(plan: UpgradePlan, hops: &[usize]) -> UpgradePlan {
    let run = CommandRun {
        service: "web".to_owned(),
        command: vec!["migrate".to_owned()],
        offline: false,
        limit: Period::from_secs(60),
    };
    let action = HopAction { phase: ActionPhase::Migrate, action: UpgradeAction { run } };
    let actions = hops.iter().map(|count| vec![action.clone(); *count]).collect();
    UpgradePlan { through: hops.len() - 1, actions, ..plan }
}

/// The plan with hops that compare, or do not, and a server that is asked.
fn comparing(plan: UpgradePlan, hops: &[bool]) -> UpgradePlan {
    let (store, item) = ("rows".parse().expect("a name"), "public.notes".to_owned());
    let rules: Comparison = [(store, [(item, CountRule::Equal)].into())].into();
    let compare = hops.iter().map(|compares| if *compares { rules.clone() } else { Comparison::new() }).collect();
    UpgradePlan { servers: ["db".to_owned()].into(), through: hops.len() - 1, compare, ..plan }
}

fn shown(plan: &UpgradePlan) -> String {
    upgrade_steps(plan).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_steps_of_each_kind_of_upgrade() {
    let cases = [
        (plan(1, false, false, false), "fetch, prepare, quiesce, copy 0, start, commit"),
        (plan(2, true, false, false), "fetch, back up, prepare, quiesce, copy 0, copy 1, start, commit"),
        (plan(1, true, true, false), "fetch, prepare, quiesce, back up, copy 0, start, commit"),
        (plan(0, true, true, true), "fetch, prepare, quiesce, back up, stop servers, start, commit"),
        (
            UpgradePlan { through: 2, ..plan(1, true, false, false) },
            "fetch, back up, prepare, quiesce, copy 0, pass 0, pass 1, start, commit",
        ),
        (
            comparing(plan(1, true, false, false), &[true]),
            "fetch, back up, prepare, quiesce, count, stop servers, copy 0, start, commit",
        ),
        (
            comparing(plan(1, true, true, true), &[true, false]),
            "fetch, prepare, quiesce, count, back up, stop servers, copy 0, pass 0, start, commit",
        ),
        (
            UpgradePlan { servers: BTreeSet::new(), ..comparing(plan(1, false, false, false), &[false, true]) },
            "fetch, prepare, quiesce, copy 0, pass 0, start, commit",
        ),
        (
            acting(plan(1, false, false, false), &[2, 0, 1]),
            "fetch, prepare, quiesce, copy 0, act 0.0, act 0.1, pass 0, pass 1, act 2.0, start, commit",
        ),
    ];
    for (plan, steps) in cases {
        assert_eq!(shown(&plan), steps);
    }
}

#[test]
fn the_way_back_from_each_position() {
    use RollbackStep::{AwaitRestore, PutBack, StartOrigin, Stop};
    let copied = plan(2, true, false, false);
    let untouched = vec![StartOrigin];
    let touched = vec![Stop, PutBack(1), PutBack(0), StartOrigin];
    let expected = [vec![], vec![], vec![], untouched.clone(), untouched.clone(), untouched.clone(), touched, vec![]];
    for (begun, steps) in expected.iter().enumerate() {
        assert_eq!(rollback_steps(&copied, begun), *steps, "{begun}");
    }
    let backed_up = plan(1, true, true, true);
    let steps = upgrade_steps(&backed_up);
    let start = steps.iter().position(|step| *step == UpgradeStep::Start).expect("it starts");
    assert_eq!(rollback_steps(&backed_up, start), [Stop, PutBack(0), AwaitRestore]);
    assert_eq!(rollback_steps(&backed_up, start - 1), untouched);
    let passing = UpgradePlan { through: 2, ..plan(1, false, false, false) };
    let touched = vec![Stop, PutBack(0), StartOrigin];
    let expected = [vec![], vec![], untouched.clone(), untouched, touched.clone(), touched.clone(), touched, vec![]];
    for (begun, steps) in expected.iter().enumerate() {
        assert_eq!(rollback_steps(&passing, begun), *steps, "{begun}");
    }
}

#[test]
fn copies_of_before_a_crash_are_taken_again() {
    let copied = plan(2, true, false, false);
    let resumed: Vec<usize> = (0..upgrade_steps(&copied).len()).map(|begun| resumed_at(&copied, begun)).collect();
    assert_eq!(resumed, [0, 1, 2, 3, 3, 3, 6, 7]);
    let backed_up = plan(1, true, true, true);
    let resumed: Vec<usize> = (0..upgrade_steps(&backed_up).len()).map(|begun| resumed_at(&backed_up, begun)).collect();
    assert_eq!(resumed, [0, 1, 2, 2, 2, 2, 6, 7]);
    let compared = comparing(plan(1, false, false, false), &[true]);
    let resumed: Vec<usize> = (0..upgrade_steps(&compared).len()).map(|begun| resumed_at(&compared, begun)).collect();
    assert_eq!(resumed, [0, 1, 2, 2, 2, 2, 6, 7], "the count, too");
}

#[test]
fn a_hop_counts_what_it_and_the_next_one_compare() {
    let counts = |plan: &UpgradePlan, hop: usize| !plan.items_after(hop).is_empty();
    let rows: [(&[bool], bool, &[bool]); 4] = [
        (&[true, false, false], true, &[true, false, false]),
        (&[false, false, true], false, &[false, true, true]),
        (&[true, true], true, &[true, true]),
        (&[false, true], false, &[true, true]),
    ];
    for (hops, first, after) in rows {
        let plan = comparing(plan(1, false, false, false), hops);
        assert_eq!(!plan.items_at_first().is_empty(), first, "{hops:?}");
        let found: Vec<bool> = (0..hops.len()).map(|hop| counts(&plan, hop)).collect();
        assert_eq!(found, after, "{hops:?}");
    }
    let without = plan(1, false, false, false);
    assert!(without.items_at_first().is_empty() && without.items_after(0).is_empty());
}

#[test]
fn a_plan_of_an_earlier_build_compares_nothing() {
    let earlier = r#"{"backup":["central"],"points":[],"by_backup":["files"],"servers":["db"],"through":1}"#;
    let plan: UpgradePlan = serde_json::from_str(earlier).expect("it is read");
    assert_eq!(shown(&plan), "fetch, prepare, quiesce, back up, stop servers, pass 0, start, commit");
    assert_eq!(serde_json::to_string(&plan).expect("it is written"), earlier);
}

proptest! {
    #[test]
    fn nothing_starts_before_every_restore_point_is_complete(
        points in 0usize..5, has_backup: bool, by_backup: bool, has_servers: bool, through in 0usize..4, begun in 0usize..26,
        hops in prop::collection::vec(any::<bool>(), 4), compares: bool, acts in prop::collection::vec(0usize..3, 4),
    ) {
        let plain = plan(points, has_backup, by_backup, has_servers);
        let plan = if compares { comparing(plain, &hops[..=through]) } else { UpgradePlan { through, ..plain } };
        let plan = acting(plan, &acts[..=through]);
        let steps = upgrade_steps(&plan);
        let at = |wanted: UpgradeStep| steps.iter().position(|step| *step == wanted);
        let is_touching = |step: &UpgradeStep| matches!(step, UpgradeStep::Act(..) | UpgradeStep::Pass(_) | UpgradeStep::Start);
        let (quiesce, start) = (at(UpgradeStep::Quiesce), steps.iter().position(is_touching));
        prop_assert!(quiesce < start);
        for point in 0..points {
            let copy = at(UpgradeStep::Copy(point));
            prop_assert!(quiesce < copy && copy < start);
        }
        if by_backup {
            // What cannot be copied is in a backup that was taken when nothing wrote.
            prop_assert!(quiesce < at(UpgradeStep::BackUp) && at(UpgradeStep::BackUp) < start);
        }
        // The numbers are those of data that nothing changes before it is copied.
        let (count, stopped) = (at(UpgradeStep::Count), at(UpgradeStep::StopServers));
        prop_assert_eq!(count.is_some(), compares && hops[0]);
        if count.is_some() {
            prop_assert!(quiesce < count && count < stopped && stopped < start);
            prop_assert!((0..points).all(|point| stopped < at(UpgradeStep::Copy(point))));
        }
        // The actions of a hop come after the hop before it, and before its own release.
        for (hop, count) in acts[..=through].iter().enumerate() {
            let own = at(if hop == through { UpgradeStep::Start } else { UpgradeStep::Pass(hop) });
            let before = hop.checked_sub(1).and_then(|hop| at(UpgradeStep::Pass(hop)));
            let acts: Vec<_> = (0..*count).map(|number| at(UpgradeStep::Act(hop, number))).collect();
            prop_assert!(acts.iter().all(|act| before < *act && *act < own));
        }
        prop_assert!(resumed_at(&plan, begun) <= begun);
        let is_counted_again = quiesce <= Some(begun) && Some(begun) < start;
        prop_assert!(!is_counted_again || Some(resumed_at(&plan, begun)) == quiesce);
        // Whatever was touched comes back in full, before anything of the origin starts.
        let back = rollback_steps(&plan, begun);
        let is_touched = start.is_some_and(|start| start <= begun) && begun < steps.len() - 1;
        let put_back: Vec<_> = back.iter().filter(|step| matches!(step, RollbackStep::PutBack(_))).collect();
        prop_assert_eq!(put_back.len(), if is_touched { points } else { 0 });
        let origin = back.iter().position(|step| *step == RollbackStep::StartOrigin);
        let last = back.iter().rposition(|step| matches!(step, RollbackStep::PutBack(_)));
        prop_assert!(origin.is_none() || last < origin);
        prop_assert!(!(is_touched && by_backup && origin.is_some()));
    }
}

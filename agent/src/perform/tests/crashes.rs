//! `kill -9` at every step: the old or the new, never between.

use super::harness::{Harness, bundle, install, instance, release, upgrade};
use crate::fake::{Behaviour, Crash};
use fleet_core::order::{Action, Outcome};

/// Crashes at one step of an order after an installation, restarts, and returns the order's outcome; none if the order
/// has fewer steps.
async fn crash_at(action: Action, crash: (u64, Crash), prepare: impl Fn(&Harness)) -> Option<(Harness, Outcome)> {
    let harness = Harness::new();
    let agent = harness.agent();
    assert_eq!(harness.carry_out(&agent, install(1)).await, Outcome::Done);
    prepare(&harness);
    {
        let mut world = harness.runtime.world();
        (world.steps_so_far, world.crash) = (0, Some(crash));
    }
    let order = harness.order(action);
    harness.ask(std::slice::from_ref(&order));
    let has_ended = tokio::select! {
        () = harness.runtime.crashed() => false,
        _ = agent.end_of(&order.order.id) => true,
    };
    agent.kill().await;
    if has_ended {
        return None;
    }
    harness.runtime.forget_crash();
    let agent = harness.agent();
    let outcome = agent.end_of(&order.order.id).await;
    let open = agent.context.ledger().orders().values().filter(|entry| entry.is_open()).count();
    assert_eq!(open, 0, "nothing stays open");
    Some((harness, outcome))
}

/// Asserts that exactly one release runs, as the ledger says.
fn check_is(harness: &Harness, version: u32, at: (u64, Crash)) {
    let world = harness.runtime.world();
    let web = format!("notes-web:{version}");
    let expect = [("oasis-1-db-1".to_owned(), "notes-db:1".to_owned()), ("oasis-1-web-1".to_owned(), web)];
    let found: Vec<_> =
        world.running("oasis-1").into_iter().map(|(name, image)| (name.replace('_', "-"), image)).collect();
    assert_eq!(found, expect, "crash at {at:?}");
    assert_eq!(world.containers.len(), 2, "nothing is left over after a crash at {at:?}");
    assert!(world.volumes.contains_key("oasis-1_data"), "crash at {at:?}");
    drop(world);
    let ledger = crate::ledger::Ledger::look(&harness.data_dir()).expect("the ledger is there");
    let settled = ledger.settled(&instance()).expect("it is settled");
    assert_eq!(settled.release, release(version), "crash at {at:?}");
    assert_eq!(settled.rendered.spec.digest, bundle(version).digest());
}

#[tokio::test]
async fn a_crash_at_any_step_of_an_upgrade_ends_at_the_new() {
    for crash in [Crash::Before, Crash::After] {
        let mut step = 1;
        while let Some((harness, outcome)) = crash_at(upgrade(1, 3), (step, crash), |_| ()).await {
            assert_eq!(outcome, Outcome::Done, "crash {crash:?} step {step}");
            check_is(&harness, 3, (step, crash));
            step += 1;
        }
        assert!(step > 8, "an upgrade of two services has more steps than {step}");
    }
}

#[tokio::test]
async fn a_crash_at_any_step_of_an_upgrade_that_fails_ends_at_the_old() {
    let is_bad = |harness: &Harness| {
        harness.runtime.world().behaviours.insert("notes-web:3".to_owned(), Behaviour::Ends(7));
    };
    for crash in [Crash::Before, Crash::After] {
        let mut step = 1;
        while let Some((harness, outcome)) = crash_at(upgrade(1, 3), (step, crash), is_bad).await {
            assert!(matches!(outcome, Outcome::RolledBack { .. }), "crash {crash:?} step {step}: {outcome:?}");
            check_is(&harness, 1, (step, crash));
            step += 1;
        }
        assert!(step > 16, "there and back has more steps than {step}");
    }
}

#[tokio::test]
async fn a_crash_at_any_step_of_a_removal_ends_with_nothing_but_volumes() {
    let mut step = 1;
    let removal = || Action::Remove { volumes: [].into() };
    while let Some((harness, outcome)) = crash_at(removal(), (step, Crash::After), |_| ()).await {
        assert_eq!(outcome, Outcome::Done);
        let world = harness.runtime.world();
        assert_eq!((world.containers.len(), world.networks.len(), world.volumes.len()), (0, 0, 1));
        step += 1;
    }
    assert!(step > 4, "a removal has more steps than {step}");
}

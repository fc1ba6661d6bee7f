use super::harness::{Harness, check_refused, install, installed, instance, power, release, running, upgrade};
use crate::fake::Behaviour;
use crate::ledger::Ledger;
use fleet_core::activity::Activity;
use fleet_core::backup::{MountPlace, UndeclaredData};
use fleet_core::event::HostEvent;
use fleet_core::facts::{InstanceHealth, Running};
use fleet_core::failed_step::FailedStep;
use fleet_core::health_problem::HealthProblem;
use fleet_core::hint::Hint;
use fleet_core::instance_version::InstanceVersion;
use fleet_core::order::{Action, Outcome, PowerRequest};
use fleet_core::order_failure::OrderFailure;
use fleet_core::policy_refusal::PolicyRefusal;
use std::time::Duration;

#[tokio::test]
async fn a_text_is_told_without_the_secrets_of_when_it_was_written() {
    let harness = Harness::new();
    let agent = harness.agent();
    let with = |action, password: &str| {
        let mut order = harness.order(action);
        order.values.insert("password".to_owned(), password.to_owned());
        order
    };
    let say = |text: &str, name| {
        let failure =
            Box::new(OrderFailure::EngineRefused { step: FailedStep::other("start it"), answer: text.to_owned() });
        agent.context.status_writer.tell(crate::clock::now(), name, HostEvent::HealingFailed { failure });
    };
    let name = instance();
    let (previous, failed) = ("Zq8-former-password", "Zq8-failed-password");
    for (order, password) in [(with(install(1), previous), previous), (with(upgrade(2, 3), failed), failed)] {
        harness.ask(std::slice::from_ref(&order));
        say(&format!("it said {previous}"), Some(&name));
        agent.end_of(&order.order.id).await;
        say(&format!("it said {password}"), Some(&name));
        say(&format!("the Engine said {password}"), None);
    }
    assert_eq!(harness.carry_out(&agent, upgrade(1, 2)).await, Outcome::Done);
    // Nobody listened until now, when the ledger has neither password any more.
    let recorded = crate::mask::MaskedBoard::of(&agent.context, agent.context.status_writer.see(Clone::clone));
    let texts: Vec<String> = recorded.events.iter().map(|(_, event)| event.kind.to_string()).collect();
    assert!(texts.iter().filter(|text| text.contains("said ***")).count() >= 6, "{texts:?}");
    assert!(!format!("{recorded:?}").contains("-password"), "{recorded:?}");
}

#[tokio::test]
async fn what_no_store_covers_is_said() {
    let (_harness, agent) = installed(1).await;
    match agent.running() {
        Some(Running::Settled(said)) => {
            let coverage = said.coverage.expect("it was looked at");
            let at = Some(MountPlace { service: "db".to_owned(), target: "/data".to_owned() });
            assert_eq!(coverage.undeclared, [UndeclaredData::Volume { name: "oasis-1_data".to_owned(), at }]);
        }
        other => panic!("expected a settled instance, found {other:?}"),
    }
}

#[tokio::test]
async fn an_order_that_is_not_understood_is_refused_unless_this_agent_has_begun_it() {
    let harness = Harness::new();
    let agent = harness.agent();
    let (begun, other) = (harness.order(install(5)), harness.order(install(1)));
    harness.ask(std::slice::from_ref(&begun));
    while agent.context.ledger().orders().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    harness.ask_unreadably(&begun);
    tokio::task::yield_now().await;
    harness.ask_unreadably(&other);
    check_refused(&agent.end_of(&other.order.id).await, |it| matches!(it, OrderFailure::OrderUnknown { .. }));
    let is_told = |id| agent.context.status_writer.see(|status_board| status_board.ends.contains_key(id));
    assert!(!is_told(&begun.order.id), "it goes on");
    harness.ask_unreadably(&begun);
    assert!(agent.context.ledger().orders()[&begun.order.id].is_open());
    assert!(!is_told(&begun.order.id));
}

#[tokio::test]
async fn the_end_of_an_order_is_told_though_the_order_is_not_understood_any_more() {
    let harness = Harness::new();
    let agent = harness.agent();
    let order = harness.order(install(1));
    assert_eq!(harness.carry_out(&agent, install(1)).await, Outcome::Done);
    harness.ask_unreadably(&order);
    assert_eq!(agent.end_of(&order.order.id).await, Outcome::Done);
}

#[tokio::test]
async fn an_installation_runs_and_is_said_to_be_healthy() {
    let (harness, agent) = installed(1).await;
    assert_eq!(running(&harness), ["notes-db:1", "notes-web:1"]);
    match agent.running() {
        Some(Running::Settled(said)) => {
            assert_eq!((said.release, said.health), (release(1), InstanceHealth::Healthy));
            assert_eq!(said.containers.len(), 2);
        }
        other => panic!("expected it settled, found {other:?}"),
    }
}

#[tokio::test]
async fn asking_twice_is_doing_once() {
    let (harness, agent) = installed(1).await;
    let steps = harness.runtime.world().steps_so_far;
    assert_eq!(harness.carry_out(&agent, install(1)).await, Outcome::Done);
    agent.kill().await;
    assert_eq!(harness.carry_out(&harness.agent(), install(1)).await, Outcome::Done);
    assert_eq!(harness.runtime.world().steps_so_far, steps);
}

#[tokio::test]
async fn an_upgrade_replaces_only_what_changed() {
    let (harness, agent) = installed(1).await;
    let db = harness.runtime.world().containers.iter().find(|it| it.service == "db").cloned();
    assert_eq!(harness.carry_out(&agent, upgrade(1, 2)).await, Outcome::Done);
    assert_eq!(running(&harness), ["notes-db:1", "notes-web:2"]);
    assert_eq!(harness.runtime.world().containers.iter().find(|it| it.service == "db").cloned(), db);
}

/// Failure of an order because the web service ended with a code.
fn ended(code: i64) -> OrderFailure {
    OrderFailure::NotHealthy { problem: HealthProblem::ContainerExitedForGood("oasis-1-web-1".to_owned(), code) }
}

#[tokio::test]
async fn a_release_that_does_not_become_healthy_goes_back() {
    let (harness, agent) = installed(1).await;
    harness.runtime.world().behaviours.insert("notes-web:2".to_owned(), Behaviour::Ends(7));
    let outcome = harness.carry_out(&agent, upgrade(1, 2)).await;
    assert_eq!(outcome, Outcome::RolledBack { failure: ended(7) });
    assert_eq!(running(&harness), ["notes-db:1", "notes-web:1"]);
    assert_eq!(agent.context.ledger().settled(&instance()).map(|it| it.release.clone()), Some(release(1)));
}

#[tokio::test]
async fn an_image_that_does_not_exist_leaves_what_runs_alone() {
    let (harness, agent) = installed(1).await;
    let before = harness.runtime.world().containers.clone();
    harness.runtime.world().behaviours.insert("notes-web:2".to_owned(), Behaviour::Missing);
    let failure = OrderFailure::ImageNotFound { image: "notes-web:2".to_owned() };
    assert_eq!(harness.carry_out(&agent, upgrade(1, 2)).await, Outcome::RolledBack { failure });
    assert_eq!(harness.runtime.world().containers, before);
}

#[tokio::test]
async fn a_failed_installation_leaves_nothing_but_its_volumes() {
    let harness = Harness::new();
    let agent = harness.agent();
    harness.runtime.world().behaviours.insert("notes-web:1".to_owned(), Behaviour::Ends(1));
    let outcome = harness.carry_out(&agent, install(1)).await;
    assert_eq!(outcome, Outcome::RolledBack { failure: ended(1) });
    let world = harness.runtime.world();
    assert_eq!((world.containers.len(), world.networks.len()), (0, 0));
    assert_eq!(world.volumes.keys().collect::<Vec<_>>(), ["oasis-1_data"]);
    assert_eq!(agent.running(), None);
}

#[tokio::test]
async fn past_its_deadline_an_order_goes_back() {
    let (mut harness, agent) = installed(1).await;
    harness.deadline = Duration::from_millis(300);
    harness.runtime.world().hanging.insert("pull notes-web:2".to_owned());
    let failure = OrderFailure::DeadlineOver {
        deadline: harness.deadline,
        doing: Some(Activity::Pull("notes-web:2".to_owned())),
    };
    assert_eq!(harness.carry_out(&agent, upgrade(1, 2)).await, Outcome::RolledBack { failure });
    assert_eq!(running(&harness), ["notes-db:1", "notes-web:1"]);
}

#[tokio::test]
async fn when_the_way_back_fails_too_a_person_is_called_and_the_next_order_may_mend_it() {
    let (harness, agent) = installed(1).await;
    harness.runtime.world().behaviours.insert("notes-web:2".to_owned(), Behaviour::Ends(7));
    harness.runtime.world().behaviours.insert("notes-web:1".to_owned(), Behaviour::Ends(8));
    match harness.carry_out(&agent, upgrade(1, 2)).await {
        Outcome::Stuck { failure, hint } => {
            let (because, rollback) = (Box::new(ended(7)), Box::new(ended(8)));
            assert_eq!(failure, OrderFailure::RollbackFailed { because, failure: rollback });
            assert!(matches!(hint, Some(Hint::LookOnHost(_))), "{hint:?}");
        }
        other => panic!("expected it stuck, found {other:?}"),
    }
    match agent.running() {
        Some(Running::Settled(said)) => assert!(matches!(said.health, InstanceHealth::Stuck { .. }), "{said:?}"),
        other => panic!("expected it stuck, found {other:?}"),
    }
    harness.runtime.world().behaviours.clear();
    assert_eq!(harness.carry_out(&agent, upgrade(1, 3)).await, Outcome::Done);
    assert!(agent.context.ledger().instances()[&instance()].stuck.is_none());
}

#[tokio::test]
async fn what_is_not_as_expected_is_refused_and_untouched() {
    let (harness, agent) = installed(1).await;
    let steps = harness.runtime.world().steps_so_far;
    let is_first = |found: &InstanceVersion| matches!(found, InstanceVersion::Revision { release, .. } if release.starts_with("notes@1"));
    check_refused(
        &harness.carry_out(&agent, upgrade(2, 3)).await,
        |it| matches!(it, OrderFailure::UnexpectedState { found, .. } if is_first(found)),
    );
    check_refused(
        &harness.carry_out(&agent, install(2)).await,
        |it| matches!(it, OrderFailure::UnexpectedState { found, .. } if is_first(found)),
    );
    assert_eq!(harness.runtime.world().steps_so_far, steps);
}

#[tokio::test]
async fn the_hosts_policy_outranks_the_coordinator() {
    let (harness, agent) = installed(1).await;
    harness.write_policy("registries: [lab.example]");
    check_refused(&harness.carry_out(&agent, upgrade(1, 2)).await, |it| {
        let images = ["notes-db:1", "notes-web:2"].map(|image| PolicyRefusal::Image { image: image.to_owned() });
        matches!(it, OrderFailure::PolicyForbids { refusals } if *refusals == images)
    });
    harness.write_policy("apps: [notes]\nexec: perhaps");
    check_refused(
        &harness.carry_out(&agent, power(PowerRequest::Stop, 1)).await,
        |it| matches!(it, OrderFailure::PolicyUnreadable { problem } if problem.contains("policy.yaml:2")),
    );
    assert_eq!(running(&harness), ["notes-db:1", "notes-web:1"]);
}

#[tokio::test]
async fn an_instance_stops_starts_and_goes_and_its_volume_stays() {
    let (harness, agent) = installed(1).await;
    assert_eq!(harness.carry_out(&agent, power(PowerRequest::Stop, 1)).await, Outcome::Done);
    assert!(running(&harness).is_empty());
    match agent.running() {
        Some(Running::Settled(said)) => assert_eq!((said.power_serial, said.health), (1, InstanceHealth::Stopped)),
        other => panic!("expected it stopped, found {other:?}"),
    }
    assert_eq!(harness.carry_out(&agent, power(PowerRequest::Start, 2)).await, Outcome::Done);
    assert_eq!(running(&harness).len(), 2);
    assert_eq!(harness.carry_out(&agent, power(PowerRequest::Start, 1)).await, Outcome::AlreadySo);
    assert_eq!(harness.carry_out(&agent, Action::Remove { volumes: [].into() }).await, Outcome::Done);
    assert_eq!((harness.runtime.world().containers.len(), agent.running()), (0, None));
    assert_eq!(harness.runtime.world().volumes.len(), 1);
}

#[tokio::test]
async fn a_stopped_instance_is_upgraded_without_being_started() {
    let (harness, agent) = installed(1).await;
    harness.carry_out(&agent, power(PowerRequest::Stop, 1)).await;
    assert_eq!(harness.carry_out(&agent, upgrade(1, 2)).await, Outcome::Done);
    assert!(running(&harness).is_empty());
    assert_eq!(harness.carry_out(&agent, power(PowerRequest::Start, 2)).await, Outcome::Done);
    assert_eq!(running(&harness), ["notes-db:1", "notes-web:2"]);
}

#[tokio::test]
async fn the_ledger_forgets_the_values_of_orders_that_have_ended() {
    let (harness, agent) = installed(1).await;
    agent.kill().await;
    let ledger = Ledger::look(&harness.data_dir()).expect("the ledger is there");
    let shown = format!("{:?}", ledger.orders());
    assert!(!shown.contains("s3cret"));
    for order in std::fs::read_dir(harness.data_dir().join("ledger/orders")).expect("a folder") {
        let text = std::fs::read_to_string(order.expect("a file").path()).expect("text");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn what_somebody_changed_by_hand_is_healed() {
    let (harness, agent) = installed(1).await;
    harness.runtime.world().containers.retain(|it| it.service != "web");
    let mut status_board = agent.context.status_writer.reader();
    agent.drifted.send_modify(|drifted| {
        drifted.insert(instance(), 1);
    });
    status_board.wait_for(|status_board| !status_board.events.is_empty()).await.expect("the board is there");
    assert_eq!(running(&harness), ["notes-db:1", "notes-web:1"]);
}

#[tokio::test]
async fn an_ended_order_is_heard_when_it_is_no_longer_open() {
    let (harness, agent) = installed(1).await;
    let mut status_board = agent.context.status_writer.reader();
    status_board.wait_for(|status_board| status_board.ends.is_empty()).await.expect("the board is there");
    let order = harness.order(install(1));
    harness.ask(std::slice::from_ref(&order));
    assert_eq!(agent.end_of(&order.order.id).await, Outcome::Done);
}

#[tokio::test]
async fn an_end_is_kept_while_its_order_is_held() {
    let harness = Harness::new();
    let agent = harness.agent();
    let order = harness.order(install(1));
    harness.ask(std::slice::from_ref(&order));
    assert_eq!(agent.end_of(&order.order.id).await, Outcome::Done);
    let later = harness.order(power(PowerRequest::Stop, 1)).order.id;
    let other = harness.order(power(PowerRequest::Restart, 2));
    harness.ask_beside(&other, &[order.order.id.clone(), later.clone()]);
    assert_eq!(agent.end_of(&other.order.id).await, Outcome::Done);
    assert!(
        agent.context.status_writer.see(|status_board| status_board.ends.contains_key(&order.order.id)),
        "nobody has heard it"
    );
    assert!(!agent.context.ledger().orders().contains_key(&later), "what is held is not begun");
}

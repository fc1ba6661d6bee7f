//! Links in folders that containers may write to cannot lead an instance out of its host's policy.

use super::harness::{Agent, Harness, goal, install, instance, power, release, upgrade};
use crate::fake::{Behaviour, Crash};
use fleet_core::app::DataEffect;
use fleet_core::health_problem::HealthProblem;
use fleet_core::order::{Action, Outcome, PowerRequest};
use fleet_core::order_failure::OrderFailure;
use fleet_core::policy_refusal::PolicyRefusal;
use fleet_core::spec::VolumeTarget;
use std::collections::BTreeSet;
use std::fs::{create_dir_all, remove_dir, remove_file};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// A folder that the host allows, a secret one beside it, and a mount: a folder inside the first.
struct Lab {
    harness: Harness,
    share: PathBuf,
    secret: PathBuf,
}

impl Lab {
    fn new() -> Self {
        let harness = Harness::new();
        let root = harness.data_dir().canonicalize().expect("it is there");
        let lab = Self { share: root.join("allowed/share"), secret: root.join("secret"), harness };
        create_dir_all(&lab.share).expect("a folder can be made");
        create_dir_all(&lab.secret).expect("a folder can be made");
        lab.harness.write_policy(&format!("paths: [{}]", root.join("allowed").display()));
        lab
    }

    /// Makes a link, as a container with the upper folder can do.
    fn link(&self) {
        remove_dir(&self.share).expect("it is empty");
        symlink(&self.secret, &self.share).expect("a link can be made");
    }

    fn unlink(&self) {
        remove_file(&self.share).expect("it is a link");
        create_dir_all(&self.share).expect("a folder can be made");
    }

    async fn carry_out(&self, agent: &Agent, action: Action) -> Outcome {
        let mut order = self.harness.order(action);
        order.values.insert("share".to_owned(), self.share.display().to_string());
        self.harness.ask(std::slice::from_ref(&order));
        let outcome = agent.end_of(&order.order.id).await;
        self.harness.ask(&[]);
        outcome
    }

    fn failure(&self) -> OrderFailure {
        let refusal = Box::new(PolicyRefusal::Mount { path: self.share.display().to_string() });
        let leads = PolicyRefusal::LeadsTo { refusal, end: self.secret.display().to_string() };
        OrderFailure::PolicyForbids { refusals: vec![leads] }
    }

    fn is_running(&self) -> bool {
        self.harness.runtime.world().containers.iter().any(|it| it.service == "web" && it.state.is_alive())
    }
}

#[tokio::test]
async fn what_a_link_leads_out_of_the_allowed_is_refused_untouched() {
    let lab = Lab::new();
    let agent = lab.harness.agent();
    lab.link();
    assert_eq!(lab.carry_out(&agent, install(4)).await, Outcome::Refused { failure: lab.failure() });
    assert_eq!(lab.harness.runtime.world().steps_so_far, 0);
}

#[tokio::test]
async fn a_link_out_of_an_instances_own_folder_is_refused_also_where_no_path_is_allowed() {
    let harness = Harness::new();
    let agent = harness.agent();
    let own = agent.context.working_dir(&instance());
    create_dir_all(&own).expect("a folder can be made");
    symlink("/etc", own.join("share")).expect("a link can be made");
    match harness.carry_out(&agent, install(4)).await {
        Outcome::Refused { failure } => assert!(failure.to_string().ends_with("it leads to /etc"), "{failure}"),
        other => panic!("expected a refusal, found {other:?}"),
    }
    remove_file(own.join("share")).expect("it is a link");
    symlink("elsewhere", own.join("share")).expect("a link can be made");
    let again = harness.order(Action::Install { goal: goal(4, 2) });
    harness.ask(std::slice::from_ref(&again));
    assert_eq!(agent.end_of(&again.order.id).await, Outcome::Done);
}

#[tokio::test]
async fn a_link_that_appears_after_an_order_was_prepared_is_seen_before_the_container_is_made() {
    let lab = Lab::new();
    lab.harness.runtime.world().crash = Some((1, Crash::Before));
    let agent = lab.harness.agent();
    let mut order = lab.harness.order(install(4));
    order.values.insert("share".to_owned(), lab.share.display().to_string());
    lab.harness.ask(std::slice::from_ref(&order));
    lab.harness.runtime.crashed().await;
    agent.kill().await;
    lab.link();
    lab.harness.runtime.forget_crash();
    let agent = lab.harness.agent();
    assert_eq!(agent.end_of(&order.order.id).await, Outcome::RolledBack { failure: lab.failure() });
    assert!(lab.harness.runtime.world().containers.is_empty());
}

#[tokio::test]
async fn what_is_led_astray_by_now_is_neither_started_nor_healed() {
    let lab = Lab::new();
    let agent = lab.harness.agent();
    assert_eq!(lab.carry_out(&agent, install(4)).await, Outcome::Done);
    assert_eq!(lab.carry_out(&agent, power(PowerRequest::Stop, 1)).await, Outcome::Done);
    lab.link();
    assert_eq!(lab.carry_out(&agent, power(PowerRequest::Start, 2)).await, Outcome::Refused { failure: lab.failure() });
    lab.unlink();
    assert_eq!(lab.carry_out(&agent, power(PowerRequest::Start, 3)).await, Outcome::Done);
    lab.link();
    lab.harness.runtime.world().containers.retain(|it| it.service != "web");
    crate::perform::heal::heal(&agent.context, &instance()).await;
    assert!(!lab.is_running());
    assert_eq!(agent.failure_of_healing(), Some(lab.failure()));
    lab.unlink();
    crate::perform::heal::heal(&agent.context, &instance()).await;
    assert!(lab.is_running());
}

#[tokio::test]
async fn a_volume_that_leads_where_nothing_is_allowed_is_neither_started_nor_healed() {
    let harness = Harness::new();
    let agent = harness.agent();
    assert_eq!(harness.carry_out(&agent, install(1)).await, Outcome::Done);
    assert_eq!(harness.carry_out(&agent, power(PowerRequest::Stop, 1)).await, Outcome::Done);
    // Someone removes the volume and puts a folder of the host in its place.
    harness.runtime.world().devices.insert("oasis-1_data".to_owned(), vec![VolumeTarget::Path("/etc".to_owned())]);
    let refusals = vec![PolicyRefusal::VolumeDevice { volume: "oasis-1_data".to_owned(), path: "/etc".to_owned() }];
    let outcome = harness.carry_out(&agent, power(PowerRequest::Start, 2)).await;
    assert_eq!(outcome, Outcome::Refused { failure: OrderFailure::PolicyForbids { refusals: refusals.clone() } });
    harness.runtime.world().devices.clear();
    assert_eq!(harness.carry_out(&agent, power(PowerRequest::Start, 3)).await, Outcome::Done);
    harness.runtime.world().devices.insert("oasis-1_data".to_owned(), vec![VolumeTarget::Path("/etc".to_owned())]);
    harness.runtime.world().containers.retain(|it| it.service != "db");
    crate::perform::heal::heal(&agent.context, &instance()).await;
    assert!(harness.runtime.world().containers.iter().all(|it| it.service != "db"), "it is not made again");
    assert_eq!(agent.failure_of_healing(), Some(OrderFailure::PolicyForbids { refusals }));
}

#[tokio::test]
async fn what_the_policy_forbids_by_now_is_not_healed() {
    let harness = Harness::new();
    let agent = harness.agent();
    assert_eq!(harness.carry_out(&agent, install(1)).await, Outcome::Done);
    harness.write_policy("registries: [lab.example]");
    agent.context.policy.reread();
    harness.runtime.world().containers.retain(|it| it.service != "db");
    crate::perform::heal::heal(&agent.context, &instance()).await;
    assert!(harness.runtime.world().containers.iter().all(|it| it.service != "db"), "it is not made again");
}

#[tokio::test]
async fn a_policy_that_came_later_does_not_bar_the_way_back_to_what_ran() {
    let lab = Lab::new();
    let agent = lab.harness.agent();
    assert_eq!(lab.carry_out(&agent, install(4)).await, Outcome::Done);
    lab.harness.write_policy("paths: []");
    agent.context.policy.reread();
    lab.harness.runtime.world().behaviours.insert("notes-web:2".to_owned(), Behaviour::Ends(7));
    let outcome = lab.carry_out(&agent, upgrade(4, 2)).await;
    assert!(
        matches!(
            &outcome,
            Outcome::RolledBack {
                failure: OrderFailure::NotHealthy { problem: HealthProblem::ContainerExitedForGood(_, 7) }
            }
        ),
        "{outcome:?}"
    );
    let running = lab.harness.runtime.world().running("oasis-1");
    assert!(lab.is_running() && running.iter().any(|(_, image)| image == "notes-web:4"), "{running:?}");
    // By any other way it is not started.
    assert_eq!(lab.carry_out(&agent, power(PowerRequest::Stop, 1)).await, Outcome::Done);
    let outcome = lab.carry_out(&agent, power(PowerRequest::Start, 2)).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_is_led_astray_by_now_is_not_started_on_the_way_back() {
    let lab = Lab::new();
    let agent = lab.harness.agent();
    assert_eq!(lab.carry_out(&agent, install(4)).await, Outcome::Done);
    lab.link();
    lab.harness.runtime.world().behaviours.insert("notes-web:2".to_owned(), Behaviour::Ends(7));
    match lab.carry_out(&agent, upgrade(4, 2)).await {
        Outcome::Stuck { failure: OrderFailure::RollbackFailed { failure, .. }, .. } => {
            assert_eq!(*failure, lab.failure());
        }
        other => panic!("expected it stuck, found {other:?}"),
    }
    assert!(!lab.is_running());
}

#[tokio::test]
async fn what_does_not_run_and_is_forbidden_by_now_is_not_started_by_a_way_back() {
    let lab = Lab::new();
    let agent = lab.harness.agent();
    assert_eq!(lab.carry_out(&agent, install(4)).await, Outcome::Done);
    lab.harness.write_policy("paths: []");
    agent.context.policy.reread();
    lab.harness.runtime.world().containers.retain(|it| it.service != "web");
    lab.harness.runtime.world().behaviours.insert("notes-web:2".to_owned(), Behaviour::Ends(7));
    match lab.carry_out(&agent, upgrade(4, 2)).await {
        Outcome::Refused { failure } => {
            let reason = failure.to_string();
            assert!(reason.contains("does not allow mounting") && reason.contains("no way back"), "{reason}");
        }
        other => panic!("expected a refusal, found {other:?}"),
    }
    assert!(!lab.is_running());
    // The order is carried out as given.
    assert_eq!(lab.carry_out(&agent, power(PowerRequest::Stop, 1)).await, Outcome::Done);
    let again = Action::Upgrade {
        from: release(4),
        goal: goal(2, 2),
        through: Vec::new(),
        data: DataEffect::AtStart,
        backup: BTreeSet::new(),
    };
    assert_eq!(lab.carry_out(&agent, again).await, Outcome::Done);
}

//! Containers of others under the names of an instance.

use super::harness::{Harness, check_refused, install, installed, instance, power};
use crate::fake::FakeContainer;
use fleet_core::order::{Outcome, PowerRequest};
use fleet_core::order_failure::OrderFailure;
use fleet_core::part_owner::PartOwner;
use fleet_core::spec::Restart;
use fleet_core::steps::ContainerState;

/// A container of another instance under a name that is the instance's, while its own is gone.
fn usurper(harness: &Harness) -> FakeContainer {
    let other =
        FakeContainer { name: "oasis-1-web-1".to_owned(), project: "oasis-2".to_owned(), ..foreign_container() };
    let mut world = harness.runtime.world();
    world.containers.retain(|it| it.name != other.name);
    world.containers.push(other.clone());
    other
}

#[tokio::test]
async fn nothing_is_healed_or_started_beside_anothers_container_of_the_same_name() {
    let (harness, agent) = installed(1).await;
    let other = usurper(&harness);
    let before = harness.runtime.world().containers.clone();
    crate::perform::heal::heal(&agent.context, &instance()).await;
    assert_eq!(harness.runtime.world().containers, before, "healing touches nothing");
    let failure = agent.failure_of_healing();
    let is_others = |owner: &PartOwner| matches!(owner, PartOwner::Instance { instance, .. } if instance == "oasis-2");
    let is_it = |failure: &OrderFailure| {
        matches!(failure, OrderFailure::ForeignContainer { name, owner }
            if name == "oasis-1-web-1" && is_others(owner))
    };
    assert!(failure.as_ref().is_some_and(is_it), "{failure:?}");
    for (request, serial) in [(PowerRequest::Start, 1), (PowerRequest::Restart, 2)] {
        let outcome = harness.carry_out(&agent, power(request, serial)).await;
        check_refused(&outcome, |it| {
            matches!(it, OrderFailure::ForeignContainer { name, owner }
                if name == "oasis-1-web-1" && is_others(owner))
        });
        assert_eq!(harness.runtime.world().containers, before);
    }
    assert_eq!(harness.carry_out(&agent, power(PowerRequest::Stop, 3)).await, Outcome::Done);
    assert!(harness.runtime.world().containers.contains(&other), "it is neither stopped nor removed");
}

/// Makes a stack that someone started with Compose, under the instance's name.
fn foreign_container() -> FakeContainer {
    FakeContainer {
        id: "stranger".to_owned(),
        name: "oasis-1-db-1".to_owned(),
        project: "oasis-1".to_owned(),
        service: "db".to_owned(),
        image: "notes-db:0".to_owned(),
        config_hash: String::new(),
        state: ContainerState::Running,
        networks: [].into(),
        volumes: [].into(),
        ports: Vec::new(),
        has_healthcheck: false,
        restart: Restart::No,
    }
}

#[tokio::test]
async fn a_stack_that_others_started_is_not_taken_over() {
    let harness = Harness::new();
    harness.runtime.meddle(|world| world.containers.push(foreign_container()));
    let outcome = harness.carry_out(&harness.agent(), install(1)).await;
    let (project, containers) = ("oasis-1".to_owned(), vec!["oasis-1-db-1".to_owned()]);
    assert_eq!(outcome, Outcome::Refused { failure: OrderFailure::ForeignProject { project, containers } });
    assert_eq!(harness.runtime.world().containers, [foreign_container()]);
    assert_eq!(harness.runtime.world().steps_so_far, 0);
}

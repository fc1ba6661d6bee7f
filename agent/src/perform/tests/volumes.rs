//! Volumes that are removed, lost, or made again by somebody else.

use super::harness::{Harness, check_refused, installed, instance, power, running, upgrade};
use fleet_core::health_problem::LostVolume;
use fleet_core::order::{Action, Outcome, PowerRequest};
use fleet_core::order_failure::OrderFailure;
use fleet_core::spec::EngineOwner;

#[tokio::test]
async fn only_a_named_volume_is_removed() {
    let (harness, agent) = installed(3).await;
    let volumes = ["oasis-1_attic".to_owned()].into();
    assert_eq!(harness.carry_out(&agent, Action::Remove { volumes }).await, Outcome::Done);
    assert_eq!(harness.runtime.world().volumes.keys().collect::<Vec<_>>(), ["oasis-1_data"]);
}

#[tokio::test]
async fn a_volume_of_an_instance_that_was_never_there_goes_only_if_its_labels_say_so() {
    let somebody = EngineOwner::Project { project: "oasis-1".to_owned() };
    for owner in [EngineOwner::Nobody, somebody] {
        let harness = Harness::new();
        harness.runtime.meddle(|world| {
            world.volumes.insert("measurements".to_owned(), Vec::new());
            world.volume_owners.insert("measurements".to_owned(), owner.clone());
        });
        let agent = harness.agent();
        let volumes = ["measurements".to_owned()].into();
        let failure = OrderFailure::ForeignVolume { name: "measurements".to_owned(), owner: (&owner).into() };
        check_refused(&harness.carry_out(&agent, Action::Remove { volumes }).await, |it| *it == failure);
        assert!(harness.runtime.world().volumes.contains_key("measurements"));
        assert_eq!(harness.runtime.world().steps_so_far, 0);
    }
    let harness = Harness::new();
    harness.runtime.meddle(|world| drop(world.volumes.insert("oasis-1_data".to_owned(), Vec::new())));
    let volumes = ["oasis-1_data".to_owned()].into();
    assert_eq!(harness.carry_out(&harness.agent(), Action::Remove { volumes }).await, Outcome::Done);
    assert!(harness.runtime.world().volumes.is_empty(), "it has the instance's labels");
}

#[tokio::test]
async fn a_volume_without_labels_goes_if_the_ledger_says_that_the_instance_had_it() {
    let (harness, agent) = installed(1).await;
    harness.runtime.meddle(|world| drop(world.volume_owners.insert("oasis-1_data".to_owned(), EngineOwner::Nobody)));
    let volumes = ["oasis-1_data".to_owned()].into();
    assert_eq!(harness.carry_out(&agent, Action::Remove { volumes }).await, Outcome::Done);
    assert!(harness.runtime.world().volumes.is_empty());
}

fn make_again(harness: &Harness, owner: EngineOwner) {
    harness.runtime.meddle(|world| {
        world.containers.clear();
        world.volumes.insert("oasis-1_data".to_owned(), Vec::new());
        world.volume_owners.insert("oasis-1_data".to_owned(), owner);
    });
}

#[tokio::test]
async fn a_volume_that_was_made_again_by_hand_is_lost_data_and_neither_healed_nor_started() {
    for owner in [EngineOwner::Nobody, EngineOwner::OwnProject, EngineOwner::Project { project: "other".to_owned() }] {
        let (harness, agent) = installed(1).await;
        make_again(&harness, owner);
        agent.drifted.send_replace([(instance(), 1)].into());
        let lost = || LostVolume { name: "oasis-1_data".to_owned(), is_replaced: true };
        let gone = |it: &OrderFailure| *it == OrderFailure::VolumesGone { volumes: vec![lost()] };
        check_refused(&harness.carry_out(&agent, power(PowerRequest::Start, 1)).await, gone);
        check_refused(&harness.carry_out(&agent, upgrade(1, 2)).await, gone);
        assert!(harness.runtime.world().containers.is_empty(), "it is not healed either");
        // A volume with the instance's label counts.
        harness.runtime.meddle(|world| drop(world.volume_owners.remove("oasis-1_data")));
        assert_eq!(harness.carry_out(&agent, power(PowerRequest::Start, 2)).await, Outcome::Done);
    }
}

#[tokio::test]
async fn a_volume_that_never_carried_the_label_is_the_instances_as_before() {
    let (harness, agent) = installed(1).await;
    agent.kill().await;
    // Record of an older agent, with a volume of a stack from before fleet.
    let file = harness.data_dir().join("ledger/instances/oasis-1.json");
    let text = std::fs::read_to_string(&file).expect("it is written");
    let mut entry: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    fn forget(value: &mut serde_json::Value) {
        if let Some(object) = value.as_object_mut() {
            object.remove("signed");
            object.values_mut().for_each(forget);
        }
    }
    forget(&mut entry);
    std::fs::write(&file, entry.to_string()).expect("it can be written");
    make_again(&harness, EngineOwner::OwnProject);
    assert_eq!(harness.carry_out(&harness.agent(), power(PowerRequest::Start, 1)).await, Outcome::Done);
}

#[tokio::test]
async fn an_instance_whose_data_was_removed_is_not_healed_into_an_empty_one() {
    let (harness, agent) = installed(1).await;
    {
        let mut world = harness.runtime.world();
        world.containers.clear();
        world.volumes.clear();
    }
    crate::perform::heal::heal(&agent.context, &instance()).await;
    assert!(running(&harness).is_empty() && harness.runtime.world().volumes.is_empty());
}

#[tokio::test]
async fn what_lost_its_data_is_not_started_with_nothing() {
    for action in [upgrade(1, 2), power(PowerRequest::Restart, 1), power(PowerRequest::Start, 1)] {
        let (harness, agent) = installed(1).await;
        let volume = harness.runtime.world().volumes.keys().next().cloned().expect("the app has a volume");
        harness.runtime.meddle(|world| {
            world.containers.clear();
            world.volumes.remove(&volume);
        });
        check_refused(
            &harness.carry_out(&agent, action).await,
            |it| matches!(it, OrderFailure::VolumesGone { volumes } if volumes[0].name == volume),
        );
        assert!(!harness.runtime.world().volumes.contains_key(&volume));
    }
}

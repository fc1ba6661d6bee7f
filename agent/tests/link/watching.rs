//! Changes of an instance without any order.

use super::coordinator::Heard;
use super::lab::{DAY, Lab, ends};
use fleet_core::health_problem::{HealthProblem, LostVolume};
use fleet_core::spec::EngineOwner;
use fleet_proto::convert::incoming_health_problem;
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::{self, DriftCode, Health, HostEventCode, InstanceSaid, instance_report};
use tokio::task::JoinSet;

/// Installs an instance and clears the messages received so far.
async fn installed() -> (Lab, JoinSet<()>) {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let agent = lab.run();
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    lab.say(Vec::new());
    (lab, agent)
}

fn last(heard: &Heard) -> Option<InstanceSaid> {
    heard.reports.iter().rev().find_map(|kind| match kind {
        Kind::Instance(report) => match &report.running {
            Some(instance_report::Running::Settled(said)) => Some(said.clone()),
            _ => None,
        },
        _ => None,
    })
}

/// Lost volumes that a report names.
fn volumes_gone(said: &InstanceSaid) -> Vec<LostVolume> {
    match said.health_problem.clone().and_then(incoming_health_problem) {
        Some(HealthProblem::VolumesGone(lost)) => lost,
        _ => Vec::new(),
    }
}

fn says(heard: &Heard, code: HostEventCode) -> usize {
    let is_it =
        |kind: &&Kind| matches!(kind, Kind::Event(v1::Event { event: Some(event), .. }) if event.code() == code);
    heard.reports.iter().filter(is_it).count()
}

#[tokio::test]
async fn what_is_removed_by_hand_comes_back_three_times_and_then_it_is_flapping() {
    let (lab, _agent) = installed().await;
    for time in 1..=3 {
        lab.runtime.meddle(|world| world.containers.clear());
        lab.coordinator.wait_for(|heard| says(heard, HostEventCode::Healed) == time).await;
        let well = |heard: &Heard| last(heard).is_some_and(|said| said.drift.is_empty() && said.containers.len() == 1);
        lab.coordinator.wait_for(well).await;
    }
    lab.runtime.meddle(|world| world.containers.clear());
    let heard = lab.coordinator.wait_for(|heard| says(heard, HostEventCode::Flapping) == 1).await;
    let said = lab.coordinator.wait_for(|heard| last(heard).is_some_and(|said| said.drift.len() > 1)).await;
    assert!(last(&said).is_some_and(|said| said.drift[0].code() == DriftCode::Flapping), "{:?}", heard.reports.last());
    assert!(lab.runtime.world().containers.is_empty());
}

#[tokio::test]
async fn without_an_engine_health_is_unknown_and_comes_back_by_itself() {
    let (lab, _agent) = installed().await;
    let health = |heard: &Heard| last(heard).map(|said| said.health());
    lab.runtime.meddle(|world| world.is_engine_away = true);
    lab.coordinator.wait_for(|heard| health(heard) == Some(Health::Unknown)).await;
    lab.coordinator.wait_for(|heard| says(heard, HostEventCode::HealthUnknown) == 1).await;
    lab.runtime.meddle(|world| world.is_engine_away = false);
    lab.coordinator.wait_for(|heard| health(heard) == Some(Health::Healthy)).await;
}

#[tokio::test]
async fn data_that_is_gone_is_said_and_not_made_anew() {
    let (lab, _agent) = installed().await;
    lab.runtime.meddle(|world| {
        world.containers.clear();
        world.volumes.clear();
    });
    let is_said = |heard: &Heard| last(heard).is_some_and(|said| !volumes_gone(&said).is_empty());
    lab.coordinator.wait_for(is_said).await;
    lab.is_looked_at_again().await;
    assert!(lab.runtime.world().volumes.is_empty());
}

#[tokio::test]
async fn a_volume_that_was_made_again_by_hand_is_said_to_be_lost_and_nothing_is_healed() {
    let (lab, _agent) = installed().await;
    let volume = lab.runtime.world().volumes.keys().next().cloned().expect("the app has a volume");
    lab.runtime.meddle(|world| {
        world.containers.clear();
        world.volumes.insert(volume.clone(), Vec::new());
        world.volume_owners.insert(volume.clone(), EngineOwner::Nobody);
    });
    let is_said =
        |heard: &Heard| last(heard).is_some_and(|said| volumes_gone(&said).iter().any(|lost| lost.is_replaced));
    lab.coordinator.wait_for(is_said).await;
    lab.is_looked_at_again().await;
    assert!(lab.runtime.world().containers.is_empty());
}

//! Progress of a step, reported apart from it.

use super::harness::{Agent, Harness, install};
use crate::status_board::StatusBoard;
use fleet_core::activity::{Activities, Activity};
use fleet_core::facts::{Doing, Running, StepProgress};
use std::time::Duration;

fn doing(status_board: &StatusBoard) -> Doing {
    match status_board.instances.values().next() {
        Some(Running::Busy { doing, .. }) => doing.clone(),
        Some(Running::Absent | Running::Settled(_)) | None => Doing::default(),
    }
}

/// Waits for that progress of a step, and returns the step.
async fn step_with(agent: &Agent, is_so_far: impl Fn(StepProgress) -> bool) -> Option<Activity> {
    let mut status_board = agent.context.status_writer.reader();
    let recorded = status_board.wait_for(|status_board| doing(status_board).progress.is_some_and(&is_so_far));
    let recorded = tokio::time::timeout(Duration::from_secs(30), recorded).await.expect("it is said");
    doing(&recorded.expect("the board is there")).step
}

#[tokio::test]
async fn steps_side_by_side_are_one_step_and_say_how_far_they_are_together() {
    let harness = Harness::new();
    {
        let mut world = harness.runtime.world();
        world.hanging = ["pull notes-web:1".to_owned()].into();
        world.pulled = [("notes-web:1".to_owned(), (3_000_000, 12_000_000))].into();
        world.pulled.insert("notes-db:1".to_owned(), (4_900_000, 5_000_000));
    }
    let agent = harness.agent();
    harness.ask(&[harness.order(install(1))]);
    let both = ["notes-db:1", "notes-web:1"].map(|image| Activity::Pull(image.to_owned()));
    let both = Activity::Together(Activities(both.to_vec()));
    let together = StepProgress::of_bytes(7_000_000, Some(17_000_000));
    assert_eq!(step_with(&agent, |progress| progress == together).await, Some(both));
}

#[tokio::test]
async fn how_long_an_instance_is_healthy_makes_no_other_step() {
    let harness = Harness::new();
    let agent = harness.agent();
    harness.ask(&[harness.order(install(5))]);
    let minimum = Duration::from_secs(30);
    let first = StepProgress::of_health(Duration::ZERO, minimum);
    assert_eq!(step_with(&agent, |progress| progress == first).await, Some(Activity::WaitingUntilHealthy(None)));
    let is_later =
        |progress: StepProgress| progress == StepProgress { done: progress.done, ..first } && progress != first;
    assert_eq!(step_with(&agent, is_later).await, Some(Activity::WaitingUntilHealthy(None)));
}

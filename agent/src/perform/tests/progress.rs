//! How far a step is, said apart from it.

use super::bed::{Bed, install};
use fleet_core::facts::{Doing, Running};
use std::time::Duration;

#[tokio::test]
async fn steps_side_by_side_are_one_step_and_say_how_far_they_are_together() {
    let bed = Bed::new();
    {
        let mut world = bed.hands.world();
        world.hanging = ["pull notes-web:1".to_owned()].into();
        world.pulled = [("notes-web:1".to_owned(), (3_000_000, 12_000_000))].into();
        world.pulled.insert("notes-db:1".to_owned(), (4_900_000, 5_000_000));
    }
    let agent = bed.agent();
    bed.ask(&[bed.order(install(1))]);
    let mut board = agent.site.pen.reader();
    let doing = |board: &crate::board::Board| match board.instances.values().next() {
        Some(Running::Busy { doing, .. }) => doing.clone(),
        Some(Running::Absent | Running::Settled(_)) | None => Doing::default(),
    };
    let told = board.wait_for(|board| doing(board).progress == "7 of 17 MB");
    let told = tokio::time::timeout(Duration::from_secs(30), told).await.expect("it is said");
    assert_eq!(doing(&told.expect("the board is there")).step, "pull notes-db:1, pull notes-web:1");
}

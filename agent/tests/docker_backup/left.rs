//! A sandbox that a drill cannot remove, because another container uses it, is removed by the next agent.

use super::images::{docker, succeeds};
use super::lab::Lab;
use super::stories::fill;
use fleet_core::backup::{DataAction, DataResult};
use fleet_core::order::{Action, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::sandbox_part::SandboxPart;
use std::time::{Duration, Instant};

/// Somebody else's container, which has a volume; both are removed when it is dropped.
struct ForeignHolder {
    name: String,
    volume: String,
}

impl ForeignHolder {
    fn on(volume: &str) -> Self {
        let (name, volume) = (format!("{volume}-stranger"), volume.to_owned());
        let mount = format!("{volume}:/theirs");
        let image = super::images::ONE;
        docker(&["run", "-d", "--name", &name, "-v", &mount, "--entrypoint", "sleep", image, "infinity"]);
        Self { name, volume }
    }
}

impl Drop for ForeignHolder {
    fn drop(&mut self) {
        let said = |words: &[&str]| drop(std::process::Command::new("docker").args(words).output());
        said(&["rm", "-f", &self.name]);
        said(&["volume", "rm", "-f", &self.volume]);
    }
}

#[tokio::test]
async fn a_volume_of_a_double_that_a_stranger_has_is_named_and_goes_when_it_can() {
    let Some(lab) = Lab::new("ftl").await else { return };
    let mut agent = lab.agent();
    let instance = lab.instance();
    let end = lab.carry_out(&lab.order(&instance, Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    fill(&lab);
    let order = lab.backup();
    assert_eq!(lab.carry_out(&order).await.outcome, Outcome::Done);
    let id = order.order.id.as_str().parse().expect("an id");
    let drill =
        lab.order(&instance, Action::Data(DataAction::Drill { from: lab.source(&id), privileges: Default::default() }));
    let volume = format!("fleet-throwaway-{}_uploads", drill.order.id);
    let foreign_container = ForeignHolder::on(&volume);
    let end = lab.carry_out(&drill).await;
    let Outcome::Stuck { failure: OrderFailure::SandboxNotRemoved { parts, .. }, .. } = &end.outcome else {
        panic!("expected that something is left, found {end:?}")
    };
    assert_eq!(parts.first(), Some(&SandboxPart::Volume(volume.clone())));
    let Some(DataResult::Drill(made)) = end.made.as_deref() else { panic!("expected a proof, found {end:?}") };
    assert_eq!(made.proof.failure, None);
    // The instance continues.
    assert_eq!(lab.carry_out(&lab.backup()).await.outcome, Outcome::Done);
    agent.kill().await.expect("it was there");
    docker(&["rm", "-f", &foreign_container.name]);
    let _agent = lab.agent();
    let began = Instant::now();
    while succeeds("docker", &["volume", "inspect", &volume]) {
        assert!(began.elapsed() < Duration::from_secs(60), "it is removed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

//! Cut off after any step, and in the middle of any: looking again and asking again reaches the goal.

use super::images::{ONE, TWO, docker};
use super::instance::{Instance, instance};
use fleet_agent::runtime::{Containers, Notes};
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{Stage, Step, steps};
use std::time::Duration;

fn compose(version: &str) -> String {
    format!(
        "services:\n  \
           db: {{ image: {version}, init: true, volumes: ['data:/data', './a.conf:/a.conf'], networks: [one, two] }}\n  \
           web: {{ image: {version}, init: true, depends_on: [db], networks: [two] }}\n\
         volumes: {{ data: }}\nnetworks: {{ one: , two: }}\n"
    )
}

async fn first_step(it: &Instance, spec: &InstanceSpec) -> Option<Step> {
    let stages = steps(&it.look(spec).await, spec);
    let all = stages.into_iter().flat_map(|stage: Stage| stage.steps);
    all.into_iter().find(|step| *step != Step::Gate)
}

#[tokio::test]
async fn after_every_single_step_the_goal_is_still_reached() {
    let Some(it) = instance() else { return };
    for (version, content) in [(ONE, "1"), (TWO, "2"), (ONE, "1")] {
        let spec = it.render(&compose(version), &[("a.conf", content)], "").spec;
        let mut count = 0;
        while let Some(step) = first_step(&it, &spec).await {
            it.step(&spec, &step).await.expect("each step can be performed");
            // Done twice is done once.
            it.step(&spec, &step).await.expect("each step can be repeated");
            count += 1;
            assert!(count < 50, "it ends");
        }
        assert_eq!(steps(&it.look(&spec).await, &spec), []);
        assert_eq!(docker(&["exec", &it.name("db"), "cat", "/a.conf"]), content);
    }
}

#[tokio::test]
async fn dropped_in_the_middle_of_any_step_the_goal_is_still_reached() {
    let Some(it) = instance() else { return };
    let mut patience = 0;
    for version in [ONE, TWO] {
        let spec = it.render(&compose(version), &[("a.conf", version)], "").spec;
        while let Some(step) = first_step(&it, &spec).await {
            let notes = Notes::unheard();
            let cut = it.runtime.perform(&step, &spec, &notes);
            let _ = tokio::time::timeout(Duration::from_millis(patience), cut).await;
            // A step that is always cut off never gets anywhere: each try is given a little more.
            patience += 5;
        }
        assert_eq!(steps(&it.look(&spec).await, &spec), []);
        let version = version.rsplit(':').next().unwrap_or_default();
        assert_eq!(docker(&["exec", &it.name("web"), "cat", "/version"]), version);
    }
}

#[tokio::test]
async fn an_upgrade_cut_off_anywhere_goes_back() {
    let Some(it) = instance() else { return };
    let before = it.render(&compose(ONE), &[("a.conf", "1")], "").spec;
    let after = it.render(&compose(TWO), &[("a.conf", "2")], "").spec;
    it.apply_well(&before).await;
    for cut in [1, 3, 5, 7, 9] {
        for _ in 0..cut {
            let Some(step) = first_step(&it, &after).await else { break };
            it.step(&after, &step).await.expect("each step can be performed");
        }
        it.apply_well(&before).await;
        assert_eq!(steps(&it.look(&before).await, &before), [], "after {cut} steps");
        assert_eq!(docker(&["exec", &it.name("web"), "cat", "/version"]), "1", "after {cut} steps");
    }
}

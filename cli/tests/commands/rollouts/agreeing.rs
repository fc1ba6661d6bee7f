//! The confirmed plan is started, once.

use super::good;
use crate::fake::logged_in;
use crate::scene::Scene;

/// Returns the number of requests that started something, as received by the coordinator.
fn starts(heard: &str) -> usize {
    heard.lines().filter(|line| line.contains("agreed: Some")).count()
}

#[test]
fn a_plan_that_has_changed_is_shown_again_before_it_is_started() {
    let (fake, environment) = logged_in(Scene { changed_plans: 1, ..good() });
    let output = environment.run("fleet rollout --version 1.2 --yes --detach");
    assert_eq!(output.stdout, "labnotes-3\n");
    assert_eq!(output.stderr.matches("labnotes -> 1.2 (").count(), 2, "{}", output.stderr);
    assert!(output.stderr.contains("the plan has changed since then and was not started"), "{}", output.stderr);
    let heard = fake.heard();
    assert_eq!((heard.lines().count(), starts(&heard)), (4, 2), "{heard}");
}

#[test]
fn a_plan_that_changes_each_time_is_given_up() {
    let (fake, environment) = logged_in(Scene { changed_plans: usize::MAX, ..good() });
    let output = environment.run("fleet rollout --version 1.2 --yes --detach");
    let text = output.text();
    assert!(
        text.starts_with("exit 1\n")
            && text.contains(
                "because the plan that was agreed to is no longer what would be done\nhint: look at the plan"
            ),
        "{text}"
    );
    let ids = fake.request_ids();
    assert!(
        starts(&fake.heard()) == 3 && ids[0] != ids[1] && ids[1] != ids[2],
        "each agreement is a request of its own: {ids:?}"
    );
}

#[test]
fn a_start_whose_answer_is_lost_is_sent_again_as_the_same_request() {
    let (fake, environment) = logged_in(Scene { lost_answers: 1, ..good() });
    let output = environment.run("fleet rollout --version 1.2 --yes --detach");
    assert_eq!(output.stdout, "labnotes-3\n");
    assert!(output.stderr.contains("asking again: "), "{}", output.stderr);
    let heard = fake.heard();
    assert_eq!((heard.lines().count(), starts(&heard)), (3, 2), "{heard}");
    let ids = fake.request_ids();
    assert!(ids[0] == ids[1] && ids[0].len() == 32, "{ids:?}");
}

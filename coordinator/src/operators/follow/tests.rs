//! Progress of a change as seen by followers.

use super::*;
use crate::facts::Facts;
use crate::facts::testing::{NOW, configure, memory, order, read as name, said, wanted};
use fleet_core::activity::Activity;
use fleet_core::facts::{Doing, DriftRule, HostSaid, PowerDesired, Removal, StepProgress};
use fleet_core::host_policy::HostPolicy;
use fleet_core::order::PowerRequest;
use fleet_core::plan::{Plan, Waiting};
use fleet_core::reason::WaitReason;
use fleet_core::release::{Goal, Release};
use fleet_core::time::Time;

fn release() -> Release {
    let digest = format!("sha256:{}", "0".repeat(64)).parse().expect("it is a digest");
    Release { name: "notes@1".parse().expect("it is a release"), digest }
}

/// Returns an instance with revision 3 and the fifth power request.
fn instance() -> InstanceDesired {
    InstanceDesired {
        host: "lab-1".parse().expect("it is a name"),
        release: release(),
        revision: 3,
        drift: DriftRule::Heal,
        power: PowerDesired { request: PowerRequest::Restart, serial: 5 },
        removal: None,
        data: None,
        origin: None,
        created: Time(1),
    }
}

#[test]
fn an_order_of_before_does_not_do_what_was_just_wished() {
    let power = |serial| Action::Power { request: PowerRequest::Restart, serial };
    let configure = |revision| Action::Configure { from: 1, goal: Goal { release: release(), revision } };
    for (requested, action, expect) in [
        (RequestedAction::Power, power(5), true),
        (RequestedAction::Power, power(4), false),
        (RequestedAction::Power, configure(3), false),
        (RequestedAction::Goal, configure(3), true),
        (RequestedAction::Goal, configure(2), false),
        (RequestedAction::Goal, power(5), false),
        (RequestedAction::Removal, power(5), false),
        (RequestedAction::Removal, Action::Remove { volumes: [].into() }, true),
    ] {
        assert_eq!(requested.is_done_by(&action, &instance()), expect, "{requested:?} by {action:?}");
    }
}

/// Makes a fleet before the first reconcile pass.
async fn fleet() -> Facts {
    memory().with("lab-1", "notes-1").await
}

async fn want(facts: &Facts, instance: InstanceDesired) {
    facts.desire(|desired| desired.put_instance(&name("notes-1"), instance)).await;
}

fn shown(facts: &Facts) -> (ChangeState, bool) {
    let shown = progress(&facts.read(), &Followed { instance: name("notes-1"), order: None });
    (shown.state(), shown.over)
}

#[tokio::test]
async fn already_so_is_what_its_host_says_and_not_that_nobody_has_planned_yet() {
    let (facts, waiting, so) = (fleet().await, (ChangeState::Waiting, false), (ChangeState::AlreadySo, true));
    assert_eq!(shown(&facts), waiting, "it is to be installed");
    facts.say("lab-1", "notes-1", "1.1", 1).await;
    assert_eq!(shown(&facts), so);
    want(&facts, InstanceDesired { revision: 2, ..wanted("lab-1") }).await;
    assert_eq!(shown(&facts), waiting, "it has other values");
    want(&facts, powered(1, PowerRequest::Stop)).await;
    assert_eq!(shown(&facts), waiting, "it is to be stopped");
    want(&facts, InstanceDesired { removal: Some(Removal { volumes: [].into(), attempt: 0 }), ..wanted("lab-1") })
        .await;
    assert_eq!(shown(&facts), waiting, "it is to be removed");
}

fn powered(revision: u64, requested: PowerRequest) -> InstanceDesired {
    InstanceDesired { revision, power: PowerDesired { request: requested, serial: 1 }, ..wanted("lab-1") }
}

#[tokio::test]
async fn what_takes_an_app_away_from_a_host_is_not_refused_by_its_list_of_apps() {
    let facts = fleet().await;
    let policy = HostPolicy { apps: Some([name("other")].into()), ..HostPolicy::default() };
    facts.hear_hello(&name("lab-1"), HostSaid { policy, ..said() }, NOW).await.expect("the store is whole");
    facts.say("lab-1", "notes-1", "1.1", 1).await;
    let removal = InstanceDesired { removal: Some(Removal { volumes: [].into(), attempt: 0 }), ..wanted("lab-1") };
    for (instance, expect) in [
        (removal, ChangeState::Waiting),
        (powered(1, PowerRequest::Stop), ChangeState::Waiting),
        (powered(1, PowerRequest::Restart), ChangeState::Refused),
        (powered(2, PowerRequest::Stop), ChangeState::Refused),
        (InstanceDesired { revision: 2, ..wanted("lab-1") }, ChangeState::Refused),
    ] {
        want(&facts, instance.clone()).await;
        let waiting = Waiting { instance: name("notes-1"), rollout: None, reason: WaitReason::NotReported };
        facts.obey(Plan { waiting: vec![waiting], ..Plan::default() }).await;
        assert_eq!(shown(&facts), (expect, expect == ChangeState::Refused), "{instance:?}");
    }
}

#[tokio::test]
async fn how_far_a_step_is_is_told_apart_from_it() {
    let facts = fleet().await;
    facts.give("lab-1", configure("notes-1", "o1", 1)).await;
    let followed = Followed { instance: name("notes-1"), order: Some(order("o1")) };
    let pull = Activity::Pull("web".to_owned());
    let bytes = |done: u64| Some(StepProgress::of_bytes(done, Some(12_000_000)));
    for far in [None, bytes(3_000_000), bytes(4_000_000)] {
        let doing = Doing { step: Some(pull.clone()), progress: far };
        facts.say_busy("lab-1", "notes-1", "o1", doing).await;
        let shown = progress(&facts.read(), &followed);
        assert_eq!((shown.doing, shown.progress), (Some(pull.clone().into()), far.map(Into::into)));
    }
}

#[tokio::test]
async fn nobody_is_kept_at_a_prompt_by_an_order_that_cannot_be_told() {
    let facts = fleet().await;
    facts.give("lab-1", configure("notes-1", "o1", 1)).await;
    let followed = Followed { instance: name("notes-1"), order: Some(order("o1")) };
    assert_eq!(progress(&facts.read(), &followed).state(), ChangeState::UnderWay);
    let undeliverable = |reason: &UndeliverableReason| [(order("o1"), reason.clone())].into();
    let being_made = UndeliverableReason::RepositoryBeingMade(name("central"));
    let missing = UndeliverableReason::ValuesMissing { instance: name("notes-1"), revision: 1 };
    assert!(facts.note_undeliverable(&name("lab-1"), &undeliverable(&being_made)).is_empty());
    let shown = progress(&facts.read(), &followed);
    assert_eq!((shown.state(), shown.over), (ChangeState::UnderWay, false), "what passes by itself is waited for");
    let news = facts.note_undeliverable(&name("lab-1"), &undeliverable(&missing));
    assert_eq!(news, [order("o1")]);
    let shown = progress(&facts.read(), &followed);
    assert_eq!((shown.state(), shown.over), (ChangeState::Waiting, true));
    assert_eq!(shown.undeliverable, Some(missing.clone().into()));
    assert!(facts.note_undeliverable(&name("lab-1"), &undeliverable(&missing)).is_empty());
    facts.note_undeliverable(&name("lab-1"), &[].into());
    assert_eq!(progress(&facts.read(), &followed).state(), ChangeState::UnderWay, "they are there again");
}

//! Import of an older export: stored facts are older than those of hosts, or incomplete.

use crate::harness::{FakeAgent, LIMIT, Operators, configure, done, goal, install, planned, settled};
use crate::stories::fleet;
use fleet_core::hint::Hint;
use fleet_core::planned_change::PlannedChange;
use fleet_core::problem::Problem;
use fleet_link::Identity;
use fleet_proto::v1::{self, ProblemCode, order::Action};
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub fn values_key(instance: &str, revision: u64) -> String {
    format!("values/{instance}/{revision:020}")
}

/// Dials until the host is let in again.
pub async fn again(identity: &Identity) -> FakeAgent {
    let dialing = async {
        loop {
            match FakeAgent::connect(identity).await {
                Ok(agent) => return agent,
                Err(_) => sleep(Duration::from_millis(30)).await,
            }
        }
    };
    timeout(LIMIT, dialing).await.expect("it is welcome")
}

/// Returns the subject of an event or a problem, such as `host lab-1`.
pub fn named(subject: &Option<v1::EventSubject>) -> String {
    subject.clone().map(String::from).unwrap_or_default()
}

/// Returns the code of a problem.
pub fn code(attention: &v1::Attention) -> ProblemCode {
    attention.problem.as_ref().map(v1::Problem::code).unwrap_or_default()
}

/// Waits until status shows a problem of a subject.
pub async fn needs_a_person(admin: &mut Operators, subject: &str, problem: ProblemCode) -> v1::Attention {
    let said = async {
        loop {
            let status = admin.get_status(v1::GetStatusRequest {}).await.expect("it answers").into_inner();
            let found = status.attention.into_iter().find(|it| named(&it.subject) == subject && code(it) == problem);
            if let Some(found) = found {
                return found;
            }
            sleep(Duration::from_millis(30)).await;
        }
    };
    timeout(LIMIT, said).await.unwrap_or_else(|_| panic!("nothing says {problem:?} of {subject}"))
}

#[tokio::test]
async fn an_order_whose_values_are_lost_holds_no_other_back_and_is_told() {
    let (mut harness, mut admin, identity, mut agent) = fleet().await;
    for name in ["notes-1", "notes-2"] {
        install(&mut admin, "1.1", "lab-1", name).await.expect("nothing stands against it");
    }
    agent.orders(2).await;
    harness.meddle(|_, batch| batch.delete(values_key("notes-1", 1))).await;
    let mut agent = again(&identity).await;
    let left = agent.orders(1).await;
    assert_eq!(left[0].instance, "notes-2");
    let recorded = needs_a_person(&mut admin, "instance notes-1", ProblemCode::Undeliverable).await;
    assert_eq!(recorded.hint, Some(Hint::ImportFacts.into()));
}

/// Makes a host's report with a newer revision and a later power request than its order.
fn ahead(order: &v1::Order, power_serial: u64) -> v1::from_agent::Kind {
    let newer = v1::Goal { revision: 7, ..goal(order).cloned().expect("it has one") };
    settled(&order.instance, &newer, power_serial)
}

#[tokio::test]
async fn a_host_that_is_ahead_is_told_and_no_wish_counts_as_done_because_of_it() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    install(&mut admin, "1.1", "lab-1", "notes-1").await.expect("nothing stands against it");
    let order = agent.orders(1).await.remove(0);
    let installed = order.clone();
    agent.obey(&order, done(), None).await;
    agent.say(ahead(&installed, 4)).await;
    agent.orders(0).await;
    let recorded = needs_a_person(&mut admin, "instance notes-1", ProblemCode::NewerRevision).await;
    assert_eq!(recorded.problem, Some(Problem::NewerRevision { found: 7, wanted: 1 }.into()));
    let wanted = "notes-1".parse().ok().map(|name| Hint::GiveWantedValues(name).into());
    assert_eq!(recorded.hint, wanted);

    let request = v1::PowerInstanceRequest { name: "notes-1".to_owned(), action: v1::PowerAction::Restart.into() };
    admin.power_instance(request).await.expect("it may be");
    let order = agent.orders(1).await.remove(0);
    assert!(matches!(&order.action, Some(Action::Power(power)) if power.serial == 5), "{order:?}");
    agent.obey(&order, done(), None).await;
    agent.say(ahead(&installed, 5)).await;
    agent.orders(0).await;
    needs_a_person(&mut admin, "instance notes-1", ProblemCode::NewerRevision).await;

    // The same values as are wanted already: it is the host that has others.
    let values = [("password".to_owned(), "hunter2".to_owned())].into();
    let request = v1::ConfigureInstanceRequest { name: "notes-1".to_owned(), values, ..Default::default() };
    let change = configure(&mut admin, request).await.expect("nothing stands against it").into_inner();
    let plan = planned(&change.plan);
    assert!(plan.contains(&PlannedChange::ValuesReplaceNewer { revision: 7 }), "{plan:?}");
    let order = agent.orders(1).await.remove(0);
    assert_eq!(goal(&order).map(|goal| goal.revision), Some(8));
}

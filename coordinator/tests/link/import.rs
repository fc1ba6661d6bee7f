//! What is kept is older than what hosts have, or lacks something: an older export was imported.

use crate::bed::{FakeAgent, LIMIT, Operators, install};
use crate::stories::fleet;
use fleet_proto::link::Identity;
use fleet_proto::v1;
use std::time::Duration;
use tokio::time::{sleep, timeout};

fn values_key(instance: &str, revision: u64) -> String {
    format!("values/{instance}/{revision:020}")
}

/// Dials until the host is let in again.
async fn again(identity: &Identity) -> FakeAgent {
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

/// Waits until status says of a subject that it needs a person, with this text.
async fn needs_a_person(admin: &mut Operators, subject: &str, text: &str) -> v1::Attention {
    let said = async {
        loop {
            let status = admin.get_status(v1::GetStatusRequest {}).await.expect("it answers").into_inner();
            let found = status.attention.into_iter().find(|it| it.subject == subject && it.text.contains(text));
            if let Some(found) = found {
                return found;
            }
            sleep(Duration::from_millis(30)).await;
        }
    };
    timeout(LIMIT, said).await.unwrap_or_else(|_| panic!("nobody says of {subject} that {text}"))
}

#[tokio::test]
async fn an_order_whose_values_are_lost_holds_no_other_back_and_is_told() {
    let (mut bed, mut admin, identity, mut agent) = fleet().await;
    for name in ["notes-1", "notes-2"] {
        install(&mut admin, "1.1", "lab-1", name).await.expect("nothing stands against it");
    }
    agent.orders(2).await;
    bed.meddle(|_, batch| batch.delete(values_key("notes-1", 1))).await;
    let mut agent = again(&identity).await;
    let left = agent.orders(1).await;
    assert_eq!(left[0].instance, "notes-2");
    let told = needs_a_person(&mut admin, "instance notes-1", "there are no values of revision 1").await;
    assert!(told.hint.contains("import"), "{told:?}");
}

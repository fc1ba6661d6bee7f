//! Two instances from an older version with one project: data with an uncertain owner is neither backed up nor
//! replaced.

use super::actions::{backup, drill, restore};
use super::harness::{Agent, Harness, instance};
use super::restores::changed_since;
use fleet_core::claims::{ClaimKind, HeldName};
use fleet_core::name_conflict::NameConflict;
use fleet_core::order::Outcome;
use fleet_core::order_failure::OrderFailure;

/// Another instance with all that the first one has, as an earlier agent let it be installed.
async fn with_a_double(harness: &Harness, agent: Agent) -> Agent {
    agent.kill().await;
    let folder = harness.data_dir().join("ledger/instances");
    let kept = std::fs::read_to_string(folder.join("oasis-1.json")).expect("it is there");
    let other = kept.replace("\"instance\":\"oasis-1\"", "\"instance\":\"oasis-2\"");
    assert_ne!(kept, other);
    std::fs::write(folder.join("oasis-2.json"), other).expect("written");
    let agent = harness.agent();
    assert_eq!(agent.context.ledger().instances().len(), 2);
    agent
}

fn held(kind: ClaimKind, name: &str) -> NameConflict {
    NameConflict::Held(HeldName { kind, name: name.to_owned(), owner: "oasis-2".parse().expect("a name") })
}

#[tokio::test]
async fn what_two_instances_claim_is_neither_backed_up_nor_replaced() {
    let (harness, agent, id, _, after) = changed_since("").await;
    let agent = with_a_double(&harness, agent).await;
    for (action, salt) in
        [(backup(&["near"]), "late"), (restore("near", &id, &[]), ""), (restore("near", &id, &["near"]), "")]
    {
        let end = harness.carry_out_order(&agent, &harness.order(action, salt)).await;
        assert!(matches!(end.outcome, Outcome::Failed { .. }), "{end:?}");
        let is_it = |conflicts: &[NameConflict]| conflicts.contains(&held(ClaimKind::Project, "oasis-1"));
        let failure = end.outcome.failure();
        assert!(matches!(failure, Some(OrderFailure::DataShared { conflicts }) if is_it(conflicts)), "{end:?}");
        assert_eq!(harness.state(), after);
        harness.check_calm(salt);
    }
    assert_eq!(harness.sets("near").await.len(), 1, "no backup is listed that could be the other's");
    // A drill needs nothing but the repository.
    assert_eq!(harness.carry_out(&agent, drill("near", &id)).await.outcome, Outcome::Done);
    assert_eq!(harness.state(), after);
    harness.check_calm("after a drill");
}

#[tokio::test]
async fn a_volume_that_two_instances_claim_is_not_replaced_while_the_other_stands_still() {
    let (harness, agent, id, _, after) = changed_since("").await;
    let agent = with_a_double(&harness, agent).await;
    let path = harness.data_dir().join("ledger/instances/oasis-2.json");
    agent.kill().await;
    let kept = std::fs::read_to_string(&path).expect("it is there");
    let apart = kept.replace("\"project\":\"oasis-1\"", "\"project\":\"oasis-2\"");
    std::fs::write(&path, apart).expect("written");
    let agent = harness.agent();
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    let is_it = |conflicts: &[NameConflict]| conflicts.contains(&held(ClaimKind::Volume, "oasis-1_data"));
    assert!(
        matches!(end.outcome.failure(), Some(OrderFailure::DataShared { conflicts }) if is_it(conflicts)),
        "{end:?}"
    );
    assert_eq!(harness.state(), after, "of {}", instance());
    // The volume belongs to both instances, so it is backed up.
    assert_eq!(harness.carry_out_order(&agent, &harness.order(backup(&["near"]), "late")).await.outcome, Outcome::Done);
}

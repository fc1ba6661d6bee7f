//! A plan for a large fleet gives no more orders than allowed at once. `tests/bench/run.sh plan` measures its time.

mod fleet;

#[test]
fn a_plan_for_a_large_fleet_asks_for_one_thing_at_a_time() {
    let mut asked = Vec::new();
    fleet::each_state(1_000, |state, plan| {
        let plan = plan();
        assert!(plan.closed.is_empty() && plan.withdrawn.is_empty(), "{state}");
        asked.push((state.to_owned(), plan.orders.len()));
    });
    let expect = [("nothing", 0), ("backups_none_due", 0), ("backups_all_due", 1), ("rollout", 1)];
    assert_eq!(asked, expect.map(|(state, orders)| (state.to_owned(), orders)));
}

#[test]
fn a_snapshot_of_a_large_fleet_keeps_what_it_saw() {
    let (mut desired, observed) = fleet::facts(1_000);
    let (snapshot, as_it_was) = (desired.clone(), observed.clone());
    desired.instances.clear();
    assert_eq!((snapshot.instances.len(), desired.instances.len()), (1_000, 0));
    assert_eq!(as_it_was.backups.len(), 1_000);
}

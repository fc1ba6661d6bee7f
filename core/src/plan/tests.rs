//! Decisions of `plan()`, as tables.

mod backups;
mod explained;
pub(crate) mod given;
mod instances;
mod returning;
mod rollouts;
mod shown;
mod steered;
mod undone;

use super::plan;
use crate::facts::{Asked, OpenOrder};
use given::{Given, given};

/// Every line of `expect` must be in the plan, in any order, and nothing else; `wake` only where it is asked for.
///
/// And once the plan is carried out, the same facts give nothing new.
#[track_caller]
fn check(facts: &str, expect: &str) {
    let mut given = given(facts);
    let plan = plan(&given.desired, &given.asked, &given.observed, given.now);
    let mut found = shown::show(&given, &plan);
    let mut expect: Vec<&str> = expect.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if !expect.iter().any(|line| line.starts_with("wake")) {
        found.retain(|line| !line.starts_with("wake"));
    }
    found.sort();
    expect.sort_unstable();
    assert_eq!(found, expect, "\ngiven:\n{facts}");
    assert!(carry_out(&mut given, plan).is_empty(), "the same facts give something new:\n{facts}");
}

/// Applies a plan as the loop does, and returns the orders of a second one.
fn carry_out(given: &mut Given, first: super::Plan) -> Vec<super::NewOrder> {
    let Asked { orders } = &mut given.asked;
    first.closed.iter().chain(&first.withdrawn).for_each(|id| {
        orders.remove(id);
    });
    for new in first.orders {
        let open = OpenOrder { host: new.host, rollout: new.rollout, asked: given.now, order: new.order };
        orders.insert(open.order.id.clone(), open);
    }
    plan(&given.desired, &given.asked, &given.observed, given.now).orders
}

//! Turns that are cut off, and plans that are stale: nothing is lost, and nothing happens twice.

use super::*;
use crate::facts::testing::{NOW, on, read, restart, undo, wanted};
use crate::keys;
use crate::panics::Panics;
use crate::serve::Loops;
use crate::store::{Batch, FailingStore, MemoryStore, Store};
use fleet_core::event::EventKind;
use fleet_core::facts::{HostDesired, InstanceDesired, OpenOrder};
use fleet_core::names::HostName;
use fleet_core::order::{Action, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

fn memory() -> MemoryStore {
    MemoryStore::new().expect("a thread can be started")
}

/// Everything that is kept.
fn kept(store: &dyn Store) -> BTreeMap<String, String> {
    let entries = store.scan("").expect("the store can be read");
    entries.into_iter().map(|entry| (entry.key, entry.body)).collect()
}

async fn copy(store: &MemoryStore) -> MemoryStore {
    let (copy, mut batch) = (memory(), Batch::new());
    kept(store).into_iter().for_each(|(key, body)| batch.put_json(key, body));
    copy.commit(batch).await.expect("the store is whole");
    copy
}

async fn turned(facts: &Arc<Facts>) -> Result<Turned, StoreError> {
    turn(facts, &Sessions::default(), &planner(), NOW).await
}

fn order_of(facts: &Facts, instance: &str) -> OpenOrder {
    let found = facts.open().into_iter().find(|open| open.order.instance.as_str() == instance);
    found.unwrap_or_else(|| panic!("{instance} has no order"))
}

async fn end(facts: &Facts, instance: &str) {
    let open = order_of(facts, instance);
    let heard = facts.hear_outcome(&open.host, open.order.id, read(instance), Outcome::Done, NOW).await;
    heard.expect("it is its own");
}

/// Makes a store at a moment when one pass closes, withdraws and gives orders, removes an instance and restores values.
async fn eventful() -> MemoryStore {
    let store = memory();
    let facts = on(Arc::new(store.clone())).with("lab-1", "notes-1").await.with("lab-1", "notes-2").await;
    let facts = Arc::new(facts.with("lab-2", "notes-4").await);
    facts.say("lab-1", "notes-1", "1.1", 1).await;
    facts.say("lab-1", "notes-2", "1.2", 2).await;
    facts.say("lab-2", "notes-4", "1.1", 1).await;
    facts.remove("notes-1").await;
    facts
        .desire(|desired| {
            desired.put_instance(&read("notes-2"), InstanceDesired { revision: 2, ..wanted("lab-1") });
            desired.put_rollout(undo("notes-1", "notes-2", 3));
            desired.batch().put(keys::values(&read("notes-1"), 1), "its values");
        })
        .await;
    turned(&facts).await.expect("the store is whole");
    facts.give("lab-2", restart("notes-4", "lost")).await;
    end(&facts, "notes-1").await;
    facts.say("lab-1", "notes-2", "1.1", 3).await;
    end(&facts, "notes-2").await;
    facts
        .desire(|desired| {
            desired.put_host(&read("lab-1"), HostDesired { labels: Default::default(), added: Time(1000) });
            desired.put_instance(&read("notes-3"), wanted("lab-1"));
            desired.forget_instance(&read("notes-4"));
            desired.remove_host(&read("lab-2"));
        })
        .await;
    facts.presume_absent(&read("lab-1"), &BTreeSet::new(), NOW);
    store
}

/// Loads the stored facts, reconnects the host, and runs passes until nothing changes.
async fn settle(store: &MemoryStore) -> BTreeMap<String, String> {
    let facts = Arc::new(on(Arc::new(store.clone())));
    facts.mark_online(&read("lab-1"));
    facts.presume_absent(&read("lab-1"), &BTreeSet::new(), NOW);
    for _ in 0..9 {
        let before = kept(store);
        turned(&facts).await.expect("the store is whole");
        if kept(store) == before {
            return before;
        }
    }
    panic!("it does not settle");
}

#[tokio::test]
async fn a_turn_that_is_cut_off_anywhere_ends_as_if_it_had_not_been() {
    let store = eventful().await;
    let expect = settle(&copy(&store).await).await;
    assert!(!expect.contains_key("desired/instance/notes-1"), "it is buried");
    assert!(!expect.keys().any(|key| key.starts_with("values/notes-1/")), "with its values");
    assert!(expect["desired/instance/notes-2"].contains("\"revision\":3"), "its former values are wanted");
    let events = expect.iter().filter(|(key, _)| key.starts_with(keys::EVENTS)).map(|(_, body)| body);
    assert_eq!(events.filter(|body| body.contains("values_put_back")).count(), 1, "which is told once");
    assert_eq!(expect.keys().filter(|key| key.starts_with(keys::ASKED)).count(), 1, "one is to be installed");

    let mut cuts = 0;
    for commits in 0.. {
        let cut = copy(&store).await;
        let facts = Arc::new(on(Arc::new(FailingStore::after(commits, cut.clone()))));
        facts.mark_online(&read("lab-1"));
        facts.presume_absent(&read("lab-1"), &BTreeSet::new(), NOW);
        let ended = turned(&facts).await;
        assert_eq!(settle(&cut).await, expect, "cut off after {commits} commits");
        match ended {
            Ok(_) => break,
            Err(StoreError::Broken(_)) => assert!(facts.failed().is_cancelled(), "nobody goes on with it"),
            Err(other) => panic!("{other}"),
        }
        cuts += 1;
    }
    assert!(cuts >= 4, "closing, asking, burying and restoring are commits of their own: {cuts}");
}

#[tokio::test]
async fn a_plan_that_is_stale_begins_nothing_and_loses_nothing() {
    let facts = Arc::new(on(Arc::new(memory())).with("lab-1", "notes-1").await);
    let (stale, desired_revision): (Plan, u64) = {
        let snapshot = facts.read();
        (plan(snapshot.desired(), snapshot.asked(), snapshot.observed(), NOW), snapshot.desired_revision())
    };
    assert_eq!(stale.orders.len(), 1);
    // An operator withdraws the request, and gets the confirmation, before the plan is stored.
    facts.remove("notes-1").await;
    facts.ask(stale.clone(), desired_revision, NOW, |_| {}).await.expect("the store is whole");
    assert!(facts.open().is_empty(), "what is not wanted any more is not asked");
    turned(&facts).await.expect("the store is whole");
    let given = order_of(&facts, "notes-1");
    assert_ne!(given.order.id, stale.orders[0].order.id, "the next turn asks for what is wanted now");
}

#[tokio::test]
async fn what_is_no_wish_leaves_a_plan_as_good_as_it_was() {
    let facts = Arc::new(on(Arc::new(memory())).with("lab-1", "notes-1").await);
    let (made, desired_revision): (Plan, u64) = {
        let snapshot = facts.read();
        (plan(snapshot.desired(), snapshot.asked(), snapshot.observed(), NOW), snapshot.desired_revision())
    };
    // Changes of a renewal, a join or a token, and of pruning if rollouts stay.
    facts.desire(|change| change.tell(&read::<HostName>("lab-1"), EventKind::Joined)).await;
    facts.prune(NOW).await.expect("the store is whole");
    facts.ask(made.clone(), desired_revision, NOW, |_| {}).await.expect("the store is whole");
    assert_eq!(order_of(&facts, "notes-1").order.id, made.orders[0].order.id);
}

#[tokio::test]
async fn a_stale_plan_still_closes_what_has_ended() {
    let facts = Arc::new(on(Arc::new(memory())).with("lab-1", "notes-1").await);
    turned(&facts).await.expect("the store is whole");
    end(&facts, "notes-1").await;
    let (stale, desired_revision): (Plan, u64) = {
        let snapshot = facts.read();
        (plan(snapshot.desired(), snapshot.asked(), snapshot.observed(), NOW), snapshot.desired_revision())
    };
    facts.remove("notes-1").await;
    facts.ask(stale, desired_revision, NOW, |_| {}).await.expect("the store is whole");
    assert!(facts.open().is_empty(), "its end was heard");
}

/// Lets plans be made by the test.
struct Stage {
    facts: Arc<Facts>,
    panics: Arc<Panics>,
    loops: Loops,
}

impl Stage {
    async fn new(planner: Planner) -> Self {
        let facts = Arc::new(on(Arc::new(memory())).with("lab-1", "notes-1").await);
        let panics = Arc::new(Panics::default());
        let mut loops = Loops::new(CancellationToken::new(), Arc::clone(&panics));
        let turning = Arc::clone(&facts);
        loops.spawn("reconcile", move || {
            let (facts, planner) = (Arc::clone(&turning), Arc::clone(&planner));
            async move { turns(&facts, &Sessions::default(), &planner).await }
        });
        Self { facts, panics, loops }
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let mut generation = self.facts.generation();
        while !is_so(self) {
            // Panics are no change of the facts.
            let _ = timeout(Duration::from_secs(1), generation.changed()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_panics_is_counted_and_tried_again_and_the_facts_go_on() {
    let is_broken = Arc::new(AtomicBool::new(true));
    let (breaks, ordinary) = (Arc::clone(&is_broken), planner());
    let stage = Stage::new(Arc::new(move |input, now| {
        assert!(!breaks.load(Ordering::SeqCst), "no plan can be made");
        ordinary(input, now)
    }))
    .await;
    stage.until(|stage| stage.panics.all().get("reconcile").is_some_and(|caught| caught.count >= 2)).await;
    assert_eq!(stage.panics.all()["reconcile"].message, "no plan can be made");
    assert!(!stage.facts.failed().is_cancelled(), "only the pass failed");
    stage.facts.say("lab-1", "notes-1", "1.1", 1).await;
    stage.facts.remove("notes-1").await;
    assert!(stage.facts.open().is_empty(), "reports and requests are taken in, and nothing is planned");
    is_broken.store(false, Ordering::SeqCst);
    stage.until(|stage| !stage.facts.open().is_empty()).await;
    stage.loops.drain(Duration::from_secs(3)).await;
}

#[tokio::test]
async fn facts_change_while_a_plan_is_made() {
    let (began, planning) = std::sync::mpsc::channel();
    let (go_on, waiting) = std::sync::mpsc::channel::<()>();
    let (waiting, ordinary) = (Mutex::new(waiting), planner());
    let stage = Stage::new(Arc::new(move |input, now| {
        let _ = began.send(input.desired_revision);
        let _ = waiting.lock().map(|waiting| waiting.recv());
        ordinary(input, now)
    }))
    .await;
    let planning =
        tokio::task::spawn_blocking(move || planning.recv().map(|desired_revision| (desired_revision, planning)));
    // The one thread of this runtime is free, and the facts are not locked.
    let (desired_revision, _planning) = planning.await.expect("nothing panics").expect("a plan is made");
    stage.facts.remove("notes-1").await;
    assert!(stage.facts.read().desired_revision() > desired_revision, "the plan is made of the facts of before");
    drop(go_on);
    let is_removing = |open: &OpenOrder| matches!(open.order.action, Action::Remove { .. });
    stage.until(|stage| stage.facts.open().iter().any(is_removing)).await;
    stage.loops.drain(Duration::from_secs(3)).await;
}

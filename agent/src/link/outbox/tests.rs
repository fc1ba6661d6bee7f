use super::*;
use fleet_core::activity::Activity;
use fleet_core::event::HostEvent;
use fleet_core::facts::Doing;
use fleet_core::order::{Outcome, order_id};
use fleet_core::time::Time;

fn name() -> InstanceName {
    "oasis-1".parse().expect("a name")
}

fn busy(step: &str) -> Running {
    Running::Busy { order: order_id(&["a"]), doing: Doing::step(Activity::Text(step.to_owned())), last: None }
}

fn status_board(step: &str) -> StatusBoard {
    let mut status_board = StatusBoard::default();
    status_board.instances.insert(name(), busy(step));
    status_board
}

fn ended(mut status_board: StatusBoard) -> StatusBoard {
    status_board.ends.insert(order_id(&["a"]), (name(), Outcome::Done.into()));
    status_board
}

/// The kinds of the messages, in their order.
fn words(due: &Due) -> Vec<String> {
    let word = |message: &FromAgent| match message.kind.as_ref().expect("a kind") {
        Kind::Instance(report) => match report.running.as_ref().expect("a state") {
            v1::instance_report::Running::Busy(busy) => busy.doing.clone().expect("a step").arguments.concat(),
            v1::instance_report::Running::Absent(_) => "absent".to_owned(),
            v1::instance_report::Running::Settled(_) => "settled".to_owned(),
        },
        Kind::Order(_) => "end".to_owned(),
        Kind::Complete(_) => "complete".to_owned(),
        Kind::Event(event) => event.event.clone().expect("an event").arguments.concat(),
        Kind::Hello(_) | Kind::Heartbeat(_) | Kind::DiskFree(_) => "other".to_owned(),
    };
    due.messages.iter().chain(due.events.iter().map(|(_, event)| event)).map(word).collect()
}

#[test]
fn everything_is_said_at_each_connect_and_changes_only_after_it() {
    let now = Instant::now();
    for _ in 0..2 {
        let mut outbox = Outbox::new(0);
        assert_eq!(words(&outbox.due(&ended(status_board("pull")), now)), ["end", "pull", "complete"]);
        assert!(outbox.due(&ended(status_board("pull")), now).messages.is_empty());
    }
}

#[test]
fn what_changes_fast_is_said_together() {
    let (now, mut outbox) = (Instant::now(), Outbox::new(0));
    outbox.due(&status_board("1"), now);
    let soon = now + PACE / 5;
    let due = outbox.due(&status_board("2"), soon);
    assert_eq!((words(&due), due.next), (vec![], Some(now + PACE)));
    assert_eq!(words(&outbox.due(&status_board("3"), now + PACE)), ["3"]);
}

#[test]
fn an_end_waits_for_nothing_and_its_instance_is_said_after_it() {
    let (now, mut outbox) = (Instant::now(), Outbox::new(0));
    outbox.due(&status_board("1"), now);
    assert_eq!(words(&outbox.due(&ended(status_board("2")), now)), ["end", "2"]);
}

#[test]
fn an_end_is_said_again_while_the_order_is_open() {
    let (now, mut outbox) = (Instant::now(), Outbox::new(0));
    outbox.due(&ended(status_board("1")), now);
    outbox.say_again(&[order_id(&["a"]), order_id(&["b"])]);
    let due = outbox.due(&ended(status_board("1")), now);
    assert_eq!((words(&due), due.next), (vec![], Some(now + AGAIN)));
    assert_eq!(words(&outbox.due(&ended(status_board("1")), now + AGAIN)), ["end", "1"]);
    assert!(outbox.due(&ended(status_board("1")), now + AGAIN * 2).messages.is_empty());
}

#[test]
fn who_is_gone_is_said_to_be_absent() {
    let (now, mut outbox) = (Instant::now(), Outbox::new(0));
    outbox.due(&status_board("1"), now);
    assert_eq!(words(&outbox.due(&StatusBoard::default(), now)), ["absent"]);
    assert!(outbox.due(&StatusBoard::default(), now).messages.is_empty());
}

#[test]
fn who_is_not_there_after_an_order_is_said_to_be_absent() {
    let (now, mut outbox) = (Instant::now(), Outbox::new(0));
    assert_eq!(words(&outbox.due(&ended(StatusBoard::default()), now)), ["end", "absent", "complete"]);
    assert!(outbox.due(&ended(StatusBoard::default()), now + PACE).messages.is_empty());
}

#[test]
fn events_are_said_once_over_all_connections() {
    let now = Instant::now();
    let mut status_board = StatusBoard::default();
    status_board.add_event(Event { at: Time(1), instance: None, kind: HostEvent::other("hm") });
    let mut outbox = Outbox::new(0);
    assert_eq!(words(&outbox.due(&status_board, now)), ["complete", "hm"]);
    let mut outbox = Outbox::new(1);
    assert_eq!(words(&outbox.due(&status_board, now)), ["complete"]);
}

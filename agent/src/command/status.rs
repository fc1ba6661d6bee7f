//! `fleet-agent status`: shows the content of this host's own files. It sends no request.

use super::Status;
use super::policy::lines;
use crate::ledger::{Direction, InstanceEntry, Ledger, OrderEntry, OrderState};
use crate::{clock, identity_path};
use fleet_core::backup::DataAction;
use fleet_core::command_error::CommandError;
use fleet_core::names::InstanceName;
use fleet_core::order::{Action, Order};
use fleet_core::time::Time;
use fleet_link::Identity;
use std::fmt::Write;

/// The ended orders that are shown.
const SHOWN: usize = 5;

pub fn status(arguments: &Status) -> Result<String, CommandError> {
    let what = "could not say how this agent is";
    let identity = Identity::load(&identity_path(&arguments.data_dir)).map_err(|error| {
        CommandError::refused(what).because_of(&error).hint("join the fleet first: `fleet-agent join -`")
    })?;
    let mut text = whoami(&identity, clock::now());
    if let Ok(ledger) = Ledger::look(&arguments.data_dir) {
        text += &kept(&ledger);
    } else {
        text += "ledger: none yet; `fleet-agent run` has not run here\n";
    }
    match crate::policy::read(&arguments.policy) {
        Ok(policy) => text += &format!("policy:\n{}", lines(&policy)),
        Err(error) => text += &format!("policy: all orders are refused: {error}\n"),
    }
    Ok(text)
}

fn whoami(identity: &Identity, now: Time) -> String {
    let (subject, address, expires) = (&identity.subject, &identity.address, identity.expires);
    let state = if expires < now { "EXPIRED" } else { "valid until" };
    format!("{subject} of the coordinator at {address}\ncertificate: {state} {expires}\n")
}

fn kept(ledger: &Ledger) -> String {
    let mut text = String::from("instances:\n");
    for (name, entry) in ledger.instances() {
        text += &instance_line(name, entry);
    }
    if ledger.instances().is_empty() {
        text += "  none\n";
    }
    for unreadable in ledger.unreadable() {
        let _ = writeln!(text, "  stuck: {unreadable}");
    }
    for sandbox in ledger.sandboxes().values() {
        let (instance, since) = (&sandbox.instance, sandbox.since);
        let parts = sandbox.parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            text,
            "  {instance}  left by a drill since {since}: {parts}; removing it is tried again every minute"
        );
    }
    for left in ledger.leftovers().values() {
        for folder in &left.folders {
            let (instance, since, path) = (&left.instance, left.since, folder.aside.waits.display());
            let reason = folder.reason.as_deref().unwrap_or("it took too long");
            let _ = writeln!(
                text,
                "  {instance}  left by a restore since {since}: {path}: {reason}; removing it is tried again every minute"
            );
        }
    }
    let mut orders: Vec<&OrderEntry> = ledger.orders().values().collect();
    orders.sort_by_key(|entry| (!entry.is_open(), std::cmp::Reverse(entry.begun)));
    let open = orders.iter().filter(|entry| entry.is_open()).count();
    text += "orders (newest):\n";
    for entry in orders.iter().take(open + SHOWN) {
        text += &order_line(entry);
    }
    if orders.is_empty() {
        text += "  none\n";
    }
    text
}

fn instance_line(name: &InstanceName, entry: &InstanceEntry) -> String {
    let what = match &entry.settled {
        Some(settled) if settled.is_stopped() => {
            format!("{} at revision {}, stopped", settled.release, settled.revision)
        }
        Some(settled) => format!("{} at revision {}", settled.release, settled.revision),
        None => "remains of an installation that failed".to_owned(),
    };
    let stuck = entry.stuck.as_ref().map(|stuck| format!("; STUCK: {}", stuck.failure)).unwrap_or_default();
    format!("  {name}  {what}{stuck}\n")
}

fn order_line(entry: &OrderEntry) -> String {
    let state = match &entry.state {
        OrderState::Open(open) => match &open.way {
            Direction::Accepted => "accepted".to_owned(),
            Direction::Forward { step, doing: Some(doing) } => format!("under way, step {step}: {doing}"),
            Direction::Forward { step, doing: None } => format!("under way, step {step}"),
            Direction::Back { because, .. } => format!("going back: {because}"),
        },
        OrderState::Ended { outcome, .. } => match outcome.failure() {
            Some(failure) => format!("{}: {failure}", outcome.word()),
            None => outcome.word().to_owned(),
        },
    };
    format!("  {}  {}  {}  {state}\n", entry.begun, entry.order.instance, action(&entry.order))
}

fn action(order: &Order) -> String {
    match &order.action {
        Action::Install { goal } => format!("install {}", goal.release),
        Action::Upgrade { from, goal, .. } => format!("upgrade {} -> {}", from.name.version, goal.release),
        Action::Configure { goal, .. } => format!("configure revision {}", goal.revision),
        Action::Power { request, .. } => format!("{request:?}").to_lowercase(),
        Action::Remove { .. } => "remove".to_owned(),
        Action::Data(DataAction::Backup { .. }) => "back up".to_owned(),
        Action::Data(DataAction::Drill { .. }) => "drill".to_owned(),
        Action::Data(DataAction::Restore { from, .. }) => format!("restore {}", from.backup),
        Action::Data(DataAction::Forget { .. }) => "forget backups".to_owned(),
    }
}

//! Keeps the host's information up to date: its policy, its Engine's version, its free disk space.

use crate::agent_context::AgentContext;
use crate::clock;
use crate::link::{Greeting, OpenSet};
use crate::policy::PolicyNow;
use crate::runtime::Changed;
use fleet_core::event::HostEvent;
use fleet_core::host_policy::{HostPolicy, Permission};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

const BETWEEN_LOOKS: Duration = Duration::from_secs(300);
/// Divisor of the last reported value: free space is reported again when it differs by more than that part.
const NOTEWORTHY: u64 = 50;
const ENGINE_LIMIT: Duration = Duration::from_secs(5);

/// Information about the host, and the task that reports it.
pub struct HostInfoTask {
    pub context: Arc<AgentContext>,
    pub greeting: watch::Sender<Greeting>,
}

/// The policy as it is reported; one that cannot be read allows nothing.
fn reported(policy: &PolicyNow) -> HostPolicy {
    let nothing = || HostPolicy { apps: Some([].into()), exec: Permission::Denied, ..HostPolicy::default() };
    policy.clone().unwrap_or_else(|_| nothing())
}

impl HostInfoTask {
    /// Collects the information for the first report.
    pub async fn begin(&self) {
        self.say_policy(&self.context.policy.now());
        self.ask_engine().await;
        self.ask_disk().await;
        let free = self.context.status_writer.see(|status_board| status_board.disk_free.unwrap_or_default());
        self.greeting.send_modify(|greeting| greeting.disk_free = free);
    }

    /// Keeps it up to date until it is dropped.
    pub async fn run(self, mut open: watch::Receiver<Option<Arc<OpenSet>>>) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        let (mut changes, mut policy) = (self.context.runtime.changes(), self.context.policy.changes());
        loop {
            tokio::select! {
                () = hung_up(&mut hangup) => {
                    tracing::info!("the policy is read again");
                    self.context.policy.reread();
                }
                // Orders come with each connection and with each change: a good moment to look.
                Ok(()) = open.changed() => drop(self.context.policy.now()),
                Ok(()) = policy.changed() => {
                    let policy = policy.borrow_and_update().clone();
                    self.say_policy(&policy);
                }
                Some(changed) = changes.next() => {
                    if changed == Changed::Anything {
                        self.ask_engine().await;
                    }
                }
                () = tokio::time::sleep(BETWEEN_LOOKS) => self.ask_disk().await,
            }
        }
    }

    fn say_policy(&self, policy: &PolicyNow) {
        if let Err(error) = policy {
            tracing::error!(reason = %error, "the policy cannot be read: all orders are refused until it can");
            let event = HostEvent::PolicyUnreadable { problem: error.to_string() };
            self.context.status_writer.tell(clock::now(), None, event);
        }
        let reported = reported(policy);
        self.greeting.send_if_modified(|greeting| {
            let is_new = greeting.policy != reported;
            greeting.policy = reported;
            is_new
        });
    }

    async fn ask_engine(&self) {
        let Ok(Ok(version)) = timeout(ENGINE_LIMIT, self.context.runtime.engine_version()).await else { return };
        self.greeting.send_if_modified(|greeting| {
            let is_new = greeting.engine_version != version.version || greeting.engine_id != version.id;
            greeting.engine_version = version.version;
            greeting.engine_id = version.id;
            is_new
        });
    }

    async fn ask_disk(&self) {
        let Ok(free) = self.context.runtime.disk_free(&self.context.data_dir).await else { return };
        let is_noteworthy = |before: u64| free.abs_diff(before) > before / NOTEWORTHY;
        if self.context.status_writer.see(|status_board| status_board.disk_free.is_none_or(is_noteworthy)) {
            self.context.status_writer.write(|status_board| status_board.disk_free = Some(free));
        }
    }
}

async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

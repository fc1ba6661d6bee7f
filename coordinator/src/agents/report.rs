//! The stream from a host: itself, its instances, the ends of its orders.
//!
//! **Invariant:** a report that cannot be read is refused by itself, and ends no stream: an agent may be newer than its coordinator.

use super::budget::{Budgets, REPORT_LIMIT};
use super::pace::Pace;
use super::protocol;
use super::session::{Session, Sessions, Superseded};
use crate::clock;
use crate::facts::{Facts, HelloSaid, ObserveError};
use crate::metrics::ReportRefusal;
use crate::rpc_status::failed;
use fleet_core::duplicate::Greeting;
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::facts::Running;
use fleet_core::host_policy::HostPolicy;
use fleet_core::names::InstanceName;
use fleet_core::refused_call::Attempt;
use fleet_core::time::Time;
use fleet_proto::convert::{ConvertError, IncomingReport, incoming_end, incoming_event, incoming_instance};
use fleet_proto::protocol::ProtocolRange;
use fleet_proto::v1::{self, from_agent::Kind};
use prost::Message;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::sleep;
use tonic::{Status, Streaming};

/// The longest version text that is kept.
const VERSION_LIMIT: usize = 40;

/// The longest id that is kept.
const ID_LIMIT: usize = 64;
/// Interval at which a host counts as alive while it is slowed down.
const SLOWED: Duration = Duration::from_secs(5);
/// Number of refused reports of a host that are logged one by one; after that, only some are.
const LOGGED: u64 = 16;
/// Approximate bytes that are written about an absent instance.
const ABSENT: usize = 256;

/// One call of `Report`. At its end, the host is offline in any case.
pub struct Report {
    pub session: Arc<Session>,
    pub sessions: Arc<Sessions>,
    pub facts: Arc<Facts>,
    pub enrolment: String,
    pub budgets: Arc<Budgets>,
    /// Bytes that were written for the message that is being processed.
    pub written: AtomicUsize,
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.sessions.leave(&self.session) {
            self.facts.mark_offline(&self.session.host, clock::now());
            // The session is over as a whole: a watch without reports would leave the host unheard.
            self.session.end_watch();
        }
    }
}

impl Report {
    pub async fn listen(&self, mut messages: Streaming<v1::FromAgent>) -> Result<(), Status> {
        let host = &self.session.host;
        let (mut pace, mut mentioned) = (Pace::new(), BTreeSet::new());
        loop {
            let message = match messages.message().await {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(()),
                Err(status) => {
                    tracing::info!(%host, error = status.message(), "its reports ended");
                    return Err(status);
                }
            };
            let now = clock::now();
            self.session.hear(now);
            pace.keep().await;
            let read = message.encoded_len();
            // Boxed: the memory for what it takes is needed only meanwhile, and not by ten thousand hosts that wait.
            Box::pin(self.hear(message, &mut mentioned, now)).await.inspect_err(|status| {
                tracing::warn!(%host, error = status.message(), "its report was refused");
            })?;
            let written = self.written.swap(0, Relaxed);
            self.slow_down(self.budgets.spend(host, read, written, now)).await?;
        }
    }

    /// Waits until the host is within its budget again. It counts as alive meanwhile, because it is we who do not read.
    async fn slow_down(&self, wait: Duration) -> Result<(), Status> {
        let mut left = wait;
        while !left.is_zero() {
            let pause = left.min(SLOWED);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.session.ended.cancelled() => return Err(Superseded.into()),
            }
            self.session.hear(clock::now());
            left -= pause;
        }
        Ok(())
    }

    async fn hear(
        &self,
        message: v1::FromAgent,
        mentioned: &mut BTreeSet<InstanceName>,
        now: Time,
    ) -> Result<(), Status> {
        // A report that was being processed when another connection took over is outdated.
        if self.session.ended.is_cancelled() {
            return Err(Superseded.into());
        }
        let host = &self.session.host;
        match message.kind {
            Some(Kind::Hello(hello)) => {
                mentioned.clear();
                self.written.store(hello.encoded_len(), Relaxed);
                self.hear_hello(hello, now).await
            }
            Some(Kind::Heartbeat(_)) => Ok(()),
            Some(Kind::Instance(report)) => self.hear_instance(report, mentioned, now).await,
            Some(Kind::Order(report)) => self.hear_order(report, now).await,
            Some(Kind::Complete(_)) => {
                self.facts
                    .hear_complete(host, &std::mem::take(mentioned), now)
                    .await
                    .map_err(|error| not_kept(&error))?;
                let instances = self.facts.read().instances_of(host).count();
                self.written.store(instances * ABSENT, Relaxed);
                self.session.complete();
                self.session.mark(now);
                Ok(())
            }
            Some(Kind::Event(event)) => self.hear_event(event, now).await,
            Some(Kind::DiskFree(bytes)) => {
                self.facts.hear_disk_free(host, bytes);
                Ok(())
            }
            None => {
                self.refuse("a report", &"it is of no kind that this version knows", now);
                Ok(())
            }
        }
    }

    async fn hear_hello(&self, hello: v1::Hello, now: Time) -> Result<(), Status> {
        let theirs = ProtocolRange::said(hello.protocol, hello.protocol_min);
        protocol::check(&self.facts, &self.session.host, theirs, now).await?;
        let short = |text: String| text.chars().take(VERSION_LIMIT).collect();
        let said = HelloSaid {
            agent_version: short(hello.agent_version),
            engine_version: short(hello.engine_version),
            policy: self.read_policy(hello.policy.unwrap_or_default(), now),
            clock_skew_ms: clock::skew(Time(hello.now_ms), now),
            enrolment: self.enrolment.clone(),
            disk_free: Some(hello.disk_free).filter(|bytes| *bytes > 0),
            capabilities: fleet_core::capability::reported(&hello.capabilities),
        };
        self.session.greet(now, hello.replies_to_claims);
        let greeting = Greeting {
            at: now,
            start: id(&hello.start),
            engine: id(&hello.engine_id),
            address: self.session.caller.address.ip().to_string(),
            is_takeover: self.session.is_takeover,
        };
        let host = &self.session.host;
        self.facts.hear_greeting(host, greeting).await.map_err(|error| not_kept(&error))?;
        self.facts.hear_hello(host, said, now).await.map_err(|error| not_kept(&error))?;
        if self.facts.read().orders_of(host).next().is_some() {
            // Some may have waited for its capabilities.
            self.session.mark(now);
        }
        Ok(())
    }

    /// The host holds to its policy by itself: one that cannot be read only means that orders are not held back here.
    fn read_policy(&self, policy: v1::HostPolicy, now: Time) -> HostPolicy {
        policy.try_into().unwrap_or_else(|error| {
            self.refuse("its policy", &error, now);
            HostPolicy::default()
        })
    }

    async fn hear_instance(
        &self,
        report: v1::InstanceReport,
        mentioned: &mut BTreeSet<InstanceName>,
        now: Time,
    ) -> Result<(), Status> {
        let name = match report.instance.parse() {
            Ok(name) => name,
            Err(error) => {
                self.refuse("a report of an instance", &ConvertError::from(error), now);
                return Ok(());
            }
        };
        self.mention(&name, mentioned);
        match self.read_instance(report, now) {
            Some(running) => {
                self.session.unread().remove(&name);
                let heard = self.facts.hear_instance(&self.session.host, name, running, now).await;
                self.passing(heard.map(|written| self.written.store(written, Relaxed)))
            }
            None => {
                self.note_unread(name);
                Ok(())
            }
        }
    }

    /// Parses a report about an instance; returns nothing if it is too large or of an unknown kind.
    fn read_instance(&self, report: v1::InstanceReport, now: Time) -> Option<Running> {
        let (host, bytes) = (&self.session.host, report.encoded_len());
        if bytes > REPORT_LIMIT {
            tracing::warn!(%host, bytes, "a report of an instance is too large");
            self.budgets.note_oversized(host, now);
            return None;
        }
        let what = format!("a report of {}", report.instance);
        match incoming_instance(report) {
            Ok(IncomingReport { report: (_, running), left_out }) => {
                left_out.iter().for_each(|error| self.refuse(&format!("a part of {what}"), error, now));
                Some(running)
            }
            Err(error) => {
                self.refuse(&what, &error, now);
                None
            }
        }
    }

    /// Records an instance whose report cannot be parsed. Only instances that the host should have can become absent.
    fn note_unread(&self, name: InstanceName) {
        if self.facts.read().is_wanted_at(&self.session.host, &name) {
            self.session.unread().insert(name);
        }
    }

    /// Counts and logs an unreadable message.
    fn refuse(&self, what: &str, why: &dyn std::fmt::Display, now: Time) {
        let host = &self.session.host;
        let refusals = self.budgets.note_refused(host, now);
        if refusals <= LOGGED || refusals.is_power_of_two() {
            tracing::warn!(%host, what, error = %why, refusals, "what a host said was refused");
        }
    }

    /// Notes that the host has an instance, until it has said all it has.
    fn mention(&self, name: &InstanceName, mentioned: &mut BTreeSet<InstanceName>) {
        if !self.session.has_completed() {
            mentioned.insert(name.clone());
        }
    }

    /// Answers with the open set without the order, even if the end was reported before.
    async fn hear_order(&self, report: v1::OrderReport, now: Time) -> Result<(), Status> {
        self.written.store(report.encoded_len(), Relaxed);
        let what = format!("the end of {}", report.id);
        let IncomingReport { report: (id, name, end), left_out } = match incoming_end(report) {
            Ok(read) => read,
            Err(error) => {
                self.refuse(&what, &error, now);
                return Ok(());
            }
        };
        left_out.iter().for_each(|error| self.refuse(&format!("a part of {what}"), error, now));
        let heard = self.facts.hear_outcome(&self.session.host, id, name, end, now).await;
        self.passing(heard)?;
        self.session.mark(now);
        Ok(())
    }

    async fn hear_event(&self, event: v1::Event, now: Time) -> Result<(), Status> {
        let host = &self.session.host;
        let subject = match event.instance.as_str() {
            "" => host.into(),
            instance => {
                let snapshot = self.facts.read();
                let own = snapshot.instances_of(host).find(|own| own.as_str() == instance);
                own.map_or_else(|| host.into(), EventSubject::from)
            }
        };
        let IncomingReport { report: said, left_out } = incoming_event(event.event);
        left_out.iter().for_each(|error| self.refuse("a part of an event", error, now));
        let kind = EventKind::Reported(Box::new(said.in_short()));
        self.facts.hear_event(host, subject, kind, now).await.map_err(|error| not_kept(&error))
    }

    /// Reports about things of other hosts are ignored, without ending the connection.
    fn passing(&self, heard: Result<(), ObserveError>) -> Result<(), Status> {
        match heard {
            Ok(()) => Ok(()),
            Err(ObserveError::Store(error)) => Err(not_kept(&error)),
            Err(error) => {
                tracing::warn!(host = %self.session.host, %error, "a report was not believed");
                self.budgets.metrics.refuse(ReportRefusal::NotBelieved);
                Ok(())
            }
        }
    }
}

/// Returns an id without characters that do not belong in an id.
fn id(said: &str) -> String {
    let is_part = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, ':' | '-' | '_' | '.');
    said.chars().filter(is_part).take(ID_LIMIT).collect()
}

fn not_kept(error: &crate::store::StoreError) -> Status {
    failed(Attempt::KeepReport, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::Connections;
    use crate::facts::testing::{NOW, memory, read};
    use std::net::SocketAddr;

    /// Returns the bytes that a call of `Report` takes for as long as its host is connected.
    fn bytes_of<'a, F>(_listen: impl FnOnce(&'a Report, Streaming<v1::FromAgent>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_host_that_sends_only_heartbeats_takes_little_memory() {
        let bytes = bytes_of(Report::listen);
        assert!(bytes <= 2048, "{bytes}");
    }

    #[tokio::test]
    async fn what_a_replaced_connection_still_has_to_say_is_not_believed() {
        let facts = Arc::new(memory().with("lab-1", "notes-1").await);
        let (sessions, connections) = (Arc::new(Sessions::default()), Arc::new(Connections::default()));
        let enter = |port| {
            let caller = connections.enter(SocketAddr::from(([127, 0, 0, 1], port)), None);
            let session = sessions.enter(&read("lab-1"), &caller, NOW).expect("it is the newest");
            let (sessions, facts) = (Arc::clone(&sessions), Arc::clone(&facts));
            Report {
                session,
                sessions,
                facts,
                enrolment: String::new(),
                budgets: Arc::default(),
                written: AtomicUsize::new(0),
            }
        };
        let disk_free = |bytes| v1::FromAgent { kind: Some(Kind::DiskFree(bytes)) };
        let seen = || facts.read().observed().hosts.get(&read("lab-1")).and_then(|seen| seen.said.disk_free);
        let (first, mut mentioned) = (enter(1), BTreeSet::new());
        first.hear(disk_free(1), &mut mentioned, NOW).await.expect("it is the only one");
        let second = enter(2);
        second.hear(disk_free(2), &mut mentioned, NOW).await.expect("it is the newest");
        first.hear(disk_free(3), &mut mentioned, NOW).await.expect_err("another has taken over");
        assert_eq!(seen(), Some(2));
    }
}

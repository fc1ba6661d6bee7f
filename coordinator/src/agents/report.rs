//! The stream from a host: itself, its instances, the ends of its orders.

use super::budget::{Budgets, REPORT_LIMIT};
use super::pace::Pace;
use super::protocol;
use super::session::{Session, Sessions, Superseded};
use crate::clock;
use crate::facts::{Facts, HelloSaid, ObserveError};
use crate::identity::skew;
use crate::serve::failed;
use fleet_core::duplicate::Greeting;
use fleet_core::facts::Running;
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::End;
use fleet_core::time::Time;
use fleet_proto::convert::ConvertError;
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
/// A host that is slowed down counts as heard so often.
const SLOWED: Duration = Duration::from_secs(5);
/// About what is written of an instance that is not there.
const ABSENT: usize = 256;

/// One call of `Report`. When it ends, however it ends, the host is offline.
pub struct Report {
    pub session: Arc<Session>,
    pub sessions: Arc<Sessions>,
    pub facts: Arc<Facts>,
    pub enrolment: String,
    pub budgets: Arc<Budgets>,
    /// The bytes that were written for the message that is being heard.
    pub written: AtomicUsize,
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.sessions.leave(&self.session) {
            self.facts.mark_offline(&self.session.host, clock::now());
            // The session is over as a whole: a watch without reports would tell a host that nobody hears.
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
            self.hear(message, &mut mentioned, now).await.inspect_err(|status| {
                tracing::warn!(%host, error = status.message(), "its report was refused");
            })?;
            let written = self.written.swap(0, Relaxed);
            self.slow_down(self.budgets.spend(host, read, written, now)).await?;
        }
    }

    /// Waits until what the host said is paid. It is there meanwhile, for it is we who do not read.
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
        // What was under way when another connection took over is older than what is said there.
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
            Some(Kind::Instance(report)) if report.encoded_len() > REPORT_LIMIT => {
                tracing::warn!(%host, bytes = report.encoded_len(), "a report of an instance is too large");
                self.budgets.note_oversized(host, now);
                self.mention(report.instance.parse().map_err(ConvertError::Name)?, mentioned);
                Ok(())
            }
            Some(Kind::Instance(report)) => {
                let (name, running) = report.try_into()?;
                self.hear_instance(name, running, mentioned, now).await
            }
            Some(Kind::Order(report)) => {
                self.written.store(report.encoded_len(), Relaxed);
                let (id, instance, end) = report.try_into()?;
                self.hear_order(id, instance, end, now).await
            }
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
            None => Err(Status::invalid_argument("the report says nothing that this version knows")),
        }
    }

    async fn hear_hello(&self, hello: v1::Hello, now: Time) -> Result<(), Status> {
        protocol::check(&self.facts, &self.session.host, hello.protocol, now).await?;
        let short = |text: String| text.chars().take(VERSION_LIMIT).collect();
        let said = HelloSaid {
            agent_version: short(hello.agent_version),
            engine_version: short(hello.engine_version),
            policy: hello.policy.unwrap_or_default().try_into()?,
            clock_skew_ms: skew(Time(hello.now_ms), now),
            enrolment: self.enrolment.clone(),
            disk_free: Some(hello.disk_free).filter(|bytes| *bytes > 0),
        };
        self.session.greet(now, hello.answers_claims);
        let greeting = Greeting {
            at: now,
            start: id(&hello.start),
            engine: id(&hello.engine_id),
            address: self.session.caller.address.ip().to_string(),
            is_takeover: self.session.is_takeover,
        };
        let host = &self.session.host;
        self.facts.hear_greeting(host, greeting).await.map_err(|error| not_kept(&error))?;
        self.facts.hear_hello(&self.session.host, said, now).await.map_err(|error| not_kept(&error))
    }

    async fn hear_instance(
        &self,
        name: InstanceName,
        running: Running,
        mentioned: &mut BTreeSet<InstanceName>,
        now: Time,
    ) -> Result<(), Status> {
        self.mention(name.clone(), mentioned);
        let heard = self.facts.hear_instance(&self.session.host, name, running, now).await;
        self.passing(heard.map(|written| self.written.store(written, Relaxed)))
    }

    /// Notes that the host has an instance, until it has said all it has.
    fn mention(&self, name: InstanceName, mentioned: &mut BTreeSet<InstanceName>) {
        if !self.session.has_completed() {
            mentioned.insert(name);
        }
    }

    /// The answer is the open set without the order, also when the end was heard before.
    async fn hear_order(&self, id: OrderId, name: InstanceName, end: End, now: Time) -> Result<(), Status> {
        let heard = self.facts.hear_outcome(&self.session.host, id, name, end, now).await;
        self.passing(heard)?;
        self.session.mark(now);
        Ok(())
    }

    async fn hear_event(&self, event: v1::Event, now: Time) -> Result<(), Status> {
        let host = &self.session.host;
        let subject = match event.instance.as_str() {
            "" => format!("host {host}"),
            instance => {
                let name: InstanceName = instance.parse().map_err(fleet_proto::convert::ConvertError::Name)?;
                let is_its_own = self.facts.read().instances_of(host).any(|own| *own == name);
                if is_its_own { format!("instance {name}") } else { format!("host {host}") }
            }
        };
        self.facts.hear_event(host, &subject, &event.text, now).await.map_err(|error| not_kept(&error))
    }

    /// What a host says of others' things is not believed, and no reason to end its connection.
    fn passing(&self, heard: Result<(), ObserveError>) -> Result<(), Status> {
        match heard {
            Ok(()) => Ok(()),
            Err(ObserveError::Store(error)) => Err(not_kept(&error)),
            Err(error) => {
                tracing::warn!(host = %self.session.host, %error, "a report was not believed");
                Ok(())
            }
        }
    }
}

/// An id as a host says it, without anything that is no part of an id.
fn id(said: &str) -> String {
    let is_part = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, ':' | '-' | '_' | '.');
    said.chars().filter(is_part).take(ID_LIMIT).collect()
}

fn not_kept(error: &crate::store::StoreError) -> Status {
    failed("could not keep the report", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, memory, read};
    use crate::serve::Connections;
    use std::net::SocketAddr;

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

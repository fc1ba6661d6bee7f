//! Hands without an Engine, for tests: a world of containers with a memory, and with faults on request.
//!
//! **Invariant:** what an Engine would refuse, it refuses: a name or a port that is taken, an image, network or volume
//! that is not there, removing what runs or is in use.

mod steps;
mod world;

pub use world::{Behaviour, Crash, FakeContainer, World};

use crate::hands::{Changed, EngineVersion, Hands, HandsError, LogLine, LogRequest, LogStream, Notes, Resolved};
use fleet_core::app::Health;
use fleet_core::spec::{InstanceSpec, Switch};
use fleet_core::steps::gate::Observation;
use fleet_core::steps::{Found, Step};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Hands on a world; clones share it, and it outlives its agents.
#[derive(Debug, Clone)]
pub struct FakeHands {
    world: Arc<Mutex<World>>,
    changes: Arc<watch::Sender<u64>>,
    crashed: Arc<watch::Sender<bool>>,
}

impl Default for FakeHands {
    fn default() -> Self {
        let (changes, crashed) = (Arc::new(watch::Sender::new(0)), Arc::new(watch::Sender::new(false)));
        Self { world: Arc::default(), changes, crashed }
    }
}

impl FakeHands {
    /// The world, to look at it or to meddle with it.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Meddles with the world as a person at the host would, so that the agent hears of it.
    pub fn meddle<T>(&self, meddle: impl FnOnce(&mut World) -> T) -> T {
        let done = meddle(&mut self.world());
        self.changes.send_modify(|count| *count += 1);
        done
    }

    /// Waits until the agent has reached the step at which it was to crash.
    pub async fn crashed(&self) {
        // We hold the sender ourselves.
        let _ = self.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }

    /// Lets the next agent live.
    pub fn forget_crash(&self) {
        self.world().crash = None;
        self.crashed.send_replace(false);
    }

    async fn crash(&self) {
        self.crashed.send_replace(true);
        std::future::pending::<()>().await;
    }
}

#[tonic::async_trait]
impl Hands for FakeHands {
    async fn look(&self, spec: &InstanceSpec) -> Result<Found, HandsError> {
        self.world().answers()?;
        Ok(self.world().found(spec))
    }

    async fn perform(&self, step: &Step, spec: &InstanceSpec, _: &Notes) -> Result<(), HandsError> {
        self.world().answers()?;
        let crash = self.world().count_step();
        if crash == Some(Crash::Before) {
            self.crash().await;
        }
        let done = self.world().perform(step, spec);
        if crash == Some(Crash::After) {
            self.crash().await;
        }
        let mut changes = self.changes.subscribe();
        while self.world().hangs(step) {
            // We hold the sender ourselves.
            let _ = changes.changed().await;
        }
        self.changes.send_modify(|count| *count += 1);
        done
    }

    async fn observe(&self, spec: &InstanceSpec, health: &Health) -> Result<Observation, HandsError> {
        self.world().answers()?;
        Ok(self.world().observed(spec, health))
    }

    fn logs(&self, request: LogRequest) -> BoxStream<'static, Result<LogLine, HandsError>> {
        let service = request.service.clone();
        let line = move |number: u64| {
            let service = service.clone().unwrap_or_else(|| "web".to_owned());
            Ok(LogLine { service, stream: LogStream::Stdout, at: None, text: format!("line {number}") })
        };
        // A database that has nothing to say.
        let is_silent = request.service.as_deref() == Some("db");
        let last = match request.follow {
            _ if is_silent => 0,
            Switch::On => u64::MAX,
            Switch::Off => u64::from(request.tail.unwrap_or(10)),
        };
        stream::iter(0..last).map(line).boxed()
    }

    async fn resolve(&self, image: &str) -> Result<Resolved, HandsError> {
        self.world().resolve(image)
    }

    async fn engine_version(&self) -> Result<EngineVersion, HandsError> {
        self.world().answers()?;
        Ok(EngineVersion { version: "fake".to_owned(), api: "1.41".to_owned() })
    }

    fn changes(&self) -> BoxStream<'static, Changed> {
        let changes = self.changes.subscribe();
        stream::unfold(changes, |mut changes| async {
            changes.changed().await.ok()?;
            Some((Changed::Anything, changes))
        })
        .chain(stream::pending())
        .boxed()
    }

    async fn disk_free(&self, _: &Path) -> Result<u64, HandsError> {
        Ok(1 << 40)
    }
}

//! Hearing from the Engine that something changed.

use super::engine::DockerEngine;
use crate::runtime::{Changed, RuntimeError};
use bollard::errors::Error;
use bollard::models::{EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::EventsOptions;
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::COMPOSE_PROJECT;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Actions that matter; others (each health check runs a program) would wake the agent all day.
const ACTIONS: [&str; 11] =
    ["create", "start", "die", "pause", "unpause", "destroy", "rename", "update", "oom", "health_status", "remove"];

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

type Events = BoxStream<'static, Result<EventMessage, Error>>;

struct Listening {
    engine: Arc<DockerEngine>,
    /// Stream of events; none while there is no connection.
    events: Option<Events>,
    pause: Duration,
}

/// Reports the places of changes until the stream is dropped.
pub fn changes(engine: Arc<DockerEngine>) -> BoxStream<'static, Changed> {
    let listening = Listening { engine, events: None, pause: Duration::ZERO };
    stream::unfold(listening, |mut listening| async { Some((listening.next().await, listening)) }).boxed()
}

impl Listening {
    async fn next(&mut self) -> Changed {
        loop {
            let Some(events) = &mut self.events else {
                if self.connect().await.is_ok() {
                    return Changed::Anything;
                }
                continue;
            };
            match events.next().await {
                Some(Ok(event)) => {
                    self.pause = FIRST_PAUSE;
                    if let Some(changed) = meaning(event) {
                        return changed;
                    }
                }
                // The Engine went away, or said something that cannot be read: begin again.
                Some(Err(_)) | None => self.events = None,
            }
        }
    }

    async fn connect(&mut self) -> Result<(), RuntimeError> {
        sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        let docker = self.engine.docker().await?.clone();
        self.engine.ask(&FailedStep::ReachEngine, docker.ping()).await?;
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let filters = HashMap::from([
            ("type".to_owned(), list(&["container", "network", "volume"])),
            ("event".to_owned(), list(&ACTIONS)),
        ]);
        let options = EventsOptions { filters: Some(filters), ..EventsOptions::default() };
        self.events = Some(docker.events(Some(options)).boxed());
        Ok(())
    }
}

fn meaning(event: EventMessage) -> Option<Changed> {
    let mut attributes = event.actor.and_then(|actor| actor.attributes).unwrap_or_default();
    if let Some(project) = attributes.remove(COMPOSE_PROJECT) {
        return Some(Changed::Project(project));
    }
    // Events of networks and volumes do not name an owner, so the loss of one may concern any instance.
    let is_gone = matches!(event.action.as_deref(), Some("destroy" | "remove"));
    let is_container = event.typ == Some(EventMessageTypeEnum::CONTAINER);
    (is_gone && !is_container).then_some(Changed::Anything)
}

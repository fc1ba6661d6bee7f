//! Images: pulled with a word on how far it is, and looked up in their registry.

use super::engine::DockerEngine;
use super::engine_messages::{EngineErrorKind, LayerStatus, PullErrorKind};
use super::inspect::image_id;
use crate::runtime::{Note, Notes, Resolved, RuntimeError};
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptions;
use fleet_core::event::HostEvent;
use fleet_core::failed_step::FailedStep;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Pulls an image. If a tag cannot be pulled but exists on this host, that image is used and this is reported.
pub async fn pull(engine: &DockerEngine, image: &str, notes: &Notes) -> Result<(), RuntimeError> {
    let error = match fetch(engine, image, notes).await {
        Ok(()) => return is_there_now(engine, image).await,
        Err(error) => error,
    };
    let may_be_local = matches!(
        error,
        RuntimeError::NoImage { .. } | RuntimeError::NoRegistry { .. } | RuntimeError::ImageNotAllowed { .. }
    );
    if may_be_local && image_id(engine, image).await?.is_some() {
        let failure = Box::new((&error).into());
        notes.say(Note::Event(Box::new(HostEvent::ImageNotPulled { image: image.to_owned(), failure })));
        return Ok(());
    }
    Err(error)
}

async fn is_there_now(engine: &DockerEngine, image: &str) -> Result<(), RuntimeError> {
    match image_id(engine, image).await? {
        Some(_) => Ok(()),
        None => Err(RuntimeError::NoImage { image: image.to_owned() }),
    }
}

async fn fetch(engine: &DockerEngine, image: &str, notes: &Notes) -> Result<(), RuntimeError> {
    let asked = reference(image);
    let options = CreateImageOptions {
        from_image: Some(asked.repository.to_owned()),
        tag: Some(asked.tag.to_owned()),
        ..CreateImageOptions::default()
    };
    let step = FailedStep::PullImage(image.to_owned());
    let mut answers = std::pin::pin!(engine.docker().await?.create_image(Some(options), None, None));
    let limits = engine.limits;
    let (end, mut silence_ends) = (Instant::now() + limits.pull, Instant::now() + limits.pull_silence);
    let mut layers = Layers::default();
    loop {
        let now = Instant::now();
        let patience = silence_ends.min(end).saturating_duration_since(now);
        let Ok(next) = timeout(patience, answers.next()).await else {
            let is_silent = silence_ends < end;
            return Err(given_up(image, if is_silent { limits.pull_silence } else { limits.pull }));
        };
        let Some(answer) = next else { return Ok(()) };
        let answer = answer.map_err(|error| pull_error(image, engine.error(&step, error)))?;
        if layers.take(answer) == Moved::On {
            silence_ends = Instant::now() + limits.pull_silence;
            if let Some(note) = layers.note() {
                notes.say(note);
            }
        }
    }
}

fn given_up(image: &str, after: Duration) -> RuntimeError {
    RuntimeError::NoRegistry { image: image.to_owned(), reason: format!("nothing came for {} s", after.as_secs()) }
}

/// Kind of a message: progress, or only a retried download.
#[derive(PartialEq, Eq)]
enum Moved {
    On,
    Nowhere,
}

/// Progress of each layer.
#[derive(Default)]
struct Layers(HashMap<String, Layer>);

#[derive(Default)]
struct Layer {
    status: String,
    done: u64,
    total: u64,
}

impl Layers {
    fn take(&mut self, answer: CreateImageInfo) -> Moved {
        let status = answer.status.unwrap_or_default();
        let state = LayerStatus::of(&status);
        if state == LayerStatus::Waiting {
            return Moved::Nowhere;
        }
        let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let detail = answer.progress_detail.unwrap_or_default();
        let layer = self.0.entry(answer.id.unwrap_or_default()).or_default();
        let mut moved = Moved::Nowhere;
        if layer.status != status || count(detail.current).is_some() {
            moved = Moved::On;
        }
        match state {
            LayerStatus::Downloading => {
                layer.done = count(detail.current).unwrap_or(layer.done);
                layer.total = count(detail.total).unwrap_or(layer.total);
            }
            LayerStatus::Downloaded => layer.done = layer.total,
            LayerStatus::Waiting | LayerStatus::Other => {}
        }
        layer.status = status;
        moved
    }

    /// Returns the progress; none while no layer has reported its size.
    fn note(&self) -> Option<Note> {
        let sum = |of: fn(&Layer) -> u64| self.0.values().map(of).sum();
        let total = sum(|layer| layer.total);
        (total > 0).then(|| Note::Bytes { done: sum(|layer| layer.done), total })
    }
}

/// Returns the registry's digest of an image.
pub async fn resolve(engine: &DockerEngine, image: &str) -> Result<Resolved, RuntimeError> {
    let call = engine.docker().await?.inspect_registry_image(image, None);
    let step = FailedStep::AskRegistry(image.to_owned());
    let error = match engine.within(engine.limits.registry, &step, call).await {
        Ok(found) => {
            let digest = found.descriptor.digest.unwrap_or_default().parse();
            return digest.map(Resolved::InRegistry).map_err(|_| no_digest(image));
        }
        Err(RuntimeError::TooSlow { limit, .. }) => given_up(image, limit),
        Err(error) => pull_error(image, error),
    };
    match image_id(engine, image).await? {
        Some(id) if !reference(image).is_pinned => id.parse().map(Resolved::OnlyHere).map_err(|_| error),
        Some(_) | None => Err(error),
    }
}

fn no_digest(image: &str) -> RuntimeError {
    let (step, reason) = (FailedStep::AskRegistry(image.to_owned()), "it named no digest".to_owned());
    RuntimeError::Refused { step, kind: EngineErrorKind::Other, reason }
}

/// Converts an Engine's refusal to pull.
fn pull_error(image: &str, error: RuntimeError) -> RuntimeError {
    let RuntimeError::Refused { reason, step, kind } = error else { return error };
    let image = image.to_owned();
    match PullErrorKind::of(&reason) {
        PullErrorKind::NoSuchImage => RuntimeError::NoImage { image },
        PullErrorKind::NotAllowed => RuntimeError::ImageNotAllowed { image },
        PullErrorKind::NoRegistry => RuntimeError::NoRegistry { image, reason },
        PullErrorKind::Other => RuntimeError::Refused { step, kind, reason },
    }
}

/// Reference of an image for a pull request.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    repository: &'a str,
    /// A tag, or a digest where the reference has one.
    tag: &'a str,
    is_pinned: bool,
}

/// Takes `repository[:tag][@digest]` apart; a digest outranks a tag.
fn reference(image: &str) -> Reference<'_> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let last_part = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[last_part..].rfind(':') {
        Some(colon) => (&name[..last_part + colon], Some(&name[last_part + colon + 1..])),
        None => (name, None),
    };
    Reference { repository, tag: digest.or(tag).unwrap_or("latest"), is_pinned: digest.is_some() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(image: &str, repository: &str, tag: &str) {
        let found = reference(image);
        assert_eq!((found.repository, found.tag), (repository, tag), "for `{image}`");
    }

    #[test]
    fn a_digest_outranks_a_tag() {
        check("web", "web", "latest");
        check("web:1.2", "web", "1.2");
        check("10.0.0.1:5000/labnotes-web", "10.0.0.1:5000/labnotes-web", "latest");
        check("10.0.0.1:5000/lab/web:1.2", "10.0.0.1:5000/lab/web", "1.2");
        check("10.0.0.1:5000/web:1.2@sha256:abc", "10.0.0.1:5000/web", "sha256:abc");
        check("web@sha256:abc", "web", "sha256:abc");
    }
}

//! Images: pulled with a word on how far it is, and looked up in their registry.

use super::engine::{DockerEngine, is_disk_full};
use super::inspect::image_id;
use super::reference::reference;
use crate::runtime::{Note, Notes, Resolved, RuntimeError};
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptions;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Pulls an image. A tag that cannot be pulled but is on this host is used as it is, which is said.
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
        notes.say(Note::Said(format!("{image} could not be pulled ({error}); the one on this host is used")));
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
    let what = format!("pull {image}");
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
        let answer = answer.map_err(|error| pull_error(image, engine.error(&what, error)))?;
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

/// Whether an answer was progress, or only told that a download is being tried again.
#[derive(PartialEq, Eq)]
enum Moved {
    On,
    Nowhere,
}

/// How far each layer is.
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
        if status.starts_with("Retrying") || status.starts_with("Waiting") {
            return Moved::Nowhere;
        }
        let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let detail = answer.progress_detail.unwrap_or_default();
        let layer = self.0.entry(answer.id.unwrap_or_default()).or_default();
        let mut moved = Moved::Nowhere;
        if layer.status != status || count(detail.current).is_some() {
            moved = Moved::On;
        }
        if status.starts_with("Downloading") {
            layer.done = count(detail.current).unwrap_or(layer.done);
            layer.total = count(detail.total).unwrap_or(layer.total);
        } else if status.starts_with("Download complete") || status.starts_with("Pull complete") {
            layer.done = layer.total;
        }
        layer.status = status;
        moved
    }

    /// Nothing while no layer has said how large it is.
    fn note(&self) -> Option<Note> {
        let sum = |of: fn(&Layer) -> u64| self.0.values().map(of).sum();
        let total = sum(|layer| layer.total);
        (total > 0).then(|| Note::Bytes { done: sum(|layer| layer.done), total })
    }
}

/// Which digest the registry has for an image.
pub async fn resolve(engine: &DockerEngine, image: &str) -> Result<Resolved, RuntimeError> {
    let call = engine.docker().await?.inspect_registry_image(image, None);
    let what = format!("ask the registry for {image}");
    let error = match engine.within(engine.limits.registry, &what, call).await {
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
    let (what, reason) = (format!("ask the registry for {image}"), "it named no digest".to_owned());
    RuntimeError::Refused { what, status: 200, reason }
}

/// What an Engine's refusal to pull means; all it gives is text.
fn pull_error(image: &str, error: RuntimeError) -> RuntimeError {
    let RuntimeError::Refused { reason, what, status } = error else { return error };
    let image = image.to_owned();
    let says = |parts: &[&str]| parts.iter().any(|part| reason.contains(part));
    if is_disk_full(&reason) {
        return RuntimeError::DiskFull { what };
    }
    if says(&["manifest unknown", "name unknown", "not found: does not exist", "no such image", "not found"]) {
        return RuntimeError::NoImage { image };
    }
    if says(&["denied", "unauthorized", "authentication required", "no basic auth", "forbidden"]) {
        return RuntimeError::ImageNotAllowed { image };
    }
    let is_network = says(&[
        "connection refused",
        "timeout",
        "Timeout",
        "deadline exceeded",
        "no such host",
        "no route to host",
        "unreachable",
        "connection reset",
        "EOF",
        "HTTP response to HTTPS client",
        "x509",
        "tls:",
    ]);
    if is_network {
        return RuntimeError::NoRegistry { image, reason };
    }
    RuntimeError::Refused { what, status, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reason: &str, expect: &str) {
        let refused = RuntimeError::Refused { what: "pull web:1".into(), status: 500, reason: reason.into() };
        assert_eq!(pull_error("web:1", refused).to_string(), expect);
    }

    #[test]
    fn each_refusal_of_a_pull_has_its_sentence() {
        check("manifest for web:1 not found: manifest unknown", "the image `web:1` does not exist");
        check("unauthorized: authentication required", "the registry does not let this host pull `web:1`");
        check(
            "write /var/lib/docker/tmp/x: no space left on device",
            "no space left on this host's disk: could not pull web:1; see `df` and `docker system df` there",
        );
        check(
            "dial tcp 127.0.0.1:1: connect: connection refused",
            "the registry of `web:1` does not answer: dial tcp 127.0.0.1:1: connect: connection refused",
        );
        check("out of luck", "could not pull web:1: the Engine says: out of luck");
    }
}

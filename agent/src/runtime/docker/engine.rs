//! The connection to an Engine: made when first needed, with a deadline on every call.

use super::engine_messages::EngineErrorKind;
use crate::runtime::{EngineVersion, RuntimeError};
use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use fleet_core::failed_step::FailedStep;
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};

/// Time limits for requests to the Engine.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Limit for a read-only request.
    pub question: Duration,
    /// Limit for creating, starting or removing an object; an overlay on a slow disk takes its time.
    pub action: Duration,
    /// Limit for a pull as a whole. A pull that cannot succeed usually ends earlier by its silence.
    pub pull: Duration,
    /// Limit for a pull without progress.
    pub pull_silence: Duration,
    /// Limit for an answer from a registry through the Engine.
    pub registry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            question: Duration::from_secs(30),
            action: Duration::from_secs(120),
            pull: Duration::from_secs(4 * 3600),
            pull_silence: Duration::from_secs(60),
            registry: Duration::from_secs(60),
        }
    }
}

/// One Engine, behind its socket.
#[derive(Debug)]
pub struct DockerEngine {
    socket: String,
    pub limits: Limits,
    docker: OnceCell<Docker>,
    data_directory: OnceCell<Option<String>>,
    /// Held while a network is created.
    pub creating_networks: Mutex<()>,
}

/// bollard's own limit; each call has a tighter one of ours.
const LONGEST_CALL: u64 = 24 * 3600;

impl DockerEngine {
    pub fn new(socket: &str, limits: Limits) -> Self {
        let (docker, data_directory, creating_networks) = Default::default();
        Self { socket: socket.to_owned(), limits, docker, data_directory, creating_networks }
    }

    /// Returns the connection, with the newest API version that both sides support.
    pub async fn docker(&self) -> Result<&Docker, RuntimeError> {
        self.docker.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Docker, RuntimeError> {
        let no_engine = |source| RuntimeError::NoEngine { socket: self.socket.clone(), source: Box::new(source) };
        let docker = Docker::connect_with_unix(&self.socket, LONGEST_CALL, API_DEFAULT_VERSION).map_err(no_engine)?;
        match tokio::time::timeout(self.limits.question, docker.negotiate_version()).await {
            Ok(docker) => docker.map_err(no_engine),
            Err(_) => Err(self.too_slow(&FailedStep::DescribeEngine, self.limits.question)),
        }
    }

    /// Sends a query.
    pub async fn ask<T>(
        &self,
        step: &FailedStep,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, RuntimeError> {
        self.within(self.limits.question, step, call).await
    }

    /// Sends a change.
    pub async fn act<T>(
        &self,
        step: &FailedStep,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, RuntimeError> {
        self.within(self.limits.action, step, call).await
    }

    pub async fn within<T>(
        &self,
        limit: Duration,
        step: &FailedStep,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, RuntimeError> {
        match tokio::time::timeout(limit, call).await {
            Ok(answer) => answer.map_err(|error| self.error(step, error)),
            Err(_) => Err(self.too_slow(step, limit)),
        }
    }

    fn too_slow(&self, step: &FailedStep, limit: Duration) -> RuntimeError {
        RuntimeError::TooSlow { step: step.clone(), limit }
    }

    /// Gives an Engine's error its sentence.
    pub fn error(&self, step: &FailedStep, error: Error) -> RuntimeError {
        let step = step.clone();
        match error {
            Error::DockerResponseServerError { status_code, message } => refused(step, status_code, message),
            Error::DockerStreamError { error: message } => refused(step, 500, message),
            error @ (Error::SocketNotFoundError(_) | Error::HyperLegacyError { .. } | Error::IOError { .. }) => {
                RuntimeError::NoEngine { socket: self.socket.clone(), source: Box::new(error) }
            }
            error => RuntimeError::Lost { step, source: Box::new(error) },
        }
    }

    pub async fn version(&self) -> Result<EngineVersion, RuntimeError> {
        let version = self.ask(&FailedStep::DescribeEngine, self.docker().await?.version()).await?;
        let number = version.version.unwrap_or_default();
        let parts = version.components.unwrap_or_default();
        let is_podman = parts.iter().any(|part| part.name.starts_with("Podman"));
        let version_text = if is_podman { format!("Podman {number}") } else { number };
        let info = self.ask(&FailedStep::DescribeEngine, self.docker().await?.info()).await?;
        let (api, id) = (version.api_version.unwrap_or_default(), info.id.unwrap_or_default());
        Ok(EngineVersion { version: version_text, api, id })
    }

    /// Returns the Engine's folder for images and volumes; requested once.
    pub async fn data_directory(&self) -> Option<String> {
        let ask = async {
            let info = self.ask(&FailedStep::DescribeEngine, self.docker().await?.info()).await?;
            Ok::<_, RuntimeError>(info.docker_root_dir)
        };
        self.data_directory.get_or_try_init(|| ask).await.ok().cloned().flatten()
    }
}

fn refused(step: FailedStep, status: u16, message: String) -> RuntimeError {
    match EngineErrorKind::of(status, &message) {
        EngineErrorKind::DiskFull => RuntimeError::DiskFull { step },
        kind => RuntimeError::Refused { step, kind, reason: message },
    }
}

/// Converts the error "no such object" to an absence.
pub fn unless_missing<T>(answer: Result<T, RuntimeError>) -> Result<Option<T>, RuntimeError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(RuntimeError::Refused { kind, .. }) if kind.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

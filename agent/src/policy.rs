//! Reads the host's own policy file, which outranks the coordinator.
//!
//! **Invariant:** a policy that cannot be read allows nothing. Only the ordinary file may be absent; then the ordinary
//! policy holds.

#[cfg(test)]
mod tests;

use fleet_core::host_policy::HostPolicy;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::sync::watch;

/// Default path of the host's policy.
pub const ORDINARY_PATH: &str = "/etc/fleet/policy.yaml";

/// Failure of the policy file. Without a valid policy, nothing is changed on the host.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file could not be read.
    #[error("could not read the policy `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// The file is not a valid policy.
    #[error("{path}:{line}: {problem}", path = .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Line of the problem, from 1.
        line: u64,
        /// Problem, as text for people.
        problem: String,
    },
}

/// Last read content of the policy file.
#[derive(Debug)]
pub struct PolicyFile {
    path: PathBuf,
    seen: Option<SystemTime>,
    current: PolicyNow,
}

impl PolicyFile {
    /// Reads the file; an error is kept for `current`.
    pub fn open(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: changed_at(path), current: read(path).map_err(Arc::new) }
    }

    /// Reads it again, whether or not it changed.
    pub fn reread(&mut self) {
        *self = Self::open(&self.path);
    }

    /// Reads the file again if it changed, appeared or vanished; returns whether it did.
    pub fn refresh(&mut self) -> bool {
        let is_changed = changed_at(&self.path) != self.seen;
        if is_changed {
            self.reread();
        }
        is_changed
    }

    /// Returns the policy, or the error of the last read.
    pub fn current(&self) -> Result<&HostPolicy, &PolicyError> {
        self.current.as_ref().map_err(AsRef::as_ref)
    }
}

/// Current policy, for all parts of the agent.
#[derive(Debug)]
pub struct LivePolicy {
    file: Mutex<PolicyFile>,
    now: watch::Sender<PolicyNow>,
}

/// The host's policy, or why it cannot be read.
pub type PolicyNow = Result<HostPolicy, Arc<PolicyError>>;

impl LivePolicy {
    /// Reads the file and keeps its policy.
    pub fn open(path: &Path) -> Self {
        let file = PolicyFile::open(path);
        let now = watch::Sender::new(file.current.clone());
        Self { file: Mutex::new(file), now }
    }

    /// Returns the policy as it is at this moment, including a change just written.
    pub fn now(&self) -> PolicyNow {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.refresh() {
            drop(self.now.send_replace(file.current.clone()));
        }
        self.now.borrow().clone()
    }

    /// Reads it again, whether or not it seems to have changed.
    pub fn reread(&self) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.reread();
        drop(self.now.send_replace(file.current.clone()));
    }

    /// Returns a receiver of the policy's changes.
    pub fn changes(&self) -> watch::Receiver<PolicyNow> {
        self.now.subscribe()
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Reads a policy file.
pub fn read(path: &Path) -> Result<HostPolicy, PolicyError> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path == Path::new(ORDINARY_PATH) => {
            Ok(HostPolicy::default())
        }
        Err(source) => Err(PolicyError::Read { path: path.to_owned(), source }),
    }
}

fn parse(path: &Path, text: &str) -> Result<HostPolicy, PolicyError> {
    let policy: Result<Option<HostPolicy>, _> = serde_saphyr::from_str(text);
    policy.map(Option::unwrap_or_default).map_err(|error| {
        let error = error.without_snippet();
        let line = error.location().map_or(1, |location| location.line());
        PolicyError::Wrong { path: path.to_owned(), line, problem: first_line(&error.to_string()) }
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

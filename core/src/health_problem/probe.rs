//! Probes of an app, and the reasons why they fail.

use crate::names::Version;
use crate::policy_refusal::{PolicyRefusal, joined, read_refusals};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A probe of the app, as far as people have to know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum ProbeTarget {
    /// A GET request.
    #[error("GET {service}:{port}{path}")]
    Http {
        /// Service that is asked.
        service: String,
        /// Port of the service.
        port: u16,
        /// Path of the request.
        path: String,
    },
    /// A question for the version.
    #[error("version by {service}:{port}{path}")]
    Version {
        /// Service that is asked.
        service: String,
        /// Port of the service.
        port: u16,
        /// Path of the request.
        path: String,
    },
    /// A command in a container.
    #[error("`{command}` in {service}")]
    Exec {
        /// Service of the container.
        service: String,
        /// Command with its arguments.
        command: String,
    },
}

/// Reason why a probe failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum ProbeFailure {
    /// The release has no such service.
    #[error("the release has no service {0}")]
    ServiceMissing(String),
    /// The container to ask does not exist.
    #[error("{0} does not exist")]
    ContainerMissing(String),
    /// The container to ask does not run.
    #[error("{0} does not run")]
    ContainerNotRunning(String),
    /// The container to ask has no address that its host reaches.
    #[error("{0} has no address")]
    NoAddress(String),
    /// Nothing listens at the address.
    #[error("nothing listens at {address}")]
    ConnectionRefused {
        /// Address with the port.
        address: String,
    },
    /// There is no connection to the address.
    #[error("no connection to {address}: {cause}")]
    NoConnection {
        /// Address with the port.
        address: String,
        /// Words of the operating system.
        cause: String,
    },
    /// The connection broke.
    #[error("the connection broke: {cause}")]
    ConnectionBroken {
        /// Words of the library.
        cause: String,
    },
    /// The path of the probe is not valid.
    #[error("`{path}` is not a path: {problem}")]
    InvalidPath {
        /// The path.
        path: String,
        /// Words of the library.
        problem: String,
    },
    /// No answer came in time.
    #[error("no answer in {} s", limit.as_secs_f32())]
    NoAnswer {
        /// Time limit of the probe.
        #[serde(with = "crate::time::serde_millis")]
        limit: Duration,
    },
    /// The answer broke off, or is longer than the limit.
    #[error("its answer broke off, or is longer than {} KiB", limit / 1024)]
    AnswerIncomplete {
        /// Limit in bytes.
        limit: u64,
    },
    /// The answer has another status than the wanted one.
    #[error("it answered {found} instead of {expected}")]
    OtherStatus {
        /// Status of the answer.
        found: u32,
        /// Wanted status.
        expected: u32,
    },
    /// The answer lacks a text.
    #[error("its answer does not contain `{text}`")]
    LacksText {
        /// The text.
        text: String,
    },
    /// The app says that it has another version.
    #[error("it says it is `{answer}`, not {expected}")]
    OtherVersion {
        /// Beginning of its answer.
        answer: String,
        /// Version of the release.
        expected: Version,
    },
    /// The command ended with an error.
    #[error("it ended with {code}: {output}")]
    CommandFailed {
        /// Exit code.
        code: i64,
        /// Beginning of its output, or empty.
        output: String,
    },
    /// The command did not end in time.
    #[error("it did not end in {} s", limit.as_secs_f32())]
    CommandTooSlow {
        /// Time limit of the probe.
        #[serde(with = "crate::time::serde_millis")]
        limit: Duration,
    },
    /// The Engine did not run the command.
    #[error("{cause}")]
    CommandNotRun {
        /// Words of the Engine.
        cause: String,
    },
    /// The host's policy forbids the command.
    #[error("the host's own policy forbids it: {}", joined(refusals))]
    Forbidden {
        /// The refusals.
        #[serde(alias = "refusal", deserialize_with = "read_refusals")]
        refusals: Vec<PolicyRefusal>,
    },
    /// The host's policy cannot be read, so that nothing is allowed.
    #[error("the host's policy cannot be read, so nothing is allowed: {problem}")]
    PolicyUnreadable {
        /// Words of the problem.
        problem: String,
    },
}

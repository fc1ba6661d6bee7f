//! Probes of an app, and the reasons why they fail.

use crate::names::Version;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A probe of the app, as far as people have to know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum ProbeTarget {
    /// A GET request.
    Http {
        /// Service that is asked.
        service: String,
        /// Port of the service.
        port: u16,
        /// Path of the request.
        path: String,
    },
    /// A question for the version.
    Version {
        /// Service that is asked.
        service: String,
        /// Port of the service.
        port: u16,
        /// Path of the request.
        path: String,
    },
    /// A command in a container.
    Exec {
        /// Service of the container.
        service: String,
        /// Command with its arguments.
        command: String,
    },
}

/// Reason why a probe failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum ProbeFailure {
    /// The release has no such service.
    ServiceMissing(String),
    /// The container to ask does not exist.
    ContainerMissing(String),
    /// The container to ask does not run.
    ContainerNotRunning(String),
    /// The container to ask has no address that its host reaches.
    NoAddress(String),
    /// Nothing listens at the address.
    ConnectionRefused {
        /// Address with the port.
        address: String,
    },
    /// There is no connection to the address.
    NoConnection {
        /// Address with the port.
        address: String,
        /// Words of the operating system.
        cause: String,
    },
    /// The connection broke.
    ConnectionBroken {
        /// Words of the library.
        cause: String,
    },
    /// The path of the probe is not valid.
    InvalidPath {
        /// The path.
        path: String,
        /// Words of the library.
        problem: String,
    },
    /// No answer came in time.
    NoAnswer {
        /// Time limit of the probe.
        #[serde(with = "crate::time::serde_millis")]
        limit: Duration,
    },
    /// The answer broke off, or is longer than the limit.
    AnswerIncomplete {
        /// Limit in bytes.
        limit: u64,
    },
    /// The answer has another status than the wanted one.
    OtherStatus {
        /// Status of the answer.
        found: u32,
        /// Wanted status.
        expected: u32,
    },
    /// The answer lacks a text.
    LacksText {
        /// The text.
        text: String,
    },
    /// The app says that it has another version.
    OtherVersion {
        /// Beginning of its answer.
        answer: String,
        /// Version of the release.
        expected: Version,
    },
    /// The command ended with an error.
    CommandFailed {
        /// Exit code.
        code: i64,
        /// Beginning of its output, or empty.
        output: String,
    },
    /// The command did not end in time.
    CommandTooSlow {
        /// Time limit of the probe.
        #[serde(with = "crate::time::serde_millis")]
        limit: Duration,
    },
    /// The Engine did not run the command.
    CommandNotRun {
        /// Words of the Engine.
        cause: String,
    },
    /// The host's policy forbids the command.
    Forbidden {
        /// Words of the refusal.
        refusal: String,
    },
}

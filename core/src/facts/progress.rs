//! Progress of a step in numbers. The words are made by whoever shows it.

use crate::time::millis;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use std::time::Duration;

/// Part of a step that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepProgress {
    /// Amount that is done.
    pub done: u64,
    /// Amount of the whole step, if it is known; it may grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Unit of both.
    pub unit: ProgressUnit,
}

/// Unit of a progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressUnit {
    /// Bytes that were transferred.
    Bytes,
    /// Milliseconds for which the instance has been healthy, of those that it must be.
    HealthyMilliseconds,
    /// Milliseconds that have passed, of those that the step may take.
    Milliseconds,
}

const MEGABYTE: u64 = 1_000_000;

impl StepProgress {
    /// Makes a progress in bytes, in whole megabytes, so that not each piece of data is news. The end is exact.
    #[must_use]
    pub fn of_bytes(done: u64, total: Option<u64>) -> Self {
        let done = if total == Some(done) { done } else { done - done % MEGABYTE };
        Self { done, total, unit: ProgressUnit::Bytes }
    }

    /// Makes a progress of the time for which an instance has been healthy.
    #[must_use]
    pub fn of_health(so_far: Duration, of: Duration) -> Self {
        Self { done: millis(so_far), total: Some(millis(of)), unit: ProgressUnit::HealthyMilliseconds }
    }

    /// Makes a progress of a step's time, in whole seconds.
    #[must_use]
    pub fn of_time(elapsed: Duration, limit: Duration) -> Self {
        let done = millis(Duration::from_secs(elapsed.as_secs()));
        Self { done, total: Some(millis(limit)), unit: ProgressUnit::Milliseconds }
    }
}

/// Reads a progress that was kept. A text, as earlier versions kept it, and a unit of a newer version are none.
pub(super) fn read_kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StepProgress>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Progress(StepProgress),
        Other(IgnoredAny),
    }
    Ok(match Option::<Kept>::deserialize(deserializer)? {
        Some(Kept::Progress(progress)) => Some(progress),
        Some(Kept::Other(_)) | None => None,
    })
}

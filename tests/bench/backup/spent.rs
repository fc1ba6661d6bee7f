//! Phases of the bench, and the resources of a process for one.

use anyhow::Context;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Full,
    Unchanged,
    Changed,
    Dump,
    SecondDump,
    Restore,
    Prune,
}

impl Phase {
    pub const ALL: [Self; 7] =
        [Self::Full, Self::Unchanged, Self::Changed, Self::Dump, Self::SecondDump, Self::Restore, Self::Prune];

    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Dump => "dump",
            Self::SecondDump => "second_dump",
            Self::Restore => "restore",
            Self::Prune => "forget_and_prune",
        }
    }

    pub fn limit(self) -> f64 {
        match self {
            Self::Full | Self::Changed | Self::Dump | Self::SecondDump => 1.0,
            Self::Unchanged | Self::Restore => 0.9,
            Self::Prune => 0.6,
        }
    }

    pub fn memory_limit(self) -> f64 {
        if self == Self::Restore { 200.0 } else { 150.0 }
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub seconds: f64,
    pub processor: f64,
    pub mebibytes: f64,
}

/// Program that measures, and its arguments before the measured program.
pub const TIME: &str = "/usr/bin/time";

pub fn time_args(report: &Path) -> Vec<String> {
    ["--format", "%e %U %S %M", "--output", &report.display().to_string()].map(str::to_owned).to_vec()
}

impl Spent {
    pub fn read(report: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(report)?;
        let line = text.lines().last().context("time said nothing")?;
        let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>().context(text.clone())?;
        let [seconds, user, system, kibibytes] = numbers[..] else { anyhow::bail!("time said: {text}") };
        Ok(Self { seconds, processor: user + system, mebibytes: kibibytes / 1024.0 })
    }

    /// Two processes, one after the other.
    pub fn and(self, other: Self) -> Self {
        Self {
            seconds: self.seconds + other.seconds,
            processor: self.processor + other.processor,
            mebibytes: self.mebibytes.max(other.mebibytes),
        }
    }
}

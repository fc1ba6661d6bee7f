//! Backups drawn from a few words, for tests.

use super::{AskedBy, BackupKey, BackupPolicy, BackupSeen, Cause, Proof, RetentionReason, RetentionVerdict};
use crate::order_failure::OrderFailure;
use crate::time::Time;

pub const NOW: Time = Time(1_795_000_000_000);
const HOUR: u64 = 3_600_000;

/// Parses one backup, with its age in hours at `NOW`: `HOURS[ proven| failed][ damaged][ safety][ unasked]`. Proofs are
/// as old as backups.
pub fn seen(words: &str) -> BackupSeen {
    let hours: u64 = words.split(' ').next().and_then(|hours| hours.parse().ok()).expect("its age in hours");
    let began = Time(NOW.0 - hours * HOUR);
    let proof = |failure: Option<&str>| Proof {
        at: began,
        host: "a".parse().expect("a host"),
        took_ms: 1,
        bytes: 1,
        checks: Vec::new(),
        failure: failure.map(|text| Box::new(OrderFailure::other(text))),
    };
    let name = "app@1.1".parse().expect("a release");
    let digest = format!("sha256:{:064}", 11).parse().expect("a digest");
    BackupSeen {
        began,
        ended: began,
        cause: if words.contains("safety") { Cause::Safety } else { Cause::Scheduled },
        host: "a".parse().expect("a host"),
        release: crate::release::Release { name, digest },
        bytes: 1,
        added: 1,
        covered: 1,
        declared: 1,
        uncovered: Vec::new(),
        proof: match words {
            _ if words.contains("proven") => Some(proof(None)),
            _ if words.contains("failed") => Some(proof(Some("no rows"))),
            _ => None,
        },
        damaged: words.contains("damaged").then_some(crate::backup::BackupDamage::Replaced),
        snapshots: None,
        asked_by: if words.contains("unasked") { AskedBy::Nobody } else { AskedBy::Order },
        doubles: 0,
        made_on: None,
    }
}

/// Returns the default policy for all instances.
pub fn policy() -> BackupPolicy {
    let text =
        r#"{"schedule":"@hourly","keep":{"last":3},"max_age":"2h","deadline":"10m","spread":"0s","to":["central"]}"#;
    serde_json::from_str(text).expect("it is a policy")
}

pub fn key(number: usize) -> BackupKey {
    let backup = format!("{number:024x}").parse().expect("an id");
    BackupKey { repository: "central".parse().expect("a name"), backup }
}

/// Draws the reasons of a verdict: the name of each, with the numbers of a rule.
pub fn drawn(verdict: &RetentionVerdict) -> String {
    let one = |reason: &RetentionReason| match reason {
        RetentionReason::Last { number, limit } => format!("Last {number}/{limit}"),
        RetentionReason::Daily { number, limit, period } => format!("Daily {number}/{limit} {period}"),
        RetentionReason::Weekly { number, limit, period } => format!("Weekly {number}/{limit} {period}"),
        RetentionReason::NotKept(_) => "NotKept".to_owned(),
        RetentionReason::Shrunk { bytes, before, before_bytes } => {
            format!("Shrunk {} {before} {}", bytes >> 20, before_bytes >> 20)
        }
        other => format!("{other:?}"),
    };
    verdict.reasons().iter().map(one).collect::<Vec<_>>().join(", ")
}

//! The main thing: a plan, a question, progress, an end.

mod agreeing;
mod starting;
mod steering;
mod watching;

use crate::scene::{Scene, rollout};
use fleet_core::planned_change::PlannedChange;
use fleet_core::reason::LeftOutReason;
use fleet_core::spec::RecreateReason;
use fleet_proto::v1::{LeftOutView, Proposal, ProposedChange, RolloutStrategy, Wave, WaveKind};

fn strategy() -> RolloutStrategy {
    RolloutStrategy {
        canary: 1,
        at_once: 1,
        soak_ms: 30_000,
        max_failures: 1,
        deadline_ms: 600_000,
        ..Default::default()
    }
}

fn proposal() -> Proposal {
    let change = |number: u32, online: bool| ProposedChange {
        instance: format!("notes-{number}"),
        host: format!("lab-{number}"),
        from: "1.1".to_owned(),
        to: "1.2".to_owned(),
        through: Vec::new(),
        online,
        changes: vec![
            PlannedChange::ServiceRecreated {
                service: "web".to_owned(),
                more: 0,
                because: vec![RecreateReason::Image("labnotes-web:1.1".to_owned(), "labnotes-web:1.2".to_owned())],
            }
            .into(),
            PlannedChange::FileChanged("docker-compose.yaml".to_owned()).into(),
        ],
    };
    Proposal {
        app: "labnotes".to_owned(),
        version: "1.2".to_owned(),
        digest: format!("sha256:{}", "0a".repeat(32)),
        waves: vec![
            Wave { kind: WaveKind::Canary.into(), number: 0, changes: vec![change(1, true)] },
            Wave { kind: WaveKind::Numbered.into(), number: 1, changes: vec![change(2, true), change(3, false)] },
        ],
        left_out: vec![LeftOutView {
            instance: "notes-4".to_owned(),
            reason: Some(LeftOutReason::AlreadyThere.into()),
        }],
        strategy: Some(strategy()),
        plan_digest: "d1".to_owned(),
    }
}

/// A rollout that goes well, look by look.
fn good() -> Scene {
    let wait = ("waiting", "");
    let frames = vec![
        rollout("running", &[("waiting", ""), wait]),
        rollout("running", &[("under way", "pulling web"), wait]),
        rollout("running", &[("under way", "starting web"), wait]),
        rollout("soaking", &[("done", ""), wait]),
        rollout("running", &[("done", ""), ("under way", "pulling web")]),
        rollout("done", &[("done", ""), ("done", "")]),
    ];
    Scene { proposal: proposal(), frames, ..Default::default() }
}

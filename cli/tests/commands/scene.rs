//! Answers of the fake coordinator, and the requests that it received.

use fleet_core::hint::Hint;
use fleet_core::planned_change::PlannedChange;
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_proto::refusal::refuse;
use fleet_proto::v1::*;
use fleet_proto::words::{WireEnum, value};
use tonic::Status as GrpcStatus;

/// Answers of the fake to each request; tests fill in what they need.
#[derive(Debug, Default)]
pub struct Scene {
    pub subject: String,
    pub hosts: Vec<HostView>,
    pub instances: Vec<InstanceView>,
    pub apps: Vec<AppView>,
    pub release: ReleaseView,
    pub images: ResolveImagesReply,
    pub change: InstanceChange,
    pub progress: Vec<ChangeProgress>,
    pub proposal: Proposal,
    /// Views that a follower of the rollout gets, one after the other.
    pub frames: Vec<RolloutView>,
    /// Views that the first follower after a break gets instead.
    pub after_break: Vec<RolloutView>,
    /// Number of connection breaks while the rollout is followed.
    pub breaks: usize,
    pub rollouts: Vec<RolloutView>,
    pub status: Status,
    pub events: Vec<EventView>,
    pub logs: Vec<LogView>,
    pub tokens: Vec<TokenView>,
    pub standing: Vec<BackupHealthView>,
    pub backups: Vec<BackupView>,
    pub verified: Vec<VerifyLine>,
    pub pieces: Vec<Vec<u8>>,
    pub policies: Vec<BackupPolicyView>,
    pub repositories: Vec<RepositoryView>,
    /// Said to everything but `WhoAmI` and joining.
    pub refusal: Option<(Attempt, CallRefusal, Option<Hint>)>,
    pub silence: bool,
    /// Number of rollout starts that find a changed plan.
    pub changed_plans: usize,
    /// Number of rollout starts that are received with their answers lost.
    pub lost_answers: usize,
    /// The ids of requests that were agreed to, in their order.
    pub request_ids: Vec<String>,
    /// Received requests with their content.
    pub heard: Vec<String>,
    pub bundle: Vec<u8>,
}

impl Scene {
    /// Keeps a question, and refuses it if the scene is so.
    pub fn hear(&mut self, question: &impl std::fmt::Debug) -> Result<(), GrpcStatus> {
        let (heard, id) = without_request_id(&format!("{question:?}"));
        self.heard.push(heard);
        self.request_ids.extend(id);
        match &self.refusal {
            Some((attempt, refusal, hint)) => Err(refuse(*attempt, refusal.clone(), hint.clone())),
            None => Ok(()),
        }
    }
}

/// A question as it can be compared, and its random id.
fn without_request_id(question: &str) -> (String, Option<String>) {
    const BEFORE: &str = "request_id: \"";
    let Some((head, tail)) = question.split_once(BEFORE) else { return (question.to_owned(), None) };
    let (id, rest) = tail.split_once('"').expect("the id ends");
    (format!("{head}{BEFORE}ID\"{rest}"), Some(id.to_owned()))
}

pub fn host(number: u32) -> HostView {
    HostView {
        name: format!("lab-{number}"),
        labels: [("site".to_owned(), "fr".to_owned())].into(),
        link: HostLink::Online.into(),
        since_ms: crate::environment::NOW - 300_000,
        instances: vec![format!("notes-{number}")],
        ..Default::default()
    }
}

pub fn instance(number: u32) -> InstanceView {
    InstanceView {
        name: format!("notes-{number}"),
        host: format!("lab-{number}"),
        app: "labnotes".to_owned(),
        version: "1.1".to_owned(),
        health: InstanceHealth::Healthy.into(),
        host_online: true,
        volumes: vec![format!("notes-{number}_uploads"), format!("notes-{number}_database")],
        ..Default::default()
    }
}

/// Returns the number of a word on the wire; an unknown one is written as `unknown (17)`.
pub fn coded<E: WireEnum + Into<i32>>(word: &str) -> i32 {
    let number = word.strip_prefix("unknown (").and_then(|rest| rest.strip_suffix(')')).and_then(|it| it.parse().ok());
    value::<E>(word).map(Into::into).or(number).expect("it is a word of this enum")
}

/// A step in words.
pub fn step(text: &str) -> Activity {
    Activity { code: ActivityCode::Text.into(), arguments: vec![text.to_owned()] }
}

/// A state, with a step in words where it is under way.
pub fn progress(state: &str, text: &str) -> ChangeProgress {
    let over = !matches!(state, "waiting" | "under way");
    let doing = Some(step(text)).filter(|_| state == "under way");
    ChangeProgress { state: coded::<ChangeState>(state), doing, over, ..Default::default() }
}

/// Under way with a step, and so far.
pub fn so_far(step: &str, done: u64, total: u64) -> ChangeProgress {
    ChangeProgress { progress: megabytes(done, total), ..self::progress("under way", step) }
}

pub fn change(plan: &[PlannedChange], order: &str) -> InstanceChange {
    let plan = plan.iter().cloned().map(Into::into).collect();
    InstanceChange { instance: Some(instance(1)), plan, order: order.to_owned(), ..Default::default() }
}

/// A rollout of 1.2 whose members have these states; under way with a step, rolled back for a reason, or waiting for their wave.
pub fn rollout(phase: &str, states: &[(&str, &str)]) -> RolloutView {
    let member = |(place, (state, text)): (usize, &(&str, &str))| MemberView {
        instance: format!("notes-{}", place + 1),
        host: format!("lab-{}", place + 1),
        from: "1.1".to_owned(),
        to: "1.2".to_owned(),
        state: coded::<MemberState>(state),
        doing: Some(step(text)).filter(|_| *state == "under way" && !text.is_empty()),
        outcome: OrderOutcome::RolledBack.into(),
        skip: (*state == "skipped").then(|| MemberSkip {
            by: "ada".to_owned(),
            at_ms: crate::environment::NOW - 5000,
            reason: text.to_string(),
        }),
        failure: (*state == "failed").then(|| fleet_core::order_failure::OrderFailure::other(*text).into()),
        waiting: (*state == "waiting").then(|| fleet_core::reason::WaitReason::LaterWave.into()),
        since_ms: crate::environment::NOW - 5000,
        ..Default::default()
    };
    let number = |word: &str| u32::try_from(states.iter().filter(|(state, _)| *state == word).count()).unwrap_or(0);
    RolloutView {
        id: "labnotes-3".to_owned(),
        app: "labnotes".to_owned(),
        version: "1.2".to_owned(),
        phase: coded::<RolloutPhase>(phase),
        over: matches!(phase, "done" | "aborted"),
        at_rest: matches!(phase, "done" | "done but offline" | "halted" | "aborted"),
        created_ms: crate::environment::NOW - 60_000,
        by: "ada".to_owned(),
        members: states.iter().enumerate().map(member).collect(),
        done: number("done"),
        failed: number("failed"),
        under_way: number("under way"),
        waiting: number("waiting"),
        offline: number("offline"),
        skipped: number("skipped"),
        ..Default::default()
    }
}

/// A progress in megabytes.
pub fn megabytes(done: u64, total: u64) -> Option<StepProgress> {
    let (done, total) = (done * 1_000_000, Some(total * 1_000_000));
    Some(StepProgress { done, total, unit: ProgressUnit::Bytes.into() })
}

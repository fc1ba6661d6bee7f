//! Work on one instance: inspecting it, performing steps, waiting for health, and reporting the activity.

use super::allow::{Forbidden, allow_probes, allow_step, allow_step_back};
use super::claims::ClaimError;
use super::heal::listed;
use crate::agent_context::AgentContext;
use crate::clock;
use crate::gate::{self, NotHealthy, Waits};
use crate::ledger::{Direction, LedgerError, OpenState};
use crate::runtime::{Note, Notes, RuntimeError};
use fleet_core::activity::Activity;
use fleet_core::app::HealthRules;
use fleet_core::facts::{Doing, InstanceSaid, Running, StepProgress};
use fleet_core::health_problem::LostVolume;
use fleet_core::names::{InstanceName, OrderId, Version};
use fleet_core::order_failure::OrderFailure;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{FoundProject, Stage, Step};
use futures_util::future::{join_all, try_join_all};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;
use tokio::time::timeout;
use tracing::Instrument;

/// Attempts at a step whose failure may be temporary; an unreachable Engine is waited for instead.
const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    #[error(transparent)]
    NotHealthy(#[from] NotHealthy),
    #[error(
        "its data is gone: somebody removed {}; restore it from a backup (volumes that are not there: first `docker volume create`)",
        listed(.0)
    )]
    DataGone(Vec<LostVolume>),
    #[error("the ledger does not say what the instance shall become")]
    NoGoal,
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl WorkError {
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Runtime(error) | Self::Forbidden(Forbidden::Look(error)) => error.is_passing(),
            Self::Forbidden(Forbidden::ByPolicy(_) | Forbidden::NoPolicy(_))
            | Self::NotHealthy(_)
            | Self::NoGoal
            | Self::DataGone(..)
            | Self::Claim(_)
            | Self::Ledger(_) => false,
        }
    }

    fn is_without_engine(&self) -> bool {
        matches!(
            self,
            Self::Runtime(RuntimeError::NoEngine { .. })
                | Self::Forbidden(Forbidden::Look(RuntimeError::NoEngine { .. }))
        )
    }
}

/// Action after the steps.
#[derive(Debug, Clone, Copy)]
pub enum Finish<'a> {
    /// The instance has to become healthy.
    Healthy(&'a HealthRules),
    /// Must become healthy, if anything was changed.
    HealthyIfChanged(&'a HealthRules),
    /// No gate: it should not run, or its health does not matter.
    AsIs,
}

/// The work on one order.
pub struct Work<'a> {
    pub context: &'a AgentContext,
    pub order: &'a OrderId,
    pub instance: &'a InstanceName,
    /// State of the instance when the work began.
    pub last: Option<InstanceSaid>,
    stage: AtomicU32,
    doing: Mutex<Option<Activity>>,
    goes_back: AtomicBool,
    /// Version of the release on the way that is worked with.
    on_the_way: Mutex<Option<Version>>,
    /// True if the state it goes back to was checked when the order was prepared.
    is_allowed_back: AtomicBool,
}

impl<'a> Work<'a> {
    pub fn new(
        context: &'a AgentContext,
        order: &'a OrderId,
        instance: &'a InstanceName,
        last: Option<InstanceSaid>,
    ) -> Self {
        let (stage, doing) = (AtomicU32::new(0), Mutex::default());
        Self {
            context,
            order,
            instance,
            last,
            stage,
            doing,
            goes_back: AtomicBool::default(),
            on_the_way: Mutex::default(),
            is_allowed_back: AtomicBool::default(),
        }
    }

    /// From now on, only the targets of links and volumes are checked: the rest was, when the order was prepared.
    pub fn allow_back(&self) {
        self.is_allowed_back.store(true, Ordering::Relaxed);
    }

    /// From now on, everything is reported as part of the way back, because the reason is soon replaced by the first
    /// step.
    pub fn turn_back(&self, because: &OrderFailure) {
        self.goes_back.store(true, Ordering::Relaxed);
        self.pass(None);
        self.say(Activity::Text(because.to_string()));
    }

    /// From now on, everything is reported as work with this release on the way, or with none.
    pub fn pass(&self, version: Option<Version>) {
        *self.on_the_way.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }

    pub fn say(&self, doing: Activity) {
        self.say_with(doing, None);
    }

    fn say_with(&self, doing: Activity, progress: Option<StepProgress>) {
        self.progress_of(&doing)(progress);
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.with_release(doing));
    }

    /// Reports the progress of a step.
    pub fn progress_of(&self, doing: &Activity) -> impl Fn(Option<StepProgress>) + Send + Sync + 'static + use<> {
        let (status_writer, instance, order) =
            (self.context.status_writer.clone(), self.instance.clone(), self.order.clone());
        let (last, step) = (self.last.clone(), self.directed(doing.clone()));
        move |progress| {
            let doing = Doing { step: Some(step.clone()), progress };
            status_writer.set_instance(&instance, Running::Busy { order: order.clone(), doing, last: last.clone() });
        }
    }

    fn directed(&self, doing: Activity) -> Activity {
        let doing = self.with_release(doing);
        if self.goes_back.load(Ordering::Relaxed) { Activity::GoingBack(Box::new(doing)) } else { doing }
    }

    fn with_release(&self, doing: Activity) -> Activity {
        match self.on_the_way.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(version) => Activity::OnTheWay(version, Box::new(doing)),
            None => doing,
        }
    }

    /// Returns the present activity.
    pub fn doing(&self) -> Option<Activity> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Performs the work of an order in the time that is left of its deadline.
    pub async fn in_time<T, E: std::error::Error>(
        &self,
        deadline: Duration,
        left: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, OrderFailure>
    where
        for<'e> OrderFailure: From<&'e E>,
    {
        // A timeout polls its future before it checks the time.
        let ended = if left.is_zero() { None } else { timeout(left, work).await.ok() };
        match ended {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) => {
                tracing::warn!(error = crate::chain(&error), "the order failed");
                Err(OrderFailure::from(&error))
            }
            None => {
                let doing = self.doing();
                tracing::warn!(doing = doing.as_ref().map(tracing::field::display), "the order's deadline is over");
                Err(OrderFailure::DeadlineOver { deadline, doing })
            }
        }
    }

    /// Inspects the host, computes the stages, and performs them; repeats this if a failure may be temporary.
    pub async fn perform(
        &self,
        spec: &InstanceSpec,
        stages: impl Fn(&FoundProject) -> Vec<Stage>,
        finish: Finish<'_>,
    ) -> Result<(), WorkError> {
        let mut attempts = 0;
        loop {
            let Err(error) = self.perform_once(spec, &stages, finish).await else { return Ok(()) };
            attempts += u32::from(!error.is_without_engine());
            if !error.is_passing() || attempts >= ATTEMPTS {
                return Err(error);
            }
            self.say(Activity::TryingAgain(error.to_string()));
            sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    async fn perform_once(
        &self,
        spec: &InstanceSpec,
        stages: &impl Fn(&FoundProject) -> Vec<Stage>,
        finish: Finish<'_>,
    ) -> Result<(), WorkError> {
        let stages = stages(&self.context.runtime.look(spec).await?);
        let (finish, mut has_gate) = match finish {
            Finish::HealthyIfChanged(_) if stages.is_empty() => (Finish::AsIs, false),
            Finish::HealthyIfChanged(health) => (Finish::Healthy(health), false),
            Finish::Healthy(_) | Finish::AsIs => (finish, false),
        };
        for stage in &stages {
            let doing = Activity::of_steps(&stage.steps);
            self.note(&doing).await?;
            has_gate |= stage.steps.contains(&Step::Gate);
            let notes = self.notes(&doing, stage.steps.len());
            let steps = stage.steps.iter().zip(&notes);
            let steps = steps.map(|(step, notes)| {
                let span = tracing::error_span!("step", step = %step);
                self.step(step, spec, finish, notes).instrument(span)
            });
            if stage.steps.iter().any(is_carried_through) {
                // A creation or removal without a waiting caller continues at the Engine, with an unknown result.
                join_all(steps).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            } else {
                try_join_all(steps).await?;
            }
        }
        if has_gate { Ok(()) } else { self.gate(spec, finish).await }
    }

    /// Ends and removes the containers of actions of a Compose project, as soon as the Engine answers.
    pub async fn end_actions(&self, project: &str) -> Result<(), WorkError> {
        loop {
            match self.context.runtime.remove_actions(project).await {
                Err(error) if error.is_passing() => sleep(BETWEEN_ATTEMPTS).await,
                ended => return Ok(ended?),
            }
        }
    }

    /// Records the activity that begins now in the ledger.
    async fn note(&self, doing: &Activity) -> Result<(), LedgerError> {
        self.say(doing.clone());
        let (number, doing) = (self.stage.fetch_add(1, Ordering::Relaxed) + 1, Some(doing.clone()));
        let order = self.order.clone();
        let change = move |open: &mut OpenState| match &mut open.way {
            Direction::Accepted | Direction::Forward { .. } => open.way = Direction::Forward { step: number, doing },
            Direction::Back { .. } => {}
        };
        self.context.ledger.write(move |ledger| ledger.mark(&order, change)).await
    }

    async fn step(&self, step: &Step, spec: &InstanceSpec, finish: Finish<'_>, notes: &Notes) -> Result<(), WorkError> {
        match step {
            Step::Gate => self.gate(spec, finish).await,
            step => {
                match self.is_allowed_back.load(Ordering::Relaxed) {
                    true => allow_step_back(step, self.context, spec).await?,
                    false => allow_step(step, self.context, spec).await?,
                }
                Ok(self.context.runtime.perform(step, spec, notes).await?)
            }
        }
    }

    /// Returns a progress sink for each of the parallel steps, which reports the sum of all.
    fn notes(&self, doing: &Activity, steps: usize) -> Vec<Notes> {
        let far = Arc::new(Mutex::new(vec![(0, 0); steps]));
        let tell = Arc::new(self.progress_of(doing));
        let of_step = |number: usize| {
            let (far, tell) = (Arc::clone(&far), Arc::clone(&tell));
            let (status_writer, instance) = (self.context.status_writer.clone(), self.instance.clone());
            Notes::to(move |note| match note {
                Note::Bytes { done, total } => {
                    // The lock is held while reporting, so that an older sum is never reported after a newer one.
                    let mut far = far.lock().unwrap_or_else(PoisonError::into_inner);
                    far[number] = (done, total);
                    let (done, total) = far.iter().fold((0, 0), |(a, b), (done, total)| (a + done, b + total));
                    tell(Some(StepProgress::of_bytes(done, Some(total))));
                }
                Note::Event(event) => status_writer.tell(clock::now(), Some(&instance), *event),
            })
        };
        (0..steps).map(of_step).collect()
    }

    async fn gate(&self, spec: &InstanceSpec, finish: Finish<'_>) -> Result<(), WorkError> {
        let health = match finish {
            Finish::Healthy(health) | Finish::HealthyIfChanged(health) => health,
            Finish::AsIs => return Ok(()),
        };
        allow_probes(self.context, health)?;
        let waits = |waits: Waits| match waits {
            Waits::Because(problem) => self.say(Activity::WaitingUntilHealthy(Some(problem))),
            Waits::WellFor { so_far, of } => {
                self.say_with(
                    Activity::WaitingUntilHealthy(None),
                    Some(StepProgress::of_health(so_far.as_duration(), of.as_duration())),
                );
            }
        };
        Ok(gate::pass(self.context.runtime.as_ref(), spec, health, &clock::now, &waits).await?)
    }
}

/// Tells whether a step's end is awaited even where a step beside it has failed.
fn is_carried_through(step: &Step) -> bool {
    match step {
        Step::Create { .. }
        | Step::CreateNetwork { .. }
        | Step::CreateVolume { .. }
        | Step::RemoveContainer { .. }
        | Step::RemoveNetwork { .. }
        | Step::RemoveVolume { .. } => true,
        Step::Pull { .. }
        | Step::ExpectNetwork { .. }
        | Step::ExpectVolume { .. }
        | Step::WriteFiles { .. }
        | Step::Stop { .. }
        | Step::Rename { .. }
        | Step::SetRestart { .. }
        | Step::Start { .. }
        | Step::AwaitHealthy { .. }
        | Step::AwaitExit { .. }
        | Step::Gate => false,
    }
}

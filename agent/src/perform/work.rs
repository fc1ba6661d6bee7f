//! One piece of work on one instance: looking, stepping, waiting for health, and saying what is being done.

use super::links::{LedAstray, refuse_strays_before};
use crate::clock;
use crate::gate::{self, NotHealthy};
use crate::hands::{HandsError, Note, Notes};
use crate::ledger::{LedgerError, Way};
use crate::site::Site;
use fleet_core::app::Health;
use fleet_core::facts::{InstanceSaid, Running};
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{Found, Stage, Step};
use futures_util::future::try_join_all;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// What failed and may pass is tried so often, an Engine that is away apart: it is waited for.
const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    #[error(transparent)]
    NotHealthy(#[from] NotHealthy),
    #[error("its data is gone: somebody removed {0}")]
    DataGone(String),
    #[error("the ledger does not say what the instance shall become")]
    NoGoal,
    #[error(transparent)]
    LedAstray(#[from] LedAstray),
    #[error(transparent)]
    Hands(#[from] HandsError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl WorkError {
    fn is_passing(&self) -> bool {
        match self {
            Self::Hands(error) => error.is_passing(),
            Self::NotHealthy(_) | Self::NoGoal | Self::DataGone(_) | Self::LedAstray(_) | Self::Ledger(_) => false,
        }
    }

    fn is_without_engine(&self) -> bool {
        matches!(self, Self::Hands(HandsError::NoEngine { .. }))
    }
}

/// What comes after the steps.
#[derive(Debug, Clone, Copy)]
pub enum Finish<'a> {
    /// The instance has to become healthy.
    Healthy(&'a Health),
    /// It has to, if there was anything to do.
    HealthyIfChanged(&'a Health),
    /// Nothing: it is not to run, or its health is not the question.
    AsIs,
}

/// The work on one order.
pub struct Work<'a> {
    pub site: &'a Site,
    pub order: &'a OrderId,
    pub instance: &'a InstanceName,
    /// What the instance was when the work began.
    pub last: Option<InstanceSaid>,
    stage: AtomicU32,
    doing: Mutex<String>,
    goes_back: AtomicBool,
}

impl<'a> Work<'a> {
    pub fn new(site: &'a Site, order: &'a OrderId, instance: &'a InstanceName, last: Option<InstanceSaid>) -> Self {
        let (stage, doing) = (AtomicU32::new(0), Mutex::default());
        Self { site, order, instance, last, stage, doing, goes_back: AtomicBool::new(false) }
    }

    /// From now on everything is said as a part of the way back: the reason alone is soon followed by the first step.
    pub fn turn_back(&self, because: &str) {
        self.goes_back.store(true, Ordering::Relaxed);
        self.say(because);
    }

    pub fn say(&self, doing: impl Into<String>) {
        let doing = doing.into();
        let running = Running::Busy { order: self.order.clone(), step: self.worded(&doing), last: self.last.clone() };
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing;
        self.site.pen.set_instance(self.instance, running);
    }

    fn worded(&self, doing: &str) -> String {
        let way = if self.goes_back.load(Ordering::Relaxed) { "going back: " } else { "" };
        format!("{way}{doing}")
    }

    pub fn doing(&self) -> String {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks, makes the stages from what is found, and performs them; again, where a failure may pass.
    pub async fn perform(
        &self,
        spec: &InstanceSpec,
        stages: impl Fn(&Found) -> Vec<Stage>,
        finish: Finish<'_>,
    ) -> Result<(), WorkError> {
        let mut attempts = 0;
        loop {
            let Err(error) = self.perform_once(spec, &stages, finish).await else { return Ok(()) };
            attempts += u32::from(!error.is_without_engine());
            if !error.is_passing() || attempts >= ATTEMPTS {
                return Err(error);
            }
            self.say(format!("{error}; trying again"));
            sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    async fn perform_once(
        &self,
        spec: &InstanceSpec,
        stages: &impl Fn(&Found) -> Vec<Stage>,
        finish: Finish<'_>,
    ) -> Result<(), WorkError> {
        let stages = stages(&self.site.hands.look(spec).await?);
        let (finish, mut has_gate) = match finish {
            Finish::HealthyIfChanged(_) if stages.is_empty() => (Finish::AsIs, false),
            Finish::HealthyIfChanged(health) => (Finish::Healthy(health), false),
            Finish::Healthy(_) | Finish::AsIs => (finish, false),
        };
        for stage in &stages {
            self.note(stage)?;
            has_gate |= stage.steps.contains(&Step::Gate);
            try_join_all(stage.steps.iter().map(|step| self.step(step, spec, finish))).await?;
        }
        if has_gate { Ok(()) } else { self.step(&Step::Gate, spec, finish).await }
    }

    /// Writes what begins now into the ledger.
    fn note(&self, stage: &Stage) -> Result<(), LedgerError> {
        let steps: Vec<String> = stage.steps.iter().map(ToString::to_string).collect();
        let (number, doing) = (self.stage.fetch_add(1, Ordering::Relaxed) + 1, steps.join(", "));
        self.say(doing.clone());
        self.site.ledger().mark(self.order, |open| match &mut open.way {
            Way::Accepted | Way::Forward { .. } => open.way = Way::Forward { step: number, doing },
            Way::Back { .. } => {}
        })
    }

    async fn step(&self, step: &Step, spec: &InstanceSpec, finish: Finish<'_>) -> Result<(), WorkError> {
        match (step, finish) {
            (Step::Gate, Finish::Healthy(health) | Finish::HealthyIfChanged(health)) => self.gate(spec, health).await,
            (Step::Gate, Finish::AsIs) => Ok(()),
            (step, _) => {
                refuse_strays_before(step, self.site, spec).await?;
                Ok(self.site.hands.perform(step, spec, &self.notes(step)).await?)
            }
        }
    }

    /// Passes on how far a step is.
    fn notes(&self, step: &Step) -> Notes {
        let (pen, instance, order) = (self.site.pen.clone(), self.instance.clone(), self.order.clone());
        let (last, step) = (self.last.clone(), self.worded(&step.to_string()));
        Notes::to(move |note| match note {
            Note::Bytes { .. } => {
                let step = format!("{step} ({note})");
                pen.set_instance(&instance, Running::Busy { order: order.clone(), step, last: last.clone() });
            }
            Note::Said(text) => pen.tell(clock::now(), Some(&instance), text),
        })
    }

    async fn gate(&self, spec: &InstanceSpec, health: &Health) -> Result<(), WorkError> {
        let waits = |why: &str| self.say(format!("waiting until it is healthy: {why}"));
        Ok(gate::pass(self.site.hands.as_ref(), spec, health, &clock::now, &waits).await?)
    }
}

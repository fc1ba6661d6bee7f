//! Decides when an instance counts as healthy, from observations and moments.
//!
//! **Invariant:** the gate reports healthy only if every observation over the whole minimum time was good.

use super::{ContainerHealth, ContainerState, is_one_shot};
use crate::app::{ExecProbe, HealthRules, HttpProbe, Probe, VersionProbe};
use crate::health_problem::{HealthProblem, ProbeFailure, ProbeTarget};
use crate::spec::{ContainerSpec, InstanceSpec, Restart};
use crate::time::Time;
use crate::units::Period;
use std::collections::BTreeMap;

/// State of an instance at one observation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// Containers of the instance.
    pub containers: Vec<ObservedContainer>,
    /// Results of the probes.
    pub probes: Vec<ProbeResult>,
}

/// Container at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedContainer {
    /// Compose service.
    pub service: String,
    /// Name at the Engine.
    pub name: String,
    /// Id at the Engine.
    pub id: String,
    /// State of the container.
    pub state: ContainerState,
    /// Result of its health check.
    pub health: ContainerHealth,
    /// Number of times the Engine has restarted it.
    pub restarts: u64,
}

/// Result of one probe of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// The probe.
    pub probe: ProbeTarget,
    /// Reason why it failed, where it did.
    pub failure: Option<ProbeFailure>,
}

/// Problem that keeps an instance from being healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ailment {
    /// Still starting.
    Starting(HealthProblem),
    /// Unhealthy, and may recover.
    Unwell(HealthProblem),
    /// Unhealthy, and will not recover by itself.
    Hopeless(HealthProblem),
}

/// Verdict of the health gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateVerdict {
    /// Not yet decided.
    Waiting {
        /// Reason.
        problem: HealthProblem,
    },
    /// Well in every look so far, and not for long enough.
    WellFor {
        /// Time for which it has been well.
        so_far: Period,
        /// Time for which it must be well.
        of: Period,
    },
    /// Healthy for long enough.
    Healthy,
    /// Cannot become healthy in time.
    Failed {
        /// Reason.
        problem: HealthProblem,
    },
}

/// Judges one instance from the moment it was changed.
#[derive(Debug, Clone)]
pub struct Gate {
    minimum_healthy: Period,
    deadline: Period,
    began: Time,
    /// Time since which all observations were good.
    well_since: Option<Time>,
    /// The restarts of each container, by its id, when it was last seen.
    restarts: BTreeMap<String, u64>,
}

impl Gate {
    /// Starts the evaluation of an instance.
    pub fn new(health: &HealthRules, began: Time) -> Self {
        let (minimum_healthy, deadline) = (health.minimum_healthy, health.deadline);
        Self { minimum_healthy, deadline, began, well_since: None, restarts: BTreeMap::new() }
    }

    /// Takes in one look at the instance.
    pub fn judge(&mut self, spec: &InstanceSpec, seen: &Observation, now: Time) -> GateVerdict {
        let found = self.restarted(seen).map(Ailment::Unwell).or_else(|| ailment(spec, seen));
        let Some(ailment) = found else {
            return self.while_well(now);
        };
        self.well_since = None;
        match ailment {
            Ailment::Hopeless(problem) => GateVerdict::Failed { problem },
            Ailment::Starting(problem) | Ailment::Unwell(problem) => self.while_unwell(problem, now),
        }
    }

    /// Takes in that the instance could not be looked at, with the words of the Engine.
    pub fn judge_unseen(&mut self, cause: String, now: Time) -> GateVerdict {
        self.well_since = None;
        self.while_unwell(HealthProblem::NotObserved { cause }, now)
    }

    fn while_well(&mut self, now: Time) -> GateVerdict {
        let since = *self.well_since.get_or_insert(now);
        let well_for = now.since(since);
        if well_for >= self.minimum_healthy.as_duration() {
            return GateVerdict::Healthy;
        }
        if self.is_over(now) {
            let problem = HealthProblem::HealthyTooLate { healthy_for: whole(well_for), deadline: self.deadline };
            return GateVerdict::Failed { problem };
        }
        GateVerdict::WellFor { so_far: whole(well_for), of: self.minimum_healthy }
    }

    fn while_unwell(&self, problem: HealthProblem, now: Time) -> GateVerdict {
        if self.is_over(now) {
            let problem = HealthProblem::NotHealthyInTime { deadline: self.deadline, problem: Box::new(problem) };
            return GateVerdict::Failed { problem };
        }
        GateVerdict::Waiting { problem }
    }

    fn is_over(&self, now: Time) -> bool {
        now.since(self.began) >= self.deadline.as_duration()
    }

    /// A container that was restarted since the last observation was not healthy in between, whatever its present state
    /// is.
    fn restarted(&mut self, seen: &Observation) -> Option<HealthProblem> {
        let mut problem = None;
        for container in &seen.containers {
            let before = self.restarts.insert(container.id.clone(), container.restarts);
            if before.is_some_and(|before| container.restarts > before) {
                problem = Some(HealthProblem::ContainerRestarted(container.name.clone()));
            }
        }
        problem
    }
}

fn whole(duration: std::time::Duration) -> Period {
    Period::from_secs(duration.as_secs())
}

/// Returns the worst problem of the instance in this observation; of equal ones, the first.
pub fn ailment(spec: &InstanceSpec, seen: &Observation) -> Option<Ailment> {
    let of_containers = spec.containers.iter().filter_map(|container| ailment_of(spec, container, seen));
    let of_probes = seen.probes.iter().filter_map(ailment_of_probe);
    let mut all: Vec<Ailment> = of_containers.chain(of_probes).collect();
    // A starting container explains failing probes; one that will not recover is more important than both.
    all.sort_by_key(|ailment| match ailment {
        Ailment::Hopeless(_) => 0,
        Ailment::Starting(_) => 1,
        Ailment::Unwell(_) => 2,
    });
    all.into_iter().next()
}

fn ailment_of_probe(probe: &ProbeResult) -> Option<Ailment> {
    let failure = probe.failure.clone()?;
    Some(Ailment::Unwell(HealthProblem::ProbeFailed { probe: Box::new(probe.probe.clone()), failure }))
}

fn ailment_of(spec: &InstanceSpec, container: &ContainerSpec, seen: &Observation) -> Option<Ailment> {
    let name = container.name.clone();
    let Some(seen) = seen.containers.iter().find(|it| it.name == name) else {
        return Some(Ailment::Unwell(HealthProblem::ContainerMissing(name)));
    };
    let is_one_shot = is_one_shot(spec, &container.service);
    match seen.state {
        ContainerState::Exited { code: 0 } if is_one_shot => None,
        ContainerState::Running if is_one_shot => Some(Ailment::Starting(HealthProblem::ContainerNotCompleted(name))),
        ContainerState::Running => ailment_of_running(seen),
        ContainerState::Created => Some(Ailment::Starting(HealthProblem::ContainerNotStarted(name))),
        ContainerState::Exited { code } if container.restart == Restart::No => {
            Some(Ailment::Hopeless(HealthProblem::ContainerExitedForGood(name, code)))
        }
        ContainerState::Exited { code } => Some(Ailment::Unwell(HealthProblem::ContainerExited(name, code))),
        ContainerState::Restarting => Some(Ailment::Unwell(HealthProblem::ContainerRestarting(name))),
        ContainerState::Paused => Some(Ailment::Unwell(HealthProblem::ContainerPaused(name))),
        ContainerState::Dead => Some(Ailment::Hopeless(HealthProblem::ContainerDead(name))),
    }
}

fn ailment_of_running(seen: &ObservedContainer) -> Option<Ailment> {
    match seen.health {
        ContainerHealth::Unchecked | ContainerHealth::Healthy => None,
        ContainerHealth::Starting => Some(Ailment::Starting(HealthProblem::ContainerStarting(seen.name.clone()))),
        ContainerHealth::Unhealthy => Some(Ailment::Unwell(HealthProblem::ContainerUnhealthy(seen.name.clone()))),
    }
}

/// Returns a probe as far as people have to know it.
pub fn target_of(probe: &Probe) -> ProbeTarget {
    let service = probe.service().to_owned();
    match probe {
        Probe::Http(HttpProbe { port, path, .. }) => ProbeTarget::Http { service, port: *port, path: path.clone() },
        Probe::Version(VersionProbe { port, path, .. }) => {
            ProbeTarget::Version { service, port: *port, path: path.clone() }
        }
        Probe::Exec(ExecProbe { command, .. }) => {
            let words: Vec<_> = command.iter().map(ToString::to_string).collect();
            ProbeTarget::Exec { service, command: words.join(" ") }
        }
    }
}

/// The version in an answer: the whole text, or the `version` of a JSON object.
pub fn version_said(body: &str) -> String {
    let body = body.trim();
    let object = serde_json::from_str::<serde_json::Value>(body).ok();
    let version = object.as_ref().and_then(|object| match object {
        serde_json::Value::String(text) => Some(text),
        object => match object.get("version") {
            Some(serde_json::Value::String(text)) => Some(text),
            Some(_) | None => None,
        },
    });
    version.map_or(body, |version| version.trim()).to_owned()
}

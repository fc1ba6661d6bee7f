//! Requests to a worker and its messages.

use fleet_core::app::{
    Bundle, CheckedValues, LintReport, Placement, PreparedRelease, Rendered, images_telling, lint_telling,
};
use fleet_core::claims::{Claims, claims_of};
use fleet_core::compose::Problems;
use fleet_core::host_policy::Reaches;
use fleet_core::names::Version;
use serde::{Deserialize, Serialize};

/// A request. A bundle that is not that of the request before comes in a message of its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub job: Job,
    pub with_bundle: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Job {
    Render { values: CheckedValues, placement: Placement },
    HostUse { values: CheckedValues, placement: Placement },
    Lint { version: Option<Version> },
    Images { values: CheckedValues, placement: Placement },
}

/// Message of a worker while it renders.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    /// This template is being rendered.
    Begun(String),
    Answer(Box<Answer>),
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    Rendered(Result<Rendered, Problems>),
    HostUse(Result<HostUse, Problems>),
    Linted(LintReport),
    Images(Result<Vec<String>, Problems>),
}

/// Use of a host by an instance: the names that it would have, and its ways to the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostUse {
    /// Names and ports that it would have.
    pub claims: Claims,
    /// Ways by which it would reach the host.
    pub reaches: Reaches,
}

impl HostUse {
    /// Returns the use by a release that is rendered already.
    pub fn of(rendered: &Rendered) -> Self {
        Self { claims: claims_of(&rendered.spec), reaches: Reaches::of_instance(rendered) }
    }
}

/// A bundle, and what was read from it for the jobs before.
#[derive(Debug)]
pub struct HeldBundle {
    bundle: Bundle,
    prepared: Option<PreparedRelease>,
}

impl HeldBundle {
    pub fn new(bundle: Bundle) -> Self {
        Self { bundle, prepared: None }
    }

    fn render(
        &mut self,
        values: &CheckedValues,
        placement: &Placement,
        begun: &dyn Fn(&str),
    ) -> Result<Rendered, Problems> {
        let prepared = match self.prepared.take() {
            Some(prepared) => prepared,
            None => PreparedRelease::new(&self.bundle)?,
        };
        self.prepared.insert(prepared).render(values, placement, begun)
    }
}

impl Job {
    /// Performs the job, and calls `begun` with each template before rendering it.
    pub fn carry_out(&self, held: &mut HeldBundle, begun: &dyn Fn(&str)) -> Answer {
        match self {
            Self::Render { values, placement } => Answer::Rendered(held.render(values, placement, begun)),
            Self::HostUse { values, placement } => {
                Answer::HostUse(held.render(values, placement, begun).map(|rendered| HostUse::of(&rendered)))
            }
            Self::Lint { version } => Answer::Linted(lint_telling(&held.bundle, version.as_ref(), begun)),
            Self::Images { values, placement } => {
                Answer::Images(images_telling(&held.bundle, values, placement, begun))
            }
        }
    }
}

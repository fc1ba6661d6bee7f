//! Requests to a worker and its messages.

use fleet_core::app::{
    Bundle, CheckedValues, LintReport, Placement, Rendered, images_telling, lint_telling, render_telling,
};
use fleet_core::compose::Problems;
use fleet_core::names::Version;
use serde::{Deserialize, Serialize};

/// A request; the bundle that it is about comes in a message of its own.
#[derive(Debug, Serialize, Deserialize)]
pub enum Job {
    Render { values: CheckedValues, placement: Placement },
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
    Linted(LintReport),
    Images(Result<Vec<String>, Problems>),
}

impl Job {
    /// Performs the job, and calls `begun` with each template before rendering it.
    pub fn carry_out(&self, bundle: &Bundle, begun: &dyn Fn(&str)) -> Answer {
        match self {
            Self::Render { values, placement } => Answer::Rendered(render_telling(bundle, values, placement, begun)),
            Self::Lint { version } => Answer::Linted(lint_telling(bundle, version.as_ref(), begun)),
            Self::Images { values, placement } => Answer::Images(images_telling(bundle, values, placement, begun)),
        }
    }
}

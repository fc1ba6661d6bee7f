//! Current activity of an order: its step and its progress. Progress in a unit that this version does not know is left out.

use super::{ConvertError, enumeration};
use crate::v1;
use fleet_core::facts::{ProgressUnit, StepProgress};

enumeration!(ProgressUnit, ProgressUnit, "progress.unit":
    Bytes => Bytes,
    HealthyMilliseconds => HealthyMilliseconds,
    Milliseconds => Milliseconds,
);

impl From<StepProgress> for v1::StepProgress {
    fn from(progress: StepProgress) -> Self {
        let StepProgress { done, total, unit } = progress;
        Self { done, total, unit: v1::ProgressUnit::from(unit).into() }
    }
}

/// Reads a progress.
pub fn incoming_progress(message: v1::StepProgress) -> Option<StepProgress> {
    let v1::StepProgress { done, total, unit } = message;
    let unit = v1::ProgressUnit::try_from(unit).ok()?.try_into().ok()?;
    Some(StepProgress { done, total, unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_comes_back_as_it_was() {
        for unit in [ProgressUnit::Bytes, ProgressUnit::HealthyMilliseconds, ProgressUnit::Milliseconds] {
            for total in [None, Some(12)] {
                let progress = StepProgress { done: 3, total, unit };
                assert_eq!(incoming_progress(progress.into()), Some(progress));
            }
        }
        assert_eq!(incoming_progress(v1::StepProgress { done: 3, total: None, unit: 17 }), None);
    }
}

//! Reasons why a release cannot be rendered for an instance, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use crate::refused_call::{CallRefusal, first_of};
use serde::{Deserialize, Serialize};

/// Reason why a release cannot be rendered for an instance. Kept facts have it as `{"code": "values_invalid", "with": …}`, earlier
/// ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum RenderingFailure {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Something of the coordinator failed; its log has more.
    Failed {
        /// Error of its cause.
        problem: String,
    },
    /// All processes that render are busy.
    RenderersBusy,
    /// The values do not fit the release.
    ValuesInvalid {
        /// Number of further problems.
        more: usize,
        /// The first problems.
        problems: Vec<String>,
    },
    /// The release is not valid.
    ReleaseInvalid {
        /// Number of further problems.
        more: usize,
        /// The first problems.
        problems: Vec<String>,
    },
}

impl RenderingFailure {
    /// Makes that of values that do not fit.
    pub fn of_values(problems: impl IntoIterator<Item = String>) -> Self {
        let (problems, more) = first_of(problems);
        Self::ValuesInvalid { more, problems }
    }

    /// Makes that of a release that is not valid.
    pub fn of_release(problems: impl IntoIterator<Item = String>) -> Self {
        let (problems, more) = first_of(problems);
        Self::ReleaseInvalid { more, problems }
    }
}

impl From<CallRefusal> for RenderingFailure {
    fn from(refusal: CallRefusal) -> Self {
        match refusal {
            CallRefusal::Failed { problem } => Self::Failed { problem },
            CallRefusal::RenderersBusy => Self::RenderersBusy,
            CallRefusal::ValuesInvalid { more, problems } => Self::ValuesInvalid { more, problems },
            CallRefusal::ReleaseInvalid { more, problems } => Self::ReleaseInvalid { more, problems },
            // A rendering is refused for no other reason.
            other => Self::Failed { problem: other.to_string() },
        }
    }
}

kept_as_code!(RenderingFailure);
logged_as_code!(RenderingFailure);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::not_asked::NotAskedReason;

    #[test]
    fn a_failure_is_kept_as_a_code_and_read_as_a_text_too() {
        let failure = RenderingFailure::of_values((0..18).map(|number| format!("v{number}")));
        let RenderingFailure::ValuesInvalid { more: 2, problems } = &failure else { panic!("{failure:?}") };
        assert_eq!(problems.len(), 16);
        for (failure, expect) in [
            (RenderingFailure::RenderersBusy, r#"{"code":"not_rendered","with":{"code":"renderers_busy"}}"#),
            (
                RenderingFailure::of_values(["`port` is missing".to_owned()]),
                r#"{"code":"not_rendered","with":{"code":"values_invalid","with":{"more":0,"problems":["`port` is missing"]}}}"#,
            ),
        ] {
            let reason = NotAskedReason::NotRendered(failure);
            assert_eq!(serde_json::to_string(&reason).expect("it can be written"), expect);
            assert_eq!(serde_json::from_str::<NotAskedReason>(expect).expect("it can be read"), reason);
        }
        let earlier = r#"{"code":"not_rendered","with":"values: `port` is missing"}"#;
        let read = serde_json::from_str::<NotAskedReason>(earlier).expect("it can be read");
        assert_eq!(read, NotAskedReason::NotRendered(RenderingFailure::other("values: `port` is missing")));
    }
}

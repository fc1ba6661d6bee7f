//! Reasons why orders fail, as codes with arguments. `fleet` turns them into sentences.

/// Declares the enum, and the code of each variant. The modules of `kinds` have the variants by reason.
macro_rules! order_failures {
    (=> $(
        #[doc = $doc:literal]
        #[error($($text:tt)*)]
        $name:ident = $code:literal $({ $($(#[$with:meta])* $field:ident: $type:ty),+ $(,)? })?,
    )+) => {
        /// Reason why an order did not reach its goal. Kept ledgers and facts have it as `{"code": "disk_full", "with": {…}}`,
        /// earlier ones as a text.
        ///
        /// `Display` is for logs.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
        #[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
        #[allow(missing_docs, reason = "the module has the meaning of arguments that their names do not say")]
        pub enum OrderFailure {
            $(
                #[doc = $doc]
                #[error($($text)*)]
                $name $({ $($(#[$with])* $field: $type),+ })?,
            )+
        }

        impl OrderFailure {
            /// Returns the name of its code, for metrics and programs.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $code,)+
                }
            }
        }
    };
}

mod data_note;
mod kinds;
mod missing_reply;
mod store_problem;
pub(crate) mod uncovered_data;

pub(crate) use data_note::notes;
pub use data_note::{DataNote, percent};
pub use kinds::OrderFailure;
pub use missing_reply::MissingReply;
pub use store_problem::StoreProblem;
pub use uncovered_data::{SideFileGap, UncoveredData};

use crate::activity::Activity;
use crate::coded_text::kept_as_code;
use crate::store_difference::StoreDifference;
use serde::{Deserialize, Deserializer};

fn after(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(": {output}") }
}

fn at(doing: Option<&Activity>) -> String {
    doing.map(|doing| format!("; it was at: {doing}")).unwrap_or_default()
}

fn listed(parts: &[impl ToString]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn differing(more: usize, differences: &[StoreDifference]) -> String {
    let more = if more == 0 { String::new() } else { format!("; {more} more") };
    format!(
        "differs from its backup: {}{more}",
        differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )
}

fn noted(notes: &[DataNote]) -> String {
    notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn joined(failures: &[OrderFailure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Reads names that were kept: as one text by earlier versions.
fn read_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Names(Vec<String>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Text(text) => vec![text],
        Kept::Names(names) => names,
    })
}

kept_as_code!(OrderFailure);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded_text::ArgumentKind;
    use crate::order::Outcome;

    fn kept(text: &str) -> OrderFailure {
        serde_json::from_str(text).expect("it can be read")
    }

    #[test]
    fn texts_of_earlier_versions_and_codes_of_newer_ones_are_read() {
        assert_eq!(kept(r#""no answer""#), OrderFailure::other("no answer"));
        let text = r#"{"code":"rebuild_failed","with":{"problem":"no disk"}}"#;
        assert_eq!(kept(text), OrderFailure::other("rebuild failed no disk"), "an earlier version kept a text");
        let newer = r#"{"code":"flew_away","with":{"to":"there"}}"#;
        assert_eq!(kept(newer), OrderFailure::other("flew away there"));
        let earlier: Outcome = serde_json::from_str(r#"{"refused":{"reason":"no"}}"#).expect("it can be read");
        assert_eq!(earlier, Outcome::Refused { failure: OrderFailure::other("no") });
    }

    #[test]
    fn names_that_an_earlier_version_kept_as_one_text_are_read() {
        let earlier = r#"{"code":"folder_held","with":{"folder":"/srv","containers":"`a`, `b`"}}"#;
        let held = |containers| OrderFailure::FolderHeld { folder: "/srv".to_owned(), containers };
        assert_eq!(kept(earlier), held(vec!["`a`, `b`".to_owned()]));
        let today = held(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(kept(&serde_json::to_string(&today).expect("it can be written")), today);
        let earlier = r#"{"code":"foreign_project","with":{"project":"notes","containers":"a, b"}}"#;
        let (project, containers) = ("notes".to_owned(), vec!["a, b".to_owned()]);
        assert_eq!(kept(earlier), OrderFailure::ForeignProject { project, containers });
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        let failed = Outcome::Failed { failure: OrderFailure::other("no answer") };
        let text = serde_json::to_string(&failed).expect("it can be written");
        assert_eq!(serde_json::from_str::<Outcome>(&text).expect("it can be read"), failed, "{text}");
    }

    #[test]
    fn secrets_are_masked_in_arguments_alone() {
        let masked = |_: ArgumentKind, text: String| text.replace("other", "***");
        assert_eq!(OrderFailure::other("the other one").map_texts(masked), OrderFailure::other("the *** one"));
    }
}

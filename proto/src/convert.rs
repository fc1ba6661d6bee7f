//! The only conversion between the wire's messages and core's types.
//!
//! Words become messages by `From`; messages become words by `TryFrom`, which refuses whatever is not said in full.

mod access;
mod activity;
mod arguments;
mod claims;
mod coverage;
mod damage;
mod data;
mod drift;
mod event;
mod failed_step;
mod failure;
mod halt;
mod health;
mod hint;
mod joiner;
mod ledger;
mod note;
mod observed;
mod operators;
mod order;
mod plan;
mod policy;
mod policy_refusal;
mod problem;
mod query;
mod reason;
mod refusal;
mod repository;
mod result;
mod result_code;
mod store;
mod strategy;
mod uncovered;
mod upgrades;

pub use activity::{incoming_activity, incoming_progress};
pub use coverage::{incoming_data_leftover, incoming_store_gap, incoming_undeclared_data};
pub use damage::{incoming_backup_damage, incoming_backup_doubt, incoming_manifest_error, incoming_verify_finding};
pub use drift::incoming_drift;
pub use event::{incoming_event, incoming_event_kind, incoming_host_event, incoming_sandbox_part};
pub use failed_step::{incoming_failed_step, incoming_tool_task, incoming_volume_holder};
pub use failure::{
    incoming_failure, incoming_instance_version, incoming_missing_reply, incoming_name_conflict,
    incoming_order_failure, incoming_part_owner, incoming_port_holder,
};
pub use halt::{incoming_halt_reason, incoming_member_failure};
pub use health::{incoming_health_problem, incoming_probe_failure, incoming_probe_target};
pub use hint::incoming_hint;
pub use joiner::incoming_joiner;
pub use ledger::incoming_ledger_problem;
pub use note::{incoming_archive_note, incoming_data_note, incoming_drill_check, incoming_restore_note};
pub use observed::{IncomingReport, incoming_end, incoming_instance};
pub use order::{OutgoingOrder, incoming_order};
pub use plan::{
    incoming_member_not_asked, incoming_not_asked_reason, incoming_planned_change, incoming_recreate_reason,
    incoming_rendering_failure,
};
pub use policy_refusal::{incoming_link_problem, incoming_policy_refusal};
pub use problem::{
    incoming_backup_problem, incoming_order_summary, incoming_problem, incoming_repository_problem,
    incoming_undeliverable_reason,
};
pub use query::{incoming_query_failure, reported_query_failure};
pub use reason::{incoming_left_out_reason, incoming_wait_reason};
pub use refusal::{
    incoming_admission_refusal, incoming_backup_refusal, incoming_call_refusal, incoming_file_refusal,
    incoming_refused_call, incoming_rollout_refusal,
};
pub use repository::{RepositoryFile, RepositoryFiles, is_sha256, repository_file, repository_files};
pub use result_code::{incoming_change_result, incoming_manifest_change, incoming_retention_reason};
pub use store::{incoming_dump_error, incoming_occupied_target, incoming_store_difference, incoming_store_problem};
pub use uncovered::{incoming_side_file_gap, incoming_uncovered_data};

use fleet_core::labels::LabelError;
use fleet_core::names::NameError;
use fleet_core::refused_call::CallRefusal;
use fleet_core::window::WindowError;
use std::str::FromStr;

/// The most names or lines of one list of an order or of a result.
const LIST_LIMIT: usize = 10_000;

/// Invalid part of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// A required part is missing; the text names the field.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// The field has a value of 0 or one that this version does not know.
    #[error("`{field}` has no kind that this version knows")]
    Unknown {
        /// Name of the field.
        field: &'static str,
    },
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A label is not valid.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A window is not valid.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// The field is longer than its limit.
    #[error("`{field}` is larger than {limit}")]
    TooLarge {
        /// Name of the field.
        field: &'static str,
        /// Maximum length.
        limit: usize,
    },
}

impl From<ConvertError> for CallRefusal {
    fn from(error: ConvertError) -> Self {
        match error {
            ConvertError::Unknown { field } => Self::UnknownValue { field: field.to_owned() },
            ConvertError::Missing(_)
            | ConvertError::Name(_)
            | ConvertError::Label(_)
            | ConvertError::Window(_)
            | ConvertError::TooLarge { .. } => Self::Unreadable { problem: error.to_string() },
        }
    }
}

fn needed<T>(field: &'static str, value: Option<T>) -> Result<T, ConvertError> {
    value.ok_or(ConvertError::Missing(field))
}

/// The most characters of free text that a message may bring.
const TEXT_LIMIT: usize = 4096;

/// Free text is cut rather than refused: a long reason is still a reason.
fn bounded(text: String) -> String {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

fn at_most<T>(field: &'static str, limit: usize, items: Vec<T>) -> Result<Vec<T>, ConvertError> {
    if items.len() > limit {
        return Err(ConvertError::TooLarge { field, limit });
    }
    Ok(items)
}

/// Parses a bounded list of names.
fn names<T, C>(field: &'static str, limit: usize, texts: Vec<String>) -> Result<C, ConvertError>
where
    T: FromStr<Err = NameError>,
    C: FromIterator<T>,
{
    Ok(at_most(field, limit, texts)?.iter().map(|text| text.parse()).collect::<Result<C, NameError>>()?)
}

/// Cuts a list to the receiver's limit.
fn cut<T>(mut list: Vec<T>) -> Vec<T> {
    list.truncate(LIST_LIMIT);
    list
}

/// Reads a name that may be empty.
fn optional_name<T: FromStr<Err = NameError>>(text: &str) -> Result<Option<T>, ConvertError> {
    if text.is_empty() { Ok(None) } else { Ok(Some(text.parse()?)) }
}

/// Pairs the variants of an enum of core with those of an enum of the wire, both ways, in full.
macro_rules! enumeration {
    ($core:ident, $wire:ident, $field:literal: $($variant:ident => $value:ident),+ $(,)?) => {
        impl From<$core> for v1::$wire {
            fn from(value: $core) -> Self {
                match value {
                    $($core::$variant => Self::$value,)+
                }
            }
        }

        impl TryFrom<v1::$wire> for $core {
            type Error = ConvertError;
            fn try_from(value: v1::$wire) -> Result<Self, ConvertError> {
                match value {
                    $(v1::$wire::$value => Ok(Self::$variant),)+
                    v1::$wire::Unspecified => Err(ConvertError::Unknown { field: $field }),
                }
            }
        }
    };
}
use enumeration;

#[cfg(test)]
mod tests;

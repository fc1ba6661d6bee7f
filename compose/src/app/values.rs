//! The values of one instance, checked against what its app declares.
//!
//! **Invariant:** checked values are complete and of their declared types; a secret among them is never shown.

use super::ValueType;
use crate::spec::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The values as an operator gave them.
pub type Given = BTreeMap<String, String>;

/// Values that passed [`CheckedValues::check`], with defaults filled in. An optional value that nobody set is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedValues(BTreeMap<String, CheckedValue>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedValue {
    pub kind: ValueType,
    pub text: Text,
}

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueProblem {
    #[error("there is no value `{name}`{}", did_you_mean(meant.as_deref()))]
    Unknown { name: String, meant: Option<String> },
    #[error("the value `{name}` is required")]
    Missing { name: String },
    #[error("the value `{name}` must be {expected}, not `{found}`")]
    Wrong { name: String, expected: String, found: Text },
}

fn did_you_mean(meant: Option<&str>) -> String {
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

impl CheckedValues {
    pub(super) fn new(values: BTreeMap<String, CheckedValue>) -> Self {
        Self(values)
    }

    pub fn get(&self, name: &str) -> Option<&CheckedValue> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &CheckedValue)> {
        self.0.iter()
    }

    pub fn holds_a_secret(&self) -> bool {
        self.0.values().any(|value| value.text.is_secret())
    }
}

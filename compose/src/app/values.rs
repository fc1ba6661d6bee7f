//! Values of one instance, checked against its app's declarations.
//!
//! **Invariant:** checked values are complete and of their declared types; a secret among them is never shown.

use super::ValueType;
use crate::spec::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The values as an operator gave them.
pub type Given = BTreeMap<String, String>;

/// Values that passed [`CheckedValues::check`], with defaults filled in. An unset optional value is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedValues(BTreeMap<String, CheckedValue>);

/// Value that fits its declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedValue {
    /// Declared type.
    pub kind: ValueType,
    /// The value in its normal form.
    pub text: Text,
}

/// Problem of one value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueProblem {
    /// Name that the app does not declare.
    #[error("there is no value `{name}`{}", did_you_mean(meant.as_deref()))]
    Unknown {
        /// Name of the value.
        name: String,
        /// Declared name that is most similar.
        meant: Option<String>,
    },
    /// Required value without a default that is not given.
    #[error("the value `{name}` is required")]
    Missing {
        /// Name of the value.
        name: String,
    },
    /// Value that does not fit its declaration.
    #[error("the value `{name}` must be {expected}, not `{found}`")]
    Wrong {
        /// Name of the value.
        name: String,
        /// Description of accepted values.
        expected: String,
        /// Given text, cut to 80 characters.
        found: Text,
    },
}

fn did_you_mean(meant: Option<&str>) -> String {
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

impl CheckedValues {
    pub(super) fn new(values: BTreeMap<String, CheckedValue>) -> Self {
        Self(values)
    }

    /// Returns a value by its name.
    pub fn get(&self, name: &str) -> Option<&CheckedValue> {
        self.0.get(name)
    }

    /// Returns all values in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &CheckedValue)> {
        self.0.iter()
    }

    /// Returns true where a value is secret.
    pub fn holds_a_secret(&self) -> bool {
        self.0.values().any(|value| value.text.is_secret())
    }
}

//! Declaration of the values that an app's instances set.

use serde::{Deserialize, Serialize};

/// Declaration of one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Type of the value.
    #[serde(rename = "type")]
    pub kind: ValueType,
    /// The value where none is given; written as its text.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "scalar::optional")]
    pub default: Option<String>,
    /// True where an instance must set it.
    #[serde(default)]
    pub required: bool,
    /// True where it is sealed and never shown.
    #[serde(default)]
    pub secret: bool,
    /// Text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The bounds of an integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// Greatest integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// Allowed values of a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "scalar::list")]
    pub choices: Vec<String>,
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// Any text.
    String,
    /// Whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Number from 1 to 65535.
    Port,
    /// Length of time, such as `1h30m`.
    Duration,
    /// Amount of bytes, such as `2g`.
    Size,
    /// A choice among fixed values.
    Choice,
    /// An absolute path on the host.
    Path,
}

/// Parses YAML scalars of any type as their text.
pub(super) mod scalar {
    use serde::{Deserialize, Deserializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Scalar {
        Boolean(bool),
        Integer(i64),
        Decimal(f64),
        Text(String),
    }

    impl Scalar {
        fn into_text(self) -> String {
            match self {
                Self::Boolean(value) => value.to_string(),
                Self::Integer(value) => value.to_string(),
                Self::Decimal(value) => value.to_string(),
                Self::Text(value) => value,
            }
        }
    }

    pub fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
        Ok(Option::<Scalar>::deserialize(from)?.map(Scalar::into_text))
    }

    pub fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        Ok(Vec::<Scalar>::deserialize(from)?.into_iter().map(Scalar::into_text).collect())
    }
}

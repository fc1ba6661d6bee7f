//! How an app declares what its instances set.

use serde::{Deserialize, Serialize};

/// One declared value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    #[serde(rename = "type")]
    pub kind: ValueType,
    /// The value where none is given; written as its text.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "scalar::optional")]
    pub default: Option<String>,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub secret: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The bounds of an integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// What a choice may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "scalar::list")]
    pub choices: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    String,
    Integer,
    Boolean,
    Port,
    Duration,
    Size,
    Choice,
    /// An absolute path on the host.
    Path,
}

/// Reads YAML scalars of any type as the text that stands for them.
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

//! Bytes in JSON as hexadecimal digits, two for each: a list of numbers would take four.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serializer, de};

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&HEXLOWER.encode(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    HEXLOWER.decode(text.as_bytes()).map_err(|_| de::Error::custom("these are not bytes in hexadecimal"))
}

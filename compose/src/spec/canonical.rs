//! Canonical JSON and its digests: equal meanings have equal texts.

use crate::names::Digest;
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The hex digits of the SHA-256 of a value's canonical JSON.
pub fn hash_of<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).expect("a spec has text keys only, so it is JSON");
    HEXLOWER.encode(&Sha256::digest(canonical(&value)))
}

/// JSON with sorted keys and no spaces; the same bytes whichever order the keys had.
fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<_> = sorted.iter().map(|(key, value)| field(key, value)).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn field(key: &str, value: &Value) -> String {
    format!("{}:{}", Value::from(key), canonical(value))
}

pub fn digest_of_bytes(bytes: &[u8]) -> Digest {
    let text = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)));
    text.parse().expect("a SHA-256 in hex digits is a digest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let value = serde_json::json!({"b": [1, {"d": "é", "c": null}], "a": true});
        assert_eq!(canonical(&value), r#"{"a":true,"b":[1,{"c":null,"d":"é"}]}"#);
    }
}

//! One text for one meaning: canonical JSON, and digests of it.

use crate::names::Digest;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The hex digits of the SHA-256 of a value's canonical JSON.
pub fn hash_of<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).expect("a spec has text keys only, so it is JSON");
    to_hex(&Sha256::digest(canonical(&value)))
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
    let text = format!("sha256:{}", to_hex(&Sha256::digest(bytes)));
    text.parse().expect("a SHA-256 in hex digits is a digest")
}

pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Some(value(*pair.first()?)? << 4 | value(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let value = serde_json::json!({"b": [1, {"d": "é", "c": null}], "a": true});
        assert_eq!(canonical(&value), r#"{"a":true,"b":[1,{"c":null,"d":"é"}]}"#);
    }

    #[test]
    fn hex_digits_are_read_back() {
        assert_eq!(from_hex(&to_hex(&[0, 9, 255])), Some(vec![0, 9, 255]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("zz"), None);
    }
}

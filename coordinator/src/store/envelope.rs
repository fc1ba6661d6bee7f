//! Stored form of a value: with the version of its format and its revision.

use super::{Entry, FORMAT, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: u32,
    revision: u64,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Wraps a body that is JSON.
pub fn wrap(revision: u64, body: &str) -> Vec<u8> {
    format!(r#"{{"format":{FORMAT},"revision":{revision},"body":{body}}}"#).into_bytes()
}

/// Unwraps a value, if this program knows its format.
pub fn unwrap(key: &str, bytes: &[u8]) -> Result<Entry, StoreError> {
    let wrong = |source| StoreError::Read { key: key.to_owned(), source };
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(wrong)?;
    if envelope.format > FORMAT {
        return Err(StoreError::NewerFormat { key: key.to_owned(), found: envelope.format });
    }
    Ok(Entry { key: key.to_owned(), revision: envelope.revision, body: envelope.body.get().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_out_as_it_went_in() {
        let entry = unwrap("a", &wrap(7, r#"{"x":[1]}"#)).expect("the format is known");
        assert_eq!((entry.revision, entry.body.as_str()), (7, r#"{"x":[1]}"#));
    }

    #[test]
    fn a_newer_format_is_refused_and_garbage_too() {
        let newer = unwrap("a", br#"{"format":2,"revision":1,"body":null}"#);
        assert!(matches!(newer, Err(StoreError::NewerFormat { found: 2, .. })));
        assert!(matches!(unwrap("a", b"\xff\x00"), Err(StoreError::Read { .. })));
    }
}

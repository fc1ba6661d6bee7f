//! Changes of one commit, and the state that it expects.

use serde::Serialize;

/// Changes that happen together or not at all.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    pub(super) expected: Vec<(String, Expect)>,
    pub(super) writes: Vec<Write>,
}

#[derive(Debug, Clone)]
pub(super) struct Write {
    pub key: String,
    /// JSON; none deletes.
    pub body: Option<String>,
}

/// State that a commit expects for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The key has no entry.
    Absent,
    /// The entry has this revision.
    Revision(u64),
}

impl Batch {
    /// Makes an empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns whether the batch writes and expects nothing.
    pub fn is_empty(&self) -> bool {
        self.expected.is_empty() && self.writes.is_empty()
    }

    /// Returns the number of bytes that the batch writes.
    pub fn bytes(&self) -> usize {
        self.writes.iter().map(|write| write.key.len() + write.body.as_ref().map_or(0, String::len)).sum()
    }

    /// Makes the whole batch fail with a conflict unless the key is as expected.
    pub fn expect(&mut self, key: impl Into<String>, expect: Expect) {
        self.expected.push((key.into(), expect));
    }

    /// Adds a write of a value as JSON.
    pub fn put<T: Serialize + ?Sized>(&mut self, key: impl Into<String>, value: &T) {
        let body = serde_json::to_string(value).expect("what is kept has text keys only, so it is JSON");
        self.put_json(key, body);
    }

    /// Adds a write of serialised JSON.
    pub fn put_json(&mut self, key: impl Into<String>, body: String) {
        self.writes.push(Write { key: key.into(), body: Some(body) });
    }

    /// Adds a removal of a key.
    pub fn delete(&mut self, key: impl Into<String>) {
        self.writes.push(Write { key: key.into(), body: None });
    }

    /// Adds all that another batch does.
    pub fn append(&mut self, other: Self) {
        self.expected.extend(other.expected);
        self.writes.extend(other.writes);
    }
}

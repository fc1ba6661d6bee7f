//! Tokens and enrolled subjects: who may come in. Changed together with hosts and operators, in one batch.

use super::{DesiredChange, Facts, StateSnapshot};
use crate::identity::{Believes, Serial, SubjectKept, TokenKept, TokenState};
use crate::keys;
use crate::store::{Store, StoreError};
use fleet_core::access::Subject;
use fleet_core::time::Time;
use std::collections::HashMap;
use std::time::Duration;

/// Time for which a used or expired token is remembered, so that its refusal can be explained.
const MEMORY: Duration = Duration::from_secs(30 * 86_400);
/// No more of them are remembered: the newest.
const CLOSED_TOKENS: usize = 25_000;

#[derive(Debug, Default)]
pub struct People {
    subjects: HashMap<Subject, SubjectKept>,
    /// By the hash of the secret.
    tokens: HashMap<Box<str>, TokenKept>,
}

impl People {
    pub fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let mut people = Self::default();
        for entry in store.scan(keys::SUBJECTS)? {
            let name = entry.key.strip_prefix(keys::SUBJECTS).and_then(|name| name.parse().ok());
            let subject = name.ok_or_else(|| StoreError::Name { key: entry.key.clone() })?;
            people.subjects.insert(subject, entry.read()?);
        }
        for entry in store.scan(keys::TOKENS)? {
            let hash = entry.key.strip_prefix(keys::TOKENS).unwrap_or(&entry.key);
            people.tokens.insert(hash.into(), entry.read()?);
        }
        Ok(people)
    }
}

impl Believes for Facts {
    fn believes(&self, subject: &Subject, serial: &Serial) -> bool {
        self.read().subject(subject).is_some_and(|kept| kept.believes(serial))
    }
}

impl StateSnapshot {
    /// Returns the record of an enrolled host or operator.
    pub fn subject(&self, subject: &Subject) -> Option<&SubjectKept> {
        self.people.subjects.get(subject)
    }

    /// Returns all enrolled hosts and operators.
    pub fn subjects(&self) -> impl Iterator<Item = (&Subject, &SubjectKept)> {
        self.people.subjects.iter()
    }

    /// Returns the token with this hash.
    pub fn token(&self, hash: &str) -> Option<&TokenKept> {
        self.people.tokens.get(hash)
    }

    /// Every token that is remembered, with its hash.
    pub fn tokens(&self) -> impl Iterator<Item = (&str, &TokenKept)> {
        self.people.tokens.iter().map(|(hash, token)| (hash.as_ref(), token))
    }
}

impl DesiredChange<'_> {
    /// Adds or replaces the record of a host or operator.
    pub fn put_subject(&mut self, subject: &Subject, kept: SubjectKept) {
        self.batch.put(keys::subject(subject), &kept);
        self.snapshot.people.subjects.insert(subject.clone(), kept);
    }

    /// Ends every certificate and every token of a subject.
    pub fn remove_subject(&mut self, subject: &Subject) {
        self.batch.delete(keys::subject(subject));
        self.snapshot.people.subjects.remove(subject);
        self.revoke_tokens_of(subject);
    }

    /// Adds or replaces a token; `hash` is the hash of its secret.
    pub fn put_token(&mut self, hash: &str, token: TokenKept) {
        self.batch.put(keys::token(hash), &token);
        self.snapshot.people.tokens.insert(hash.into(), token);
    }

    /// A new token for a subject ends those given before.
    pub fn revoke_tokens_of(&mut self, subject: &Subject) {
        let open = |token: &&TokenKept| token.subject == *subject && token.uses_left > 0 && !token.revoked;
        let theirs = self.snapshot.tokens().filter(|(_, token)| open(token));
        let revoked: Vec<_> = theirs.map(|(hash, token)| (hash.to_owned(), token.clone())).collect();
        for (hash, token) in revoked {
            self.put_token(&hash, TokenKept { revoked: true, ..token });
        }
    }

    /// Removes old tokens that can no longer be used.
    pub fn forget_old_tokens(&mut self) {
        let now = self.now;
        let closed = self.snapshot.tokens().filter(|(_, token)| token.state(now) != TokenState::Open);
        let mut closed: Vec<Time> = closed.map(|(_, token)| token.created).collect();
        closed.sort_unstable_by(|a, b| b.cmp(a));
        // Endless invitations must fill neither memory nor store.
        let since = closed.get(CLOSED_TOKENS).copied().unwrap_or(Time::ZERO);
        let is_old = |token: &TokenKept| {
            token.expires.after(MEMORY) < now || (token.created <= since && token.state(now) != TokenState::Open)
        };
        let old = self.snapshot.tokens().filter(|(_, token)| is_old(token));
        let hashes: Vec<String> = old.map(|(hash, _)| hash.to_owned()).collect();
        for hash in hashes {
            self.batch.delete(keys::token(&hash));
            self.snapshot.people.tokens.remove(hash.as_str());
        }
    }
}

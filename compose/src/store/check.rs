//! Checks of a restored store: a question, and the answer that makes it good.

use serde::{Deserialize, Serialize};

/// A question to a restored store, and the answer that makes it good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Question.
    pub ask: DatabaseQuestion,
    /// Answer that makes the store good.
    pub expect: Expected,
}

/// Question to a restored store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseQuestion {
    /// A query in the database's own language.
    Query(String),
    /// Inside a service's container.
    Command {
        /// Compose service.
        service: String,
        /// Words of the command.
        words: Vec<String>,
    },
}

/// Answer that makes a store good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The whole answer, without white space around it.
    Text(String),
    /// Number of at least this.
    AtLeast(u64),
    /// Any answer, if only the question could be asked.
    Success,
}

/// Answer that is not the expected one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{check}: `{shown}` instead of {wanted}")]
pub struct CheckError {
    check: String,
    shown: String,
    wanted: String,
}

impl Check {
    /// Evaluates the answer; both results are text for people.
    ///
    /// # Errors
    /// The answer is not the expected one.
    pub fn judge(&self, answer: &str) -> Result<Option<String>, CheckError> {
        let answer = answer.trim();
        let shown: String = answer.chars().take(80).collect();
        let (is_good, wanted) = match &self.expect {
            Expected::Success => return Ok(None),
            Expected::Text(text) => (answer == text.trim(), format!("`{text}`")),
            Expected::AtLeast(least) => {
                (answer.parse::<u64>().is_ok_and(|found| found >= *least), format!("at least {least}"))
            }
        };
        if is_good { Ok(Some(shown)) } else { Err(CheckError { check: self.to_string(), shown, wanted }) }
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match &self.ask {
            DatabaseQuestion::Query(query) => query.clone(),
            DatabaseQuestion::Command { service, words } => format!("{} in {service}", words.join(" ")),
        };
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect();
        f.pad(&line)
    }
}

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
pub enum CheckError {
    /// Answer with another text.
    #[error("{question}: `{answer}` instead of `{expected}`")]
    OtherAnswer {
        /// Query or command.
        question: String,
        /// Beginning of the answer.
        answer: String,
        /// Expected answer.
        expected: String,
    },
    /// Answer that is not a number, or too small.
    #[error("{question}: `{answer}` instead of at least {least}")]
    TooSmallAnswer {
        /// Query or command.
        question: String,
        /// Beginning of the answer.
        answer: String,
        /// Lowest number that is good.
        least: u64,
    },
}

impl Check {
    /// Evaluates the answer, and returns its beginning if the check expects a certain one.
    ///
    /// # Errors
    /// The answer is not the expected one.
    pub fn judge(&self, answer: &str) -> Result<Option<String>, CheckError> {
        let answer = answer.trim();
        let shown: String = answer.chars().take(80).collect();
        let question = || self.to_string();
        match &self.expect {
            Expected::Success => Ok(None),
            Expected::Text(text) if answer == text.trim() => Ok(Some(shown)),
            Expected::Text(text) => {
                Err(CheckError::OtherAnswer { question: question(), answer: shown, expected: text.clone() })
            }
            Expected::AtLeast(least) if answer.parse::<u64>().is_ok_and(|found| found >= *least) => Ok(Some(shown)),
            Expected::AtLeast(least) => {
                Err(CheckError::TooSmallAnswer { question: question(), answer: shown, least: *least })
            }
        }
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

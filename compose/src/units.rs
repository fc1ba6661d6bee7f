//! Lengths of time and amounts of bytes, as people write them: `1h30m`, `512m`.
//!
//! **Invariant:** displayed values can be parsed again with the same meaning.

mod period;
mod size;

pub use period::Period;
pub use size::Size;

/// Reason why a text is not a length of time or an amount of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a length of time.
    #[error("`{0}` is not a length of time: write `90s`, `5m`, `1h30m` or `500ms`")]
    NotAPeriod(String),
    /// Not an amount of bytes.
    #[error("`{0}` is not a size: write `512k`, `64m` or `2g`")]
    NotASize(String),
}

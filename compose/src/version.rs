//! Order of an app's versions, and ranges of them.

mod order;
mod range;
#[cfg(test)]
mod tests;

pub use order::{VersionError, VersionKey, VersionScheme};
pub use range::{RangeError, ResolvedRange, VersionRange};

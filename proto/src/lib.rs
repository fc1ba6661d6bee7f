//! The wire protocol of fleet: generated code, and the conversions from and to core's types.
//!
//! **Invariant:** `convert` is the only place where messages and core's types meet; a value of 0 for an enum is refused there.

#![warn(missing_docs)]

mod codec;
pub mod convert;
pub mod protocol;
pub mod refusal;
pub mod words;

/// The generated code of package `fleet.v1`.
#[allow(clippy::all, clippy::pedantic, missing_debug_implementations, missing_docs, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("fleet.v1");
}

pub use protocol::{PROTOCOL, PROTOCOL_MIN};

/// The most bytes one message may have.
pub const MESSAGE_LIMIT: usize = 1024 * 1024;

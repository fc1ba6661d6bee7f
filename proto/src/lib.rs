//! The wire of fleet and what it keeps on disk: generated code, and the conversions to and from core's words.
//!
//! **Invariant:** `convert` is the only place where wire and words meet; a value of 0 for an enum is refused there.

pub mod convert;
pub mod link;
pub mod refusal;

/// The generated code of package `fleet.v1`.
#[allow(clippy::all, clippy::pedantic, missing_debug_implementations, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("fleet.v1");
}

/// The version of the wire. A peer of another version is told so, and by which side it should be upgraded.
pub const PROTOCOL: u32 = 1;

/// The most bytes one message may have.
pub const MESSAGE_LIMIT: usize = 1024 * 1024;

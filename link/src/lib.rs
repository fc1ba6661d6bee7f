//! The dialing side of the link: who we are, how we are admitted, and the channel to the coordinator.
//!
//! **Invariant:** a private key is born here, is kept in one file with mode 0600, and never travels.

#![warn(missing_docs)]

mod admit;
mod dial;
mod error;
mod identity;
mod renew;

pub use admit::{admit, admit_as};
pub use dial::{CONNECT_LIMIT, dial};
pub use error::{CoordinatorProtocol, LinkError};
pub use identity::{Identity, IdentityError};
pub use renew::{renew, renewal_moment};

/// The name in the coordinator's own certificate, whatever address it is reached at.
///
/// Only the coordinator's certificate has it, and only the one CA that the join token names is trusted, so that an
/// address may change, or lie behind a translation, without a new certificate.
pub const SERVER_NAME: &str = "fleet-coordinator";

//! Authentication: the fleet's own CA, join tokens, certificates, and their revocation.
//!
//! **Invariant:** only the hash of a token's secret is stored. **Invariant:** a certificate is valid only while its
//! serial is in its subject's record; removing the record revokes all certificates of the subject.

mod authority;
mod error;
mod seal;
mod server;
mod subject;
mod token;
mod verifier;

pub use authority::{Authority, BACKDATE, Issued, host_of, key_of, write_private};
pub use error::IdentityError;
pub use seal::Seal;
pub use server::{ServerCertificate, server_config};
pub use subject::{MACHINES, Serial, SubjectKept, Unknown, peer_of, spoken_subject};
pub use token::{Admitted, TokenKept, TokenState, hash_of_secret, new_secret};
pub use verifier::Believes;

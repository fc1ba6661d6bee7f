//! The one port: who connects, who is believed, and which service answers.

mod background;
mod calls;
mod connection;
mod exporter;
mod handshakes;
mod join;
mod loops;
mod mark;
mod port;
mod router;
mod running;
mod serve_error;
mod silent;
mod unauthenticated;

pub use join::{IdentityService, JoinService};
#[cfg(test)]
pub use loops::Loops;
pub use running::{Config, Options, Running, serve};
pub use serve_error::ServeError;

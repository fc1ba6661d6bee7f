//! The agents' service: queries to hosts, their reports, and their presence.
//!
//! **Invariant:** a host's name comes from its certificate. **Invariant:** a host can end only its own connection,
//! whatever it does or fails to do.

mod budget;
mod bundles;
mod open_set;
mod pace;
mod protocol;
mod queries;
mod report;
mod service;
mod session;
mod sweep;
mod watch;

pub use budget::{Budgets, Excess};
pub use bundles::{PIECE, kept_piece, read_piece};
pub use queries::{AskError, Asking, HostQueries, Lost};
pub use service::AgentsService;
pub use session::{Session, Sessions};
pub use sweep::sweep;

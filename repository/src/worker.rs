//! A separate process for each read or write of a repository.
//!
//! rustic_core panics where others return an error, and a large repository takes memory that a daemon should not have had. So
//! the work is done by the caller's own program, started once more: it serves one request on its standard input and output,
//! has its memory limited, and can be killed. Secrets travel on its standard input only.

mod client;
mod frame;
mod perform;
mod request;
mod serve;
mod source;
mod worker_error;

pub use client::{Limits, Next, Worker, while_it_moves};
pub use request::{Answer, BackendSpec, Progress, Request, StreamSpec, Work};
pub use serve::{NoCoordinator, Places, main};
pub use worker_error::{Failure, FailureKind, WorkerError};

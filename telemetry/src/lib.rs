//! Log and metrics of the coordinator and the agent: formats and their transport. The programs decide which figures there are.

mod json;
mod log;

pub use log::{LogFormat, start_log};

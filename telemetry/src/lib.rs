//! Log and metrics of the coordinator and the agent: formats and their transport. The programs decide which figures there are.

#![warn(missing_docs)]

mod json;
mod log;
mod page;
mod process;

pub use log::{LogFormat, start_log};
pub use page::{CONTENT_TYPE, Figures, Page, Samples, page};
pub use process::write_process;

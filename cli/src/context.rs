//! Context of every command: output, identity, and time limits.

use crate::environment::Input;
use crate::printer::Printer;
use fleet_core::time::Time;
use fleet_render::Renderer;
use std::path::PathBuf;
use std::time::Duration;

pub struct Context {
    pub printer: Printer,
    pub stdin: Input,
    pub clock: fn() -> Time,
    /// The folder of all contexts.
    pub home: Option<PathBuf>,
    /// The context that was asked for by name.
    pub name: Option<String>,
    /// Time limit for one request to the coordinator.
    pub timeout: Duration,
    pub renderer: Renderer,
}

impl Context {
    pub fn now(&self) -> Time {
        (self.clock)()
    }
}

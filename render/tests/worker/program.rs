//! A program that is nothing but a worker, for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    fleet_render::main()
}

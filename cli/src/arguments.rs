//! Command line: arguments that all commands share.

use crate::commands::Command;
use clap::Parser;
use fleet_core::units::Period;

/// Operates data platforms on many lab servers, centrally and safely
#[derive(Debug, Parser)]
#[command(
    name = "fleet",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Further pages: `fleet help tokens`, `selectors`, `windows`, `rollouts`, `values`, `output`, `exit-codes`."
)]
pub struct Fleet {
    /// Tell only the answer, not the story
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,

    /// Time limit for one request to the coordinator
    #[arg(long, global = true, default_value = "30s", value_name = "PERIOD", help_heading = "Everywhere")]
    pub timeout: Period,

    /// The login to use, where you have several (or FLEET_CONTEXT)
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub context: Option<String>,

    #[command(subcommand)]
    pub command: Command,
}

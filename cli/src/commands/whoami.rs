//! `fleet whoami`: who the caller is to the coordinator.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::{one_line, until};
use crate::output::{OutputArgs, show_one};
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::{Me, OperatorRole, WhoAmIRequest};
use fleet_proto::words::word;

/// Show who you are to the coordinator
#[derive(Debug, Args)]
pub struct WhoamiArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &WhoamiArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let me = session.ask("ask who you are", async |mut c| c.who_am_i(WhoAmIRequest {}).await).await?;
    let lines = |me: &Me| {
        let ends = until(context.now(), me.certificate_expires_ms);
        vec![
            format!("{} ({}) at {}", one_line(&me.name), word::<OperatorRole>(me.role), session.address),
            format!(
                "coordinator {}; your certificate lasts {ends} more and renews itself",
                one_line(&me.coordinator_version)
            ),
        ]
    };
    show_one(context, args.output.output, &me, (lines, &me.name))?;
    Ok(ExitStatus::Done)
}

//! `fleet token revoke`: makes a join token worthless.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::RevokeTokenRequest;

/// Make a join token worthless; who has joined with it stays
#[derive(Debug, Args)]
pub struct TokenRevokeArgs {
    /// The token's id, as `fleet token ls` shows it
    #[arg(add = ArgValueCandidates::new(complete::tokens))]
    id: String,
}

pub async fn run(context: &Context, args: &TokenRevokeArgs) -> Result<ExitStatus, CommandError> {
    let request = RevokeTokenRequest { id: args.id.clone() };
    let what = format!("revoke the token {}", args.id);
    let session = context.session().await?;
    session.ask(&what, async |mut c| c.revoke_token(request).await).await?;
    context.printer.story(format!("the token {} cannot be used any more", args.id));
    Ok(ExitStatus::Done)
}

//! `fleet token ls`: lists the tokens, without their secrets, which are not stored.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::until;
use crate::output::{Column, OutputArgs, show_list};
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::{ListTokensRequest, TokenState, TokenView};
use fleet_proto::words::word;

/// List join tokens
#[derive(Debug, Args)]
pub struct TokenLsArgs {
    #[command(flatten)]
    output: OutputArgs,
}

const COLUMNS: &[Column<TokenView>] = &[
    Column::new("ID", |token, _| token.id.clone()),
    Column::new("FOR", |token, _| token.subject.clone()),
    Column::new("STATE", |token, _| word::<TokenState>(token.state)),
    Column::new("USES LEFT", |token, _| token.uses_left.to_string()),
    Column::new("ENDS IN", |token, now| until(now, token.expires_ms)),
];

pub async fn run(context: &Context, args: &TokenLsArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let list = session.ask("list tokens", async |mut c| c.list_tokens(ListTokensRequest {}).await).await?;
    let look = (COLUMNS, (|token| token.id.clone()) as fn(&TokenView) -> String);
    show_list(context, args.output.output, &list.tokens, look, "there are no join tokens")?;
    Ok(ExitStatus::Done)
}

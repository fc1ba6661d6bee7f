//! `fleet operator ls`: who may use the coordinator.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::age;
use crate::output::{Column, OutputArgs, show_list};
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::{ListOperatorsRequest, OperatorRole, OperatorView};
use fleet_proto::words::word;

/// List operators
#[derive(Debug, Args)]
pub struct OperatorLsArgs {
    #[command(flatten)]
    output: OutputArgs,
}

const COLUMNS: &[Column<OperatorView>] = &[
    Column::new("NAME", |operator, _| operator.name.clone()),
    Column::new("ROLE", |operator, _| word::<OperatorRole>(operator.role)),
    Column::new("ADDED", |operator, now| age(now, operator.added_ms)),
    Column::new("SEEN", |operator, now| age(now, operator.last_seen_ms)),
];

pub async fn run(context: &Context, args: &OperatorLsArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let list = session.ask("list operators", async |mut c| c.list_operators(ListOperatorsRequest {}).await).await?;
    let look = (COLUMNS, (|operator| operator.name.clone()) as fn(&OperatorView) -> String);
    show_list(context, args.output.output, &list.operators, look, "there are no operators")?;
    Ok(ExitStatus::Done)
}

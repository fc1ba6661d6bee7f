//! `fleet operator add`: a token with which a person or a program logs in.

use crate::choices::roles;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::moment;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_core::grammar::count;
use fleet_core::names::OperatorName;
use fleet_core::units::Period;
use fleet_proto::v1::{AddOperatorRequest, OperatorRole};

/// Admit an operator: prints the token with which they log in
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet operator add ada --role operator\n  fleet operator add ci@build --role viewer --uses 3 --token-only"
)]
pub struct OperatorAddArgs {
    /// Their name: letters, digits and `-_.@+`
    name: OperatorName,

    /// Role of the operator; each role includes the ones before it
    #[arg(long, value_parser = roles())]
    role: OperatorRole,

    /// Lifetime of the token
    #[arg(long, default_value = "24h", value_name = "PERIOD")]
    token_life: Period,

    /// Number of machines that can use the token
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    uses: u32,

    /// Print the token, and nothing about it
    #[arg(long)]
    token_only: bool,
}

pub async fn run(context: &Context, args: &OperatorAddArgs) -> Result<ExitStatus, CommandError> {
    let request = AddOperatorRequest {
        name: args.name.to_string(),
        role: args.role.into(),
        token_seconds: args.token_life.as_duration().as_secs(),
        uses: args.uses,
    };
    let what = format!("admit {}", args.name);
    let session = context.session().await?;
    let invitation = session.ask(&what, async |mut c| c.add_operator(request).await).await?;
    if args.token_only {
        context.printer.answer(invitation.token)?;
        return Ok(ExitStatus::Done);
    }
    let times = if invitation.uses <= 1 { "once".to_owned() } else { count(invitation.uses, "time") };
    let until = moment(invitation.expires_ms);
    context.printer.story(format!("Give {} this token; it works {times} until {until}.", args.name));
    context
        .printer
        .story("They run `fleet login -`, which asks for it: on a command line every user of a machine can read it.");
    context.printer.answer(invitation.token)?;
    Ok(ExitStatus::Done)
}

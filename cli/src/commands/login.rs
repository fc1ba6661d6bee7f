//! `fleet login`: a join token for a login of one's own.

use crate::ask;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::folder;
use crate::session::link_error;
use clap::Args;
use fleet_core::access::{JoinToken, Joiner, Subject};
use fleet_proto::link;
use fleet_proto::v1::WhoAmIRequest;
use tokio::time::timeout;

/// Log in with the token that an administrator gave you
///
/// The key is made on this machine and never leaves it. The login is kept below $FLEET_CONFIG or ~/.config/fleet,
/// readable by you only, and renews itself whenever you use it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet login fleet1.6c61622e…\n  fleet login - <token.txt        keeps it out of the shell's history\n  fleet login --context berlin -"
)]
pub struct LoginArgs {
    /// The token, or `-` to read it from standard input
    #[arg(allow_hyphen_values = true)]
    token: String,
}

/// The most bytes that may come before a token is not one.
const TOKEN_LIMIT: usize = 4096;

pub async fn run(context: &Context, args: &LoginArgs) -> Result<ExitStatus, CommandError> {
    let token = read_token(context, &args.token)?;
    refuse_second_login(context)?;
    folder::prepare(context)?;
    let admitted = timeout(context.timeout, link::admit_as(Joiner::Operator, &token, context.now())).await;
    let identity = admitted
        .map_err(|_| {
            CommandError::unreachable("could not log in").because(format!("{} did not answer", token.address))
        })?
        .map_err(|error| link_error("could not log in", &error))?;
    if let Subject::Host(host) = &identity.subject {
        return Err(CommandError::refused("could not log in")
            .because(format!("the token was for the host {host}, and is used up now"))
            .hint(format!("make another with `fleet host add {host}` for the host, and ask for your own")));
    }
    folder::save(context, &identity)?;
    let session = context.session().await?;
    let me = session.ask("ask who you are", async |mut c| c.who_am_i(WhoAmIRequest {}).await).await?;
    context.printer.answer(format!("logged in to {} as {} ({})", session.address, me.name, me.role))?;
    Ok(ExitStatus::Done)
}

fn read_token(context: &Context, given: &str) -> Result<JoinToken, CommandError> {
    let text = match given {
        "-" if context.stdin.is_terminal => {
            context.printer.ask("Token: ");
            ask::read_line(context)?
        }
        "-" => ask::read_all(context, TOKEN_LIMIT)?,
        given => given.to_owned(),
    };
    let text = text.trim();
    let wrong = CommandError::misused("could not read the token");
    if text.chars().any(char::is_whitespace) {
        return Err(wrong
            .because("it has a line break or a space in it")
            .hint("copy the token as one line, or write it to a file and use `fleet login - <FILE`"));
    }
    text.parse().map_err(|error| wrong.because(error).hint("copy the whole token; see `fleet help tokens`"))
}

fn refuse_second_login(context: &Context) -> Result<(), CommandError> {
    let Ok(identity) = folder::load(context) else {
        return Ok(());
    };
    // One that has ended is good for nothing, and may be replaced.
    if identity.expires <= context.now() {
        return Ok(());
    }
    let Subject::Operator(name) = &identity.subject else {
        return Ok(());
    };
    Err(CommandError::refused("could not log in")
        .because(format!("you are logged in to {} as {name}; the token was not used", identity.address))
        .hint("`fleet logout` first, or keep both with `fleet login --context NAME TOKEN`"))
}

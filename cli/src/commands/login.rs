//! `fleet login`: a join token for a login of one's own.

use crate::ask;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::folder;
use crate::session::link_error;
use clap::Args;
use fleet_core::access::{JoinToken, Joiner, Subject};
use fleet_core::command_error::CommandError;

use fleet_proto::v1::{OperatorRole, WhoAmIRequest};
use fleet_proto::words::word;
use std::io::Read;
use std::path::{Path, PathBuf};
use tokio::time::timeout;

/// Log in with the token that an administrator gave you
///
/// The key is made on this machine and never leaves it. The login is kept below $FLEET_CONFIG or ~/.config/fleet,
/// readable by you only, and renews itself whenever you use it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet login -                          asks for the token\n  fleet login - <token.txt\n  fleet login --token-file token.txt\n  fleet login --context berlin -"
)]
pub struct LoginArgs {
    /// `-` to read the token from standard input; the token itself works too, but every user of this machine can read it there
    #[arg(allow_hyphen_values = true, required_unless_present = "token_file")]
    token: Option<String>,

    /// Read the token from this file
    #[arg(long, value_name = "FILE", conflicts_with = "token", value_hint = clap::ValueHint::FilePath)]
    token_file: Option<PathBuf>,
}

/// The most bytes that may come before a token is not one.
const TOKEN_LIMIT: usize = 4096;

const IN_ARGUMENTS: &str =
    "warning: every user of this machine can read a token on the command line; `fleet login -` asks for it instead";

pub async fn run(context: &Context, args: &LoginArgs) -> Result<ExitStatus, CommandError> {
    let token = read_token(context, args)?;
    refuse_second_login(context)?;
    folder::prepare(context)?;
    let admitted = timeout(context.timeout, fleet_link::admit_as(Joiner::Operator, &token, context.now())).await;
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
    let role = word::<OperatorRole>(me.role);
    context.printer.answer(format!("logged in to {} as {} ({role})", session.address, me.name))?;
    Ok(ExitStatus::Done)
}

fn read_token(context: &Context, args: &LoginArgs) -> Result<JoinToken, CommandError> {
    let (text, is_argument) = match (&args.token_file, args.token.as_deref()) {
        (Some(file), _) => (read_file(file)?, false),
        (None, Some("-") | None) if context.stdin.is_terminal => {
            context.printer.ask("Token: ");
            (ask::read_line(context)?, false)
        }
        (None, Some("-") | None) => (ask::read_all(context, TOKEN_LIMIT)?, false),
        (None, Some(given)) => (given.to_owned(), true),
    };
    let text = text.trim();
    let wrong = CommandError::misused("could not read the token");
    if text.chars().any(char::is_whitespace) {
        return Err(wrong
            .because("it has a line break or a space in it")
            .hint("copy the token as one line, or write it to a file and use `fleet login - <FILE`"));
    }
    let token = text.parse();
    let token = token.map_err(|error| wrong.because(error).hint("copy the whole token; see `fleet help tokens`"))?;
    if is_argument {
        context.printer.tell(IN_ARGUMENTS);
    }
    Ok(token)
}

fn read_file(file: &Path) -> Result<String, CommandError> {
    let wrong = || CommandError::refused(format!("could not read the token in `{}`", file.display()));
    let opened = std::fs::File::open(file).map_err(|error| wrong().because(error))?;
    let mut text = Vec::new();
    opened.take(TOKEN_LIMIT as u64 + 1).read_to_end(&mut text).map_err(|error| wrong().because(error))?;
    if text.len() > TOKEN_LIMIT {
        return Err(wrong().because("it is too large for a token"));
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn refuse_second_login(context: &Context) -> Result<(), CommandError> {
    let Ok(identity) = folder::load(context) else {
        return Ok(());
    };
    // An expired login is useless, and may be replaced.
    if identity.expires <= context.now() {
        return Ok(());
    }
    let Subject::Operator(name) = &identity.subject else {
        return Ok(());
    };
    Err(CommandError::refused("could not log in")
        .because(format!("you are logged in to {} as {name}; the token was not used", identity.address))
        .hint("`fleet logout` first, or keep both with `fleet login --context NAME -`"))
}

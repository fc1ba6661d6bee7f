//! `fleet-agent join`: a token for an identity, whole or not at all.

use super::{Join, say};
use crate::link_hints::link_hint;
use crate::{clock, identity_path};
use fleet_core::access::{JoinToken, Joiner, Subject};
use fleet_core::command_error::CommandError;
use fleet_link::{Identity, IdentityError, LinkError, admit_as};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

const WHAT: &str = "could not join the fleet";
/// The most that is read where a token should be.
const TOKEN_LIMIT: u64 = 4096;
const IN_ARGUMENTS: &str = "warning: every user of this host can read a token on the command line; `fleet-agent join -` reads it from the standard input";

pub async fn join(arguments: Join) -> Result<(), CommandError> {
    let path = identity_path(&arguments.data_dir);
    if !arguments.again {
        refuse_twice(&path)?;
    }
    let mut token = read_token(&arguments)?;
    if let Some(coordinator) = arguments.coordinator {
        token.address = coordinator;
    }
    make_private(&arguments.data_dir)?;
    let identity = admit_as(Joiner::Host, &token, clock::now()).await;
    let identity = identity.map_err(|error| of_link(WHAT, &error).said_once("could not join"))?;
    let Subject::Host(host) = &identity.subject else {
        let hint =
            "this token is for an operator: use it with `fleet login`, and make one with `fleet host add` for here";
        return Err(CommandError::refused(format!("{WHAT}: the token is for {}", identity.subject)).hint(hint));
    };
    identity.save(&path).map_err(|error| CommandError::refused(WHAT).because_of(&error))?;
    let (address, expires) = (&identity.address, identity.expires);
    say(&format!("joined the fleet at {address} as {host}; the certificate renews itself before {expires}\n"))
}

fn refuse_twice(path: &Path) -> Result<(), CommandError> {
    let again = "`fleet-agent join --again -` gives that identity up";
    match Identity::load(path) {
        Err(IdentityError::Absent { .. }) => Ok(()),
        Ok(known) => {
            let what = format!("this host has joined already: it is {} at {}", known.subject, known.address);
            Err(CommandError::refused(what).hint(again))
        }
        Err(error) => Err(CommandError::refused(WHAT).because_of(&error).hint(again)),
    }
}

fn read_token(arguments: &Join) -> Result<JoinToken, CommandError> {
    let unread = |error: io::Error| CommandError::refused("could not read the token").because_of(&error);
    let (text, is_argument) = match (&arguments.token_file, arguments.token.as_deref()) {
        (Some(file), _) => (read_text(File::open(file).map_err(unread)?).map_err(unread)?, false),
        (None, Some("-") | None) => (read_text(io::stdin()).map_err(unread)?, false),
        (None, Some(given)) => (given.to_owned(), true),
    };
    let hint = "`fleet host add NAME` makes a new one and shows the line to paste";
    let token = text.parse().map_err(|error| CommandError::misused(WHAT).because_of(&error).hint(hint))?;
    if is_argument {
        // A closed stderr is no failure.
        let _ = writeln!(io::stderr(), "{IN_ARGUMENTS}");
    }
    Ok(token)
}

fn read_text(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(TOKEN_LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes a folder readable by its owner only, because it holds private data.
fn make_private(folder: &Path) -> Result<(), CommandError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let made = made.and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(0o700)));
    made.map_err(|error| CommandError::refused(format!("could not make `{}`", folder.display())).because_of(&error))
}

/// Makes the error of a command from an error of the link, with its hint.
fn of_link(what: &str, error: &LinkError) -> CommandError {
    let made = match error {
        LinkError::Unreachable { .. }
        | LinkError::TimedOut { .. }
        | LinkError::WrongCa { .. }
        | LinkError::ServerCertificateTime => CommandError::unreachable(what),
        LinkError::Expired
        | LinkError::Revoked
        | LinkError::UnknownHere
        | LinkError::OtherProtocol { .. }
        | LinkError::Refused { .. }
        | LinkError::Failed(_)
        | LinkError::Key(_)
        | LinkError::BadAnswer(_) => CommandError::refused(what),
    };
    let made = made.because_of(error);
    made.hint(link_hint(error))
}

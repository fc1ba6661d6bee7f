//! `fleet-agent join`: a token for an identity, whole or not at all.

use super::error::CommandError;
use super::{Join, say};
use crate::{clock, identity_path};
use fleet_core::access::{JoinToken, Joiner, Subject};
use fleet_proto::link::{Identity, IdentityError, admit_as};
use std::fs::{DirBuilder, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

const WHAT: &str = "could not join the fleet";
/// The most that is read where a token should be.
const TOKEN_LIMIT: u64 = 4096;

pub async fn join(arguments: Join) -> Result<(), CommandError> {
    let path = identity_path(&arguments.data_dir);
    if !arguments.again {
        refuse_twice(&path)?;
    }
    let mut token = read_token(&arguments.token)?;
    if let Some(coordinator) = arguments.coordinator {
        token.address = coordinator;
    }
    make_private(&arguments.data_dir)?;
    let identity = admit_as(Joiner::Host, &token, clock::now()).await;
    let identity = identity.map_err(|error| CommandError::of_link(WHAT, &error).said_once("could not join"))?;
    let Subject::Host(host) = &identity.subject else {
        let hint =
            "this token is for an operator: use it with `fleet login`, and make one with `fleet host add` for here";
        return Err(CommandError::refused(format!("{WHAT}: the token is for {}", identity.subject)).hint(hint));
    };
    identity.save(&path).map_err(|error| CommandError::refused(WHAT).because(&error))?;
    let (address, expires) = (&identity.address, identity.expires);
    say(&format!("joined the fleet at {address} as {host}; the certificate renews itself before {expires}\n"))
}

fn refuse_twice(path: &Path) -> Result<(), CommandError> {
    let again = "`fleet-agent join --again TOKEN` gives that identity up";
    match Identity::load(path) {
        Err(IdentityError::Absent { .. }) => Ok(()),
        Ok(known) => {
            let what = format!("this host has joined already: it is {} at {}", known.subject, known.address);
            Err(CommandError::refused(what).hint(again))
        }
        Err(error) => Err(CommandError::refused(WHAT).because(&error).hint(again)),
    }
}

fn read_token(argument: &str) -> Result<JoinToken, CommandError> {
    let mut text = argument.to_owned();
    if argument == "-" {
        text.clear();
        let read = io::stdin().take(TOKEN_LIMIT).read_to_string(&mut text);
        read.map_err(|error| CommandError::refused("could not read the token").because(&error))?;
    }
    let hint = "`fleet host add NAME` makes a new one and shows the line to paste";
    text.parse().map_err(|error| CommandError::misused(WHAT).because(&error).hint(hint))
}

/// What is kept there is nobody else's business.
fn make_private(folder: &Path) -> Result<(), CommandError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let made = made.and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(0o700)));
    made.map_err(|error| CommandError::refused(format!("could not make `{}`", folder.display())).because(&error))
}

//! Hints about failures of the link, for the people at a host.

use fleet_core::hint::{Hint, LinkHint};
use fleet_link::LinkError;

/// Returns the hint for a failure of the link; empty if there is none.
pub fn link_hint(error: &LinkError) -> String {
    match error.hint() {
        Some(Hint::Text(text)) => text,
        Some(Hint::ReadCoordinatorLog) => "read the coordinator's log".to_owned(),
        Some(Hint::EndFollowing) => "wait until some of this host's calls have ended".to_owned(),
        hint => hint.as_ref().and_then(|hint| hint.link().map(words)).unwrap_or_default(),
    }
}

fn words(hint: &LinkHint) -> String {
    let text = match hint {
        LinkHint::JoinOnHost(host) => return format!("run `fleet-agent join` with it on {host}"),
        LinkHint::UpgradeProgram => "upgrade this program to the coordinator's version",
        LinkHint::UpgradeCoordinator => "upgrade the coordinator",
        LinkHint::CopyToken => "copy the whole token, or ask for a new one: `fleet host add NAME`",
        LinkHint::AskForToken => "ask for a new one: `fleet host add NAME`",
        LinkHint::CheckAdmitted => "if that was not you, remove whom it admitted; ask for a new token",
        LinkHint::LogIn => "use it with `fleet login`; `fleet host add` makes a token for a lab server",
        LinkHint::JoinAgain => "ask an administrator for a new token and join again",
        LinkHint::JoinFirst => "join first: `fleet-agent join -`",
        LinkHint::LetCertificatesEnd | LinkHint::Wait => "wait, and go on as before",
        LinkHint::SetClock => "set this machine's clock (timedatectl), then try again",
        LinkHint::EndConnections => "end some of its commands, or wait a minute; an agent comes back by itself",
        LinkHint::CheckCoordinator => "check that the coordinator runs and that its port is open from here",
        LinkHint::CheckAddress => "the address may be wrong, or somebody stands between: ask for a new token",
        LinkHint::JoinThisCoordinator => "join again with a token of this coordinator",
    };
    text.to_owned()
}

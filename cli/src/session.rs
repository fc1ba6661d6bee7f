//! Questions to the coordinator, each with a deadline and with errors that a person can act on.

use crate::context::Context;
use crate::folder;
use crate::words::{hints, refusals};
use fleet_core::command_error::CommandError;
use fleet_core::units::Period;
use fleet_link::{Identity, LinkError};
use fleet_proto::refusal::RefusalReason;
use fleet_proto::v1::backups_client::BackupsClient;
use fleet_proto::v1::operators_client::OperatorsClient;
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};

/// The most bytes of one answer: a list of 50,000 hosts.
const ANSWER_LIMIT: usize = 64 << 20;

pub type Client = OperatorsClient<Channel>;

pub struct Session {
    client: Client,
    backups: BackupsClient<Channel>,
    pub address: String,
    limit: Duration,
}

impl Context {
    /// Connects to the coordinator as the operator who is logged in.
    pub async fn session(&self) -> Result<Session, CommandError> {
        Session::open(self).await
    }
}

impl Session {
    /// Connects as the operator of this context, and renews the certificate when most of its life is over.
    pub async fn open(context: &Context) -> Result<Self, CommandError> {
        let identity = folder::load(context)?;
        let dialed = timeout(context.timeout, fleet_link::dial(&identity)).await;
        let channel = dialed
            .map_err(|_| silent("reach the coordinator", &identity.address, context.timeout))?
            .map_err(|error| link_error(&format!("could not reach the coordinator at {}", identity.address), &error))?;
        if is_old(context, &identity) {
            renew(context, &identity, channel.clone()).await;
        }
        let client = OperatorsClient::new(channel.clone()).max_decoding_message_size(ANSWER_LIMIT);
        let backups = BackupsClient::new(channel).max_decoding_message_size(ANSWER_LIMIT);
        Ok(Self { client, backups, address: identity.address, limit: context.timeout })
    }

    /// Returns the client for requests about backups.
    pub fn backups(&self) -> BackupsClient<Channel> {
        self.backups.clone()
    }

    /// Sends one request; `what` completes "could not …".
    pub async fn ask<T>(
        &self,
        what: &str,
        question: impl AsyncFnOnce(Client) -> Result<Response<T>, Status>,
    ) -> Result<T, CommandError> {
        let answer = timeout(self.limit, question(self.client.clone())).await;
        let answer = answer.map_err(|_| silent(what, &self.address, self.limit))?;
        answer.map(Response::into_inner).map_err(|status| self.no(what, status))
    }

    /// Opens a stream of answers. Only its beginning has a deadline.
    pub async fn open_stream<T>(
        &self,
        what: &str,
        question: impl AsyncFnOnce(Client) -> Result<Response<Streaming<T>>, Status>,
    ) -> Result<Streaming<T>, CommandError> {
        self.ask(what, question).await
    }

    /// The error for a status that came while something was read.
    pub fn no(&self, what: &str, status: Status) -> CommandError {
        link_error(&format!("could not {what}"), &LinkError::from_status(&self.address, status))
    }
}

fn silent(what: &str, address: &str, limit: Duration) -> CommandError {
    CommandError::unreachable(format!("could not {what}"))
        .because(format!("the coordinator at {address} did not answer within {}", Period::from(limit)))
        .hint("check that it runs and that its port is open from here, or allow more time with --timeout")
}

fn is_old(context: &Context, identity: &Identity) -> bool {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    context.now() >= fleet_link::renewal_moment(identity.issued, identity.expires, random)
}

/// Renewing is a kindness: when it fails, the old certificate is still good for a while.
async fn renew(context: &Context, old: &Identity, channel: Channel) {
    if let Err(error) = renew_in_turn(context, old, channel).await {
        let why = error.cause().unwrap_or_default();
        context.printer.story(format!("warning: {}, which ends at {}: {why}", error.what(), old.expires));
    }
}

/// Leaves it to another command that is at it: of many successors, only the one that is kept last would be used.
async fn renew_in_turn(context: &Context, old: &Identity, channel: Channel) -> Result<(), CommandError> {
    let Some(_turn) = folder::turn_to_renew(context, old)? else { return Ok(()) };
    match timeout(context.timeout, fleet_link::renew(old, channel, context.now())).await {
        Ok(Ok(new)) => folder::save(context, &new),
        Ok(Err(error)) => Err(link_error("could not renew your certificate", &error)),
        Err(_) => Err(silent("renew your certificate", &old.address, context.timeout)),
    }
}

/// Converts an error of the link.
pub fn link_error(what: &str, error: &LinkError) -> CommandError {
    let said = match error {
        LinkError::Unreachable { .. } | LinkError::TimedOut { .. } => unreachable(what, error),
        LinkError::WrongCa { .. } | LinkError::ServerCertificateTime => CommandError::unreachable(what).because(error),
        LinkError::Refused { word, text, call, .. } => {
            let known = call.as_deref().map(refusals::reason);
            let refused = refusal(what, known.as_deref().unwrap_or(text));
            if *word == RefusalReason::PlanChanged { refused.plan_changed() } else { refused }
        }
        // A failure below the call belongs to the link, and is no answer.
        LinkError::Failed(status) if std::error::Error::source(status.as_ref()).is_some() => {
            CommandError::unreachable(what).because(format!("the link to the coordinator broke: {}", status.message()))
        }
        LinkError::Failed(status) => CommandError::refused(what).because(status.message()),
        LinkError::Expired
        | LinkError::Revoked
        | LinkError::UnknownHere
        | LinkError::OtherProtocol { .. }
        | LinkError::Key(_)
        | LinkError::BadAnswer(_) => CommandError::refused(what).because_of(error),
    };
    match error.hint() {
        Some(hint) => said.hint(hints::words(&hint)),
        None => said,
    }
}

/// Returns the error with its deepest cause only: the layers between are HTTP.
fn unreachable(what: &str, error: &LinkError) -> CommandError {
    let mut deepest = None;
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        deepest = Some(cause);
        next = cause.source();
    }
    let words = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<Status>() {
        Some(status) => status.message().to_owned(),
        None => cause.to_string(),
    };
    let why = deepest.map(words).filter(|text| !text.is_empty());
    let said = error.to_string();
    CommandError::unreachable(what).because(match why {
        Some(why) if what == said => why,
        Some(why) => format!("{said}: {why}"),
        None => said,
    })
}

/// Makes the error of a refusal. The coordinator often names the same attempt.
fn refusal(what: &str, text: &str) -> CommandError {
    let verb = |text: &str| text.split(' ').take(3).map(str::to_owned).collect::<Vec<_>>();
    let is_same = |attempt: &str| attempt.starts_with("could not ") && verb(attempt) == verb(what);
    let reason = match text.split_once(": ") {
        // A login is called joining at the coordinator.
        Some((attempt, reason)) if is_same(attempt) || attempt == "could not join" => reason,
        Some(_) | None => text,
    };
    CommandError::refused(what).because(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::proposal::RolloutRefusal;
    use fleet_core::reason::LeftOutReason;
    use fleet_core::refused_call::{Attempt, CallRefusal, RefusedCall};
    use fleet_core::rollout::LeftOut;

    #[test]
    fn a_refusal_says_who_is_left_out_and_why() {
        let one = |instance: &str, reason| LeftOut { instance: instance.parse().expect("a name"), reason };
        let left_out = vec![one("a", LeftOutReason::AlreadyThere), one("b", LeftOutReason::NotInstalled)];
        let release = "app@1.2".parse().expect("a name");
        let refusal = CallRefusal::from(RolloutRefusal::NothingToMove { release, more: 2, left_out });
        let call = Some(Box::new(RefusedCall { attempt: Attempt::RollOut, refusal }));
        let refused = LinkError::Refused { word: RefusalReason::Other, text: String::new(), call, hint: None };
        let expect =
            "no instance can be moved to app@1.2: a: it is at that version already, b: it is not installed; and 2 more";
        assert_eq!(link_error("could not roll out 1.2", &refused).cause(), Some(expect));
    }
}

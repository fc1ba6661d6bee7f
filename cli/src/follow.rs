//! Follows something to its end: through restarts of the coordinator, and until Ctrl-C.

use crate::context::Context;
use crate::session::{Client, Session};
use fleet_core::command_error::{CommandError, ErrorKind};
use fleet_proto::v1::WhoAmIRequest;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Response, Status, Streaming};

/// Time after which the command gives up on an unreachable coordinator.
const PATIENCE: Duration = Duration::from_secs(120);
/// Silence after which the command checks whether the coordinator still answers.
const SILENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(1);

/// Time that hosts need to reconnect after the coordinator was away.
const GATHERING: Duration = Duration::from_secs(30);

/// Conclusion from one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    More,
    /// Over, unless the coordinator has just come back and does not yet see its hosts.
    OverButForHosts,
    Over,
}

/// Reason why we stopped looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    Over,
    /// Ctrl-C.
    Left,
}

/// Opens a stream with `open` and passes each message to `look`, until it returns the end.
pub async fn follow<T>(
    context: &Context,
    what: &str,
    open: impl AsyncFn(Client) -> Result<Response<Streaming<T>>, Status>,
    look: impl FnMut(T) -> Look,
) -> Result<Parting, CommandError> {
    let mut follower = Follower { context, what, open, look, heard_at: Instant::now(), broke_at: None };
    tokio::select! {
        ended = follower.follow() => ended.map(|()| Parting::Over),
        pressed = tokio::signal::ctrl_c() => match pressed {
            Ok(()) => Ok(Parting::Left),
            Err(error) => Err(CommandError::refused("could not wait for Ctrl-C").because(error)),
        },
    }
}

struct Follower<'a, O, L> {
    context: &'a Context,
    what: &'a str,
    open: O,
    look: L,
    heard_at: Instant,
    broke_at: Option<Instant>,
}

impl<T, O, L> Follower<'_, O, L>
where
    O: AsyncFn(Client) -> Result<Response<Streaming<T>>, Status>,
    L: FnMut(T) -> Look,
{
    /// Listens again after each break, for a while.
    async fn follow(&mut self) -> Result<(), CommandError> {
        loop {
            match self.listen().await {
                Ok(Look::OverButForHosts) if self.are_hosts_gathering() => {}
                Ok(Look::Over | Look::OverButForHosts | Look::More) => return Ok(()),
                Err(error) => self.bear(error)?,
            }
            sleep(PAUSE).await;
        }
    }

    fn are_hosts_gathering(&self) -> bool {
        self.broke_at.is_some_and(|broke_at| broke_at.elapsed() < GATHERING)
    }

    /// Reports a break of the connection once, and returns other errors.
    fn bear(&mut self, error: CommandError) -> Result<(), CommandError> {
        if error.kind() != ErrorKind::Unreachable || self.heard_at.elapsed() > PATIENCE {
            return Err(error);
        }
        let is_told = self.broke_at.is_some_and(|broke_at| broke_at > self.heard_at);
        self.broke_at = Some(Instant::now());
        if !is_told {
            let why = error.cause().unwrap_or("no reason given");
            self.context.printer.story(format!("trying again: {why}"));
        }
        Ok(())
    }

    /// Listens to one stream until it is over.
    async fn listen(&mut self) -> Result<Look, CommandError> {
        let session = self.context.session().await?;
        let mut stream = session.open_stream(self.what, async |client| (self.open)(client).await).await?;
        loop {
            let Ok(next) = timeout(SILENCE, stream.message()).await else {
                check_link(&session, self.what).await?;
                continue;
            };
            let Some(message) = next.map_err(|status| session.no(self.what, status))? else {
                let what = format!("could not {}", self.what);
                return Err(CommandError::unreachable(what).because("the coordinator hung up"));
            };
            self.heard_at = Instant::now();
            match (self.look)(message) {
                Look::More => {}
                over @ (Look::Over | Look::OverButForHosts) => return Ok(over),
            }
        }
    }
}

async fn check_link(session: &Session, what: &str) -> Result<(), CommandError> {
    session.ask(what, async |mut c| c.who_am_i(WhoAmIRequest {}).await).await.map(|_| ())
}

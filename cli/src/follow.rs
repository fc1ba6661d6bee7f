//! Follows something to its end: through restarts of the coordinator, and until Ctrl-C.

use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::session::{Client, Session};
use fleet_proto::v1::WhoAmIRequest;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Response, Status, Streaming};

/// How long the coordinator may be away before we give up.
const PATIENCE: Duration = Duration::from_secs(120);
/// After so long a silence we ask whether the coordinator is still there.
const SILENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(1);

/// What a look at one message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    More,
    Over,
}

/// Why we stopped looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    Over,
    /// Ctrl-C.
    Left,
}

/// Opens a stream with `open` and shows each message to `look`, until it says that this is over.
pub async fn follow<T>(
    context: &Context,
    what: &str,
    open: impl AsyncFn(Client) -> Result<Response<Streaming<T>>, Status>,
    mut look: impl FnMut(T) -> Look,
) -> Result<Parting, CommandError> {
    tokio::select! {
        ended = listen_on(context, what, &open, &mut look) => ended.map(|()| Parting::Over),
        pressed = tokio::signal::ctrl_c() => match pressed {
            Ok(()) => Ok(Parting::Left),
            Err(error) => Err(CommandError::refused("could not wait for Ctrl-C").because(error)),
        },
    }
}

/// Listens again after each break, for a while.
async fn listen_on<T>(
    context: &Context,
    what: &str,
    open: &impl AsyncFn(Client) -> Result<Response<Streaming<T>>, Status>,
    look: &mut impl FnMut(T) -> Look,
) -> Result<(), CommandError> {
    let mut heard_at = Instant::now();
    let mut is_told = false;
    loop {
        let heard = &mut |message| {
            heard_at = Instant::now();
            is_told = false;
            look(message)
        };
        let error = match listen(context, what, open, heard).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if error.kind() != ErrorKind::Unreachable || heard_at.elapsed() > PATIENCE {
            return Err(error);
        }
        if !is_told {
            context
                .printer
                .story(format!("the link broke ({}); trying again", error.cause().unwrap_or("no reason given")));
            is_told = true;
        }
        sleep(PAUSE).await;
    }
}

/// Listens to one stream until it is over.
async fn listen<T>(
    context: &Context,
    what: &str,
    open: &impl AsyncFn(Client) -> Result<Response<Streaming<T>>, Status>,
    look: &mut impl FnMut(T) -> Look,
) -> Result<(), CommandError> {
    let session = context.session().await?;
    let mut stream = session.open_stream(what, async |client| open(client).await).await?;
    loop {
        let Ok(next) = timeout(SILENCE, stream.message()).await else {
            check_link(&session, what).await?;
            continue;
        };
        match next.map_err(|status| session.no(what, status))? {
            Some(message) => match look(message) {
                Look::Over => return Ok(()),
                Look::More => {}
            },
            None => {
                return Err(CommandError::unreachable(format!("could not {what}")).because("the coordinator hung up"));
            }
        }
    }
}

async fn check_link(session: &Session, what: &str) -> Result<(), CommandError> {
    session.ask(what, async |mut c| c.who_am_i(WhoAmIRequest {}).await).await.map(|_| ())
}

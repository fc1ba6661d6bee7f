//! Questions to hosts and the way of their answers to whoever asked.
//!
//! A question is not a fact: it lives as long as whoever asked listens. The way is narrow, so that a flood of lines
//! waits at its host and not here.

use super::session::Sessions;
use fleet_core::names::HostName;
use fleet_proto::v1::{AnswerPiece, Question, ToAgent, question, to_agent};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// So many pieces of an answer may be under way.
const ROOM: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("`{0}` is not connected")]
    NotConnected(HostName),
    #[error("`{0}` has too many questions to answer already")]
    TooMany(HostName),
}

/// The questions that are open.
#[derive(Debug, Default)]
pub struct Questions {
    next: AtomicU64,
    open: Mutex<HashMap<u64, (HostName, mpsc::Sender<AnswerPiece>)>>,
}

/// One open question; dropping it tells the host that nobody listens any more.
#[derive(Debug)]
pub struct Asking {
    id: u64,
    host: HostName,
    pieces: mpsc::Receiver<AnswerPiece>,
    questions: Arc<Questions>,
    sessions: Arc<Sessions>,
}

impl Questions {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, (HostName, mpsc::Sender<AnswerPiece>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a host that is connected.
    pub fn ask(
        self: &Arc<Self>,
        sessions: &Arc<Sessions>,
        host: &HostName,
        kind: question::Kind,
    ) -> Result<Asking, AskError> {
        let session = sessions.get(host).ok_or_else(|| AskError::NotConnected(host.clone()))?;
        let id = self.next.fetch_add(1, Relaxed) + 1;
        let (sender, pieces) = mpsc::channel(ROOM);
        self.open().insert(id, (host.clone(), sender));
        let (questions, sessions) = (Arc::clone(self), Arc::clone(sessions));
        let asking = Asking { id, host: host.clone(), pieces, questions, sessions };
        let question = Question { id, kind: Some(kind) };
        match session.send(ToAgent { kind: Some(to_agent::Kind::Question(question)) }) {
            true => Ok(asking),
            false => Err(AskError::TooMany(host.clone())),
        }
    }

    /// Where the answer of a host to a question goes; none if nobody waits for it.
    pub fn way(&self, host: &HostName, id: u64) -> Option<mpsc::Sender<AnswerPiece>> {
        let open = self.open();
        open.get(&id).filter(|(asked, _)| asked == host).map(|(_, sender)| sender.clone())
    }

    /// The answer is complete.
    pub fn close(&self, host: &HostName, id: u64) {
        let mut open = self.open();
        if open.get(&id).is_some_and(|(asked, _)| asked == host) {
            open.remove(&id);
        }
    }
}

impl Asking {
    /// The next piece of the answer; none after the last, or when the host is gone.
    pub async fn next(&mut self) -> Option<AnswerPiece> {
        self.pieces.recv().await
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let was_open = self.questions.open().remove(&self.id).is_some();
        if let Some(session) = self.sessions.get(&self.host).filter(|_| was_open) {
            session.send(ToAgent { kind: Some(to_agent::Kind::ForgetQuestion(self.id)) });
        }
    }
}

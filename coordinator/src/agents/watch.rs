//! The stream to a host: its open set at once and at each change, and questions in between.

use super::open_set::open_set;
use super::session::{Next, Session};
use crate::clock;
use crate::facts::Facts;
use crate::serve::failed;
use crate::values::Values;
use fleet_proto::v1::{ToAgent, to_agent};
use futures_util::stream::{Stream, unfold};
use std::sync::Arc;
use tonic::Status;

/// One call of `Watch`.
pub struct Watch {
    pub session: Arc<Session>,
    pub facts: Arc<Facts>,
    pub values: Arc<Values>,
    pub number: u64,
}

impl Watch {
    /// Ends when a later call of the same host takes over. The connection ends it otherwise.
    pub fn stream(self) -> impl Stream<Item = Result<ToAgent, Status>> + Send + 'static {
        unfold(Some(self), |watch| async move {
            let watch = watch?;
            match watch.next().await? {
                Ok(message) => Some((Ok(message), Some(watch))),
                Err(status) => Some((Err(status), None)),
            }
        })
    }

    async fn next(&self) -> Option<Result<ToAgent, Status>> {
        match self.session.next(self.number).await? {
            Next::Message(message) => Some(Ok(message)),
            Next::OpenSet => Some(self.open_set()),
        }
    }

    fn open_set(&self) -> Result<ToAgent, Status> {
        let host = &self.session.host;
        if self.session.has_completed() {
            self.facts.presume_absent(host, clock::now());
        }
        let orders = open_set(&self.facts, &self.values, host);
        let orders = orders.map_err(|error| failed("could not put the open orders together", &error))?;
        Ok(ToAgent { kind: Some(to_agent::Kind::Orders(orders)) })
    }
}

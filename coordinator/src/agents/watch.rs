//! Stream to a host: its open set at once and at each change, and queries in between.

use super::open_set::{OpenSet, open_set};
use super::session::{Next, Session};
use crate::clock;
use crate::facts::Facts;
use crate::repositories::RepositoryService;
use crate::rpc_status::failed;
use crate::values::Values;
use fleet_core::refused_call::Attempt;
use fleet_proto::v1::{ToAgent, to_agent};
use futures_util::stream::{Stream, unfold};
use std::sync::Arc;
use tonic::Status;
use tracing::warn;

/// One call of `Watch`.
pub struct Watch {
    pub session: Arc<Session>,
    pub facts: Arc<Facts>,
    pub values: Arc<Values>,
    pub repository_service: Arc<RepositoryService>,
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
            self.facts.presume_absent(host, &self.session.unread(), clock::now());
        }
        let set = open_set(&self.facts, &self.values, &self.repository_service, host, self.session.has_greeted());
        let OpenSet { open_orders, undeliverable } = set.map_err(|error| failed(Attempt::CollectOrders, &error))?;
        let because = undeliverable.iter().map(|(id, error)| (id.clone(), error.reason())).collect();
        for order in self.facts.note_undeliverable(host, &because) {
            let error = undeliverable.get(&order).map(|error| error as &dyn std::error::Error);
            warn!(%host, %order, error, "an order is left out of what its host is told");
        }
        Ok(ToAgent { kind: Some(to_agent::Kind::Orders(open_orders)) })
    }
}

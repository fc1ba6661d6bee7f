//! Receives the messages of `Watch`.

use fleet_core::names::{InstanceName, OrderId};
use fleet_link::LinkError;
use fleet_proto::convert::{OutgoingOrder, incoming_order};
use fleet_proto::protocol::{ProtocolRange, negotiate};
use fleet_proto::v1::agents_client::AgentsClient;
use fleet_proto::v1::{self, WatchRequest, to_agent::Kind};
use fleet_proto::{MESSAGE_LIMIT, PROTOCOL, PROTOCOL_MIN};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tonic::transport::Channel;

/// Time for the coordinator to begin its answer; many hosts may connect at once.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// All open orders of this host, as last received.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpenSet {
    /// Orders that this agent understands.
    pub orders: Vec<OutgoingOrder>,
    /// Orders that this agent does not understand.
    pub unknown: Vec<Unknown>,
    /// Open orders that must not begin now; their ends are still reported.
    pub held: BTreeSet<OrderId>,
    /// The instances that this host should have.
    pub instances: BTreeSet<InstanceName>,
    /// The coordinator's start that said it, and its number since then; a start of 0 is not known.
    pub version: (u64, u64),
}

/// An order that this agent does not understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Id of the order.
    pub id: OrderId,
    /// Instance of the order.
    pub instance: InstanceName,
    /// Reason, as text for people.
    pub reason: String,
}

/// A question, or the end of the interest in one.
#[derive(Debug, Clone)]
pub enum QueryChange {
    /// A query, with the connection on which the reply is sent.
    Asked(Box<v1::HostQuery>, Channel),
    /// The caller no longer needs the reply to the query with this id.
    Forget(u64),
}

impl OpenSet {
    /// Returns the ids of all open orders, including those that are withheld or not understood.
    pub fn ids(&self) -> impl Iterator<Item = &OrderId> {
        let orders = self.orders.iter().map(|open| &open.order.id);
        orders.chain(self.unknown.iter().map(|unknown| &unknown.id)).chain(&self.held)
    }

    fn read(message: v1::OpenOrders) -> Self {
        let mut set = Self { version: (message.epoch, message.revision), ..Self::default() };
        for order in message.orders {
            let (id, instance) = (order.id.parse(), order.instance.parse());
            match (incoming_order(order), id, instance) {
                (Ok(order), ..) => set.orders.push(order),
                (Err(error), Ok(id), Ok(instance)) => {
                    set.unknown.push(Unknown { id, instance, reason: error.to_string() });
                }
                (Err(error), ..) => tracing::warn!(%error, "an order without a readable name was ignored"),
            }
        }
        set.held = message.held.iter().filter_map(|id| id.parse().ok()).collect();
        set.instances = message.instances.iter().filter_map(|name| name.parse().ok()).collect();
        set
    }
}

/// Passes messages on until the stream ends, and returns the reason. Notifies `heard` when the first set has arrived.
pub async fn listen(
    address: &str,
    channel: Channel,
    open: &watch::Sender<Option<Arc<OpenSet>>>,
    queries: &mpsc::Sender<QueryChange>,
    heard: oneshot::Sender<()>,
) -> LinkError {
    let mut heard = Some(heard);
    let mut client = AgentsClient::new(channel.clone()).max_decoding_message_size(MESSAGE_LIMIT);
    let request = WatchRequest {
        protocol: PROTOCOL,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol_min: PROTOCOL_MIN,
    };
    let mut stream = match timeout(ANSWER_LIMIT, client.watch(request)).await {
        Ok(Ok(reply)) => reply.into_inner(),
        Ok(Err(status)) => return LinkError::from_status(address, status),
        Err(_) => return LinkError::TimedOut { address: address.to_owned() },
    };
    let mut told_unknown = false;
    loop {
        match stream.message().await {
            Ok(Some(v1::ToAgent { kind: Some(kind) })) => pass_on(kind, &channel, open, queries, &mut heard),
            Ok(Some(v1::ToAgent { kind: None })) => {
                if !std::mem::replace(&mut told_unknown, true) {
                    tracing::warn!("the coordinator says something that this agent does not know: is it newer?");
                }
            }
            Ok(None) => return ended(address),
            Err(status) => return LinkError::from_status(address, status),
        }
    }
}

fn pass_on(
    kind: Kind,
    channel: &Channel,
    open: &watch::Sender<Option<Arc<OpenSet>>>,
    queries: &mpsc::Sender<QueryChange>,
    heard: &mut Option<oneshot::Sender<()>>,
) {
    let to_answer = match kind {
        Kind::Orders(orders) => {
            if !replace(open, OpenSet::read(orders)) {
                return;
            }
            if let Some(heard) = heard.take() {
                // The receiver may have gone.
                let _ = heard.send(());
            }
            return;
        }
        Kind::Query(query) => QueryChange::Asked(Box::new(query), channel.clone()),
        Kind::ForgetQuery(id) => QueryChange::Forget(id),
        Kind::Hello(hello) => {
            let theirs = ProtocolRange::said(hello.protocol, hello.protocol_min);
            match negotiate(ProtocolRange::OWN, theirs) {
                Ok(protocol) => tracing::info!(version = hello.version, protocol, "the coordinator greets"),
                // It would have refused us.
                Err(too_old) => tracing::warn!(version = hello.version, %theirs, ?too_old, "no common protocol"),
            }
            return;
        }
    };
    if queries.try_send(to_answer).is_err() {
        tracing::warn!("a question was dropped: too many at once");
    }
}

/// Takes a set in, unless a newer one is known: another connection, or another coordinator, may be behind. What is known is known
/// for as long as this agent runs.
fn replace(open: &watch::Sender<Option<Arc<OpenSet>>>, set: OpenSet) -> bool {
    open.send_if_modified(|known| {
        let newest = known.as_ref().map_or((0, 0), |known| known.version);
        let is_older = set.version.0 != 0 && set.version < newest;
        if is_older {
            tracing::warn!(said = ?set.version, known = ?newest, "a set of open orders that is older than the known one is ignored");
        } else {
            *known = Some(Arc::new(set));
        }
        !is_older
    })
}

pub fn ended(address: &str) -> LinkError {
    LinkError::Unreachable { address: address.to_owned(), source: "the coordinator ended the connection".into() }
}

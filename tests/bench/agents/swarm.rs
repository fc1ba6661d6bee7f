//! Many agents in one process: the real link and the real messages, without an Engine behind them.

use fleet_agent::link::{AttemptEnd, wait};
use fleet_core::order::Action;
use fleet_core::release::Release;
use fleet_link::{Identity, dial};
use fleet_proto::PROTOCOL;
use fleet_proto::convert::{OutgoingOrder, incoming_order};
use fleet_proto::v1::agents_client::AgentsClient;
use fleet_proto::v1::{self, FromAgent, WatchRequest, from_agent, to_agent};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

const HEARTBEAT: Duration = Duration::from_secs(7);

/// Agents, and the times of their messages.
#[derive(Debug)]
pub struct Swarm {
    times: Arc<Times>,
}

#[derive(Debug, Default)]
struct Times {
    begin: Mutex<Option<Instant>>,
    heard: Mutex<Vec<f64>>,
    acknowledged: Mutex<Vec<f64>>,
}

impl Times {
    fn note(&self, list: &Mutex<Vec<f64>>) {
        if let Some(begin) = *self.begin.lock().unwrap_or_else(PoisonError::into_inner) {
            list.lock().unwrap_or_else(PoisonError::into_inner).push(begin.elapsed().as_secs_f64());
        }
    }
}

impl Swarm {
    pub fn start(identities: Vec<Identity>) -> Self {
        let times = Arc::new(Times::default());
        for (number, identity) in identities.into_iter().enumerate() {
            let agent = SimulatedAgent { number, identity, times: Arc::clone(&times), settled: None, data: None };
            tokio::spawn(agent.live());
        }
        Self { times }
    }

    /// Starts one agent that ends no order about data by itself.
    pub fn with_open_data(number: usize, identity: Identity) -> OpenData {
        let (hand_over, orders) = mpsc::unbounded_channel();
        let (end, ends) = mpsc::unbounded_channel();
        let data = Some(DataOrders { hand_over, ends });
        tokio::spawn(SimulatedAgent { number, identity, times: Arc::default(), settled: None, data }.live());
        OpenData { orders, end }
    }

    /// Starts to record the times of orders and acknowledgements.
    pub fn mark(&self) -> Instant {
        let now = Instant::now();
        *self.times.begin.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        now
    }

    pub fn heard(&self) -> Vec<f64> {
        self.times.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn acknowledged(&self) -> Vec<f64> {
        self.times.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Orders about data that stay open until the bench ends them.
#[derive(Debug)]
pub struct OpenData {
    /// Each order as often as it arrives, with the release of its instance.
    pub orders: mpsc::UnboundedReceiver<(OutgoingOrder, Release)>,
    pub end: mpsc::UnboundedSender<v1::OrderReport>,
}

/// The agent's side of [`OpenData`].
#[derive(Debug)]
struct DataOrders {
    hand_over: mpsc::UnboundedSender<(OutgoingOrder, Release)>,
    ends: mpsc::UnboundedReceiver<v1::OrderReport>,
}

impl DataOrders {
    /// Waits for an order that is to be ended; for ever where there are no such orders.
    async fn next_end(orders: Option<&mut Self>) -> v1::OrderReport {
        let end = match orders {
            Some(orders) => orders.ends.recv().await,
            None => None,
        };
        match end {
            Some(end) => end,
            None => std::future::pending().await,
        }
    }
}

struct SimulatedAgent {
    number: usize,
    identity: Identity,
    times: Arc<Times>,
    settled: Option<Release>,
    data: Option<DataOrders>,
}

impl SimulatedAgent {
    async fn live(mut self) {
        let mut failures = 0;
        loop {
            if self.connected().await.is_ok() {
                failures = 0;
            }
            failures += 1;
            let chance = (self.number as u32).wrapping_mul(2_654_435_761).wrapping_add(failures * 40_503);
            tokio::time::sleep(wait(failures, AttemptEnd::Broken, chance)).await;
        }
    }

    /// One connection, until it breaks.
    async fn connected(&mut self) -> anyhow::Result<()> {
        let channel = dial(&self.identity).await?;
        let mut client = AgentsClient::new(channel);
        let (say, said) = mpsc::channel(8);
        let mut reporter = client.clone();
        let report = tokio::spawn(async move { reporter.report(ReceiverStream::new(said)).await });
        let watch = WatchRequest { protocol: PROTOCOL, agent_version: "0.1.0".to_owned(), protocol_min: 0 };
        let mut orders = client.watch(watch).await?.into_inner();
        self.introduce(&say).await?;
        let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + self.phase(), HEARTBEAT);
        let mut open = false;
        loop {
            tokio::select! {
                message = orders.next() => match message {
                    Some(Ok(v1::ToAgent { kind: Some(to_agent::Kind::Orders(set)) })) => {
                        if open && set.orders.is_empty() {
                            self.times.note(&self.times.acknowledged);
                        }
                        open = !set.orders.is_empty();
                        self.perform(set.orders, &say).await?;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break,
                },
                end = DataOrders::next_end(self.data.as_mut()) => send(&say, from_agent::Kind::Order(end)).await?,
                _ = beat.tick() => send(&say, from_agent::Kind::Heartbeat(v1::Heartbeat {})).await?,
            }
        }
        report.abort();
        Ok(())
    }

    /// Spreads the heartbeats of the swarm over their period.
    fn phase(&self) -> Duration {
        HEARTBEAT.mul_f64((self.number % 997) as f64 / 997.0)
    }

    async fn introduce(&self, say: &mpsc::Sender<FromAgent>) -> anyhow::Result<()> {
        let hello = v1::Hello {
            protocol: PROTOCOL,
            agent_version: "0.1.0".to_owned(),
            engine_version: "20.10.24".to_owned(),
            policy: Some(v1::HostPolicy::default()),
            now_ms: super::operator::now().0,
            disk_free: 100 << 30,
            start: format!("{:016x}", self.number),
            engine_id: format!("ENGINE:{}", self.number),
            replies_to_claims: false,
            protocol_min: 0,
            capabilities: Vec::new(),
        };
        send(say, from_agent::Kind::Hello(hello)).await?;
        if let Some(release) = &self.settled {
            send(say, from_agent::Kind::Instance(self.report(release))).await?;
        }
        send(say, from_agent::Kind::Complete(v1::Complete {})).await
    }

    fn report(&self, release: &Release) -> v1::InstanceReport {
        let said = v1::InstanceSaid {
            release: Some(release.clone().into()),
            revision: 1,
            power_serial: 0,
            health: v1::Health::Healthy.into(),
            ..v1::InstanceSaid::default()
        };
        v1::InstanceReport {
            instance: super::operator::instance_name(self.number),
            running: Some(v1::instance_report::Running::Settled(said)),
        }
    }

    async fn perform(&mut self, orders: Vec<v1::Order>, say: &mpsc::Sender<FromAgent>) -> anyhow::Result<()> {
        for message in orders {
            self.times.note(&self.times.heard);
            let incoming = incoming_order(message)?;
            if let (Action::Data(_), Some(data), Some(release)) = (&incoming.order.action, &self.data, &self.settled) {
                data.hand_over.send((incoming, release.clone()))?;
                continue;
            }
            let order = incoming.order;
            match order.action {
                Action::Install { goal } | Action::Upgrade { goal, .. } | Action::Configure { goal, .. } => {
                    let report = self.report(&goal.release);
                    self.settled = Some(goal.release);
                    send(say, from_agent::Kind::Instance(report)).await?;
                }
                Action::Power { .. } | Action::Remove { .. } | Action::Data(_) => {}
            }
            let report = v1::OrderReport {
                id: order.id.into(),
                instance: order.instance.into(),
                outcome: Some(v1::order_report::Outcome::Done(v1::Empty {})),
                result: None,
            };
            send(say, from_agent::Kind::Order(report)).await?;
        }
        Ok(())
    }
}

async fn send(say: &mpsc::Sender<FromAgent>, kind: from_agent::Kind) -> anyhow::Result<()> {
    say.send(FromAgent { kind: Some(kind) }).await?;
    Ok(())
}

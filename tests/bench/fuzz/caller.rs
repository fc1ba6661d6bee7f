//! Callers: each role with its certificate, and raw bytes as messages.

use super::generate::{methods, request};
use super::operator::{Operator, now};
use fleet_core::access::{JoinToken, Role};
use fleet_link::{Identity, admit, dial};
use fleet_proto::v1;
use fleet_proto::v1::operators_client::OperatorsClient;
use fleet_tests::random::Random;
use fleet_tests::raw::{Raw, dial_without_certificate};
use futures_util::StreamExt;
use prost_reflect::MethodDescriptor;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tonic::Request;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;

/// Number of parallel calls.
const SIDE_BY_SIDE: u64 = 6;
/// Time limit of a call: many calls follow without end.
const PATIENCE: Duration = Duration::from_millis(150);
/// A connection is used so often.
const CALLS: usize = 200;

#[derive(Debug, Clone)]
pub struct Callers {
    identities: Vec<(&'static str, Option<Identity>)>,
    address: String,
    ca: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Counts {
    pub calls: u64,
    pub messages: u64,
    pub methods: usize,
    pub by_role: BTreeMap<&'static str, u64>,
}

impl Callers {
    pub async fn join(operator: &Operator) -> anyhow::Result<Self> {
        let host = operator.admit_hosts(1).await?.remove(0);
        operator.push_release("1.1").await?;
        operator.install_everywhere(1).await?;
        let (address, ca) = (host.address.clone(), host.ca_der().to_vec());
        let mut identities = vec![("none", None), ("host", Some(host))];
        for (name, role) in
            [("viewer", Role::Viewer), ("operator", Role::Operator), ("administrator", Role::Administrator)]
        {
            identities.push((name, Some(person(operator, name, role).await?)));
        }
        Ok(Self { identities, address, ca })
    }

    /// Calls until then.
    pub fn begin(&self, seed: u64, until: Instant) -> anyhow::Result<JoinHandle<Counts>> {
        let methods = methods()?;
        let this = self.clone();
        Ok(tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            for number in 0..SIDE_BY_SIDE {
                let (this, methods) = (this.clone(), methods.clone());
                let random = Random::new(seed.wrapping_mul(1000).wrapping_add(number));
                let first = number as usize;
                tasks.spawn(async move { this.call_until(random, first, &methods, until).await });
            }
            let mut all = Counts { methods: methods.len(), ..Counts::default() };
            for counts in tasks.join_all().await {
                all.calls += counts.calls;
                all.messages += counts.messages;
                for (role, calls) in counts.by_role {
                    *all.by_role.entry(role).or_default() += calls;
                }
            }
            all
        }))
    }

    /// The kinds of callers take turns, so that each of them calls even where there is time for few calls.
    async fn call_until(
        &self,
        mut random: Random,
        first: usize,
        methods: &[MethodDescriptor],
        until: Instant,
    ) -> Counts {
        let mut counts = Counts::default();
        for (role, identity) in self.identities.iter().cycle().skip(first) {
            if Instant::now() >= until {
                break;
            }
            let dialed = match identity {
                Some(identity) => dial(identity).await.ok(),
                None => dial_without_certificate(&self.address, &self.ca).await.ok(),
            };
            let Some(channel) = dialed else { continue };
            for _ in 0..CALLS {
                if Instant::now() >= until {
                    break;
                }
                let method = &methods[random.below(methods.len() as u64) as usize];
                let messages = requests(&mut random, method);
                counts.calls += 1;
                counts.messages += messages.len() as u64;
                *counts.by_role.entry(role).or_default() += 1;
                let _ = timeout(PATIENCE, call(channel.clone(), method, messages)).await;
            }
        }
        counts
    }
}

async fn person(operator: &Operator, name: &str, role: Role) -> anyhow::Result<Identity> {
    let mut client = OperatorsClient::new(dial(&operator.identity).await?);
    let request = v1::AddOperatorRequest {
        name: format!("fuzz-{name}"),
        role: v1::OperatorRole::from(role).into(),
        ..v1::AddOperatorRequest::default()
    };
    let token = client.add_operator(request).await?.into_inner().token;
    Ok(admit(&token.parse::<JoinToken>()?, now()).await?)
}

fn requests(random: &mut Random, method: &MethodDescriptor) -> Vec<Vec<u8>> {
    let count = if method.is_client_streaming() { random.below(4) } else { 1 };
    (0..count).map(|_| request(random, &method.input())).collect()
}

/// Sends a call, and reads a part of the answer.
async fn call(channel: Channel, method: &MethodDescriptor, messages: Vec<Vec<u8>>) {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let Ok(path) = PathAndQuery::from_maybe_shared(path) else { return };
    let mut grpc = tonic::client::Grpc::new(channel);
    if grpc.ready().await.is_err() {
        return;
    }
    if let Ok(answer) = grpc.streaming(Request::new(tokio_stream::iter(messages)), path, Raw).await {
        let _ = answer.into_inner().take(5).collect::<Vec<_>>().await;
    }
}

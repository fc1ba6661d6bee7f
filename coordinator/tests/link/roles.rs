//! Permissions of callers: the table of docs/security.md is what the coordinator does.

use crate::harness::{Harness, now, token};
use bytes::{Buf, BufMut};
use fleet_core::access::Role;
use fleet_link::{Identity, admit, dial};
use fleet_proto::refusal::{RefusalReason, word_of};
use fleet_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;

/// Messages as bytes, whose meaning does not matter here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

/// Calls with an empty message. Returns false unless the caller is refused because of its role.
async fn refused(channel: &Channel, rpc: &str) -> bool {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("it is reached");
    let path = format!("/fleet.v1.{}", rpc.replace('.', "/")).parse().expect("a path");
    let request = tonic::Request::new(tokio_stream::once(Vec::new()));
    let calling = async {
        let mut answer = client.streaming(request, path, Bytes).await?.into_inner();
        answer.message().await
    };
    // A stream that waits for something has let the caller in.
    let Ok(Err(status)) = timeout(Duration::from_secs(3), calling).await else { return false };
    matches!(word_of(&status), Some(RefusalReason::Role | RefusalReason::CertificateMissing))
}

/// The methods of the wire, as `Service.Method`.
fn methods() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/proto/fleet/v1");
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(folder).expect("it is there") {
        let text = std::fs::read_to_string(file.expect("it is there").path()).expect("it is text");
        let mut service = "";
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("service ") {
                service = name.trim_end_matches(['{', ' ']);
            }
            if let Some(name) = line.strip_prefix("rpc ").and_then(|rest| rest.split('(').next()) {
                found.insert(format!("{service}.{}", name.trim()));
            }
        }
    }
    found
}

/// The rows of the table, each the first word of its second cell by its first.
fn table() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security.md"));
    let text = text.expect("the page is there");
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (method, role) = (cells.next()?.trim_matches('`'), cells.next()?);
        let is_method = method.split_once('.').is_some_and(|(service, name)| {
            [service, name].iter().all(|part| part.starts_with(char::is_uppercase) && !part.contains(' '))
        });
        is_method.then(|| (method.to_owned(), role.split([' ', ',', ';']).next().unwrap_or_default().to_owned()))
    });
    rows.collect()
}

#[test]
fn every_method_has_a_row() {
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), methods());
}

/// A connection without a certificate.
async fn unauthenticated(harness: &Harness, ca: &[u8]) -> Channel {
    let stream = crate::port::unauthenticated(harness, ca).await;
    let mut stream = Some(hyper_util::rt::TokioIo::new(stream));
    let connect = tower::service_fn(move |_: tonic::transport::Uri| {
        let stream = stream.take().ok_or_else(|| std::io::Error::other("it is used"));
        async move { stream }
    });
    let endpoint = tonic::transport::Endpoint::from_static("http://fleet-coordinator");
    endpoint.connect_with_connector(connect).await.expect("it is reached")
}

async fn person(admin: &mut crate::harness::Operators, role: &str) -> Identity {
    let request = v1::AddOperatorRequest {
        name: format!("a-{role}"),
        role: role.parse::<Role>().map(v1::OperatorRole::from).expect("it is a role").into(),
        ..Default::default()
    };
    let invitation = admin.add_operator(request).await.expect("the name is free").into_inner();
    admit(&token(&invitation), now()).await.expect("the token is good")
}

/// Returns the role that admits exactly these callers.
fn role_of(let_in: &[&str]) -> String {
    let role = match let_in {
        ["nobody", "host", "viewer", "operator", "administrator"] => "anybody",
        ["host", "viewer", "operator", "administrator"] => "certificate",
        ["host"] => "host",
        ["viewer", "operator", "administrator"] => "viewer",
        ["operator", "administrator"] => "operator",
        ["administrator"] => "administrator",
        other => return format!("{other:?}"),
    };
    role.to_owned()
}

#[tokio::test]
async fn each_method_lets_in_whom_the_table_says() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let host = harness.host(&mut admin, "lab-1").await;
    let mut callers = vec![
        ("nobody", unauthenticated(&harness, host.ca_der()).await),
        ("host", dial(&host).await.expect("it is reached")),
    ];
    for role in ["viewer", "operator", "administrator"] {
        let identity = person(&mut admin, role).await;
        callers.push((role, dial(&identity).await.expect("it is reached")));
    }
    let mut let_in: BTreeMap<String, Vec<&str>> = methods().into_iter().map(|method| (method, Vec::new())).collect();
    // One caller after the other: an unauthenticated connection does not last.
    for (name, channel) in &callers {
        for (method, of) in &mut let_in {
            if !refused(channel, method).await {
                of.push(name);
            }
        }
    }
    let found: BTreeMap<_, _> = let_in.into_iter().map(|(method, of)| (method, role_of(&of))).collect();
    assert_eq!(found, table());
}

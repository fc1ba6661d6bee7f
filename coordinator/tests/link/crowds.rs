//! Many connections at once: silent ones, those of one certificate, those of a revoked one. Other peers are served.

use crate::harness::{FakeAgent, Harness, LIMIT, is_revoked, now, operators_as};
use fleet_link::{Identity, admit, dial};
use fleet_proto::refusal::hint_of;
use fleet_proto::v1::{self, agents_client::AgentsClient};
use fleet_proto::{MESSAGE_LIMIT, PROTOCOL};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Returns how many of these connections the peer has closed by now.
async fn closed(crowd: &mut [TcpStream]) -> usize {
    let mut closed = 0;
    for stream in crowd {
        let ended = timeout(Duration::from_millis(1), stream.read(&mut [0; 64])).await;
        closed += usize::from(matches!(ended, Ok(Ok(0) | Err(_))));
    }
    closed
}

#[tokio::test]
async fn silent_connections_are_bounded_and_keep_nobody_out() {
    let harness = Harness::new().await;
    let ada = administrator(&harness).await;
    let mut admin = operators_as(&ada).await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let mut crowd = Vec::new();
    // That many would have taken all handshake slots for longer than a peer waits for a connection.
    for _ in 0..1100 {
        crowd.push(TcpStream::connect(harness.address).await.expect("the port is open"));
    }
    FakeAgent::connect(&identity).await.expect("a host comes back while they stand");
    let mut fresh = operators_as(&ada).await;
    fresh.get_status(v1::GetStatusRequest {}).await.expect("an operator is answered while they stand");
    let all_but_few = async { while closed(&mut crowd).await < 1100 - 64 {} };
    timeout(LIMIT, all_but_few).await.expect("all but the newest few are closed");
}

#[tokio::test]
async fn who_sends_a_byte_and_then_nothing_keeps_nobody_out() {
    let harness = Harness::new().await;
    let ada = administrator(&harness).await;
    let mut admin = operators_as(&ada).await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let mut crowd = Vec::new();
    for _ in 0..700 {
        let mut stream = TcpStream::connect(harness.address).await.expect("the port is open");
        stream.write_all(&[22]).await.expect("it is open");
        crowd.push(stream);
    }
    FakeAgent::connect(&identity).await.expect("a host comes back while they stand");
    let all = async { while closed(&mut crowd).await < 700 {} };
    timeout(LIMIT, all).await.expect("they are closed");
}

async fn watch(channel: Channel) -> Result<tonic::Streaming<v1::ToAgent>, Status> {
    let mut client = AgentsClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT);
    let request = v1::WatchRequest { protocol: PROTOCOL, agent_version: "test".to_owned(), protocol_min: 0 };
    client.watch(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn one_host_has_few_connections_and_is_told_when_they_are_too_many() {
    let harness = Harness::new().await;
    let ada = administrator(&harness).await;
    let mut admin = operators_as(&ada).await;
    let (one, other) = (harness.host(&mut admin, "lab-1").await, harness.host(&mut admin, "lab-2").await);
    let mut crowd = Vec::new();
    for _ in 0..16 {
        crowd.push(dial(&one).await.expect("there is room"));
    }
    // Each of those has finished its handshake: it is answered.
    let fetch = v1::FetchBundleRequest { digest: format!("sha256:{}", "0".repeat(64)) };
    for channel in &crowd {
        let asked = AgentsClient::new(channel.clone()).fetch_bundle(fetch.clone()).await;
        assert_eq!(asked.err().map(|status| status.code()), Some(Code::PermissionDenied));
    }
    let refused = watch(dial(&one).await.expect("it is told why")).await.expect_err("it is one too many");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(hint_of(&refused).is_some(), "{refused:?}");
    for _ in 0..200 {
        let _ = dial(&one).await;
    }
    FakeAgent::connect(&other).await.expect("another host is welcome meanwhile");
    operators_as(&ada).await.get_status(v1::GetStatusRequest {}).await.expect("an operator is answered meanwhile");
    crowd.clear();
    let room_again = async { while FakeAgent::connect(&one).await.is_err() {} };
    timeout(LIMIT, room_again).await.expect("there is room again");
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_in_the_handshake() {
    let harness = Harness::new().await;
    let ada = administrator(&harness).await;
    let mut admin = operators_as(&ada).await;
    let identity = harness.host(&mut admin, "lab-1").await;
    admin
        .remove_host(v1::RemoveHostRequest { name: "lab-1".to_owned(), with_instances: false })
        .await
        .expect("it goes");
    let mut alert = timeout(LIMIT, tls(&harness, &identity)).await.expect("it ends in time");
    let mut bytes = [0; 16];
    let refused = match &mut alert {
        Ok(stream) => stream.read(&mut bytes).await.err(),
        Err(_) => alert.err(),
    };
    let refused = refused.expect("the handshake says so, before any call");
    assert!(refused.to_string().contains("CertificateRevoked"), "{refused}");
    for _ in 0..20 {
        let asked = FakeAgent::connect(&identity).await.err().expect("it is not welcome any more");
        assert!(is_revoked(&asked), "whoever comes is told why: {asked:?}");
    }
    admin.get_status(v1::GetStatusRequest {}).await.expect("the others are not disturbed");
}

/// An administrator's identity, to connect with as often as needed.
async fn administrator(harness: &Harness) -> Identity {
    admit(&harness.admin_token, now()).await.expect("the token is good")
}

/// Connects with TLS as an identity, and sends nothing.
async fn tls(harness: &Harness, identity: &Identity) -> std::io::Result<TlsStream<TcpStream>> {
    let kept = serde_json::to_value(identity).expect("it can be kept");
    let chain: Vec<Vec<u8>> = serde_json::from_value(kept["chain"].clone()).expect("it has a chain");
    let key = kept["key_pem"].as_str().expect("it has a key");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.ca_der().to_vec().into()).expect("it is a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("it is a key");
    let chain = chain.into_iter().map(Into::into).collect();
    let config = config.expect("it has versions").with_root_certificates(roots).with_client_auth_cert(chain, key);
    let mut config = config.expect("the key is the certificate's");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(harness.address).await.expect("the port is open");
    let name = "fleet-coordinator".try_into().expect("it is a name");
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn one_viewer_has_a_bounded_number_of_streams_and_the_others_are_answered() {
    let harness = Harness::new().await;
    let ada = administrator(&harness).await;
    let mut admin = operators_as(&ada).await;
    let request =
        v1::AddOperatorRequest { name: "bob".to_owned(), role: v1::OperatorRole::Viewer.into(), ..Default::default() };
    let invitation = admin.add_operator(request).await.expect("he is new").into_inner();
    let bob = admit(&crate::harness::token(&invitation), now()).await.expect("the token is good");
    let (mut streams, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let mut viewer = operators_as(&bob).await;
        for _ in 0..50 {
            let events = v1::ListEventsRequest { tail: 10_000, follow: true, ..Default::default() };
            match viewer.list_events(events).await {
                Ok(stream) => streams.push(stream),
                Err(status) => refused.push(status),
            }
        }
    }
    assert!(streams.len() <= 128, "{} streams of one viewer", streams.len());
    assert!(refused.iter().all(|status| status.code() == Code::ResourceExhausted), "{refused:?}");
    assert!(refused.iter().all(|status| hint_of(status).is_some()), "{refused:?}");
    admin.get_status(v1::GetStatusRequest {}).await.expect("the others are answered");
    streams.clear();
    let mut viewer = operators_as(&bob).await;
    let again = async { while viewer.get_status(v1::GetStatusRequest {}).await.is_err() {} };
    timeout(LIMIT, again).await.expect("there is room again");
}

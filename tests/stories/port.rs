//! The single port, with unauthenticated peers, other programs and other versions.

use fleet_coordinator::home::HomeError;
use fleet_core::hint::LinkHint;
use fleet_core::time::Time;
use fleet_link::{Identity, dial};
use fleet_proto::refusal::{RefusalReason, hint_of, word_of};
use fleet_proto::v1::agents_client::AgentsClient;
use fleet_proto::{MESSAGE_LIMIT, PROTOCOL, v1};
use fleet_tests::fleet::{Fleet, now};
use prost::bytes::BufMut;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use v1::push_release_piece::Kind as Piece;

#[test]
fn a_second_coordinator_on_the_folder_is_refused() {
    let fleet = Fleet::of(&["lab-1"]);
    let error = fleet.server.open_again().expect_err("it is in use");
    let path = fleet.server.folder().join("store");
    let said = format!("{error} {}", error.source().map(ToString::to_string).unwrap_or_default());
    assert!(said.contains(path.to_str().expect("it is text")), "{said}");
    assert!(said.contains("in use") || said.contains("already"), "{said}");
    assert!(error.hint().is_some_and(|hint| hint.contains("stop the coordinator")), "{:?}", error.hint());
    assert!(matches!(error, HomeError::Store(_)));
    assert!(fleet.host_view("lab-1").is_some_and(|view| view.link() == fleet_proto::v1::HostLink::Online));
}

/// Writes bytes to the port, and reads until it hangs up.
fn send_raw(fleet: &Fleet, bytes: &[u8]) {
    let mut stream = TcpStream::connect(fleet.server.address).expect("the port is open");
    stream.set_read_timeout(Some(Duration::from_secs(15))).expect("a limit can be set");
    // It may disconnect before it has received everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
}

/// Asks with a message that is no protobuf.
fn garbage(fleet: &Fleet, identity: &Identity) -> Status {
    fleet.wait_for(async {
        let mut client = tonic::client::Grpc::new(dial(identity).await.expect("it is reached"));
        client.ready().await.expect("it is ready");
        let path = tonic::codegen::http::uri::PathAndQuery::from_static("/fleet.v1.Operators/InstallInstance");
        client.unary(tonic::Request::new(()), path, Garbage).await.expect_err("it is no message")
    })
}

/// Encodes anything as bytes that no message can be decoded from.
#[derive(Debug, Clone, Copy)]
struct Garbage;

impl Codec for Garbage {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Garbage {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&[0xff; 64]);
        Ok(())
    }
}

impl Decoder for Garbage {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        Ok(Some(()))
    }
}

#[test]
fn garbage_and_oversized_messages_disturb_nobody() {
    let fleet = Fleet::running(&["lab-1"]);
    let events = fleet.admin.start("events --follow");
    events.wait_for("notes-1");
    send_raw(&fleet, b"GET / HTTP/1.1\r\n\r\n");
    send_raw(&fleet, &[0xff; 4096]);
    send_raw(&fleet, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let idle = TcpStream::connect(fleet.server.address).expect("the port is open");

    let identity = fleet.admin.identity();
    let status = garbage(&fleet, &identity);
    assert!(status.message().contains("decode") || status.message().contains("protobuf"), "{status:?}");
    let piece = v1::PushReleasePiece { kind: Some(Piece::Bundle(vec![7; MESSAGE_LIMIT + 1])) };
    let refused = fleet.ask(async |mut client| client.push_release(tokio_stream::iter([piece])).await);
    assert!(refused.is_err_and(|status| status.message().contains("limit") || status.message().contains("large")));

    assert!(!events.is_over(), "whoever listened goes on listening");
    fleet.done("instance restart notes-1");
    events.wait_for("restart requested");
    assert!(fleet.host_view("lab-1").is_some_and(|view| view.link() == fleet_proto::v1::HostLink::Online));
    drop(idle);
}

/// Sends a host's `Hello` with some time, and reports no instances; the stream lasts as long as the returned sender.
async fn greet(identity: &Identity, time: Time) -> tokio::sync::mpsc::Sender<v1::FromAgent> {
    use v1::from_agent::Kind;
    let mut client = AgentsClient::new(dial(identity).await.expect("it is reached"));
    let hello =
        v1::Hello { protocol: PROTOCOL, agent_version: "story".to_owned(), now_ms: time.0, ..Default::default() };
    let hello = v1::Hello { policy: Some(v1::HostPolicy::default()), ..hello };
    let (say, messages) = tokio::sync::mpsc::channel(4);
    for kind in [Kind::Hello(hello), Kind::Complete(v1::Complete {})] {
        say.send(v1::FromAgent { kind: Some(kind) }).await.expect("there is room");
    }
    let stream = tokio_stream::wrappers::ReceiverStream::new(messages);
    tokio::spawn(async move { client.report(stream).await });
    say
}

#[test]
fn a_clock_that_is_off_is_shown_where_people_look() {
    let fleet = Fleet::new();
    let host = fleet.announce("lab-1");
    let late = Time(now().0 - 5 * 60_000);
    let _link = fleet.wait_for(greet(&host.identity(), late));
    fleet.wait_online("lab-1");
    let shown = fleet.done("host show lab-1");
    assert!(shown.lines().any(|line| line.starts_with("clock") && line.contains("behind")), "{shown}");
    let status = fleet.done("status");
    assert!(status.contains("its clock is") && status.contains("timedatectl"), "{status}");
    assert!(fleet.done("host ls -o wide").contains("s behind"));
}

#[test]
fn another_protocol_is_told_which_side_to_upgrade() {
    let fleet = Fleet::new();
    let identity = fleet.announce("lab-1").identity();
    let table = [
        (PROTOCOL + 1, RefusalReason::ProtocolNew, LinkHint::UpgradeCoordinator),
        (PROTOCOL - 1, RefusalReason::ProtocolOld, LinkHint::UpgradeProgram),
    ];
    for (protocol, word, hint) in table {
        let status = fleet.wait_for(async {
            let mut client = AgentsClient::new(dial(&identity).await.expect("it is reached"));
            let request = v1::WatchRequest { protocol, agent_version: "story".to_owned(), protocol_min: 0 };
            client.watch(request).await.expect_err("it is another protocol")
        });
        assert_eq!(word_of(&status), Some(word));
        assert_eq!(hint_of(&status), hint.into(), "{status:?}");
        let both = [protocol, PROTOCOL].map(|number| format!("protocol {number}"));
        assert!(status.message().contains(&both[0]), "{}", status.message());
    }
    assert!(fleet.host_view("lab-1").is_some_and(|view| view.link() != fleet_proto::v1::HostLink::Online));
}

/// Watches as a host with some protocol, and asserts the refusal.
fn refused_as(fleet: &Fleet, identity: &Identity, protocol: u32) {
    fleet.wait_for(async {
        let mut client = AgentsClient::new(dial(identity).await.expect("it is reached"));
        let request = v1::WatchRequest { protocol, agent_version: "story".to_owned(), protocol_min: 0 };
        client.watch(request).await.expect_err("it is another protocol")
    });
}

#[test]
fn operators_see_that_a_host_speaks_another_protocol_until_it_greets_well() {
    let mut fleet = Fleet::new();
    let (newer, older) = (fleet.announce("lab-2").identity(), fleet.announce("lab-1").identity());
    let words = |theirs: u32| format!("it supports protocol {theirs}, and this coordinator supports ");
    let table = [
        ("lab-2", &newer, PROTOCOL + 1, "upgrade the coordinator"),
        ("lab-1", &older, PROTOCOL - 1, "upgrade fleet-agent on lab-1"),
    ];
    for (host, identity, theirs, hint) in table {
        (0..3).for_each(|_| refused_as(&fleet, identity, theirs));
        let shown = fleet.done(&format!("host show {host}"));
        assert!(shown.contains(&words(theirs)) && shown.contains(hint), "{shown}");
        assert!(fleet.done("host ls").contains("other protocol"));
        let status = fleet.done("status");
        assert!(status.contains(&format!("host {host}: {}", words(theirs))) && status.contains(hint), "{status}");
        let output = fleet.done("events --tail 100").matches(&words(theirs)).count();
        assert_eq!(output, 1, "it is told once, however often the host dials");
    }
    fleet.done("host rm lab-2 --yes");
    fleet.server.restart();
    assert!(fleet.done("host show lab-1").contains(&words(PROTOCOL - 1)), "it is kept");
    refused_as(&fleet, &older, PROTOCOL - 1);
    assert_eq!(fleet.done("events --tail 100").matches(&words(PROTOCOL - 1)).count(), 1);

    let _link = fleet.wait_for(greet(&older, now()));
    fleet.wait_online("lab-1");
    assert!(!fleet.done("host show lab-1").contains("it supports protocol"));
    assert_eq!(fleet.attention(), [""; 0]);
}

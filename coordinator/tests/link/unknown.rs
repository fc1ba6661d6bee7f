//! Requests of newer programs: an enum value or a kind that this coordinator does not know is refused, and nothing is half done.

use crate::duplicates::events;
use crate::harness::{Operators, bundle, refusal, token};
use crate::roles::Bytes;
use crate::stories::{fleet, installed, instance};
use fleet_core::access::JoinToken;
use fleet_core::event::EventKind;
use fleet_core::refused_call::CallRefusal;
use fleet_link::{admit, dial};
use fleet_proto::v1;
use fleet_proto::{PROTOCOL, PROTOCOL_MIN};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Value that no enum has.
const VALUE: i32 = 99;
/// Number of a kind that no `oneof` has.
const KIND: u32 = 15_001;

/// The lines of the frozen protocol, as a graph of messages.
#[derive(Default)]
struct Protocol {
    /// Names and types of requests, by `Service.Method`.
    requests: BTreeMap<String, String>,
    enums: BTreeSet<String>,
    /// By message: name, type and `oneof` of each field.
    fields: BTreeMap<String, Vec<(String, String, Option<String>)>>,
}

impl Protocol {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/fleet.v1.txt");
        let mut protocol = Self::default();
        for line in std::fs::read_to_string(path).expect("it is there").lines() {
            protocol.add(line);
        }
        protocol
    }

    fn add(&mut self, line: &str) {
        let plain = |name: &str| name.trim_start_matches("stream ").trim_start_matches(".fleet.v1.").to_owned();
        let (what, rest) = line.split_once(' ').expect("a line says what it is");
        let (left, right) = rest.split_once([' ', '=']).expect("a line has two sides");
        match what {
            "rpc" => {
                let input = right.trim_start_matches('(').split(')').next().expect("it has an input");
                self.requests.insert(left.to_owned(), plain(input));
            }
            "value" => {
                let (of, _) = left.rsplit_once('.').expect("a value is an enum's");
                self.enums.insert(of.to_owned());
            }
            "field" => {
                let (message, name) = left.rsplit_once('.').expect("a field is a message's");
                let (_, kind) = right.split_once(": ").expect("a field has a type");
                let (kind, oneof) =
                    kind.split_once(" in ").map_or((kind, None), |(kind, of)| (kind, Some(of.to_owned())));
                let kind = plain(kind.trim_start_matches("repeated ").trim_start_matches("optional "));
                self.fields.entry(message.to_owned()).or_default().push((name.to_owned(), kind, oneof));
            }
            other => panic!("`{other}` is no kind of line"),
        }
    }

    /// All enums and `oneof`s of requests, as `Service.Method field.field`. What agents report is read piece by piece.
    fn choices(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (method, input) in self.requests.iter().filter(|(method, _)| !method.starts_with("Agents.")) {
            self.add_choices(&format!("{method} "), input, &mut found);
        }
        found
    }

    fn add_choices(&self, path: &str, message: &str, found: &mut BTreeSet<String>) {
        for (name, kind, oneof) in self.fields.get(message).into_iter().flatten() {
            found.extend(oneof.iter().map(|oneof| format!("{path}{oneof}")));
            if self.enums.contains(kind) {
                found.insert(format!("{path}{name}"));
            }
            self.add_choices(&format!("{path}{name}."), kind, found);
        }
    }
}

async fn call(channel: &Channel, method: &str, request: Vec<u8>) -> Result<Option<Vec<u8>>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("it is reached");
    let path = format!("/fleet.v1.{}", method.replace('.', "/")).parse().expect("a path");
    let mut answer =
        client.streaming(tonic::Request::new(tokio_stream::once(request)), path, Bytes).await?.into_inner();
    answer.message().await
}

/// A message of a kind that is not known.
fn unknown_kind(known: &impl Message) -> Vec<u8> {
    let mut message = known.encode_to_vec();
    prost::encoding::string::encode(KIND, &"pretended".to_owned(), &mut message);
    message
}

/// Valid requests of an operator, except for one value.
fn of_operators() -> Vec<(&'static str, Vec<u8>)> {
    let name = || "notes-1".to_owned();
    let values = [("password".to_owned(), "hunter2".to_owned())];
    let install = v1::InstallInstanceRequest {
        app: "notes".to_owned(),
        version: "1.1".to_owned(),
        host: "lab-1".to_owned(),
        name: "notes-2".to_owned(),
        values: values.clone().into(),
        drift: Some(VALUE),
        ..Default::default()
    };
    let configure = v1::ConfigureInstanceRequest {
        name: name(),
        values: values.into(),
        drift: Some(VALUE),
        dry_run: true,
        ..Default::default()
    };
    let add = v1::AddOperatorRequest { name: "bob".to_owned(), role: VALUE, ..Default::default() };
    let steer_member = v1::SteerMemberRequest { instance: name(), action: VALUE, ..Default::default() };
    let add_repository = v1::AddRepositoryRequest { name: "usb".to_owned(), location: None };
    vec![
        ("Operators.AddOperator role", add.encode_to_vec()),
        ("Operators.InstallInstance drift", install.encode_to_vec()),
        ("Operators.ConfigureInstance drift", configure.encode_to_vec()),
        ("Operators.PowerInstance action", v1::PowerInstanceRequest { name: name(), action: VALUE }.encode_to_vec()),
        ("Operators.SteerRollout action", v1::SteerRolloutRequest { id: name(), action: VALUE }.encode_to_vec()),
        ("Operators.SteerMember action", steer_member.encode_to_vec()),
        ("Operators.PushRelease kind", unknown_kind(&v1::PushReleasePiece { kind: None })),
        ("Backups.AddRepository location", unknown_kind(&add_repository)),
    ]
}

/// Valid requests of a host, except for one value.
fn of_hosts() -> Vec<(&'static str, Vec<u8>)> {
    let file = || {
        let (repository, instance) = ("central".to_owned(), "notes-1".to_owned());
        Some(v1::FileName { repository, instance, kind: VALUE, id: "0".repeat(64) })
    };
    let begin = v1::AddFile { kind: file().map(v1::add_file::Kind::Begin) };
    let list = v1::ListFiles { of: file().map(|file| v1::FileName { id: String::new(), ..file }) };
    vec![
        ("Repositories.List of.kind", list.encode_to_vec()),
        ("Repositories.Read file.kind", v1::ReadFile { file: file(), offset: 0, length: 0 }.encode_to_vec()),
        ("Repositories.Add begin.kind", begin.encode_to_vec()),
        ("Repositories.Add kind", unknown_kind(&v1::AddFile { kind: None })),
    ]
}

/// Of whoever joins with a token that is good.
fn of_strangers(token: &JoinToken) -> Vec<(&'static str, Vec<u8>)> {
    let request = v1::AdmitRequest {
        secret: token.secret.to_vec(),
        protocol: PROTOCOL,
        protocol_min: PROTOCOL_MIN,
        joiner: VALUE,
        ..Default::default()
    };
    vec![("Join.Admit joiner", request.encode_to_vec())]
}

async fn check(channel: &Channel, rows: Vec<(&'static str, Vec<u8>)>, seen: &mut BTreeSet<String>) {
    for (row, request) in rows {
        let (method, field) = row.split_once(' ').expect("a method and a field");
        let refused = call(channel, method, request).await.expect_err(row);
        assert_eq!(refused.code(), Code::InvalidArgument, "{row}: {refused}");
        let last = field.rsplit('.').next().expect("it has a name");
        let is_enum = !["Operators.PushRelease", "Repositories.Add"].contains(&method) || field.contains('.');
        let is_unknown = matches!(refusal(&refused), CallRefusal::UnknownValue { field } if field.ends_with(last));
        assert!(!is_enum || is_unknown, "{row}: {refused}");
        seen.insert(row.to_owned());
    }
}

/// State that operators see and that must not change.
async fn state(admin: &mut Operators) -> (Vec<(String, EventKind)>, usize, String) {
    let tokens = admin.list_tokens(v1::ListTokensRequest::default()).await.expect("it may be seen").into_inner();
    let view = instance(admin, "notes-1").await.expect("it is there");
    (events(admin).await, tokens.tokens.len(), format!("{:?} {:?} {:?}", view.drift_rule, view.doing, view.values))
}

#[tokio::test]
async fn each_request_with_a_value_or_a_kind_that_is_not_known_is_refused_and_changes_nothing() {
    let (harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    crate::harness::push(&mut admin, "1.2", &bundle("notes:1.2")).await.expect("it is a good bundle");
    let request =
        v1::ProposeRolloutRequest { version: "1.2".to_owned(), at_once: "1".to_owned(), ..Default::default() };
    crate::harness::start_rollout(&mut admin, request).await.expect("it can work");
    agent.orders(1).await;
    let operator = v1::AddOperatorRequest {
        name: "ada".to_owned(),
        role: v1::OperatorRole::Administrator.into(),
        ..Default::default()
    };
    let ada = admin.add_operator(operator).await.expect("she is new").into_inner();
    let ada = admit(&token(&ada), crate::harness::now()).await.expect("the token is good");
    let request = v1::AddHostRequest { name: "lab-2".to_owned(), ..Default::default() };
    let spare = token(&admin.add_host(request).await.expect("the host is new").into_inner());
    let (ada, host) = (dial(&ada).await.expect("it is reached"), dial(&identity).await.expect("it is reached"));
    let before = state(&mut admin).await;
    let mut seen = BTreeSet::new();
    check(&ada, of_operators(), &mut seen).await;
    check(&host, of_hosts(), &mut seen).await;
    check(&ada, of_strangers(&spare), &mut seen).await;
    assert_eq!(state(&mut admin).await, before);
    admit(&spare, crate::harness::now()).await.expect("the token was not spent");
    assert_eq!(seen, Protocol::read().choices(), "each enum and oneof of a request has a row here");
    drop(harness);
}

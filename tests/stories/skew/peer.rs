//! Agents and coordinators of the next protocol and of the one before, made of today's messages.
//!
//! The next protocol is today's with one more field in each message, more kinds in its `oneof`s, more values in its enums, and one
//! more action. The protocol before is today's without the fields that it can do without.

use fleet_proto::v1::{self, from_agent, order, to_agent};
use fleet_proto::{PROTOCOL, PROTOCOL_MIN};
use prost::Message;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{DescriptorProto, FieldDescriptorProto};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/proto");

/// Number of the field that each message of the next protocol has more.
const FIELD: u32 = 15_000;
/// Number of a kind that no `oneof` has today.
const KIND: u32 = 15_001;
/// Value that no enum has today.
const VALUE: i32 = 99;

/// Orders of a coordinator of the next protocol that an agent of today cannot carry out, by their ids.
const ORDERS: [&str; 3] = ["aaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccc"];

/// Fields that the previous protocol lacks; the absence of each has a meaning.
const LATER: [(&str, &[&str]); 5] = [
    ("Hello", &["start", "engine_id", "replies_to_claims", "protocol_min", "capabilities"]),
    ("WatchRequest", &["protocol_min"]),
    ("ToAgent", &["hello"]),
    ("OpenOrders", &["epoch", "revision"]),
    ("Busy", &["progress"]),
];

/// The side that is not of today's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    NewerAgent,
    NewerCoordinator,
    OlderAgent,
    OlderCoordinator,
}

/// A simulated peer, with the messages that it received.
pub struct Peer {
    side: Side,
    /// Today's messages, with one more field where the peer is newer.
    pool: DescriptorPool,
    /// Ends of its orders that are unknown today.
    pub ends: Mutex<BTreeMap<String, v1::order_report::Outcome>>,
    /// Messages that were passed on in another form than today's.
    pub changed: AtomicUsize,
}

impl Peer {
    pub fn new(side: Side) -> Self {
        let pool = descriptors(side);
        for (message, fields) in LATER {
            let of = pool.get_message_by_name(&format!("fleet.v1.{message}")).expect("it is a message of the wire");
            for field in fields {
                assert!(of.get_field_by_name(field).is_some(), "{message}.{field} is a field of the wire");
            }
        }
        Self { side, pool, ends: Mutex::default(), changed: AtomicUsize::new(0) }
    }

    /// Returns the messages that the coordinator receives in place of an agent's message.
    pub fn for_coordinator(&self, method: &str, message: &[u8]) -> Vec<Vec<u8>> {
        let of = self.message_of(method, true);
        let said = match self.side {
            Side::NewerAgent => {
                let said = match method {
                    "/fleet.v1.Agents/Watch" => vec![newer_watch(message)],
                    "/fleet.v1.Agents/Report" => newer_report(message),
                    _ => vec![message.to_vec()],
                };
                said.iter().map(|message| grown(&of, message)).collect()
            }
            Side::NewerCoordinator => self.unless_ended(method, message),
            Side::OlderAgent | Side::OlderCoordinator => stripped(&of, message).into_iter().collect(),
        };
        self.counted(message, said)
    }

    /// Returns the messages that the agent receives in place of the coordinator's message.
    pub fn for_agent(&self, method: &str, message: &[u8]) -> Vec<Vec<u8>> {
        let of = self.message_of(method, false);
        let said = match self.side {
            Side::NewerAgent => vec![message.to_vec()],
            Side::NewerCoordinator => {
                let said = match method {
                    "/fleet.v1.Agents/Watch" => self.newer_orders(message),
                    _ => vec![message.to_vec()],
                };
                said.iter().map(|message| grown(&of, message)).collect()
            }
            Side::OlderAgent | Side::OlderCoordinator => stripped(&of, message).into_iter().collect(),
        };
        self.counted(message, said)
    }

    fn counted(&self, message: &[u8], said: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        self.changed.fetch_add(usize::from(said != [message]), Ordering::Relaxed);
        said
    }

    fn message_of(&self, method: &str, is_request: bool) -> MessageDescriptor {
        let (service, method) = method.trim_start_matches('/').split_once('/').expect("a call has a path");
        let service = self.pool.get_service_by_name(service).expect("it is a service of the wire");
        let method = service.methods().find(|it| it.name() == method).expect("it is a method of the wire");
        if is_request { method.input() } else { method.output() }
    }

    /// Hears the ends of the newer coordinator's own orders; all else is passed on.
    fn unless_ended(&self, method: &str, message: &[u8]) -> Vec<Vec<u8>> {
        if method == "/fleet.v1.Agents/Report"
            && let Ok(v1::FromAgent { kind: Some(from_agent::Kind::Order(report)) }) = v1::FromAgent::decode(message)
            && ORDERS.contains(&report.id.as_str())
        {
            let outcome = report.outcome.expect("an end has an outcome");
            self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(report.id, outcome);
            return Vec::new();
        }
        vec![message.to_vec()]
    }

    /// Returns the message of a newer coordinator, with parts that only it sends.
    fn newer_orders(&self, message: &[u8]) -> Vec<Vec<u8>> {
        match v1::ToAgent::decode(message).expect("the coordinator's message can be read").kind {
            Some(to_agent::Kind::Hello(hello)) => {
                let hello = v1::CoordinatorHello { protocol: PROTOCOL + 1, protocol_min: PROTOCOL, ..hello };
                let said = v1::ToAgent { kind: Some(to_agent::Kind::Hello(hello)) };
                vec![said.encode_to_vec(), with_unknown(Vec::new())]
            }
            Some(to_agent::Kind::Orders(_)) => {
                let mut said = message.to_vec();
                let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
                let open = ORDERS.iter().zip(unknown_orders()).filter(|(id, _)| !ends.contains_key(**id));
                open.for_each(|(_, order)| add_order(&mut said, &order));
                vec![said]
            }
            _ => vec![message.to_vec()],
        }
    }
}

/// Appends an order to an encoded `ToAgent` with open orders: encoded messages of one field are merged when they are read.
fn add_order(message: &mut Vec<u8>, order: &[u8]) {
    let mut orders = Vec::new();
    prost::encoding::bytes::encode(1, &order.to_vec(), &mut orders);
    prost::encoding::bytes::encode(1, &orders, message);
}

/// An action of an unknown kind, and two with an enum value that is not known.
fn unknown_orders() -> [Vec<u8>; 3] {
    let order =
        |id: &str, action| v1::Order { id: id.to_owned(), instance: "notes-1".to_owned(), deadline_ms: 60_000, action };
    let power = order::Action::Power(v1::Power { action: VALUE, serial: 99 });
    let release = Some(v1::Release { app: "notes".to_owned(), version: "1.1".to_owned(), digest: digest() });
    let goal = v1::Goal { release, revision: 9, drift: VALUE, ..Default::default() };
    let install = order::Action::Install(v1::Install { goal: Some(goal) });
    [
        with_unknown(order(ORDERS[0], None).encode_to_vec()),
        order(ORDERS[1], Some(power)).encode_to_vec(),
        order(ORDERS[2], Some(install)).encode_to_vec(),
    ]
}

fn digest() -> String {
    format!("sha256:{}", "ab".repeat(32))
}

fn newer_watch(message: &[u8]) -> Vec<u8> {
    let request = v1::WatchRequest::decode(message).expect("the agent's message can be read");
    v1::WatchRequest { protocol: PROTOCOL + 1, protocol_min: PROTOCOL, ..request }.encode_to_vec()
}

/// Returns a report of a newer agent, after others with parts that only it knows.
fn newer_report(message: &[u8]) -> Vec<Vec<u8>> {
    use from_agent::Kind;
    let said = |kind| v1::FromAgent { kind: Some(kind) }.encode_to_vec();
    let kind = v1::FromAgent::decode(message).expect("the agent's message can be read").kind;
    match kind {
        Some(Kind::Hello(mut hello)) => {
            (hello.protocol, hello.protocol_min) = (PROTOCOL + 1, PROTOCOL);
            hello.capabilities.push("action:pretended".to_owned());
            vec![said(Kind::Hello(hello)), with_unknown(Vec::new())]
        }
        Some(Kind::Instance(report)) => {
            let unknown = v1::InstanceReport { running: None, ..report.clone() };
            let mut sick = report;
            if let Some(v1::instance_report::Running::Settled(settled)) = &mut sick.running {
                settled.health = VALUE;
            }
            let unknown = from_agent_with(3, &with_unknown(unknown.encode_to_vec()));
            vec![unknown, said(Kind::Instance(sick)), message.to_vec()]
        }
        Some(Kind::Order(report)) => {
            let other = v1::OrderReport { id: "d".repeat(24), outcome: None, ..report };
            vec![from_agent_with(4, &with_unknown(other.encode_to_vec())), message.to_vec()]
        }
        _ => vec![message.to_vec()],
    }
}

/// A `FromAgent` whose kind has this number.
fn from_agent_with(number: u32, kind: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    prost::encoding::bytes::encode(number, &kind.to_vec(), &mut message);
    message
}

/// The same message with a kind that is not known today.
fn with_unknown(mut message: Vec<u8>) -> Vec<u8> {
    prost::encoding::string::encode(KIND, &"pretended".to_owned(), &mut message);
    message
}

/// The same message with one more field in each message in it.
fn grown(of: &MessageDescriptor, message: &[u8]) -> Vec<u8> {
    let mut message = DynamicMessage::decode(of.clone(), message).expect("it can be read");
    visit(&mut message, &mut |message| {
        if message.descriptor().get_field(FIELD).is_some() {
            message.set_field_by_number(FIELD, Value::String("pretended".to_owned()));
        }
    });
    message.encode_to_vec()
}

/// The same message as the protocol before has it; nothing where it does not have it.
fn stripped(of: &MessageDescriptor, message: &[u8]) -> Option<Vec<u8>> {
    let mut message = DynamicMessage::decode(of.clone(), message).expect("it can be read");
    let was_empty = message.encoded_len() == 0;
    visit(&mut message, &mut |message| {
        let name = message.descriptor().name().to_owned();
        let later = LATER.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, fields)| fields);
        later.iter().for_each(|field| message.clear_field_by_name(field));
        if name == "WatchRequest" {
            message.set_field_by_name("protocol", Value::U32(PROTOCOL_MIN));
        }
    });
    (was_empty || message.encoded_len() > 0).then(|| message.encode_to_vec())
}

/// Visits a message and all that are in it.
fn visit(message: &mut DynamicMessage, what: &mut impl FnMut(&mut DynamicMessage)) {
    for field in message.descriptor().fields().filter(|field| !field.is_map()) {
        if !message.has_field(&field) {
            continue;
        }
        match message.get_field_mut(&field) {
            Value::Message(inner) => visit(inner, what),
            Value::List(list) => {
                for value in list {
                    if let Value::Message(inner) = value {
                        visit(inner, what);
                    }
                }
            }
            _ => {}
        }
    }
    what(message);
}

/// The messages of the wire, with one more field in each where the side is newer.
fn descriptors(side: Side) -> DescriptorPool {
    let files = std::fs::read_dir(format!("{FILES}/fleet/v1")).expect("the files are there");
    let files = files.map(|entry| format!("fleet/v1/{}", entry.expect("a file").file_name().display()));
    let mut set = protox::compile(files, [FILES]).expect("the build compiled them");
    if matches!(side, Side::NewerAgent | Side::NewerCoordinator) {
        set.file.iter_mut().flat_map(|file| &mut file.message_type).for_each(grow);
    }
    DescriptorPool::from_file_descriptor_set(set).expect("they belong together")
}

fn grow(message: &mut DescriptorProto) {
    message.field.push(FieldDescriptorProto {
        name: Some("pretended".to_owned()),
        number: i32::try_from(FIELD).ok(),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::String.into()),
        ..Default::default()
    });
}

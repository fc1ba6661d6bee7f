//! Requests made from the descriptors of the wire, valid and mutated, from a seed.

use anyhow::Context;
use fleet_tests::random::Random;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, MethodDescriptor, Value,
};
use std::collections::HashMap;

const DEPTH: usize = 4;
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/proto");

/// Names that exist, names that may exist, and names that should never exist.
const WORDS: [&str; 24] = [
    "",
    "lab-0",
    "lab-1",
    "bench-0",
    "bench-1",
    "bench",
    "bench@1.1",
    "1.1",
    "9.9",
    "central",
    "viewer",
    "operator",
    "host lab-0",
    "25%",
    "100%",
    "daily",
    "0 3 * * *",
    "../../etc/passwd",
    "a/b",
    "\u{202e}\u{1b}[31m",
    "-1",
    "sha256:",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "{% for i in range(9) %}{{ i }}{% endfor %}",
];

/// Every method of every service.
pub fn methods() -> anyhow::Result<Vec<MethodDescriptor>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(format!("{FILES}/fleet/v1"))? {
        let name = entry?.file_name().into_string().ok().context("a file of the wire has a name of ASCII")?;
        files.push(format!("fleet/v1/{name}"));
    }
    files.sort();
    let pool = DescriptorPool::from_file_descriptor_set(protox::compile(files, [FILES])?)?;
    let methods: Vec<_> = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    Ok(methods)
}

/// One request, of which every second is mutated.
pub fn request(random: &mut Random, of: &MessageDescriptor) -> Vec<u8> {
    let mut bytes = message(random, of, 0).encode_to_vec();
    if random.below(2) == 0 {
        mutate(random, &mut bytes);
    }
    bytes
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        match random.below(4) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, random.below(256) as u8),
            _ => {
                let again = bytes[at..].to_vec();
                bytes.extend(again.iter().take(64));
            }
        }
    }
}

fn message(random: &mut Random, of: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    for field in of.fields() {
        if random.below(10) < 6 && depth < DEPTH {
            let value = field_value(random, &field, depth);
            message.set_field(&field, value);
        }
    }
    message
}

fn field_value(random: &mut Random, field: &FieldDescriptor, depth: usize) -> Value {
    if field.is_map()
        && let Kind::Message(entry) = field.kind()
    {
        let mut map = HashMap::new();
        for _ in 0..random.below(4) {
            let value = value(random, &entry.map_entry_value_field().kind(), depth + 1);
            map.insert(MapKey::String(text(random)), value);
        }
        return Value::Map(map);
    }
    if field.is_list() {
        return Value::List((0..random.below(4)).map(|_| value(random, &field.kind(), depth)).collect());
    }
    value(random, &field.kind(), depth)
}

fn value(random: &mut Random, kind: &Kind, depth: usize) -> Value {
    match kind {
        Kind::Double => Value::F64(f64::from_bits(random.next())),
        Kind::Float => Value::F32(random.next() as f32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number(random) as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number(random) as i64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number(random) as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number(random)),
        Kind::Bool => Value::Bool(random.below(2) == 0),
        Kind::String => Value::String(text(random)),
        Kind::Bytes => Value::Bytes(text(random).into_bytes().into()),
        Kind::Message(of) => Value::Message(message(random, of, depth + 1)),
        Kind::Enum(_) => Value::EnumNumber(random.below(8) as i32),
    }
}

fn number(random: &mut Random) -> u64 {
    match random.below(5) {
        0 => 0,
        1 => u64::MAX,
        2 => i64::MAX as u64,
        3 => random.below(100),
        _ => random.next(),
    }
}

fn text(random: &mut Random) -> String {
    match random.below(20) {
        0 => "x".repeat(random.below(100_000) as usize),
        1 => (0..random.below(40)).filter_map(|_| char::from_u32(random.below(0x11_0000) as u32)).collect(),
        _ => WORDS[random.below(WORDS.len() as u64) as usize].to_owned(),
    }
}

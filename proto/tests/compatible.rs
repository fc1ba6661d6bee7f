//! Frozen protocol: each field keeps its name, number and type.
//!
//! `fleet.v1.txt` has a line for each method, field and enum value. Where one was removed, renamed, renumbered or retyped, peers of
//! the version before read something else. New lines are added with `FLEET_WRITE=1 cargo test -p fleet-proto --test compatible`.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The lines of the protocol as it is now.
fn lines() -> BTreeSet<String> {
    let folder = here().join("proto");
    let files = std::fs::read_dir(folder.join("fleet/v1")).expect("the folder is there");
    let files: Vec<PathBuf> = files.map(|entry| entry.expect("it can be read").path()).collect();
    let set = protox::compile(&files, [&folder]).expect("the build compiled the same files");
    let own = set.file.into_iter().filter(|file| file.package() == "fleet.v1");
    let mut lines = BTreeSet::new();
    own.for_each(|file| add_file(&mut lines, &file));
    lines
}

fn add_file(lines: &mut BTreeSet<String>, file: &FileDescriptorProto) {
    for service in &file.service {
        for method in &service.method {
            let stream = |is: Option<bool>| if is.unwrap_or(false) { "stream " } else { "" };
            lines.insert(format!(
                "rpc {}.{} ({}{}) returns ({}{})",
                service.name(),
                method.name(),
                stream(method.client_streaming),
                method.input_type(),
                stream(method.server_streaming),
                method.output_type()
            ));
        }
    }
    file.message_type.iter().for_each(|message| add_message(lines, "", message));
    file.enum_type.iter().for_each(|of| add_enum(lines, "", of));
}

fn add_message(lines: &mut BTreeSet<String>, outer: &str, message: &DescriptorProto) {
    let name = format!("{outer}{}", message.name());
    for field in &message.field {
        lines.insert(format!("field {name}.{} = {}: {}", field.name(), field.number(), type_of(field, message)));
    }
    let inner = format!("{name}.");
    message.nested_type.iter().for_each(|nested| add_message(lines, &inner, nested));
    message.enum_type.iter().for_each(|of| add_enum(lines, &inner, of));
}

fn type_of(field: &FieldDescriptorProto, message: &DescriptorProto) -> String {
    let base = match field.r#type() {
        Type::Message | Type::Enum | Type::Group => field.type_name().to_owned(),
        simple => simple.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    let oneof = field.oneof_index.filter(|_| !field.proto3_optional()).and_then(|index| {
        let index = usize::try_from(index).expect("an index is not negative");
        message.oneof_decl.get(index)
    });
    match (oneof, field.label(), field.proto3_optional()) {
        (Some(oneof), _, _) => format!("{base} in {}", oneof.name()),
        (None, Label::Repeated, _) => format!("repeated {base}"),
        (None, _, true) => format!("optional {base}"),
        (None, _, false) => base,
    }
}

fn add_enum(lines: &mut BTreeSet<String>, outer: &str, of: &EnumDescriptorProto) {
    for value in &of.value {
        lines.insert(format!("value {outer}{}.{} = {}", of.name(), value.name(), value.number()));
    }
}

/// The frozen lines that are not there any more.
fn broken<'a>(frozen: &'a str, now: &BTreeSet<String>) -> Vec<&'a str> {
    frozen.lines().filter(|line| !line.is_empty() && !now.contains(*line)).collect()
}

#[test]
fn what_was_frozen_is_still_there() {
    let path = here().join("fleet.v1.txt");
    let now = lines();
    let frozen = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("FLEET_WRITE").is_some() {
        let all: Vec<&str> = now.iter().map(String::as_str).collect();
        std::fs::write(&path, all.join("\n") + "\n").expect("the file can be written");
    }
    let broken = broken(&frozen, &now);
    assert!(broken.is_empty(), "peers of the version before would not understand:\n{}", broken.join("\n"));
    let is_frozen: BTreeSet<&str> = frozen.lines().collect();
    let new: Vec<&String> = now.iter().filter(|line| !is_frozen.contains(line.as_str())).collect();
    assert!(new.is_empty(), "not frozen yet (see this file's head):\n{new:#?}");
}

#[test]
fn a_change_of_a_field_is_seen() {
    let frozen = "field A.one = 1: string\nfield A.two = 2: uint64\n";
    for now in ["field A.one = 1: bytes", "field A.one = 3: string", "field A.uno = 1: string"] {
        let now = BTreeSet::from([now.to_owned(), "field A.two = 2: uint64".to_owned()]);
        assert_eq!(broken(frozen, &now), ["field A.one = 1: string"]);
    }
}

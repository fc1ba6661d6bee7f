//! Generates the wire's code from the `.proto` files, without a system compiler for them.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo on stdout")]

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use std::error::Error;
use std::path::Path;

const FILES: [&str; 20] = [
    "fleet/v1/drifts.proto",
    "fleet/v1/failures.proto",
    "fleet/v1/events.proto",
    "fleet/v1/coverage.proto",
    "fleet/v1/health.proto",
    "fleet/v1/hints.proto",
    "fleet/v1/activities.proto",
    "fleet/v1/reasons.proto",
    "fleet/v1/join.proto",
    "fleet/v1/agents.proto",
    "fleet/v1/notes.proto",
    "fleet/v1/operators.proto",
    "fleet/v1/plans.proto",
    "fleet/v1/policies.proto",
    "fleet/v1/problems.proto",
    "fleet/v1/queries.proto",
    "fleet/v1/refusals.proto",
    "fleet/v1/repositories.proto",
    "fleet/v1/results.proto",
    "fleet/v1/stores.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("proto");
    let descriptors = protox::compile(FILES.map(|file| folder.join(file)), [folder])?;
    println!("cargo:rerun-if-changed=proto");
    let mut builder = tonic_prost_build::configure().codec_path("crate::codec::SmallBufferCodec");
    for (field, attribute) in enum_words(&descriptors) {
        builder = builder.field_attribute(field, attribute);
    }
    for message in coded_messages(&descriptors) {
        let attribute = "#[serde(into = \"crate::words::CodedData\")]";
        builder = builder.message_attribute(format!("fleet.v1.{}", message.name()), attribute);
    }
    // A problem and an event are the fields of what has them.
    for field in ["fleet.v1.Attention.problem", "fleet.v1.EventView.kind"] {
        builder = builder.field_attribute(field, "#[serde(flatten)]");
    }
    // Lines of words under the field's own key, and the values under another one.
    for message in ["Proposal", "RolloutView"] {
        builder = builder.field_attribute(
            format!("fleet.v1.{message}.strategy"),
            "#[serde(flatten, serialize_with = \"crate::words::strategy\")]",
        );
    }
    let beside = [
        "ProposedChange.changes",
        "InstanceChange.plan",
        "MemberView.puts_back",
        "BackupCopyView.why",
        "BackupCopyView.checks",
        "PartView.notes",
        "BackupDifference.lines",
        "BackupDetail.uncovered",
        "BackupCopyView.damaged",
    ];
    for field in beside {
        let function = field.split('.').next_back().unwrap_or_default();
        let attribute = format!("#[serde(flatten, serialize_with = \"crate::words::{function}\")]");
        builder = builder.field_attribute(format!("fleet.v1.{field}"), attribute);
    }
    builder
        .message_attribute("fleet.v1.EventSubject", "#[serde(into = \"String\")]")
        .message_attribute("fleet.v1.HaltReason", "#[serde(into = \"crate::words::HaltData\")]")
        .message_attribute("fleet.v1.StepProgress", "#[serde(into = \"crate::words::ProgressData\")]")
        .type_attribute(".", "#[derive(serde::Serialize)]")
        .btree_map(".")
        // These hold secrets: `convert` decides what is shown of them.
        .skip_debug([".fleet.v1.RepositoryAccess", ".fleet.v1.BucketAccess", ".fleet.v1.Goal"])
        // Bulk is not copied on its way.
        .bytes(".fleet.v1.FilePiece")
        .bytes(".fleet.v1.AddFile")
        .compile_fds(descriptors)?;
    Ok(())
}

/// The files whose messages are shown as JSON.
const SHOWN: [&str; 2] = ["fleet/v1/operators.proto", "fleet/v1/activities.proto"];
/// The messages of other files that are shown as JSON, too.
const SHOWN_MESSAGES: [&str; 1] = ["ServiceHold"];

/// Returns each enum field that is written to JSON as a word, with its attribute.
fn enum_words(descriptors: &FileDescriptorSet) -> Vec<(String, String)> {
    let all = descriptors.file.iter().flat_map(|file| file.message_type.iter().map(move |message| (file, message)));
    let is_shown = |(file, message): &(&FileDescriptorProto, &DescriptorProto)| {
        SHOWN.contains(&file.name()) || SHOWN_MESSAGES.contains(&message.name())
    };
    let shown = all.filter(is_shown).map(|(_, message)| message);
    let fields = shown.flat_map(|message| message.field.iter().map(move |field| (message, field)));
    let enums = fields.filter(|(_, field)| field.r#type() == Type::Enum);
    let word = |(message, field): (&DescriptorProto, &FieldDescriptorProto)| {
        let of = field.type_name().trim_start_matches(".fleet.v1.");
        let function = if field.proto3_optional() { "serialize_optional" } else { "serialize" };
        let attribute = format!("#[serde(serialize_with = \"crate::words::{function}::<{of}, _>\")]");
        (format!("fleet.v1.{}.{}", message.name(), field.name()), attribute)
    };
    enums.map(word).collect()
}

/// Returns the messages that are a code with arguments. JSON has their words too.
fn coded_messages(descriptors: &FileDescriptorSet) -> impl Iterator<Item = &DescriptorProto> {
    let messages = descriptors.file.iter().flat_map(|file| &file.message_type);
    messages.filter(|message| message.field.iter().map(FieldDescriptorProto::name).eq(["code", "arguments"]))
}

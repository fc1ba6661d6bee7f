//! Generates the wire's code from the `.proto` files, without a system compiler for them.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo on stdout")]

use std::error::Error;
use std::path::Path;

const FILES: [&str; 4] =
    ["fleet/v1/join.proto", "fleet/v1/agents.proto", "fleet/v1/operators.proto", "fleet/v1/repositories.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("proto");
    let descriptors = protox::compile(FILES.map(|file| folder.join(file)), [folder])?;
    println!("cargo:rerun-if-changed=proto");
    tonic_prost_build::configure()
        .type_attribute(".", "#[derive(serde::Serialize)]")
        .btree_map(".")
        // These hold secrets: `convert` says what is shown of them.
        .skip_debug([".fleet.v1.RepositoryAccess", ".fleet.v1.BucketAccess", ".fleet.v1.Goal"])
        // Bulk is not copied on its way.
        .bytes(".fleet.v1.FilePiece")
        .bytes(".fleet.v1.AddFile")
        .compile_fds(descriptors)?;
    Ok(())
}

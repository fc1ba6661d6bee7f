//! Links the program as it is shipped (profile `small`) with one copy of functions that are alike.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo on stdout")]

use std::env;

/// Target for which rustc links with LLD, which supports this.
const LLD: &str = "x86_64-unknown-linux-gnu";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if is("OPT_LEVEL", "z") && is("TARGET", LLD) {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}

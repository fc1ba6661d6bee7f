# shellcheck shell=bash
# Rust and the cargo commands that the scripts use. Needs say.sh.

# A shell that was not told where cargo is finds it where rustup puts it.
export PATH="$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"

need_rust() {
    if ! command -v cargo >/dev/null 2>&1; then
        fail "there is no cargo here" "install Rust 1.95 or newer with rustup, then try again"
    fi
    if ! command -v cc >/dev/null 2>&1; then
        need_package cc gcc libc6-dev
    fi
}

# need_cargo_command NAME: `cargo NAME` works afterwards; compiled once, without waiting for the last optimisation.
need_cargo_command() {
    need_rust
    PATH="$PATH:$(fleet_cache)/cargo/bin"
    export PATH
    if command -v "cargo-$1" >/dev/null 2>&1; then
        return 0
    fi
    once "cargo-$1" compile_cargo_command "$1"
}

compile_cargo_command() {
    local cache log
    cache=$(fleet_cache)/cargo
    log=$(fleet_cache)/cargo-$1.log
    if [ -x "$cache/bin/cargo-$1" ]; then
        return 0
    fi
    say "compiling cargo-$1 (once, some minutes; its log is $log)"
    if ! cargo install "cargo-$1" --locked --debug --root "$cache" --target-dir "$cache/target" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "cargo-$1 could not be compiled" "the whole story is in $log"
    fi
    rm -rf "$cache/target"
}

# Where cargo puts what it builds in this workspace.
target_folder() {
    printf '%s\n' "${CARGO_TARGET_DIR:-$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)/target}"
}

# Builds the programs as they are shipped, and prints the folder that has them. The agent's is built to be small.
build_shipped() {
    local folder name
    folder=$(target_folder)
    cargo build --release --locked -p fleet-coordinator -p fleet-cli >&2
    cargo build --profile small --locked -p fleet-agent >&2
    mkdir -p "$folder/shipped"
    for name in release/fleet release/fleet-coordinator small/fleet-agent; do
        install -m 0755 "$folder/$name" "$folder/shipped/$(basename "$name")"
    done
    (cd "$folder/shipped" && pwd)
}

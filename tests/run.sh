#!/usr/bin/env bash
# The tests of fleet. Installs what it needs and says so; needs Debian or Ubuntu, root, Rust.
#
#   tests/run.sh          everything
#   tests/run.sh fast     what needs no Docker: format, lints, licences, unit, table and simulator tests, stories
#   tests/run.sh --fresh  the Docker tests on an engine with nothing in it, as on a machine that never ran them: a second
#                         dockerd beside this machine's, in a network of its own, which goes with the run. Each test binary
#                         runs alone, in an order of chance (FLEET_SEED repeats one)
#   tests/run.sh --fresh BINARY [TEST]   only these tests, such as: --fresh docker_backup buckets::
#
# Test binaries whose names begin with docker, lab or blast need an engine; all others are fast.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in deploy/lib/{say,packages,engine,registry,cargo} tests/fresh; do
    # shellcheck source=/dev/null
    . "$root/$part.sh"
done

NEEDS_ENGINE='binary(/^(docker|lab|blast)/)'
FLEET_RUN=tests-$$
export FLEET_RUN

main() {
    cd "$root"
    end_on_signals
    trap end EXIT
    case ${1:-all} in
        fast)
            check_sources
            heading "Tests that need no engine"
            run_tests "not $NEEDS_ENGINE"
            ;;
        all)
            check_sources
            want_registry "$FLEET_RUN" "/proc/$$"
            stage "Images, programs and packages" prepare
            stage "labnotes by hand, with docker-compose" deploy/labnotes/try.sh
            stage "The demo, checked" check_demo
            heading "Tests"
            run_tests 'all()'
            ;;
        --fresh)
            shift
            fresh "$@"
            ;;
        *) fail "there is no part \`$1\`" "run: tests/run.sh, tests/run.sh fast, or tests/run.sh --fresh" ;;
    esac
}

check_sources() {
    stage "Tools" need_tools
    stage "Format" cargo fmt --all --check
    stage "Lints (clippy)" cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
    stage "Scripts (shellcheck)" check_scripts
    stage "Licences, bans and sources (cargo deny)" check_dependencies
}

# stage TITLE COMMAND…: says what begins and how long it took; the first failure ends everything.
stage() {
    local title=$1 began=$SECONDS
    shift
    heading "$title"
    "$@" || fail "$title: failed after $((SECONDS - began)) s"
    say "$title: ok, $((SECONDS - began)) s"
}

need_tools() {
    need_rust
    need_package curl curl
    need_package git git
    need_package shellcheck shellcheck
    need_package zsh zsh
    need_package fish fish
    need_package promtool prometheus
    tests/tool.sh restic >/dev/null
    tests/tool.sh rclone >/dev/null
    need_component rustfmt
    need_component clippy
    need_cargo_command deny
    need_cargo_command nextest
}

need_component() {
    if ! cargo "${1/rustfmt/fmt}" --version >/dev/null 2>&1; then
        say "adding $1 to the toolchain"
        rustup component add "$1"
    fi
}

check_scripts() {
    git ls-files --cached --others --exclude-standard -z -- '*.sh' .ci/run deploy/lab/image/lab-init |
        xargs -0 shellcheck --external-sources
}

# Warnings (two versions of one crate) are told in short; errors in full.
check_dependencies() {
    local log status=0
    log=$(mktemp)
    cargo deny --locked check bans licenses sources >"$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        cat "$log" >&2
    else
        say "$(grep -c '^warning' "$log" || true) warnings (cargo deny check tells them)"
    fi
    rm -f "$log"
    [ "$status" = 0 ] && check_advisories
}

check_advisories() {
    if timeout 120 cargo deny --locked fetch db >/dev/null 2>&1; then
        cargo deny --locked check advisories
    else
        say "the advisory database cannot be reached from here: advisories were not checked"
    fi
}

prepare() {
    local environment
    environment=$(tests/prepare.sh) || return 1
    eval "$environment"
    # Without an engine the Docker tests would have nothing to say, and that is not a yes.
    engine_answers || fail "no Docker Engine answers, and the Docker tests cannot run"
    export FLEET_TEST_DOCKER=required
}

# The same programs as the tests: a release build would show nothing else, only later.
check_demo() {
    FLEET_DEMO_PROGRAMS=$FLEET_TEST_BIN deploy/demo.sh --check
}

# fresh [BINARY [TEST]]: the Docker tests where nothing is left over from anything.
fresh() {
    local seed=${FLEET_SEED:-$RANDOM} binary
    need_rust
    need_cargo_command nextest
    heading "A second engine, with nothing in it"
    fresh_engine
    heading "Images, programs and packages"
    FRESH_ENVIRONMENT=$(in_fresh tests/prepare.sh)
    fresh_is_complete
    if [ $# -gt 0 ]; then
        fresh_tests "$1" "${2:-}"
        return
    fi
    say "the order of the binaries is that of FLEET_SEED=$seed"
    for binary in $(engine_binaries | in_order_of "$seed"); do
        fresh_tests "$binary" ""
    done
}

# fresh_tests BINARY TEST: the tests of one binary whose names contain TEST, with no more there than the preparation made.
fresh_tests() {
    heading "$1 ${2:-} alone"
    fresh_as_prepared
    (
        eval "$FRESH_ENVIRONMENT"
        in_fresh cargo nextest run --locked --workspace --no-fail-fast --filterset "binary(=$1)${2:+ and test($2)}"
    )
}

# The names of the test binaries that need an engine, of all crates.
engine_binaries() {
    cargo metadata --locked --no-deps --format-version 1 |
        grep -o '"kind":\["test"\],"crate_types":\["bin"\],"name":"[^"]*"' |
        sed 's/.*:"//; s/"$//' | grep -E '^(docker|lab|blast)' | sort --unique
}

in_order_of() {
    awk -v seed="$1" 'BEGIN { srand(seed) } { print rand() "\t" $0 }' | sort | cut -f 2
}

# Last of all: nextest's own summary is what stands at the end.
run_tests() {
    cargo nextest run --locked --workspace --no-fail-fast --filterset "$1"
}

# What a test left behind ends with the run that made it, and nothing else does.
end() {
    local status=$?
    trap - EXIT
    end_fresh_engine || true
    if engine_answers; then
        deploy/lab/lab.sh clean-run >/dev/null 2>&1 || true
    fi
    leave_registry "$FLEET_RUN"
    exit "$status"
}

main "$@"

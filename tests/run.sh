#!/usr/bin/env bash
# The tests of fleet. Installs what it needs and says so; needs Debian or Ubuntu, root, Rust.
#
#   tests/run.sh          everything
#   tests/run.sh fast     what needs no Docker: format, lints, licences, unit, table and simulator tests, stories
#
# Test binaries whose names begin with docker, lab or blast need an engine; all others are fast.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in say packages engine registry cargo; do
    # shellcheck source=/dev/null
    . "$root/deploy/lib/$part.sh"
done

NEEDS_ENGINE='binary(/^(docker|lab|blast)/)'
FLEET_RUN=tests-$$
export FLEET_RUN

main() {
    cd "$root"
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
        *) fail "there is no part \`$1\`" "run: tests/run.sh, or tests/run.sh fast" ;;
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

# Last of all: nextest's own summary is what stands at the end.
run_tests() {
    cargo nextest run --locked --workspace --no-fail-fast --filterset "$1"
}

# What a test left behind ends with the run that made it, and nothing else does.
end() {
    local status=$?
    trap - EXIT
    if engine_answers; then
        deploy/lab/lab.sh clean-run >/dev/null 2>&1 || true
    fi
    leave_registry "$FLEET_RUN"
    exit "$status"
}

main "$@"

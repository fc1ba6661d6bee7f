#!/usr/bin/env bash
# Measures, and prints a line per figure: NAME METRIC VALUE UNIT LIMIT ok|over. Its exit status is 0 when it measured.
#
#   tests/bench/run.sh list     names the benches
#   tests/bench/run.sh NAME     builds in release and measures
#   tests/bench/run.sh fuzz --minutes 10 --seed 1
#   tests/bench/run.sh all
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
for part in say packages engine images registry cargo; do
    # shellcheck source=/dev/null
    . "$root/deploy/lib/$part.sh"
done

BENCHES='agents backup blast catalog compose fuzz hostile idle-agent plan rollout through'

main() {
    cd "$root"
    case ${1:-list} in
        list) printf '%s\n' "$BENCHES" | tr ' ' '\n' ;;
        all)
            local name
            for name in $BENCHES; do
                bench "$name"
            done
            ;;
        --own-network) in_own_network "${@:2}" ;;
        *)
            case " $BENCHES " in
                *" $1 "*) bench "$@" ;;
                *) fail "there is no bench \`$1\`" "run: tests/bench/run.sh list" ;;
            esac
            ;;
    esac
}

bench() {
    need_rust
    say "building in release"
    local programs
    if [ "$1" = backup ]; then
        cargo build --release --locked --package fleet-repository --example bench-backup --quiet >&2
    else
        cargo build --release --locked --workspace --bins --quiet >&2
    fi
    programs=$(cd "$(target_folder)/release" && pwd)
    case $1 in
        backup)
            "$root/tests/tool.sh" restic >/dev/null
            need_package /usr/bin/time time
            "$programs/examples/bench-backup"
            ;;
        fuzz) as_many_files_as_allowed "$programs/bench-fuzz" "${@:2}" ;;
        hostile) as_many_files_as_allowed "$programs/bench-hostile" ;;
        agents)
            need_package ip iproute2
            as_many_files_as_allowed unshare --net "$root/tests/bench/run.sh" --own-network "$programs/bench-agents"
            ;;
        catalog) "$programs/bench-catalog" ;;
        plan) "$programs/bench-plan" ;;
        through) "$programs/bench-through" ;;
        compose)
            need_engine
            need_labnotes_images # They bring debian:bookworm.
            need_package docker-compose docker-compose
            "$programs/bench-compose"
            ;;
        blast | idle-agent | rollout) on_lab_servers "$programs" "$1" ;;
    esac
}

# Ten thousand connections are ten thousand open files, in each of two programs.
as_many_files_as_allowed() {
    ulimit -n "$(ulimit -Hn)"
    "$@"
}

# A network of loopback addresses alone. What connects to one of 127.1.0.0/16 comes from the same address.
in_own_network() {
    ip link set lo up
    ip route add local 127.1.0.0/16 dev lo table local
    "$@"
}

# The benches on lab servers use the same images, programs and packages as the tests, the programs from release.
on_lab_servers() {
    local environment
    environment=$(FLEET_TEST_PROFILE=release tests/prepare.sh)
    eval "$environment"
    "$1/bench-lab" "$2"
}

main "$@"

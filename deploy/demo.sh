#!/usr/bin/env bash
# Shows fleet at work: a coordinator, three lab servers, a platform installed, upgraded, and saved from a bad upgrade.
#
#   deploy/demo.sh              goes through all of it, and leaves it running
#   deploy/demo.sh --check      goes through the same apart from it, cleans up, and exits 0 or says what was wrong
#   deploy/demo.sh --cleanup    ends what deploy/demo.sh left running
#
# For a fresh Debian or Ubuntu with Rust; what is missing is installed, and said. Every stage is checked as it is shown.
# FLEET_DEMO_HOSTS=agents asks for three agents on one engine, which is also what happens where lab servers cannot run.
# FLEET_DEMO_PROGRAMS names a folder with built programs, which are shown instead of a build of this tree (profile demo).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in say packages engine images registry cargo; do
    # shellcheck source=/dev/null
    . "$here/lib/$part.sh"
done
# shellcheck source=/dev/null
. "$here/lib/demo-hosts.sh"

LAB_SERVERS='1 2 3'
# The coordinator's port, and the first of the notebooks' where they share one host.
COORDINATOR_PORT=${FLEET_DEMO_PORT:-7443}
FIRST_PORT=18080
DB_PASSWORD=demo-password

# Everything of this demo is in here: programs, store, login, process ids, what was uploaded.
state=''
began=$SECONDS
# The process that makes images while programs are built.
images_pid=''

main() {
    case ${1:-} in
        '') demo ;;
        # It begins by ending what an earlier check left behind, so two do not run at once.
        --check) once demo-check check ;;
        --cleanup)
            choose demo
            cleanup
            say "the demo is ended, and its files are gone"
            ;;
        *)
            sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
            exit 2
            ;;
    esac
}

demo() {
    choose demo
    [ ! -e "$state" ] || fail "a demo is here already ($state)" "end it first: deploy/demo.sh --cleanup"
    end_on_signals
    trap 'tell_how_to_go_on $?' EXIT
    go_through
    what_to_look_at
}

check() {
    choose demo-check
    COORDINATOR_PORT=$((COORDINATOR_PORT + 1))
    FIRST_PORT=$((FIRST_PORT + 10))
    cleanup
    end_on_signals
    trap 'finish_check $?' EXIT
    go_through
}

finish_check() {
    trap - EXIT
    end_images
    if [ "$1" != 0 ]; then
        tell_the_logs
    fi
    heading "Clean up"
    cleanup
    if [ "$1" = 0 ]; then
        say "the demo shows what it should ($((SECONDS - began)) s)"
    fi
    exit "$1"
}

tell_how_to_go_on() {
    end_images
    if [ "$1" != 0 ]; then
        tell_the_logs
        say "the demo stopped here and was left as it is; deploy/demo.sh --cleanup ends it"
    fi
}

# choose NAME: one demo of a name, with a lab of that name.
choose() {
    state=$(fleet_cache)/$1
    export FLEET_LAB=$1 FLEET_LAB_PREFIX=$1- FLEET_CONFIG=$state/config
    export PATH=$state/bin:$PATH
    if [ -f "$state/subnet" ]; then
        FLEET_LAB_SUBNET=$(cat "$state/subnet")
        export FLEET_LAB_SUBNET
    fi
}

go_through() {
    stage "This machine" ""
    need_machine
    stage "Programs and packages" "$(build_estimate)"
    need_programs
    stage "Images and registry" "$(images_estimate)"
    need_images
    stage "Coordinator" ""
    start_coordinator
    stage "Lab servers" "20 s"
    start_lab_servers
    stage "The app labnotes, at five versions" ""
    push_app
    stage "labnotes 1.1 on each lab server" "30 s"
    install_everywhere
    stage "1.2, one canary first" "20 s"
    roll_out_the_good_one
    say "the first rollout has ended $(clock) after the start"
    stage "1.3 destroys rows, and lab-2 loses its power meanwhile: every row comes back" "90 s"
    roll_out_the_bad_one
    stage "1.4, over its required stop 1.3.1" "60 s"
    roll_out_over_a_stop
    stage "Backups, each restored and checked" "30 s"
    back_up_everything
    stage "lab-3 burns down: its notebook comes back on lab-1" "60 s"
    lose_a_lab_server
    stage "What is there now" ""
    show fleet status
    said "$(name_of 1)" "$(name_of 2)" "$(name_of 3)" 1.4
}

# stage TITLE ESTIMATE: says what begins, when, and how long it takes where that is more than a moment.
stage() {
    heading "$(clock)  $1${2:+  (about $2)}"
}

# Minutes and seconds since the start.
clock() {
    local passed=$((SECONDS - began))
    printf '%d:%02d' $((passed / 60)) $((passed % 60))
}

# On 2 cores; more cores are faster.
build_estimate() {
    if [ -n "${FLEET_DEMO_PROGRAMS:-}" ] || [ -x "$(target_folder)/demo/fleet-agent" ]; then
        printf '30 s'
    else
        printf '5 min, once'
    fi
}

images_estimate() {
    if has_image "labnotes-web:${LABNOTES_VERSIONS##* }" && has_image "$LAB_IMAGE"; then
        printf '10 s'
    else
        printf '3 min, once'
    fi
}

# --- Stages -----------------------------------------------------------------------------------------------------------

need_machine() {
    [ "$(id -u)" = 0 ] || fail "this is not root" "the demo starts machines: put sudo -E before it"
    need_package curl curl
    need_rust
    need_engine
    (umask 077 && mkdir -p "$state/bin" "$state/uploads")
}

need_programs() {
    local name programs=${FLEET_DEMO_PROGRAMS:-}
    make_images_meanwhile
    if [ -z "$programs" ]; then
        # Not as small and fast as they are shipped: that takes many minutes more.
        (cd "$here" && cargo build --profile demo --locked -p fleet-agent -p fleet-coordinator -p fleet-cli >&2)
        programs=$(target_folder)/demo
    fi
    "$here/package.sh" --programs "$programs" --to "$state/packages" >/dev/null
    for name in fleet fleet-agent fleet-coordinator; do
        install -m 0755 "$programs/$name" "$state/bin/$name"
    done
    say "$(fleet --version), $(fleet-agent --version), $(fleet-coordinator --version)"
}

# Images mostly wait for downloads, and programs for the processor: both at once.
make_images_meanwhile() {
    { need_labnotes_images && need_lab_image; } >"$state/images.log" 2>&1 &
    images_pid=$!
}

# Ends the making of images where the demo ends before it.
end_images() {
    if [ -n "$images_pid" ] && kill -0 "$images_pid" 2>/dev/null; then
        kill "$images_pid"
        wait "$images_pid" || true
    fi
}

need_images() {
    local made=0
    wait "$images_pid" || made=$?
    cat "$state/images.log" >&2
    # Without an image of lab servers the demo still has three agents on one engine; without labnotes it has nothing to show.
    [ "$made" = 0 ] || need_labnotes_images
    choose_hosts
    local image
    # Pushed on loopback, where every engine takes plain HTTP; lab servers pull the same from their own network.
    for image in $(labnotes_images); do
        push_image "$image" "127.0.0.1:$REGISTRY_PORT"
    done
    say "lab servers pull from $(cat "$state/registry")"
}

start_coordinator() {
    local address
    address=$(cat "$state/address"):$COORDINATOR_PORT
    show fleet-coordinator init --data-dir "$state/coordinator" --address "$address" --listen "$address"
    grep -o 'fleet1\.[^[:space:]]*' "$state/said" >"$state/token" || fail "init printed no token"
    background coordinator fleet-coordinator serve --data-dir "$state/coordinator"
    wait_until 20 grep -q serving "$state/coordinator.log" ||
        fail "the coordinator does not listen on $address" "read $state/coordinator.log"
    show fleet login --token-file "$state/token"
    rm -f "$state/token"
}

start_lab_servers() {
    start_hosts
    wait_until 60 are_online 3 || fail "not all lab servers are online: $(fleet host ls)"
    show fleet host ls
    said lab-1 lab-2 lab-3
}

are_online() {
    [ "$(fleet host ls -o wide | grep -cw online)" = "$1" ]
}

push_app() {
    local version
    show fleet app lint "$here/apps/labnotes"
    for version in $LABNOTES_VERSIONS; do
        show fleet app push "$here/apps/labnotes" --version "$version" --set "registry=$(cat "$state/registry")/"
    done
    show fleet app ls
    said labnotes
}

install_everywhere() {
    local n
    # The first is watched; the others are asked for, and go on side by side.
    install_on 1
    install_on 2 --detach
    install_on 3 --detach
    expect_everywhere 1.1
    for n in $LAB_SERVERS; do
        upload "$n"
    done
    say "an upload of 1 MB is in each"
    wait_until 60 are_settled || true
    show fleet instance ls
    said "$(name_of 1)" "$(name_of 2)" "$(name_of 3)" 1.1
}

install_on() {
    show fleet install labnotes@1.1 --host "lab-$1" --name "$(name_of "$1")" --set "db_password=$DB_PASSWORD" \
        --set "registry=$(cat "$state/registry")/" --set "port=$(port_of "$1")" --set "title=Notes of lab $1" "${@:2}"
}

# All is as it was asked for, and nothing waits any more.
are_settled() {
    [ "$(fleet instance ls | grep -c 'healthy  *-$')" = 3 ]
}

roll_out_the_good_one() {
    show fleet rollout --version 1.2 --canary 1 --soak 5s --dry-run
    show fleet rollout --version 1.2 --canary 1 --soak 5s --yes
    expect_everywhere 1.2
    expect_uploads
    local n
    for n in $LAB_SERVERS; do
        curl -fsS "$(url_of "$n")/uploads?search=spectrum" | grep -q spectrum ||
            fail "$(name_of "$n") says 1.2, and cannot search, which 1.2 can"
    done
    say "all are on 1.2 with their uploads, and can search, which is new"
}

roll_out_the_bad_one() {
    cut_power_in_the_middle 2 &
    local cut=$!
    if run fleet rollout --version 1.3 --canary 0 --at-once 3 --yes; then
        fail "the rollout of 1.3 should have failed, and ended well"
    elif [ "$(cat "$state/status")" != 1 ]; then
        fail "the rollout of 1.3 ended with exit code $(cat "$state/status"), not 1"
    fi
    say "exit code 1: the fleet said no"
    wait "$cut" || fail "the power of lab-2 was not cut while 1.3 ran there"
    expect_everywhere 1.2
    expect_uploads
    say "all are on 1.2 with their uploads, whose rows 1.3 had removed"
    show fleet rollout explain
    said halted 'was rolled back to 1.2'
}

roll_out_over_a_stop() {
    # The halted one could be tried again. Two of its instances may still be going back.
    show fleet rollout abort
    wait_until 120 are_at_rest || fail "orders of the rollout of 1.3 are still under way"
    show fleet upgrade-path "$(name_of 1)" --to 1.4
    said 1.3.1 'required stop'
    show fleet rollout --version 1.4 --canary 0 --at-once 3 --yes
    expect_everywhere 1.4
    expect_uploads
    say "all are on 1.4 with their uploads; 1.3.1 has run on each of them on the way"
}

# No order of the newest rollout is under way.
are_at_rest() {
    ! fleet rollout show | grep -q 'under way'
}

# Once the new version runs on a host, its migration is through.
cut_power_in_the_middle() {
    wait_until 120 curl_says "$(url_of "$1")/version" '"version": "1.3"' || return 1
    cut_power "$1"
    say "lab-$1 has lost its power, while 1.3 ran there"
    restore_power "$1"
    say "lab-$1 has its power again"
}

curl_says() {
    curl -fsS --max-time 5 "$1" 2>/dev/null | grep -qF -- "$2"
}

back_up_everything() {
    show fleet backup policy set daily --all
    show fleet backup now "$(name_of 1)" "$(name_of 2)" "$(name_of 3)"
    show fleet backup drill "$(name_of 3)"
    show fleet backup status
    said '3 instances: 3 ok'
    show fleet backup ls "$(name_of 1)"
    said 'the newest proven'
}

lose_a_lab_server() {
    burn_down 3
    say "lab-3 is gone, with its disk"
    wait_until 120 are_online 2 || fail "lab-3 still seems to be online"
    show fleet restore "$(name_of 3)" --to lab-1 --name "$(name_of 3b)" --set "port=$(port_of 3b)" --yes
    expect_upload 3 3b
    say "$(url_of 3b) has the upload of lab-3, byte for byte"
}

what_to_look_at() {
    cat <<TEXT

It runs. To look at it:

  export PATH=$state/bin:\$PATH FLEET_CONFIG=$FLEET_CONFIG
  fleet status                        one screen: hosts, instances, versions, what needs a person
  fleet rollout ls                    and: fleet rollout show, fleet rollout explain
  fleet events                        what happened
  fleet backup status                 how old is each proven backup? and: fleet backup ls $(name_of 1)
  fleet logs $(name_of 1) web --tail 20
$(look_at_hosts)
  notebooks: $(url_of 1)  $(url_of 2)  $(url_of 3b)

It goes on until: deploy/demo.sh --cleanup
TEXT
}

# --- What each stage must show ------------------------------------------------------------------------------------------

# run COMMAND…: shows the command and what it says, keeps both, and ends as the command did.
run() {
    local status=0
    printf '\n   %s\n' "${shown:-\$ $*}" | masked
    "$@" 2>&1 | tee "$state/said" | sed -u 's/^/   /' | masked || status=${PIPESTATUS[0]}
    printf '%s\n' "$status" >"$state/status"
    return "$status"
}

# Secrets and tokens are not for a screen that someone may share.
masked() {
    sed -u -E "s/fleet1\.[^[:space:]]+/TOKEN/g; s/$DB_PASSWORD/********/g" >&2
}

show() {
    run "$@" || fail "the command above ended with exit code $(cat "$state/status")"
}

# said WORD…: what was shown last has each of the words.
said() {
    local word
    for word in "$@"; do
        grep -qF -- "$word" "$state/said" || fail "\`$word\` is missing in what was shown last"
    done
}

expect_everywhere() {
    local n
    for n in $LAB_SERVERS; do
        wait_until 120 is_version "$n" "$1" ||
            fail "$(name_of "$n") is not a healthy $1: $(curl -sS "$(url_of "$n")/version" "$(url_of "$n")/health" 2>&1)"
        say "$(url_of "$n") says $(curl -fsS "$(url_of "$n")/version")"
    done
}

is_version() {
    curl_says "$(url_of "$1")/version" "\"version\": \"$2\"" &&
        curl -fsS --max-time 5 "$(url_of "$1")/health"
}

url_of() {
    printf 'http://%s:%s\n' "$(address_of "$1")" "$(port_of "$1")"
}

upload() {
    head -c 1000000 /dev/urandom >"$state/uploads/$1.bin"
    curl -fsS -X POST -T "$state/uploads/$1.bin" "$(url_of "$1")/uploads?name=spectrum-$1.bin" |
        sed -E 's/.*"id": "([0-9a-f]+)".*/\1/' >"$state/uploads/$1.id"
}

expect_uploads() {
    local n
    for n in $LAB_SERVERS; do
        expect_upload "$n" "$n"
    done
}

# expect_upload UPLOAD INSTANCE: the instance has what was uploaded as that.
expect_upload() {
    curl -fsS "$(url_of "$2")/uploads/$(cat "$state/uploads/$1.id")" | cmp - "$state/uploads/$1.bin" ||
        fail "the upload in $(name_of "$2") is not what it was"
}

# --- Processes ----------------------------------------------------------------------------------------------------------

# background NAME COMMAND…: starts a process that outlives this script; its log and id are in the state.
background() {
    local name=$1
    shift
    setsid nohup "$@" >"$state/$name.log" 2>&1 </dev/null &
    printf '%s\n' $! >"$state/$name.pid"
    say "$name runs (log: $state/$name.log)"
}

# Ends the process whose id was kept, if it is still ours: its program is in the state, too.
end_process() {
    local pid
    pid=$(cat "$1")
    if [ "$(readlink "/proc/$pid/exe" 2>/dev/null | sed 's/ (deleted)$//')" = "$(readlink -f "$state/bin/$2")" ]; then
        kill "$pid"
        wait_until 20 is_gone "$pid" || kill -9 "$pid"
    fi
    rm -f "$1"
}

tell_the_logs() {
    local log
    for log in "$state"/*.log; do
        [ -e "$log" ] || continue
        printf '\n--- the end of %s\n' "$log" >&2
        tail -n 15 "$log" >&2
    done
    tell_host_logs
}

cleanup() {
    [ -e "$state" ] || return 0
    local pid_file
    for pid_file in "$state"/agent-*.pid; do
        [ ! -e "$pid_file" ] || end_process "$pid_file" fleet-agent
    done
    [ ! -e "$state/coordinator.pid" ] || end_process "$state/coordinator.pid" fleet-coordinator
    if [ -e "$state/kind" ] && engine_answers; then
        end_hosts
    fi
    leave_registry "$FLEET_LAB"
    rm -rf "$state"
}

main "$@"

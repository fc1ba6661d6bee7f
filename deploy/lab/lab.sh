#!/usr/bin/env bash
# Lab servers as containers: each with systemd, a Docker Engine and an address of its own.
#
#   lab.sh image                    make the image of a lab server, unless it is there
#   lab.sh network                  make the lab's network; prints the address of this machine in it
#   lab.sh registry                 serve this machine's images in the lab's network; prints where (10.99.0.1:5001)
#   lab.sh up NAME ADDRESS          start a lab server; returns when its engine answers
#   lab.sh down NAME                end it, with its disk
#   lab.sh kill NAME                its power fails
#   lab.sh start NAME               its power is back; returns when its engine answers
#   lab.sh partition NAME           pull its network cable
#   lab.sh heal NAME                put the cable back, with the same address
#   lab.sh throttle NAME RATE       slow its link down both ways, as tc writes rates (8kbit); until healed or killed
#   lab.sh unthrottle NAME
#   lab.sh load NAME IMAGE…         put images of this machine's engine into its engine
#   lab.sh exec NAME COMMAND…       run a command on it
#   lab.sh copy NAME FROM TO        put a file or folder of this machine onto it
#   lab.sh ls                       the lab servers: name, address, state
#   lab.sh clean                    end everything that this lab made, and nothing else
#   lab.sh clean-run                end what all labs of one run made: those that FLEET_RUN marks
#
# Environment: FLEET_LAB names the lab (its network, and the label on all it makes; default `lab`), FLEET_LAB_SUBNET is its
# subnet (default 10.99.0.0/24), FLEET_LAB_PREFIX what its containers' names begin with (so that two labs may each have a
# lab-1), FLEET_LAB_IMAGE its image, FLEET_LAB_DISK the size of a small disk for `up` (400m),
# FLEET_RUN a mark on all that is made, for clean-run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in say packages engine images registry; do
    # shellcheck source=/dev/null
    . "$here/../lib/$part.sh"
done

LAB=${FLEET_LAB:-lab}
PREFIX=${FLEET_LAB_PREFIX:-}
SUBNET=${FLEET_LAB_SUBNET:-10.99.0.0/24}
NETWORK=fleet-$LAB
LABEL=fleet.lab=$LAB
LABELS=(--label "$LABEL")
[ -z "${FLEET_RUN:-}" ] || LABELS+=(--label "fleet.run=$FLEET_RUN")
READY_SECONDS=90

main() {
    local verb=${1:-help}
    shift || true
    case $verb in
        image) need_engine && need_lab_image ;;
        network) network ;;
        registry) registry ;;
        up) wants 2 "$@" && up "$@" ;;
        down) wants 1 "$@" && down "$1" ;;
        kill) wants 1 "$@" && docker kill "$(server "$1")" >/dev/null ;;
        start) wants 1 "$@" && start "$1" ;;
        partition) wants 1 "$@" && docker network disconnect --force "$NETWORK" "$(server "$1")" ;;
        heal) wants 1 "$@" && heal "$1" ;;
        throttle) wants 2 "$@" && throttle "$1" "$2" ;;
        unthrottle) wants 1 "$@" && unthrottle "$1" ;;
        load) wants 2 "$@" && load "$@" ;;
        exec) wants 2 "$@" && docker exec -i "$(server "$1")" "${@:2}" ;;
        copy) wants 3 "$@" && docker cp "$2" "$(server "$1"):$3" >/dev/null ;;
        ls) list ;;
        clean) clean "$LABEL" ;;
        clean-run) clean "fleet.run=${FLEET_RUN:?names the run}" ;;
        *)
            sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
            exit 2
            ;;
    esac
}

# wants COUNT ARGUMENT…: refuses a verb with fewer arguments.
wants() {
    if [ $(($# - 1)) -lt "$1" ]; then
        fail "this verb wants $1 arguments" "run: lab.sh help"
    fi
}

# The id of a lab server of this lab; a container of anyone else is never touched.
server() {
    local id
    id=$(docker container ls --all --quiet --no-trunc --filter "label=$LABEL" --filter "name=^/$PREFIX$1\$")
    [ -n "$id" ] || fail "there is no lab server \`$1\` in the lab \`$LAB\`"
    printf '%s\n' "$id"
}

network() {
    need_engine
    if ! docker network inspect "$NETWORK" >/dev/null 2>&1; then
        docker network create --subnet "$SUBNET" "${LABELS[@]}" "$NETWORK" >/dev/null ||
            fail "the network $SUBNET could not be made" "choose another one: FLEET_LAB_SUBNET=10.98.0.0/24"
    fi
    gateway "$NETWORK"
}

# This machine's address in a network. Older engines keep it to themselves when nobody chose it: it is the first one.
gateway() {
    local said
    said=$(docker network inspect --format '{{with index .IPAM.Config 0}}{{or .Gateway .Subnet}}{{end}}' "$1")
    sed -E 's#\.[0-9]+/.*#.1#' <<<"$said"
}

registry() {
    local address
    address=$(network)
    need_registry >/dev/null
    once "registry-$address" registry_up "$(registry_folder)" "$address" "$REGISTRY_PORT"
    printf '%s:%s\n' "$address" "$REGISTRY_PORT"
}

up() {
    local container=$PREFIX$1 address=$2
    network >/dev/null
    need_lab_image
    docker volume create "${LABELS[@]}" "$container-docker" >/dev/null
    docker run --detach --name "$container" --hostname "$1" \
        "${LABELS[@]}" --label "fleet.lab.address=$address" \
        --network "$NETWORK" --ip "$address" \
        --env "LAB_SUBNET=$SUBNET" \
        --cap-add ALL --cap-drop SYS_RESOURCE --security-opt seccomp=unconfined \
        --security-opt apparmor=unconfined --security-opt systempaths=unconfined --cgroupns=private \
        --device-cgroup-rule 'a *:* rwm' --tmpfs /run --tmpfs /tmp \
        --mount "$(disk "$container")" \
        "$LAB_IMAGE" >/dev/null
    wait_ready "$container"
}

# The engine's disk: as large as this machine's, or a small one that can run full.
disk() {
    if [ -n "${FLEET_LAB_DISK:-}" ]; then
        printf 'type=tmpfs,destination=/var/lib/docker,tmpfs-size=%s\n' "$FLEET_LAB_DISK"
    else
        printf 'type=volume,source=%s-docker,destination=/var/lib/docker\n' "$1"
    fi
}

wait_ready() {
    if ! wait_until "$READY_SECONDS" is_ready "$1"; then
        docker logs --tail 20 "$1" >&2 || true
        docker exec "$1" journalctl --no-pager --lines 20 --unit docker >&2 || true
        fail "the lab server $1 was not ready within $READY_SECONDS s" "look at it: docker exec -it $1 bash"
    fi
}

is_ready() {
    timeout 10 docker exec "$1" docker version && systemd_is_up "$1"
}

systemd_is_up() {
    case $(docker exec "$1" systemctl is-system-running) in
        running | degraded) return 0 ;;
        *) return 1 ;;
    esac
}

down() {
    local id
    id=$(server "$1")
    docker rm --force --volumes "$id" >/dev/null
    docker volume rm --force "$PREFIX$1-docker" >/dev/null
}

start() {
    docker start "$(server "$1")" >/dev/null
    wait_ready "$PREFIX$1"
}

heal() {
    local id address
    id=$(server "$1")
    address=$(docker inspect --format '{{index .Config.Labels "fleet.lab.address"}}' "$id")
    docker network connect --ip "$address" "$NETWORK" "$id"
}

# What leaves the server is slowed down inside it, what arrives is on this machine's end of its cable.
throttle() {
    local id rate=$2
    id=$(server "$1")
    unthrottle "$1"
    docker exec "$id" tc qdisc add dev "$(inner_end "$id")" root tbf rate "$rate" burst 2kb latency 2s
    tc qdisc add dev "$(outer_end "$id")" root tbf rate "$rate" burst 2kb latency 2s
}

unthrottle() {
    local id
    id=$(server "$1")
    docker exec "$id" tc qdisc del dev "$(inner_end "$id")" root 2>/dev/null || true
    tc qdisc del dev "$(outer_end "$id")" root 2>/dev/null || true
}

# The server's interface: eth0, or eth1 after it was healed.
inner_end() {
    docker exec "$1" sh -c 'basename "$(ls -d /sys/class/net/eth* | head -n 1)"'
}

outer_end() {
    local index path
    index=$(docker exec "$1" cat "/sys/class/net/$(inner_end "$1")/iflink")
    for path in /sys/class/net/veth*; do
        if [ "$(cat "$path/ifindex")" = "$index" ]; then
            basename "$path"
            return 0
        fi
    done
    fail "the cable of $1 was not found on this machine"
}

load() {
    local id
    id=$(server "$1")
    docker save "${@:2}" | docker exec -i "$id" docker load >/dev/null
}

list() {
    docker container ls --all --filter "label=$LABEL" \
        --format 'table {{.Names}}\t{{.Label "fleet.lab.address"}}\t{{.Status}}'
}

# Ends everything with a label.
clean() {
    need_engine
    local ours=$1 ids networks
    ids=$(docker container ls --all --quiet --filter "label=$ours")
    # shellcheck disable=SC2086  # Each id is a word.
    [ -z "$ids" ] || docker rm --force --volumes $ids >/dev/null
    ids=$(docker volume ls --quiet --filter "label=$ours")
    # shellcheck disable=SC2086
    [ -z "$ids" ] || docker volume rm --force $ids >/dev/null
    networks=$(docker network ls --quiet --filter "label=$ours")
    for ids in $networks; do
        registry_down "$(registry_folder)" "$(gateway "$ids")" "$REGISTRY_PORT"
        docker network rm "$ids" >/dev/null
    done
}

main "$@"

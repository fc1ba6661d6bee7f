# shellcheck shell=bash
# An engine with nothing in it, as a machine has that never ran the tests: a second dockerd with a data root of its own, and
# caches of its own. Needs say.sh, packages.sh, engine.sh.
#
# It runs in a network namespace of its own, with the tests beside it: two engines in one namespace would remove each other's
# firewall rules, and their bridges, subnets and the registry's port would meet. One veth pair leads out.

FRESH=
FRESH_TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FRESH_BASE=${FLEET_BASE_IMAGE:-debian:bookworm}

# Starts it. What runs below `in_fresh` afterwards finds it under DOCKER_HOST.
fresh_engine() {
    need_package dockerd docker.io iptables
    need_package docker docker.io
    need_package ip iproute2
    need_package iptables iptables
    # Unlike /tmp, this is a disk on which layers can be stacked.
    FRESH=$(mktemp -d /var/lib/fleet-fresh.XXXXXX)
    mkdir -p "$FRESH/cache" "$FRESH/tmp"
    fresh_base_saved
    fresh_network
    printf '{}\n' >"$FRESH/daemon.json"
    in_namespace setsid dockerd --config-file "$FRESH/daemon.json" --host "unix://$FRESH/docker.sock" \
        --data-root "$FRESH/data" --exec-root "$FRESH/exec" --pidfile "$FRESH/dockerd.pid" \
        >"$FRESH/dockerd.log" 2>&1 </dev/null &
    wait_until 60 in_fresh docker version ||
        fail "the second engine did not answer within 60 s: $(tail -n 5 "$FRESH/dockerd.log")"
    [ -z "$(in_fresh docker image ls --quiet)" ] || fail "the second engine is not empty"
    say "a second engine answers, without any image (its files are in $FRESH)"
    fresh_base_loaded
}

# A user's machine pulls the base from a registry. Where this machine's engine has it already, that stands for the registry;
# otherwise prepare.sh makes it, as it does wherever no registry answers.
fresh_base_saved() {
    if engine_answers && has_image "$FRESH_BASE"; then
        docker save --output "$FRESH/base.tar" "$FRESH_BASE"
    fi
}

fresh_base_loaded() {
    if [ -e "$FRESH/base.tar" ]; then
        say "handing $FRESH_BASE over, as a registry would"
        in_fresh docker load --quiet --input "$FRESH/base.tar" >/dev/null
        rm "$FRESH/base.tar"
    fi
}

fresh_network() {
    local n
    FRESH_NAMESPACE=fleet-fresh-$$
    FRESH_LINK=ff$$
    ip netns add "$FRESH_NAMESPACE"
    for n in $(seq 200 250); do
        FRESH_SUBNET=10.$n.255
        ip -4 route | grep -q "^10\.$n\." || break
    done
    ip link add "$FRESH_LINK" type veth peer name eth0 netns "$FRESH_NAMESPACE"
    ip address add "$FRESH_SUBNET.1/30" dev "$FRESH_LINK"
    ip link set "$FRESH_LINK" up
    in_namespace ip link set lo up
    in_namespace ip address add "$FRESH_SUBNET.2/30" dev eth0
    in_namespace ip link set eth0 up
    in_namespace ip route add default via "$FRESH_SUBNET.1"
    sysctl --quiet --write net.ipv4.ip_forward=1
    fresh_rules --insert
}

# fresh_rules --insert|--delete: lets the namespace out.
fresh_rules() {
    iptables --wait --table nat "${1/insert/append}" POSTROUTING --source "$FRESH_SUBNET.0/30" --jump MASQUERADE
    iptables --wait "$1" FORWARD --in-interface "$FRESH_LINK" --jump ACCEPT
    iptables --wait "$1" FORWARD --out-interface "$FRESH_LINK" --jump ACCEPT
}

in_namespace() {
    nsenter --net="/run/netns/$FRESH_NAMESPACE" "$@"
}

# Runs a command with the second engine and caches that are empty at first.
in_fresh() {
    in_namespace env DOCKER_HOST="unix://$FRESH/docker.sock" FLEET_CACHE="$FRESH/cache" XDG_CACHE_HOME="$FRESH/cache" \
        TMPDIR="$FRESH/tmp" FLEET_TEST_DOCKER=required "$@"
}

# Every image that a test names is there after the preparation, and every tool.
fresh_is_complete() {
    local image missing=''
    for image in $(images_named_by_tests); do
        in_fresh docker image inspect "$image" >/dev/null 2>&1 || missing+=" $image"
    done
    [ -z "$missing" ] || fail "tests name images that tests/prepare.sh does not make:$missing" "make them in deploy/lib/images.sh"
    say "every image that a test names is there: $(images_named_by_tests | tr '\n' ' ')"
}

images_named_by_tests() {
    grep -rhoE --include='*.rs' '(fleet-test|labnotes)-[a-z]+:[0-9][0-9.]*' "$FRESH_TREE"/*/tests "$FRESH_TREE/tests" |
        sort -u
}

# Removes what tests made since the preparation, so that none lives on what another left.
fresh_as_prepared() {
    local image
    in_fresh docker ps --all --quiet | fresh_each docker rm --force --volumes
    if [ ! -e "$FRESH/prepared" ]; then
        in_fresh docker image ls --format '{{.Repository}}:{{.Tag}}' | sort >"$FRESH/prepared"
    fi
    in_fresh docker image ls --format '{{.Repository}}:{{.Tag}}' | sort | comm -13 "$FRESH/prepared" - |
        fresh_each docker image rm --force
}

fresh_each() {
    local one
    while read -r one; do
        in_fresh "$@" "$one" >/dev/null 2>&1 || true
    done
}

# Ends the engine and removes all that it had; nothing else is touched.
end_fresh_engine() {
    local pid
    [ -n "$FRESH" ] || return 0
    if [ -s "$FRESH/dockerd.pid" ]; then
        pid=$(cat "$FRESH/dockerd.pid")
        in_fresh docker ps --all --quiet | fresh_each docker rm --force --volumes
        kill "$pid" 2>/dev/null || true
        wait_until 30 fresh_is_gone "$pid" || kill -9 "$pid" 2>/dev/null || true
    fi
    fresh_rules --delete 2>/dev/null || true
    # What still runs in the namespace, such as a registry, was started by these tests.
    ip netns pids "$FRESH_NAMESPACE" 2>/dev/null | while read -r pid; do
        kill "$pid" 2>/dev/null || true
    done
    ip link delete "$FRESH_LINK" 2>/dev/null || true
    ip netns delete "$FRESH_NAMESPACE" 2>/dev/null || true
    awk -v below="$FRESH/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | while read -r pid; do
        umount --lazy "$pid" || true
    done
    rm -rf --one-file-system "$FRESH"
    FRESH=
}

fresh_is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

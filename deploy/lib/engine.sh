# shellcheck shell=bash
# A Docker Engine that answers on this machine. Needs say.sh, packages.sh.

# Makes sure that an engine answers: installs one and starts it where none does.
need_engine() {
    if engine_answers; then
        return 0
    fi
    once engine install_and_start_engine
}

engine_answers() {
    command -v docker >/dev/null 2>&1 && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

install_and_start_engine() {
    if engine_answers; then
        return 0
    fi
    say "no Docker Engine answers here"
    need_package dockerd docker.io iptables
    need_package docker docker.io
    if [ -d /run/systemd/system ]; then
        systemctl start docker
    else
        start_engine_without_systemd
    fi
    if ! wait_until 60 engine_answers; then
        fail "the Docker Engine did not answer within 60 s" "read $(engine_log) or: journalctl -u docker"
    fi
    say "Docker Engine $(docker version --format '{{.Server.Version}}') answers"
}

engine_log() {
    printf '%s/dockerd.log\n' "$(fleet_cache)"
}

# The engine outlives the script: it belongs to the machine, as it does under systemd.
start_engine_without_systemd() {
    say "starting dockerd (no systemd here; its log is $(engine_log))"
    # An engine that was killed leaves its process id behind, and the next one takes it for alive.
    if [ -f /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then
        rm -f /var/run/docker.pid
    fi
    setsid nohup dockerd >"$(engine_log)" 2>&1 </dev/null &
}

# build_image NAME OPTION… FOLDER: what the name meant before is removed, where nothing uses it.
build_image() {
    local name=$1 log before
    shift
    log=$(fleet_cache)/build-$(tr '/:' '--' <<<"$name").log
    before=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null) || true
    say "building the image $name"
    if ! docker build --tag "$name" "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "the image $name could not be built" "the whole story is in $log"
    fi
    if [ -n "$before" ] && [ "$before" != "$(docker image inspect --format '{{.Id}}' "$name")" ]; then
        docker image rm "$before" >/dev/null 2>&1 || true
    fi
}

has_image() {
    docker image inspect "$1" >/dev/null 2>&1
}

# shellcheck shell=bash
# What scripts tell a person, and how they wait. Everything here goes to stderr: stdout is a script's answer.

# Says what begins now.
heading() {
    printf '\n== %s\n' "$*" >&2
}

# Says one thing that happened.
say() {
    printf '   %s\n' "$*" >&2
}

# Ends the script: what failed, and what to do next (both are one sentence).
fail() {
    printf 'error: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then
        printf 'hint: %s\n' "$2" >&2
    fi
    exit 1
}

# wait_until SECONDS COMMAND…: true as soon as the command is, false when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            return 1
        fi
        sleep 0.2
    done
}

# Where scripts keep what is made once and used often (images, package caches, logs of what they started).
fleet_cache() {
    local cache=${FLEET_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fleet-deploy}
    mkdir -p "$cache"
    printf '%s\n' "$cache"
}

# once NAME COMMAND…: runs the command while no other script on this machine runs one under the same name.
once() {
    local lock
    lock=$(fleet_cache)/$1.lock
    shift
    (
        exec 9>"$lock"
        flock -w 1200 9 || fail "another script has held $lock for 20 minutes"
        "$@" 9>&-
    )
}

# A signal ends the script as a failure: without this, $? in a trap on EXIT is that of the last command, which may have succeeded.
end_on_signals() {
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

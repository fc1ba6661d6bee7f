# shellcheck shell=bash
# The demo's three hosts: lab servers in containers, each with its own engine; where a machine cannot have those, three
# agents on the one engine. Needs say.sh, engine.sh, registry.sh; `here`, `state` and `LAB_SERVERS` from the demo.
# shellcheck disable=SC2154

lab() {
    "$here/lab/lab.sh" "$@"
}

# Decides which kind this machine can have, by starting the first lab server; writes down addresses.
choose_hosts() {
    printf 'lab\n' >"$state/kind"
    want_registry "$FLEET_LAB" "$state"
    need_registry >/dev/null
    if [ "${FLEET_DEMO_HOSTS:-lab}" = lab ] && choose_subnet && lab up lab-1 "$(address_in_lab 1)"; then
        lab network >"$state/address"
        lab registry >"$state/registry"
    else
        say "without lab servers of their own: three agents on this machine's one engine"
        lab clean || true
        printf 'agents\n' >"$state/kind"
        refuse_what_is_not_ours
        touch "$state/engine-is-used"
        printf '127.0.0.1\n' >"$state/address"
        printf '127.0.0.1:%s\n' "$REGISTRY_PORT" >"$state/registry"
    fi
}

# On a shared engine the instances have Compose's names: what is there under these is someone's, and must stay.
refuse_what_is_not_ours() {
    local n kind
    for n in $LAB_SERVERS 3b; do
        for kind in container volume network; do
            [ -z "$(of_instance "$kind" "$n")" ] || fail "this engine has a $kind of a project $(name_of "$n"), which is not the demo's" \
                "keep it, and run the demo on another machine; or remove it if nobody needs it"
        done
    done
}

# The ids of the containers, volumes or networks of an instance.
of_instance() {
    local all=()
    [ "$1" != container ] || all=(--all)
    docker "$1" ls "${all[@]}" --quiet --filter "label=com.docker.compose.project=$(name_of "$2")"
}

# The first network of some that nobody uses here.
choose_subnet() {
    local n
    for n in 90 91 92 93 94 95; do
        export FLEET_LAB_SUBNET=10.$n.0.0/24
        if ! ip route 2>/dev/null | grep -q "^10\.$n\.0\." && lab network >/dev/null 2>&1; then
            printf '%s\n' "$FLEET_LAB_SUBNET" >"$state/subnet"
            return 0
        fi
    done
    say "none of the networks 10.90.0.0/24 to 10.95.0.0/24 is free"
    return 1
}

has_lab_servers() {
    [ "$(cat "$state/kind")" = lab ]
}

address_in_lab() {
    printf '%s.1%s\n' "${FLEET_LAB_SUBNET%.*}" "$1"
}

# The third notebook comes back beside the first.
address_of() {
    if has_lab_servers; then
        address_in_lab "${1/3b/1}"
    else
        printf '127.0.0.1\n'
    fi
}

# The instance on a host. Where three share one engine, their names must be the demo's alone.
name_of() {
    if has_lab_servers; then
        printf 'notes-%s\n' "$1"
    else
        printf '%s-notes-%s\n' "$FLEET_LAB" "$1"
    fi
}

port_of() {
    if [ "$1" = 3b ]; then
        printf '%s\n' $((FIRST_PORT + 4))
    elif has_lab_servers; then
        printf '8080\n'
    else
        printf '%s\n' $((FIRST_PORT + $1))
    fi
}

start_hosts() {
    local n
    for n in $LAB_SERVERS; do
        show fleet host add "lab-$n" --label "site=$(site_of "$n")"
        grep -o 'fleet1\.[^[:space:]]*' "$state/said" >"$state/token" || fail "host add printed no token"
        if has_lab_servers; then
            start_lab_server "$n"
        else
            start_agent "$n"
        fi
        rm -f "$state/token"
    done
}

site_of() {
    if [ "$1" = 3 ]; then
        printf 'de\n'
    else
        printf 'fr\n'
    fi
}

# What a person does on a lab server: copy the installer, run the line.
start_lab_server() {
    if [ "$1" != 1 ]; then
        lab up "lab-$1" "$(address_in_lab "$1")"
    fi
    lab copy "lab-$1" "$state/packages/fleet-agent-installer.sh" /root/fleet-agent-installer.sh
    lab copy "lab-$1" "$state/token" /root/token
    shown="root@lab-$1:~# sh fleet-agent-installer.sh --token-file token" \
        run lab exec "lab-$1" sh /root/fleet-agent-installer.sh --token-file /root/token ||
        fail "the agent could not be installed on lab-$1"
}

start_agent() {
    show fleet-agent join --data-dir "$state/agent-$1" --token-file "$state/token"
    background "agent-$1" fleet-agent run --data-dir "$state/agent-$1"
}

look_at_hosts() {
    if has_lab_servers; then
        printf '  docker exec -it %slab-1 bash        a lab server: docker ps, journalctl -u fleet-agent\n' "$FLEET_LAB_PREFIX"
    else
        printf '  docker ps                           the three instances, on this one engine\n'
    fi
}

tell_host_logs() {
    local n
    [ -e "$state/kind" ] && has_lab_servers || return 0
    for n in $(lab ls | sed -n "s/^${FLEET_LAB_PREFIX}lab-\([0-9]\).*Up.*/\1/p" | sort); do
        printf '\n--- the agent on lab-%s\n' "$n" >&2
        (lab exec "lab-$n" journalctl --unit fleet-agent --lines 15 --no-pager >&2) || true
    done
}

# The power of a host fails, and is back. On a shared engine only its agent can be without.
cut_power() {
    if has_lab_servers; then
        lab kill "lab-$1"
    else
        kill -9 "$(cat "$state/agent-$1.pid")"
    fi
}

restore_power() {
    if has_lab_servers; then
        lab start "lab-$1"
    else
        background "agent-$1" fleet-agent run --data-dir "$state/agent-$1"
    fi
}

# Ends a host, and all that was on it.
burn_down() {
    if has_lab_servers; then
        lab down "lab-$1"
    else
        end_process "$state/agent-$1.pid" fleet-agent
        end_instance "$1"
    fi
}

end_hosts() {
    lab clean
    [ -e "$state/engine-is-used" ] || return 0
    local n
    for n in $LAB_SERVERS 3b; do
        end_instance "$n"
    done
}

# An instance on the shared engine.
# shellcheck disable=SC2046  # Each id is a word.
end_instance() {
    [ -z "$(of_instance container "$1")" ] || docker rm --force --volumes $(of_instance container "$1") >/dev/null
    [ -z "$(of_instance volume "$1")" ] || docker volume rm $(of_instance volume "$1") >/dev/null
    [ -z "$(of_instance network "$1")" ] || docker network rm $(of_instance network "$1") >/dev/null
}

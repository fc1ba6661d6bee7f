# shellcheck shell=bash
# A real image registry on this machine (Debian's docker-registry). Needs say.sh, packages.sh.
# Two listeners may share one storage folder: one on loopback for pushes, one where lab servers can reach it.

REGISTRY_PORT=${FLEET_REGISTRY_PORT:-5001}

# This machine's registry, on loopback; prints where. Lab servers reach the same images through `lab.sh registry`.
need_registry() {
    once registry registry_up "$(registry_folder)" 127.0.0.1 "$REGISTRY_PORT"
    printf '127.0.0.1:%s\n' "$REGISTRY_PORT"
}

registry_folder() {
    printf '%s/registry\n' "$(fleet_cache)"
}

# want_registry NAME PATH: NAME is going to use this machine's registry, for as long as PATH exists (a folder, or the /proc of
# a script). Several may; where the first of them found none, the last of them ends it.
want_registry() {
    once registry-users count_user "$(registry_folder)" "$1" "$2"
}

leave_registry() {
    once registry-users forget_user "$(registry_folder)" "$1"
}

count_user() {
    local folder=$1
    mkdir -p "$folder/users"
    if ! has_users "$folder" && ! registry_answers 127.0.0.1 "$REGISTRY_PORT"; then
        touch "$folder/ends-with-its-users"
    fi
    printf '%s\n' "$3" >"$folder/users/$2"
}

forget_user() {
    rm -f "$1/users/$2"
    if ! has_users "$1" && [ -e "$1/ends-with-its-users" ]; then
        rm -f "$1/ends-with-its-users"
        registry_down "$1" 127.0.0.1 "$REGISTRY_PORT"
    fi
}

# Whether anybody is left who wants it; those who ended without a word are forgotten.
has_users() {
    local user
    for user in "$1"/users/*; do
        if [ -e "$user" ] && [ -e "$(cat "$user")" ]; then
            return 0
        fi
        rm -f "$user"
    done
    return 1
}

# registry_up FOLDER ADDRESS PORT: starts a registry whose images are in FOLDER/images, unless it already answers.
registry_up() {
    local folder=$1 address=$2 port=$3
    need_package curl curl
    if registry_is_ours "$folder" "$address" "$port" && registry_answers "$address" "$port"; then
        return 0
    fi
    if registry_answers "$address" "$port"; then
        fail "something else answers on $address:$port" "end it, or choose another port for the registry"
    fi
    need_package docker-registry docker-registry
    mkdir -p "$folder/images"
    write_registry_config "$folder" "$address" "$port"
    setsid nohup docker-registry serve "$folder/$address-$port.yml" \
        >"$folder/$address-$port.log" 2>&1 </dev/null &
    printf '%s\n' $! >"$folder/$address-$port.pid"
    if ! wait_until 20 registry_answers "$address" "$port"; then
        fail "the registry did not answer on $address:$port within 20 s" "read $folder/$address-$port.log"
    fi
    say "registry on $address:$port (images in $folder/images)"
}

write_registry_config() {
    cat >"$1/$2-$3.yml" <<YAML
version: 0.1
log: { level: warn }
storage:
  filesystem: { rootdirectory: $1/images }
  delete: { enabled: true }
http:
  addr: $2:$3
YAML
}

registry_answers() {
    curl --silent --fail --max-time 2 --noproxy '*' --output /dev/null "http://$1:$2/v2/"
}

# Whether the process whose id we kept is still this very registry, and not a later process with the same id.
registry_is_ours() {
    local pid_file=$1/$2-$3.pid pid
    [ -f "$pid_file" ] || return 1
    pid=$(cat "$pid_file")
    [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$1/$2-$3.yml"
}

# registry_down FOLDER ADDRESS PORT: ends it; its images stay.
registry_down() {
    local folder=$1 address=$2 port=$3 pid
    if registry_is_ours "$folder" "$address" "$port"; then
        pid=$(cat "$folder/$address-$port.pid")
        kill "$pid"
        wait_until 10 is_gone "$pid" || kill -9 "$pid"
    fi
    rm -f "$folder/$address-$port.pid" "$folder/$address-$port.yml"
}

is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

# push_image NAME REGISTRY: puts a local image into a registry (HOST:PORT), unless it has this very image.
push_image() {
    local name=$1 registry=$2 id marker
    id=$(docker image inspect --format '{{.Id}}' "$name")
    marker=$(docker image inspect --format '{{json .RepoDigests}}' "$name")
    if grep -qF "\"$registry/${name%:*}@" <<<"$marker" && registry_has "$registry" "$name" "$id"; then
        return 0
    fi
    docker tag "$name" "$registry/$name"
    docker push --quiet "$registry/$name" >/dev/null || fail "could not push $name to $registry"
    say "pushed $registry/$name"
}

# Whether the registry's manifest of this tag names this image's configuration.
registry_has() {
    curl --silent --fail --max-time 5 --noproxy '*' \
        --header 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
        "http://$1/v2/${2%:*}/manifests/${2##*:}" | grep -qF "$3"
}

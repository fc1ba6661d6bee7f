#!/usr/bin/env bash
# Tries labnotes by hand, with docker-compose on this machine's engine: up, upload, restart, 1.1 -> 1.2 -> 1.3 -> 1.2 -> 1.1.
# Prints what it saw; ends with exit code 0 when all of it was right, and leaves nothing behind.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
for part in say packages engine images; do
    # shellcheck source=/dev/null
    . "$here/../lib/$part.sh"
done

project=labnotes-try-$$
folder=$(mktemp -d)
port=${PORT:-$((20000 + RANDOM % 10000))}
url=http://127.0.0.1:$port

main() {
    need_engine
    need_package docker-compose docker-compose
    need_package curl curl
    need_labnotes_images
    trap clean EXIT
    prepare_folder

    heading "1.1 from nothing"
    compose_up 1.1
    expect_health 200
    expect version '"version": "1.1"' "$url/version"
    head -c 5000000 /dev/urandom >"$folder/spectrum.bin"
    id=$(upload "$folder/spectrum.bin" 'spectrum.bin&tags=raman')
    streamed=$(head -c 3000000 /dev/urandom | upload - streamed.bin)
    expect_file "$id" "$folder/spectrum.bin"
    expect 'what is known' '"size": 3000000' "$url/uploads/$streamed/meta"
    expect_not '1.1 knows no tags' raman "$url/uploads/$id/meta"

    heading "a restart keeps everything"
    compose restart >&2
    expect_health 200
    expect_file "$id" "$folder/spectrum.bin"

    heading "1.2 keeps everything, and has tags"
    compose_up 1.2
    expect_health 200
    expect version '"version": "1.2"' "$url/version"
    expect_file "$id" "$folder/spectrum.bin"
    local copy
    copy=$(upload "$folder/spectrum.bin" 'copy.bin&tags=raman,2026')
    expect 'search' '"copy.bin"' "$url/uploads?search=raman"
    expect_not 'search leaves out' '"streamed.bin"' "$url/uploads?search=raman"

    heading "1.3 runs, and is not well"
    compose_up 1.3
    expect_health 503
    expect 'reason' 'reviewed_by' "$url/health"
    expect version '"version": "1.3"' "$url/version"

    heading "back to 1.2, which is well without the rows that 1.3 has removed, and to 1.1 on the schema of 1.3"
    compose_up 1.2
    expect_health 200
    expect_file "$copy" "$folder/spectrum.bin"
    expect_status 404 "$url/uploads/$id"
    expect_status 404 "$url/uploads/$streamed"
    compose_up 1.1
    expect_health 200
    expect 'schema' '"schema": 3' "$url/version"
    upload "$folder/spectrum.bin" later.bin >/dev/null
    expect 'all bytes' '"uploads": 2, "missing": [], "changed": []' "$url/check"

    heading "without its database it says so, and it removes what it is asked to"
    compose stop db >&2
    expect_health 503
    compose start db >&2
    expect_health 200
    curl -fsS -X DELETE "$url/uploads/$copy"
    expect_status 404 "$url/uploads/$copy"
    expect_status 411 "$url/uploads?name=x" -X POST -H 'Content-Length:'
    expect_status 400 "$url/uploads" --data-binary x
    say "all was right"
}

prepare_folder() {
    cp "$here/../apps/labnotes/docker-compose.yaml" "$folder/"
    printf '[labnotes]\ntitle = Try\ninstance = try\nhost = here\n' >"$folder/labnotes.ini"
    # mktemp's folders are private; the service reads the file as another user.
    chmod 0755 "$folder"
}

compose() {
    (cd "$folder" && REGISTRY='' DB_PASSWORD=try-$$ PORT=$port FLEET_VERSION=${version:-1.1} \
        docker-compose --project-name "$project" "$@")
}

compose_up() {
    version=$1
    compose up -d >&2
}

upload() {
    curl -fsS -X POST -T "$1" "$url/uploads?name=$2" | sed -E 's/.*"id": "([0-9a-f]+)".*/\1/'
}

expect_health() {
    wait_until 60 answers_with "$1" || fail "/health did not answer $1 within 60 s: $(curl -sS "$url/health")"
    say "/health answers $1: $(curl -sS "$url/health")"
}

answers_with() {
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/health")" = "$1" ]
}

expect_status() {
    local status
    status=$(curl -s -o /dev/null -w '%{http_code}' "${@:2}")
    [ "$status" = "$1" ] || fail "$2 answered $status, not $1"
}

expect() {
    local answer
    answer=$(curl -sS "$3")
    grep -qF "$2" <<<"$answer" || fail "$1: \`$2\` is not in the answer of $3: $answer"
    say "$1: $2"
}

expect_not() {
    if curl -sS "$3" | grep -qF "$2"; then
        fail "$1: \`$2\` is in the answer of $3"
    fi
}

expect_file() {
    curl -fsS "$url/uploads/$1" | cmp - "$2" || fail "upload $1 is not what was uploaded"
    say "upload $1 is what was uploaded"
}

clean() {
    compose down --volumes >/dev/null 2>&1 || true
    rm -rf --one-file-system "$folder"
}

main

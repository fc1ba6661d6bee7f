#!/bin/sh
# Starts PostgreSQL on $PGDATA; an empty $PGDATA first becomes a database of $POSTGRES_USER.
# A cluster is made aside and moved into place, so that a container killed meanwhile begins again or goes on.
set -eu

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
new=$PGDATA/.new

main() {
    if [ "${1:-postgres}" != postgres ]; then
        exec "$@"
    fi
    if [ "$(id -u)" = 0 ]; then
        own_folders
        exec setpriv --reuid=postgres --regid=postgres --init-groups /bin/sh "$0" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        [ -e "$new/.ready" ] || make_cluster
        move_cluster
    fi
    shift
    exec postgres -D "$PGDATA" -c listen_addresses='*' "$@"
}

own_folders() {
    mkdir -p "$PGDATA" /var/run/postgresql
    chown postgres:postgres "$PGDATA" /var/run/postgresql
    chmod 0700 "$PGDATA"
}

make_cluster() {
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo 'error: POSTGRES_PASSWORD is not set, and this database is new' >&2
        exit 1
    fi
    rm -rf "$new"
    password=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
    initdb --pgdata="$new" --username="$user" --pwfile="$password" --encoding=UTF8 \
        --auth-local=trust --auth-host=scram-sha-256 >&2
    rm -f "$password"
    echo 'host all all all scram-sha-256' >>"$new/pg_hba.conf"
    if [ "$database" != postgres ]; then
        make_database
    fi
    sync
    touch "$new/.ready"
}

# The server that makes the database listens where no one looks: nobody must think that it is the real one.
make_database() {
    pg_ctl --pgdata="$new" --wait --silent --options="-c listen_addresses='' -k $new" start >&2
    createdb --host="$new" --username="$user" "$database"
    pg_ctl --pgdata="$new" --wait --silent --mode=fast stop >&2
}

# PG_VERSION goes last: a folder that has it is whole.
move_cluster() {
    for entry in "$new"/*; do
        if [ "${entry##*/}" != PG_VERSION ]; then
            mv "$entry" "$PGDATA/"
        fi
    done
    sync
    mv "$new/PG_VERSION" "$PGDATA/"
    rm -rf "$new"
}

main "$@"

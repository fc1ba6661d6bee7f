#!/bin/sh
# Installs the fleet agent on this lab server, joins the fleet, starts. Run again, it changes only what is not so yet.
#
#   echo TOKEN | sh install-agent.sh -                  with the package inside (fleet-agent-installer.sh), or the
#                                                       one next to it
#   sh install-agent.sh --token-file FILE               the token from a file
#   sh install-agent.sh --package FILE -                a .deb on this machine; --sha256 HEX is checked where given
#   sh install-agent.sh --package URL --sha256 HEX -    a .deb from elsewhere: only with its checksum
#   sh install-agent.sh --binary FILE -                 the bare program, on a system without packages
#   sh install-agent.sh --coordinator HOST:PORT -       when this server reaches the coordinator under another address
#   sh install-agent.sh --rejoin -                      give up the identity that this server has, for a new one
#   sh install-agent.sh --uninstall                     what runs here goes on running; data and identity stay
#
# Without a token it only installs or upgrades. It works through ssh, too, with the token in a file of that server:
# ssh root@lab-1 sh -s -- --token-file FILE <install-agent.sh. A token on the command line works, but every user can read it there.
set -eu

data=/var/lib/fleet-agent
unit=fleet-agent.service
token='' package='' sha256='' binary='' coordinator='' rejoin=no uninstall=no
in_arguments=no
here=$(dirname "$0")
work=''
# What to take back when this run fails; nothing once it is done.
undo=''

main() {
    read_arguments "$@"
    check_machine
    if [ "$uninstall" = yes ]; then
        uninstall
        return
    fi
    trap clean EXIT
    trap 'exit 1' INT TERM HUP
    work=$(mktemp -d)
    if [ -n "$binary" ]; then
        install_binary
    else
        find_package
        install_package
    fi
    join
    start
    undo=''
}

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --package) package=$(value "$@") || exit 2; shift ;;
            --sha256) sha256=$(value "$@") || exit 2; shift ;;
            --binary) binary=$(value "$@") || exit 2; shift ;;
            --token-file) token=$(token_of "$(value "$@")") || exit 2; shift ;;
            --coordinator) coordinator=$(value "$@") || exit 2; shift ;;
            --rejoin) rejoin=yes ;;
            --uninstall) uninstall=yes ;;
            -h | --help) usage && exit 0 ;;
            -) token=$(head -c 4096 | tr -d '[:space:]') ;;
            -*) wrong "the option $1 is unknown" ;;
            # A token may have been pasted with a line break in it, and then be several words.
            *) in_arguments=yes; token=$token$(printf '%s' "$1" | tr -d '[:space:]') ;;
        esac
        shift
    done
    if [ "$in_arguments" = yes ]; then
        say "warning: every user of this server can read a token on the command line: echo TOKEN | sh install-agent.sh -"
    fi
    if [ -n "$package" ] && [ -n "$binary" ]; then
        wrong "--package and --binary exclude each other"
    fi
    if [ "$rejoin" = yes ] && [ -z "$token" ]; then
        wrong "--rejoin wants a token"
    fi
}

token_of() {
    [ -r "$1" ] || wrong "the file $1 with the token cannot be read"
    head -c 4096 "$1" | tr -d '[:space:]'
}

value() {
    [ $# -ge 2 ] || wrong "$1 wants a value"
    printf '%s\n' "$2"
}

usage() {
    if [ -r "$0" ]; then
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"
    fi
}

check_machine() {
    [ "$(id -u)" = 0 ] || fail "this is not root" "put sudo before it"
    [ -d /run/systemd/system ] || fail "this system is not run by systemd, which is to keep the agent running" \
        "on another system, start \`fleet-agent run\` as its services are started"
    if [ "$uninstall" = no ] && [ ! -S /var/run/docker.sock ]; then
        say "warning: there is no Docker Engine at /var/run/docker.sock; the agent will wait for one"
    fi
}

# --- The program ------------------------------------------------------------------------------------------------------

# Sets $package to a file whose checksum is right.
find_package() {
    case $package in
        http://* | https://*)
            [ -n "$sha256" ] || wrong "a package from elsewhere wants its checksum: --sha256"
            fetch "$package" "$work/fleet-agent.deb"
            package=$work/fleet-agent.deb
            ;;
        '') find_enclosed_package ;;
    esac
    [ -f "$package" ] || fail "there is no file $package" "say where the package is: --package FILE"
    check_digest "$package" "$sha256"
    # An apt of its own user must be able to read it.
    chmod 0755 "$work"
    if [ "$package" != "$work/fleet-agent.deb" ]; then
        cp "$package" "$work/fleet-agent.deb"
        package=$work/fleet-agent.deb
    fi
    found=$(dpkg-deb --field "$package" Package 2>/dev/null) || fail "$package is not a package" "get it again"
    [ "$found" = fleet-agent ] || fail "$package is the package of $found, not of fleet-agent"
    architecture=$(dpkg-deb --field "$package" Architecture)
    [ "$architecture" = "$(dpkg --print-architecture)" ] ||
        fail "the package is for $architecture, and this machine is $(dpkg --print-architecture)"
}

find_enclosed_package() {
    if command -v enclosed_package >/dev/null 2>&1; then
        enclosed_package >"$work/fleet-agent.deb"
        package=$work/fleet-agent.deb
        # shellcheck disable=SC2154  # It stands next to the enclosed package.
        sha256=$enclosed_sha256
    else
        package=$here/fleet-agent.deb
    fi
}

fetch() {
    say "fetching $1"
    if command -v curl >/dev/null 2>&1; then
        curl --fail --silent --show-error --location --connect-timeout 20 --max-time 600 --output "$2" "$1"
    elif command -v wget >/dev/null 2>&1; then
        wget --quiet --timeout=20 --output-document="$2" "$1"
    else
        fail "there is neither curl nor wget to fetch the package" "copy it here, and say --package FILE"
    fi || fail "the package could not be fetched from $1"
}

check_digest() {
    if [ -z "$2" ]; then
        return 0
    fi
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    [ "$digest" = "$2" ] || fail "the checksum of the file is $digest, and should be $2" \
        "it was damaged on its way, or it is another one: get it again"
}

install_package() {
    before=$(installed_version)
    if [ -z "$before" ]; then
        undo=package
    fi
    log=$work/install.log
    if ! DEBIAN_FRONTEND=noninteractive dpkg --install "$package" </dev/null >"$log" 2>&1 &&
        ! install_missing_libraries >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "the package could not be installed" "free what dpkg names above, then run this again"
    fi
    say "fleet-agent $(installed_version) is installed${before:+ (before: $before)}"
}

install_missing_libraries() {
    apt-get update </dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --fix-broken --no-install-recommends </dev/null
    [ -n "$(installed_version)" ]
}

# The version that is installed and configured; nothing where none is.
installed_version() {
    if command -v dpkg-query >/dev/null 2>&1; then
        dpkg-query --show --showformat '${db:Status-Abbrev}${Version}\n' fleet-agent 2>/dev/null | sed -n 's/^ii *//p'
    fi
}

install_binary() {
    [ -f "$binary" ] || fail "there is no file $binary"
    [ -f "$here/$unit" ] || fail "there is no $unit next to this script" "copy it here from the same release"
    check_digest "$binary" "$sha256"
    [ -z "$(installed_version)" ] || fail "fleet-agent is installed as a package here" "use --package, or --uninstall first"
    if [ ! -e /usr/local/bin/fleet-agent ]; then
        undo=binary
    fi
    put 0755 "$binary" /usr/local/bin/fleet-agent
    sed 's#^ExecStart=/usr/bin/#ExecStart=/usr/local/bin/#' "$here/$unit" >"$work/$unit"
    put 0644 "$work/$unit" "/etc/systemd/system/$unit"
    systemctl daemon-reload
    say "/usr/local/bin/fleet-agent is installed"
}

# Puts a file in its place at once, also under a program that runs from there.
put() {
    install -D -m "$1" "$2" "$3.new"
    mv -f "$3.new" "$3"
}

# --- The fleet ----------------------------------------------------------------------------------------------------------

join() {
    if [ -z "$token" ]; then
        return 0
    fi
    if has_joined && [ "$rejoin" = no ]; then
        say "this server has joined before, and keeps its identity (--rejoin gives it up)"
        return 0
    fi
    again=''
    if has_joined; then
        again=--again
    fi
    # Through a pipe: what stands on a command line can be read by every user of this server.
    printf '%s\n' "$token" | fleet-agent join $again ${coordinator:+--coordinator "$coordinator"} - ||
        give_up "this server has not joined: run this again once the above is mended"
}

has_joined() {
    [ -f "$data/identity.json" ]
}

start() {
    if ! has_joined; then
        say "installed; it starts once the server has joined: echo TOKEN | fleet-agent join - && systemctl enable --now $unit"
        return 0
    fi
    systemctl enable --quiet "$unit"
    systemctl restart "$unit"
    # It could end at once: see it alive for three seconds in a row.
    seen=0
    tries=0
    while [ "$seen" -lt 3 ]; do
        sleep 1
        tries=$((tries + 1))
        if systemctl is-active --quiet "$unit"; then
            seen=$((seen + 1))
        else
            seen=0
        fi
        if [ "$tries" -ge 20 ]; then
            journalctl --unit "$unit" --lines 15 --no-pager >&2 || true
            fail "the agent does not stay alive" "read: journalctl --unit $unit"
        fi
    done
    say "the agent runs"
}

uninstall() {
    if [ -n "$(installed_version)" ]; then
        dpkg --remove fleet-agent >/dev/null
    elif [ -e /usr/local/bin/fleet-agent ] || [ -e "/etc/systemd/system/$unit" ]; then
        remove_binary
    else
        say "fleet-agent is not installed here"
        return 0
    fi
    say "fleet-agent is removed; its identity and records stay in $data, and what it installed goes on running"
}

remove_binary() {
    systemctl disable --quiet --now "$unit" 2>/dev/null || true
    rm -f "/etc/systemd/system/$unit" /usr/local/bin/fleet-agent
    systemctl daemon-reload
}

# --- When it ends -------------------------------------------------------------------------------------------------------

# Takes back what this run began, unless it is done.
clean() {
    status=$?
    trap - EXIT
    case $undo in
        package) dpkg --purge --force-all fleet-agent >/dev/null 2>&1 && say "the package was taken back" ;;
        binary) remove_binary && say "the program was taken back" ;;
    esac
    if [ -n "$undo" ] && ! has_joined; then
        rmdir "$data" 2>/dev/null || true
    fi
    rm -rf "$work"
    exit "$status"
}

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    printf 'error: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then
        printf 'hint: %s\n' "$2" >&2
    fi
    exit 1
}

# Where the reason has been said already.
give_up() {
    say "$1"
    exit 1
}

wrong() {
    printf 'error: %s\nhint: sh install-agent.sh --help\n' "$1" >&2
    exit 2
}

main "$@"

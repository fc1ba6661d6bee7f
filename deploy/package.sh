#!/usr/bin/env bash
# Makes the packages: fleet-agent, fleet-coordinator (with the `fleet` command), and an installer of the agent in one file.
#
#   deploy/package.sh [--programs FOLDER] [--to FOLDER]
#
# Builds the programs in release, or takes those of FOLDER as they are. Prints the folder with what it made, and SHA256SUMS;
# it is target/packages unless --to says otherwise.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in say packages cargo; do
    # shellcheck source=/dev/null
    . "$here/lib/$part.sh"
done

programs=''
packages=''
# Where cargo-deb looks for what goes into a package: a target folder with nothing else in it.
stage=''

main() {
    read_arguments "$@"
    cd "$here/.."
    need_cargo_command deb
    # It finds out which libraries the programs need.
    need_package dpkg-shlibdeps dpkg-dev
    [ -n "$programs" ] || build_programs
    mkdir -p "$packages"
    packages=$(cd "$packages" && pwd)
    stage=$(mktemp -d)
    trap 'rm -rf "$stage"' EXIT
    heading "Package"
    fill_stage
    make_deb fleet-agent
    make_installer "$packages/fleet-agent.deb" "$packages/fleet-agent-installer.sh"
    cp "$packages/fleet-agent-installer.sh" "$stage/release/"
    make_deb fleet-coordinator
    (cd "$packages" && sha256sum fleet-agent.deb fleet-coordinator.deb fleet-agent-installer.sh >SHA256SUMS)
    printf '%s\n' "$packages"
}

read_arguments() {
    packages=$(target_folder)/packages
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || fail "$1 wants a value"
        case $1 in
            --programs) programs=$(cd "$2" && pwd) ;;
            --to) packages=$2 ;;
            *) fail "the option $1 is unknown" "they are --programs FOLDER and --to FOLDER" ;;
        esac
        shift 2
    done
}

build_programs() {
    heading "Build (release)"
    programs=$(build_shipped)
}

fill_stage() {
    local name
    mkdir -p "$stage/release"
    for name in fleet-agent fleet-coordinator fleet; do
        [ -x "$programs/$name" ] || fail "there is no program $programs/$name" "build it, or leave --programs away"
        cp "$programs/$name" "$stage/release/$name"
        strip "$stage/release/$name"
    done
    make_completions "$stage/release"
}

make_deb() {
    CARGO_TARGET_DIR=$stage cargo deb --quiet --no-build --no-strip --fast -p "$1" --output "$packages/$1.deb" >/dev/null
    say "$1.deb: $(du --apparent-size -h "$packages/$1.deb" | cut -f 1), $(dpkg-deb --field "$packages/$1.deb" Version)," \
        "needs $(dpkg-deb --field "$packages/$1.deb" Depends)"
}

# install-agent.sh with the package inside: one file that a person can send through ssh.
make_installer() {
    local digest
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    {
        sed '/^main "\$@"$/d' "$here/install-agent.sh"
        printf '\nenclosed_sha256=%s\nenclosed_package() {\nbase64 -d <<"PACKAGE"\n' "$digest"
        base64 "$1"
        printf 'PACKAGE\n}\n\nmain "$@"\n'
    } >"$2"
}

make_completions() {
    local shell name
    mkdir -p "$1/completions"
    for shell in bash zsh fish; do
        case $shell in
            bash) name=fleet ;;
            zsh) name=_fleet ;;
            fish) name=fleet.fish ;;
        esac
        "$1/fleet" completion "$shell" >"$1/completions/$name" || fail "the completion for $shell could not be made"
    done
}

main "$@"

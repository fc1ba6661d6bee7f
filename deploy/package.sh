#!/usr/bin/env bash
# Makes the packages: fleet-agent, fleet-coordinator (with the `fleet` command), and an installer of the agent in one file.
#
#   deploy/package.sh [--no-build]     prints the folder with what it made, and SHA256SUMS
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in say packages cargo; do
    # shellcheck source=/dev/null
    . "$here/lib/$part.sh"
done

main() {
    cd "$here/.."
    need_cargo_command deb
    # It finds out which libraries the programs need.
    need_package dpkg-shlibdeps dpkg-dev
    local built packages
    built=$(target_folder)
    packages=$built/debian
    if [ "${1:-}" != --no-build ]; then
        heading "Build (release)"
        cargo build --release --locked -p fleet-agent -p fleet-coordinator -p fleet-cli >&2
    fi
    heading "Package"
    rm -rf "$packages"
    make_deb fleet-agent "$packages"
    make_installer "$packages/fleet-agent.deb" "$built/release/fleet-agent-installer.sh"
    make_completions "$built/release"
    make_deb fleet-coordinator "$packages"
    cp "$built/release/fleet-agent-installer.sh" "$packages/"
    (cd "$packages" && sha256sum ./*.deb ./*.sh >SHA256SUMS)
    (cd "$packages" && ls -l --human-readable) >&2
    printf '%s\n' "$packages"
}

make_deb() {
    cargo deb --quiet --no-build --no-strip --fast -p "$1" --output "$2/$1.deb" >&2
    say "$1.deb: $(dpkg-deb --field "$2/$1.deb" Version Architecture Depends | tr '\n' ' ')"
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
        COMPLETE=$shell "$1/fleet" >"$1/completions/$name" 2>/dev/null || fail "the completion for $shell could not be made"
    done
}

main "$@"

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
# How hard xz compresses: programs that were given are not shipped, and only cost time.
compression=6
# A folder for the contents of each package, gone at the end.
stage=''

main() {
    read_arguments "$@"
    cd "$here/.."
    # dpkg-shlibdeps finds out which libraries the programs need.
    need_package dpkg-shlibdeps dpkg-dev
    [ -n "$programs" ] || build_programs
    mkdir -p "$packages"
    packages=$(cd "$packages" && pwd)
    stage=$(mktemp -d)
    trap 'rm -rf "$stage"' EXIT
    heading "Package"
    check_programs
    package_agent
    make_installer "$packages/fleet-agent.deb" "$packages/fleet-agent-installer.sh"
    package_coordinator
    (cd "$packages" && sha256sum fleet-agent.deb fleet-coordinator.deb fleet-agent-installer.sh >SHA256SUMS)
    printf '%s\n' "$packages"
}

read_arguments() {
    packages=$(target_folder)/packages
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || fail "$1 wants a value"
        case $1 in
            --programs) programs=$(cd "$2" && pwd) compression=1 ;;
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

check_programs() {
    local name
    for name in fleet-agent fleet-coordinator fleet; do
        [ -x "$programs/$name" ] || fail "there is no program $programs/$name" "build it, or leave --programs away"
    done
}

package_agent() {
    add_program agent fleet-agent
    add_file agent 644 "$here/fleet-agent.service" usr/lib/systemd/system/fleet-agent.service
    make_deb agent
}

package_coordinator() {
    add_program coordinator fleet-coordinator
    add_program coordinator fleet
    add_file coordinator 644 "$here/fleet-coordinator.service" usr/lib/systemd/system/fleet-coordinator.service
    add_file coordinator 755 "$packages/fleet-agent-installer.sh" usr/share/fleet/fleet-agent-installer.sh
    add_completion bash usr/share/bash-completion/completions/fleet
    add_completion zsh usr/share/zsh/vendor-completions/_fleet
    add_completion fish usr/share/fish/vendor_completions.d/fleet.fish
    make_deb coordinator
}

# add_file PACKAGE MODE FROM TO: TO is a path on the machine that installs the package.
add_file() {
    install -D -m "$2" "$3" "$stage/$1/$4"
}

add_program() {
    add_file "$1" 755 "$programs/$2" "usr/bin/$2"
    strip "$stage/$1/usr/bin/$2"
}

add_completion() {
    "$programs/fleet" completion "$1" >"$stage/completion" || fail "the completion for $1 could not be made"
    add_file coordinator 644 "$stage/completion" "$2"
}

# make_deb PACKAGE: a Debian package of what was added, with the control files of deploy/debian/PACKAGE (deb(5), deb-control(5)).
make_deb() {
    local root=$stage/$1 deb=$packages/fleet-$1.deb name
    add_file "$1" 644 "$here/debian/copyright" "usr/share/doc/fleet-$1/copyright"
    mkdir -p "$root/DEBIAN"
    for name in postinst prerm postrm; do
        add_file "$1" 755 "$here/debian/$1/$name" "DEBIAN/$name"
    done
    (cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    sed -e "s/@VERSION@/$(version)-1/" -e "s/@ARCHITECTURE@/$(dpkg --print-architecture)/" \
        -e "s/@SIZE@/$(du --summarize --apparent-size --block-size=1K "$root/usr" | cut -f 1)/" \
        -e "s/@LIBRARIES@/$(libraries "$root"/usr/bin/*)/" "$here/debian/$1/control" >"$root/DEBIAN/control"
    chmod -R u=rwX,go=rX "$root"
    dpkg-deb --root-owner-group -Zxz "-z$compression" --build "$root" "$deb" >/dev/null
    say "fleet-$1.deb: $(du --apparent-size -h "$deb" | cut -f 1), $(dpkg-deb --field "$deb" Version)," \
        "needs $(dpkg-deb --field "$deb" Depends)"
}

# The version of the workspace.
version() {
    sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$here/../Cargo.toml"
}

# libraries PROGRAM…: the packages with the shared libraries that the programs need.
libraries() {
    mkdir -p "$stage/shlibdeps/debian"
    printf 'Source: fleet\n\nPackage: fleet\nArchitecture: any\n' >"$stage/shlibdeps/debian/control"
    (cd "$stage/shlibdeps" && dpkg-shlibdeps -O "$@" 2>/dev/null) | sed 's/^shlibs:Depends=//'
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

main "$@"

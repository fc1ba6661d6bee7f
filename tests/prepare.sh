#!/usr/bin/env bash
# Makes what the Docker and lab tests need: an engine, every image that a test names, a registry with the images of labnotes,
# the tools that tests are held against, and the programs and packages of this tree. What is there already is kept.
#
#   eval "$(tests/prepare.sh)"     its answer is the environment of the tests:
#
#   FLEET_LAB_SH          the command that starts, cuts off and ends lab servers
#   FLEET_LAB_IMAGE       the image of a lab server
#   FLEET_TEST_REGISTRY   the registry on this machine: 127.0.0.1:5001/labnotes-web:1.1 (1.2, 1.3), …/labnotes-db:1
#   FLEET_TEST_BIN        the folder with fleet, fleet-agent and fleet-coordinator
#   FLEET_TEST_PACKAGES   the folder with fleet-agent.deb, fleet-coordinator.deb and fleet-agent-installer.sh
#
# FLEET_TEST_PROFILE=release builds the programs as they are shipped: benches want that.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in say packages engine images registry cargo; do
    # shellcheck source=/dev/null
    . "$root/deploy/lib/$part.sh"
done

main() {
    local registry image bin
    cd "$root"
    need_engine
    need_labnotes_images
    need_lab_image
    need_databases_image
    need_recovery_image
    need_busybox_images
    need_package curl curl
    tests/tool.sh restic >/dev/null
    tests/tool.sh rclone >/dev/null
    need_package docker-compose docker-compose
    registry=$(need_registry)
    for image in $(labnotes_images); do
        push_image "$image" "$registry"
    done
    need_rust
    say "building the programs"
    if [ "${FLEET_TEST_PROFILE:-debug}" = release ]; then
        bin=$(build_shipped)
    else
        # With the tests: alone they would be built with other features of their dependencies, and everything twice.
        cargo test --no-run --quiet --locked --workspace >&2
        bin=$(cd "$(target_folder)/debug" && pwd)
    fi
    deploy/package.sh --programs "$bin" --to "$bin/packages" >/dev/null

    answer FLEET_LAB_SH "$root/deploy/lab/lab.sh"
    answer FLEET_LAB_IMAGE "$LAB_IMAGE"
    answer FLEET_TEST_REGISTRY "$registry"
    answer FLEET_TEST_BIN "$bin"
    answer FLEET_TEST_PACKAGES "$bin/packages"
}

answer() {
    printf 'export %s=%q\n' "$1" "$2"
}

main

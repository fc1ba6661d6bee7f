# shellcheck shell=bash
# Debian and Ubuntu packages that the scripts need. Needs say.sh.

# need_package COMMAND PACKAGE…: installs the packages unless the command is there, and says so.
need_package() {
    local command=$1
    shift
    if command -v "$command" >/dev/null 2>&1 || [ -x "/usr/sbin/$command" ]; then
        return 0
    fi
    install_packages "$@"
}

install_packages() {
    if [ "$(id -u)" != 0 ]; then
        fail "$* must be installed, and this is not root" "run: sudo apt-get install -y $*"
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        fail "$* must be installed, and this machine has no apt-get" "install them as this system does, then try again"
    fi
    say "installing $* (apt-get)"
    local log
    log=$(fleet_cache)/apt.log
    if ! { refresh_package_lists && apt_install "$@"; } >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "apt-get could not install $*" "the whole story is in $log"
    fi
}

# Package lists of the last hour are fresh enough.
refresh_package_lists() {
    if [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mmin -60 -print -quit)" ]; then
        return 0
    fi
    apt-get update
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

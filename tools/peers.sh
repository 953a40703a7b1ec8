#!/bin/sh
# Install the strangers that the interop tests and the benchmark talk to: MIT krb5, Heimdal, Samba's Heimdal, Redis, PostgreSQL.
#
# Works as root on Debian. Anywhere else it says what is missing and ends well: the tests then say what they could not try.
set -eu

PACKAGES="procps krb5-kdc krb5-admin-server krb5-user krb5-gss-samples libkrb5-dev gcc python3-dev python3-venv
    libgssapi3-heimdal samba-libs redis-server postgresql"
# These conflict with MIT's programs, so they are unpacked below .peers and never installed.
UNPACKED="heimdal-clients libkadm5clnt7-heimdal libkadm5srv8-heimdal libhdb9-heimdal libkafs0-heimdal libotp0-heimdal
    libsl0-heimdal"
TOP=$(cd "$(dirname "$0")/.." && pwd)
PEERS="$TOP/.peers"
export DEBIAN_FRONTEND=noninteractive

installed() {
    dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

missing_packages() {
    for package in $PACKAGES; do
        installed "$package" || printf '%s ' "$package"
    done
}

# Packages start their services as they are installed. The tests start their own, on free ports; a
# machine that runs them should not find a Redis or a KDC running afterwards. The policy holds only
# while this script lives, so that one left behind by a crash does no harm.
forbid_services() {
    policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] && return
    printf '#!/bin/sh\n# While puregss installs its test peers (process %s) no service is started.\nkill -0 %s 2>/dev/null && exit 101\nexit 0\n' \
        $$ $$ >"$policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

apt() {
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

install_packages() {
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    echo "installing the peers of the interop tests: $missing"
    forbid_services
    # shellcheck disable=SC2086 # a list of words is meant
    apt install --yes --no-install-recommends $missing >/dev/null 2>"$PEERS/apt.log" ||
        { apt update && apt install --yes --no-install-recommends $missing >/dev/null 2>"$PEERS/apt.log"; } ||
        { tail -n 5 "$PEERS/apt.log"; echo "apt-get could not install: $missing"; }
}

unpack() {
    [ -e "$PEERS/unpacked" ] && return
    folder=$(mktemp -d "$PEERS/download.XXXXXX")
    chmod 755 "$folder"
    # shellcheck disable=SC2086
    if (cd "$folder" && { apt download $UNPACKED 2>/dev/null || { apt update && apt download $UNPACKED; }; }) >/dev/null 2>"$PEERS/apt.log"; then
        for archive in "$folder"/*.deb; do
            dpkg -x "$archive" "$folder/root"
        done
        rm -rf "$PEERS/heimdal"
        mv "$folder/root" "$PEERS/heimdal"
        touch "$PEERS/unpacked"
    else
        tail -n 5 "$PEERS/apt.log"
        echo "apt-get could not download: $UNPACKED"
    fi
    rm -rf "$folder"
}

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "The peers of the interop tests are installed as root on Debian only; on this machine it is up to you:" $PACKAGES
    exit 0
fi
mkdir -p "$PEERS"
exec 9>"$PEERS/lock"
flock 9
install_packages
unpack

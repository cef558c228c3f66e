#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh PACKAGE...: installs the missing packages. Called by make before anything is built. It asks no
# questions, and does not touch a machine that has all packages, so no privilege is needed there.
set -eu

missing=
for package; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "deps: missing packages:$missing: need root or sudo; as root run: apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi

apt_install() {
    # shellcheck disable=SC2086 # words on purpose
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 \
        install --no-install-recommends $missing
}

echo "deps: installing$missing" >&2
# The package lists may be absent (a fresh image) or older than the archive: only then are they updated.
if ! apt_install >&2; then
    $as_root apt-get -q -o DPkg::Lock::Timeout=600 update >&2
    apt_install >&2 || {
        echo "deps: apt-get could not install$missing; check the network and the package sources" >&2
        exit 1
    }
fi

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tree.sh OUTPUT DEPENDENCY...: the files of a fresh Debian 12, as a tar file, by mmdebstrap from the
# package sources of this machine: kernel, GRUB for BIOS and UEFI, systemd, ssh. Packages that ours depend
# on are in apt's cache there but not installed, so that `apt install ./*.deb` needs no network. Next to
# read: disk.sh.
set -eu

output=$1
shift
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo

packages=systemd-sysv,udev,dbus,libpam-systemd,linux-image-amd64
packages=$packages,grub2-common,grub-pc-bin,grub-efi-amd64-bin
packages=$packages,openssh-server,iproute2,e2fsprogs,kmod,less,procps,zstd,xz-utils,bridge-utils,chrony,gdisk

# The sources that this machine has for Debian; others are none of a fresh Debian's.
mirror=$(apt-get indextargets --format "\$(SITE)" | grep -m 1 "/debian/*\$") ||
    mirror=http://deb.debian.org/debian
security=$(apt-get indextargets --format '$(SITE)' | grep -m 1 'debian-security' ||
    echo http://deb.debian.org/debian-security)

# DEBs of what is not to be installed are only downloaded; apt's lists and cache stay.
# shellcheck disable=SC2086 # words of as_root on purpose
$as_root mmdebstrap --mode=root --variant=minbase --format=tar --include="$packages" \
    --aptopt='Apt::Install-Recommends "false"' \
    --customize-hook='chroot "$1" apt-get clean' \
    --customize-hook="chroot \"\$1\" apt-get -y -d install $*" \
    --skip=cleanup/apt bookworm "$output.tmp" \
    "deb $mirror bookworm main" "deb $mirror bookworm-updates main" "deb $security bookworm-security main" \
    >"$output.log" 2>&1 || {
    tail -n 20 "$output.log" >&2
    echo "tree: mmdebstrap failed; all it said is in $output.log" >&2
    exit 1
}
echo "$*" >"$output.dependencies"
$as_root mv "$output.tmp" "$output"

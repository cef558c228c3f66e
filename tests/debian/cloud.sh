#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cloud.sh OUTPUT: a raw image like Debian's genericcloud: a GPT with one root file system, the cloud kernel,
# cloud-init, netplan, ssh, nobody who may log in, and no host keys. It has no boot loader. Made by mmdebstrap
# from the package sources of this machine. Next to read: new.sh.
set -eu

output=$1
size=1536 # MiB
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo

packages=systemd-sysv,udev,dbus,libpam-systemd,linux-image-cloud-amd64,initramfs-tools,e2fsprogs,kmod
packages=$packages,cloud-init,cloud-guest-utils,netplan.io,openssh-server,sudo,iproute2,procps,fdisk
mirror=$(apt-get indextargets --format "\$(SITE)" | grep -m 1 "/debian/*\$") ||
    mirror=http://deb.debian.org/debian

work=$output.tree
$as_root rm -rf "$work"
# shellcheck disable=SC2016 # mmdebstrap's shell expands $1
$as_root mmdebstrap --mode=root --variant=minbase --format=dir --include="$packages" \
    --aptopt='Apt::Install-Recommends "false"' \
    --customize-hook='rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/machine-id"; : >"$1/etc/machine-id"' \
    --customize-hook='chroot "$1" systemctl -q enable systemd-networkd' \
    --customize-hook='for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim; do
        chroot "$1" systemctl -q mask "$timer.timer"; done' \
    bookworm "$work" "deb $mirror bookworm main" >"$output.log" 2>&1 || {
    tail -n 20 "$output.log" >&2
    echo "cloud: mmdebstrap failed; all it said is in $output.log" >&2
    exit 1
}
rm -f "$output.tmp"
truncate -s ${size}M "$output.tmp"
sfdisk --quiet "$output.tmp" <<END
label: gpt
start=2048, type=L
END
$as_root mke2fs -q -t ext4 -E "offset=1048576,lazy_itable_init=1" -d "$work" "$output.tmp" $((size - 2))M
$as_root rm -rf "$work"
mv "$output.tmp" "$output"

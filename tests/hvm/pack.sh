#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pack.sh FOLDER BOOT: what dom0 needs for unmodified machines with Debian's own device model, as the cpio
# archive FOLDER/devices.cpio: QEMU as Debian builds it for Xen, with its libraries, and the firmware that it
# and xl load; BOOT has hvmloader. The packages are downloaded and unpacked under FOLDER, never installed.
# Libraries that this machine lacks are downloaded with them.
set -eu

unpack_name=hvm
# shellcheck source=tests/rig/unpack.sh
. "$(dirname "$0")/../rig/unpack.sh"
unpack_begin "$1"
xen=$(cd "$2" && pwd)
image=$folder/image

unpack_fetch qemu-system-xen || unpack_fail "apt-get could not download qemu-system-xen; check the network"
# also packages that are installed on this machine: all of them are unpacked
unpack_fetch --reinstall seabios qemu-system-data ipxe-qemu ||
    unpack_fail "apt-get could not download seabios, qemu-system-data and ipxe-qemu"
unpack_all
rm -rf "$image"

qemu=usr/libexec/xen-qemu-system-i386
# add FILE: a file of the packages, at its path
add() {
    [ -f "$root/$1" ] || unpack_fail "the packages do not have /$1"
    mkdir -p "$image/${1%/*}"
    cp -L "$root/$1" "$image/$1"
}
add $qemu
for file in seabios/bios-256k.bin seabios/vgabios-stdvga.bin qemu/keymaps/en-us qemu/kvmvapic.bin \
    qemu/linuxboot.bin; do
    add usr/share/$file
done
# QEMU does not start without the ROM of a network card that it emulates
add usr/lib/ipxe/qemu/efi-e1000.rom
add usr/lib/ipxe/qemu/efi-rtl8139.rom
mkdir -p "$image/usr/lib/xen-4.17/boot"
cp "$xen/hvmloader" "$image/usr/lib/xen-4.17/boot/"

unpack_libraries "$image/usr/lib/" "$root/$qemu"
(cd "$image" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$folder/devices.cpio.tmp"
mv "$folder/devices.cpio.tmp" "$folder/devices.cpio"

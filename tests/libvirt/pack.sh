#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pack.sh FOLDER: Debian's libvirt with its libxl driver as FOLDER/libvirt.tar, for dom0's root. The packages
# are downloaded and unpacked under FOLDER, never installed: libvirt would start its daemon here. Libraries
# that this machine lacks are downloaded with them; all that the programs need are in the file.
set -eu

unpack_name=libvirt
# shellcheck source=tests/rig/unpack.sh
. "$(dirname "$0")/../rig/unpack.sh"
unpack_begin "$1"
libraries=usr/lib/x86_64-linux-gnu

unpack_fetch libvirt-clients libvirt-daemon libvirt-daemon-driver-xen ||
    unpack_fail "apt-get could not download it; check the network"
unpack_all
rm -rf "$folder/image"

driver=$libraries/libvirt/connection-driver/libvirt_driver_libxl.so
for file in usr/sbin/libvirtd usr/bin/virsh "$driver"; do
    [ -f "$root/$file" ] || unpack_fail "the packages do not have /$file"
    mkdir -p "$folder/image/${file%/*}"
    cp "$root/$file" "$folder/image/$file"
done
# virsh's console wants a terminal, which script(1) makes
script=$(command -v script) || unpack_fail "script(1) is missing: apt-get install bsdutils"
cp "$script" "$folder/image/usr/bin/script"
mkdir -p "$folder/image/usr/share" "$folder/image/usr/lib/libvirt"
cp -R "$root/usr/share/libvirt" "$folder/image/usr/share/"

unpack_libraries "$folder/image/usr/lib/libvirt/" "$root/usr/sbin/libvirtd" "$root/usr/bin/virsh" \
    "$root/$driver" "$script"
tar -C "$folder/image" -cf "$folder/libvirt.tar.tmp" --owner=0 --group=0 --sort=name usr
mv "$folder/libvirt.tar.tmp" "$folder/libvirt.tar"

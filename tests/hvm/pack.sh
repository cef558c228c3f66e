#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pack.sh FOLDER BOOT: what dom0 needs for unmodified machines with Debian's own device model, as the cpio
# archive FOLDER/devices.cpio: QEMU as Debian builds it for Xen, with its libraries, and the firmware that it
# and xl load; BOOT has hvmloader. The packages are downloaded and unpacked under FOLDER, never installed.
# Libraries that this machine lacks are downloaded with them.
set -eu

mkdir -p "$1/cache/archives/partial"
folder=$(cd "$1" && pwd)
xen=$(cd "$2" && pwd)
root=$folder/root image=$folder/image
libraries=usr/lib/x86_64-linux-gnu
: >"$folder/log"

fail() {
    echo "hvm: $*; the end of $folder/log:" >&2
    tail -n 5 "$folder/log" >&2
    exit 1
}

# Also packages that are installed on this machine: all of them are unpacked.
apt() {
    apt-get -q -y -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1 \
        --no-install-recommends --download-only "$@" >>"$folder/log" 2>&1
}

# The package lists are this machine's: `make` has just installed packages by them.
apt install qemu-system-xen || fail "apt-get could not download qemu-system-xen; check the network"
apt install --reinstall seabios qemu-system-data || fail "apt-get could not download seabios"
rm -rf "$root" "$image"
for deb in "$folder"/cache/archives/*.deb; do
    dpkg-deb -x "$deb" "$root"
done

qemu=usr/libexec/xen-qemu-system-i386
# add FILE: a file of the packages, at its path
add() {
    [ -f "$root/$1" ] || fail "the packages do not have /$1"
    mkdir -p "$image/${1%/*}"
    cp -L "$root/$1" "$image/$1"
}
add $qemu
for file in seabios/bios-256k.bin seabios/vgabios-stdvga.bin qemu/keymaps/en-us qemu/kvmvapic.bin \
    qemu/linuxboot.bin; do
    add usr/share/$file
done
mkdir -p "$image/usr/lib/xen-4.17/boot"
cp "$xen/hvmloader" "$image/usr/lib/xen-4.17/boot/"

# dom0's loader looks in /usr/lib; its C library is as old as this machine's
LD_LIBRARY_PATH="$root/$libraries:$root/lib/x86_64-linux-gnu" ldd "$root/$qemu" >"$folder/libraries"
! grep 'not found' "$folder/libraries" >>"$folder/log" || fail "libraries are missing"
sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' "$folder/libraries" | sort -u | while read -r library; do
    cp -L "$library" "$image/usr/lib/"
done
(cd "$image" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$folder/devices.cpio.tmp"
mv "$folder/devices.cpio.tmp" "$folder/devices.cpio"

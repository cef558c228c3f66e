#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pack.sh FOLDER: Debian's libvirt with its libxl driver as FOLDER/libvirt.tar, for dom0's root. The packages
# are downloaded and unpacked under FOLDER, never installed: libvirt would start its daemon here. Libraries
# that this machine lacks are downloaded with them; all that the programs need are in the file.
set -eu

mkdir -p "$1/cache/archives/partial"
folder=$(cd "$1" && pwd)
root=$folder/root
libraries=usr/lib/x86_64-linux-gnu
: >"$folder/log"

fail() {
    echo "libvirt: $*; the end of $folder/log:" >&2
    tail -n 5 "$folder/log" >&2
    exit 1
}

apt() {
    apt-get -q -y -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1 \
        --no-install-recommends --download-only "$@" >>"$folder/log" 2>&1
}

# The package lists are this machine's: `make` has just installed packages by them.
apt install libvirt-clients libvirt-daemon libvirt-daemon-driver-xen ||
    fail "apt-get could not download it; check the network"
rm -rf "$root" "$folder/image"
for deb in "$folder"/cache/archives/*.deb; do
    dpkg-deb -x "$deb" "$root"
done

driver=$libraries/libvirt/connection-driver/libvirt_driver_libxl.so
for file in usr/sbin/libvirtd usr/bin/virsh "$driver"; do
    [ -f "$root/$file" ] || fail "the packages do not have /$file"
    mkdir -p "$folder/image/${file%/*}"
    cp "$root/$file" "$folder/image/$file"
done
# virsh's console wants a terminal, which script(1) makes
script=$(command -v script) || fail "script(1) is missing: apt-get install bsdutils"
cp "$script" "$folder/image/usr/bin/script"
mkdir -p "$folder/image/usr/share" "$folder/image/usr/lib/libvirt"
cp -R "$root/usr/share/libvirt" "$folder/image/usr/share/"

# dom0's loader looks in /usr/lib; its C library is as old as this machine's
LD_LIBRARY_PATH="$root/$libraries:$root/lib/x86_64-linux-gnu" \
    ldd "$root/usr/sbin/libvirtd" "$root/usr/bin/virsh" "$root/$driver" "$script" >"$folder/libraries"
! grep 'not found' "$folder/libraries" >>"$folder/log" || fail "libraries are missing"
sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' "$folder/libraries" | sort -u | while read -r library; do
    cp -L "$library" "$folder/image/usr/lib/libvirt/"
done
tar -C "$folder/image" -cf "$folder/libvirt.tar.tmp" --owner=0 --group=0 --sort=name usr
mv "$folder/libvirt.tar.tmp" "$folder/libvirt.tar"

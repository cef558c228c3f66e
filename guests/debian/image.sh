#!/bin/sh
# SPDX-License-Identifier: MIT
#
# image.sh initrd|disk OUTPUT KERNEL BUSYBOX TOOL...: builds the user space of guests/debian, as an initrd
# with the modules for disk and network from the unpacked package KERNEL, or as a raw disk image with ext4.
# Needs no root privileges: mke2fs fills the image without mounting it. Owner, times and order are fixed, so
# that the initrd is reproducible. Read next: init.
set -eu

kind=$1 output=$2 kernel=$3 busybox=$4
shift 4

root=${output%/*}/root.${output##*/}
rm -rf "$root"
for folder in bin sbin proc sys dev disk usr/lib lib64; do
    mkdir -p "$root/$folder"
done
cp "$busybox" "$root/bin/busybox"
cp guests/debian/init "$root/init"
chmod 755 "$root/bin/busybox" "$root/init"

for tool; do
    cp "$tool" "$root/bin/"
    ldd "$tool" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p'
done | sort -u | while read -r library; do
    cp -L "$library" "$root/usr/lib/"
done
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"

case $kind in
initrd)
    mkdir -p "$root/lib/modules"
    for module in xen-blkfront xen-netfront crc16 crc32c_generic mbcache jbd2 ext4; do
        find "$kernel/lib/modules" -name "$module.ko" -exec cp {} "$root/lib/modules/" \;
    done
    find "$root" -exec touch -h -d @0 {} +
    (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) | gzip -9n >"$output" ;;
disk)
    rm -f "$output"
    truncate -s 12M "$output"
    # not in an ordinary user's PATH
    /sbin/mke2fs -q -F -t ext4 -E root_owner=0:0 -d "$root" "$output" ;;
esac

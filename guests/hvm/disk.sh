#!/bin/sh
# SPDX-License-Identifier: MIT
#
# disk.sh OUTPUT KERNEL BUSYBOX: a disk from which a PC's BIOS boots, with what Debian has: GRUB in the gap
# before the first partition, and there, in ext4, Debian's kernel, an initrd with its virtio modules, and a
# shell on busybox. Nothing in it knows of Xen (xen_nopv). Needs no root privileges. Read next: init,
# grub.cfg.
set -eu

output=$1 kernel=$2 busybox=$3
size_mib=48 start_sector=2048
work=${output%/*}/work
modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover
    net_failover virtio_net virtio-rng virtio_console virtio_balloon button evdev crc16 crc32c_generic
    mbcache jbd2 ext4"

rm -rf "$work"
for folder in initrd/bin initrd/sbin initrd/proc initrd/sys initrd/dev initrd/disk initrd/lib/modules \
    disk/boot/grub disk/etc disk/bin disk/sbin disk/proc disk/sys disk/dev disk/root; do
    mkdir -p "$work/$folder"
done
for root in initrd disk; do
    cp "$busybox" "$work/$root/bin/busybox"
    cp guests/hvm/init "$work/$root/init"
    chmod 755 "$work/$root/bin/busybox" "$work/$root/init"
done

# in the order in which they are loaded
for module in $modules; do
    find "$kernel/lib/modules" -name "$module.ko" -exec cp {} "$work/initrd/lib/modules/" \;
done
echo "$modules" | tr -s ' \n' '\n' >"$work/initrd/lib/modules/order"
find "$work" -exec touch -h -d @0 {} +
(cd "$work/initrd" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) | gzip -9n \
    >"$work/disk/boot/initrd"
cp "$kernel"/boot/vmlinuz-* "$work/disk/boot/vmlinuz"
cp guests/hvm/grub.cfg "$work/disk/boot/grub/grub.cfg"

# boot.img loads the sector behind it, where core.img begins, whose first sector knows its length
grub-mkimage -O i386-pc -o "$work/core.img" -p '(hd0,msdos1)/boot/grub' \
    biosdisk part_msdos ext2 normal linux serial terminal configfile echo test reboot halt
[ "$(stat -c %s "$work/core.img")" -lt $(((start_sector - 1) * 512)) ] || {
    echo "disk.sh: GRUB does not fit before the first partition" >&2
    exit 1
}
rm -f "$output.tmp"
truncate -s "${size_mib}M" "$output.tmp"
/sbin/mke2fs -q -F -t ext4 -b 4096 -O ^metadata_csum_seed -E "root_owner=0:0,offset=$((start_sector * 512))" \
    -d "$work/disk" "$output.tmp" "$(((size_mib - 1) * 1024))k"
dd if=/usr/lib/grub/i386-pc/boot.img of="$output.tmp" conv=notrunc status=none
dd if="$work/core.img" of="$output.tmp" bs=512 seek=1 conv=notrunc status=none
# one partition, active, type 83, with the numbers of its first sector and of all its sectors
number() {
    printf '%b' "$(printf '\\0%o\\0%o\\0%o\\0%o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) \
        $(($1 >> 24)))"
}
{
    printf '\200\001\001\000\203\376\377\377'
    number $start_sector
    number $((size_mib * 2048 - start_sector))
    head -c 48 /dev/zero
    printf '\125\252'
} | dd of="$output.tmp" bs=1 seek=446 conv=notrunc status=none
mv "$output.tmp" "$output"

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# disk.sh OUTPUT KERNEL INITRD MODULES ARGS: a disk image that boots by BIOS: GRUB, which loads the kernel and
# the initrd of guests/debian, to which the drivers of a PC are added (init). The console of both is the first
# serial port. ARGS are the kernel's.
set -eu

output=$1 kernel=$2 initrd=$3 modules=$4 args=$5
root=$output.root
here=$(dirname "$0")

rm -rf "$root"
mkdir -p "$root/boot/grub" "$root/add/lib/hvm" "$root/add/etc/acpi/PWRF"
cp "$here/init" "$root/add/hvm-init"
chmod 755 "$root/add/hvm-init"
for module in scsi_common scsi_mod libata libahci ahci crct10dif_common crc-t10dif crc64 crc64-rocksoft \
    t10-pi sd_mod e1000 button evdev; do
    find "$modules" -name "$module.ko" -exec cp {} "$root/add/lib/hvm/" \;
done
printf '#!/bin/sh\nexec /sbin/poweroff\n' >"$root/add/etc/acpi/PWRF/00000080"
chmod 755 "$root/add/etc/acpi/PWRF/00000080"
cp "$kernel" "$root/boot/vmlinuz"
{
    cat "$initrd"
    (cd "$root/add" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | gzip -n)
} >"$root/boot/initrd"
rm -r "$root/add"
cat >"$root/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=1
menuentry Debian {
    linux /boot/vmlinuz console=ttyS0 rdinit=/hvm-init $args
    initrd /boot/initrd
}
END
grub-mkrescue -d /usr/lib/grub/i386-pc -o "$output.tmp" --locales= --fonts= --themes= "$root" \
    2>"$output.log" || {
    cat "$output.log" >&2
    echo "disk: grub-mkrescue failed" >&2
    exit 1
}
truncate -s %1M "$output.tmp"
truncate -s +1M "$output.tmp" # where the guest writes
mv "$output.tmp" "$output"
rm -rf "$root"

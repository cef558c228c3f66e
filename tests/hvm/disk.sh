#!/bin/sh
# SPDX-License-Identifier: MIT
#
# disk.sh OUTPUT KERNEL INITRD ARGS: a disk image that boots by BIOS: GRUB, which loads the kernel and the
# initrd. The console of both is the first serial port.
set -eu

output=$1 kernel=$2 initrd=$3 args=$4
root=$output.root

rm -rf "$root"
mkdir -p "$root/boot/grub"
cp "$kernel" "$root/boot/vmlinuz"
cp "$initrd" "$root/boot/initrd"
cat >"$root/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=1
menuentry Debian {
    linux /boot/vmlinuz $args
    initrd /boot/initrd
}
END
grub-mkrescue -d /usr/lib/grub/i386-pc -o "$output.tmp" --locales= --fonts= --themes= "$root" 2>"$output.log" || {
    cat "$output.log" >&2
    echo "disk: grub-mkrescue failed" >&2
    exit 1
}
mv "$output.tmp" "$output"
rm -rf "$root"

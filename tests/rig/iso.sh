#!/bin/sh
# SPDX-License-Identifier: MIT
#
# iso.sh OUTPUT CORE CORE-ARGS KERNEL KERNEL-ARGS INITRD: a bootable image for CD or USB stick, by BIOS and by
# UEFI: GRUB, which loads the core by multiboot2, and dom0's kernel and initrd as its modules. The console is
# the first serial port. Next to read: iso-check.sh.
set -eu

output=$1 core=$2 core_args=$3 kernel=$4 kernel_args=$5 initrd=$6
root=$output.root

rm -rf "$root"
mkdir -p "$root/boot/grub"
cp "$core" "$root/boot/cleave.elf"
# GRUB unpacks a module that is a gzip file (unless it is told --nounzip): less to read from a slow disc.
# Linux unpacks its initramfs itself.
gzip -c "$kernel" >"$root/boot/vmlinux.gz"
gzip -c "$initrd" >"$root/boot/initrd.gz"
cat >"$root/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial
insmod all_video
set timeout=1
menuentry Cleave {
    multiboot2 /boot/cleave.elf $core_args
    module2 /boot/vmlinux.gz $kernel_args
    module2 --nounzip /boot/initrd.gz
}
END
grub-mkrescue -o "$output.tmp" --locales= --fonts= --themes= "$root" 2>"$output.log" || {
    cat "$output.log" >&2
    echo "iso: grub-mkrescue failed" >&2
    exit 1
}
mv "$output.tmp" "$output"
rm -rf "$root"

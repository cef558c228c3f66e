#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The first program of a new disk's first boot, without systemd: installs GRUB for BIOS and UEFI, and with
# apt the packages in /root/debs, if there are any. Then it powers the machine off. disk.sh looks for its
# last line.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C
mount -t proc proc /proc 2>/dev/null
mount -t sysfs sysfs /sys 2>/dev/null
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t tmpfs tmpfs /run
mount -o remount,rw /

set_up() {
    modprobe vfat && mount /dev/vda2 /boot/efi || return
    grub-install --target=i386-pc /dev/vda || return
    grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram || return
    update-grub || return
    if ls /root/debs/*.deb >/dev/null 2>&1; then
        cd /root/debs && apt-get -y install ./*.deb || return
    fi
    rm -f /sbin/setup-disk
}

set_up && echo "setup-disk: done"
umount /boot/efi
sync
mount -o remount,ro /
echo o >/proc/sysrq-trigger
sleep 60

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# configure.sh ROOT UUID KEY: what an installer would ask: host name, file systems, network (DHCP; and a
# bridge xenbr0 for VMs), who may log in. root has no password on the console, and KEY is for ssh. Consoles
# are the serial port and the screen, in GRUB, too.
set -eu

root=$1 uuid=$2 key=$3

echo cleave-host >"$root/etc/hostname"
printf '127.0.0.1 localhost cleave-host\n' >"$root/etc/hosts"
cat >"$root/etc/fstab" <<END
UUID=$uuid / ext4 errors=remount-ro 0 1
LABEL=EFI /boot/efi vfat umask=0077,nofail 0 1
END
mkdir -p "$root/boot/efi" "$root/boot/grub"
chroot "$root" passwd -q -d root
mkdir -p "$root/root/.ssh"
cp "$key" "$root/root/.ssh/authorized_keys"
chmod 700 "$root/root/.ssh"
cat >"$root/etc/systemd/network/20-wired.network" <<END
[Match]
Name=en* eth*

[Network]
DHCP=ipv4
END
cat >"$root/etc/systemd/network/10-xenbr0.netdev" <<END
[NetDev]
Name=xenbr0
Kind=bridge
END
cat >"$root/etc/systemd/network/10-xenbr0.network" <<END
[Match]
Name=xenbr0

[Network]
Address=10.0.0.1/24
ConfigureWithoutCarrier=yes
END
chroot "$root" systemctl -q enable systemd-networkd
# nothing waits for a network that nobody needs, nor for udev's coldplug in an emulator
chroot "$root" systemctl -q disable systemd-networkd-wait-online
cat >"$root/etc/default/grub" <<END
GRUB_DEFAULT=0
GRUB_TIMEOUT=3
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200n8"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
END
mkdir -p "$root/etc/systemd/journald.conf.d" "$root/var/log/journal"
printf '[Journal]\nStorage=persistent\n' >"$root/etc/systemd/journald.conf.d/keep.conf"
# weekly and daily work would begin in the middle of a test
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim; do
    chroot "$root" systemctl -q mask "$timer.timer"
done

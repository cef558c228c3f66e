#!/bin/sh
# SPDX-License-Identifier: MIT
#
# powercut.sh DISK ROUNDS SEED DEB...: a machine with Cleave creates, saves, restores and destroys VMs, and
# installs the packages again, while its power goes: QEMU is killed at a random moment. The next boot must
# come up, with the VM that is defined, complete files in /boot/cleave and a store as its schema says. The
# same seed gives the same moments, in seconds of this host.
set -eu

disk=$1 rounds=$2 seed=$3
shift 3
folder=$(dirname "$disk")
# shellcheck source=tests/debian/machine.sh
. "$(dirname "$0")/machine.sh"
trap machine_kill EXIT

copy=$disk.powercut
cp --sparse=always "$disk" "$copy"
machine_start "$copy" "$copy.log"
machine_login
ssh_options="-q -i $folder/ssh_key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
# shellcheck disable=SC2086 # words on purpose
scp $ssh_options -P "$machine_port" "$@" root@127.0.0.1: || machine_fail "scp of the packages"
machine_run 300 'cleave define --autostart /guests/hello.cfg name=kept && cleave start kept && sync' ||
    machine_fail "cannot define a VM"

round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    machine_say '(while :; do cleave define /guests/hello.cfg name=come; cleave start come
        cleave destroy come; cleave undefine come; done >/tmp/defines 2>&1 &)'
    machine_say '(while :; do cleave create /guests/debian.cfg name=saved; cleave wait saved --for booted
        cleave save saved /root/state && cleave restore /root/state
        cleave destroy saved; done >/tmp/saves 2>&1 &)'
    machine_say '(while :; do apt-get -y --reinstall install ./*.deb; done >/tmp/apt 2>&1 &)'
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    after=$((seed / 65536 % 60 + 1))
    sleep $after
    machine_kill
    echo "powercut: round $round: power off after $after s"
    machine_start "$copy" "$copy.$round.log"
    machine_login
    machine_run 600 'dpkg --configure -a && apt-get -y -f install' >"$copy.apt" ||
        machine_fail "dpkg cannot go on: see $copy.apt"
    machine_run 300 'grep -q cleave /sys/hypervisor/version/extra &&
        until cleave list kept | grep -q "kept  *[1-9]"; do sleep 1; done' ||
        machine_fail "the VM is not there"
    machine_run 120 'for file in /boot/cleave/vmlinux-*; do
            /usr/lib/cleave/vmlinux "/boot/vmlinuz-${file#*vmlinux-}" /tmp/vmlinux
            cmp "$file" /tmp/vmlinux || break
        done && { cleave destroy saved; cleave undefine come; cleave destroy come; cleave store check; }' ||
        machine_fail "something is half done"
done
machine_say poweroff
machine_ended 600
echo "powercut: $rounds times; VMs and files are whole"
rm -f "$copy" "$copy".*.log

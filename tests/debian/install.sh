#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install.sh DISK FIRMWARE SCREEN DEB...: what a new user does. DISK is a fresh Debian 12, FIRMWARE bios or
# uefi. The packages are copied there by ssh and installed by apt; after a reboot Cleave runs, VMs are
# defined that start with the machine, and after another one they are there again. poweroff ends them first.
# When Cleave does not come up twice, plain Debian is started. Then the packages are removed: plain Debian.
# SCREEN: a picture of GRUB's menu. Next to read: machine.sh.
set -eu

disk=$1 firmware=$2 screen=$3
shift 3
folder=$(dirname "$disk")
MACHINE_FIRMWARE=$firmware
# shellcheck source=tests/debian/machine.sh
. "$(dirname "$0")/machine.sh"
trap machine_kill EXIT

step() {
    echo "install: $firmware: $(date +%T) $*"
}

copy="$disk.$firmware"
cp --sparse=always "$disk" "$copy"
machine_start "$copy" "$copy.log"
ssh_options="-q -i $folder/ssh_key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"

step "plain Debian boots"
machine_login
machine_run 60 'test ! -e /sys/hypervisor/type' >/dev/null || machine_fail "not plain Debian"
# shellcheck disable=SC2086 # words on purpose
scp $ssh_options -P "$machine_port" "$@" root@127.0.0.1: || machine_fail "scp of the packages"
step "apt install ./*.deb"
machine_run 1800 'apt-get -y install ./*.deb' >"$copy.apt" || machine_fail "apt: see $copy.apt"
grep -q 'Found Cleave with Linux' "$copy.apt" || machine_fail "update-grub found no Cleave: see $copy.apt"
machine_say reboot

machine_await 'Debian with Cleave' 300
sleep 1
machine_screen "$screen"
step "GRUB's menu is in $screen"
machine_login
version=$(machine_run 120 'cat /sys/hypervisor/type /sys/hypervisor/version/extra
    systemctl --failed --plain --no-legend')
case $version in
*xen*-cleave*) ;;
*) machine_fail "not under Cleave: $version" ;;
esac
step "Cleave runs: $(echo "$version" | tr '\n' ' ')"
machine_run 300 'for unit in cleaved cleave-guests cleave-booted; do
    until systemctl is-active $unit; do sleep 1; done; done' >/dev/null
machine_run 60 '! grub-editenv - list | grep cleave_tries' || machine_fail "the boot was not confirmed"
machine_run 300 'cd /guests; cleave define --autostart hello.cfg &&
    cleave define --autostart debian.cfg on_host_shutdown=save &&
    cleave start hello && cleave start debian && cleave wait debian --for booted --timeout 250' ||
    machine_fail "the VMs do not start"
# shellcheck disable=SC2086 # words on purpose
ssh $ssh_options -p "$machine_port" root@127.0.0.1 cleave list || machine_fail "cleave list by ssh"
machine_run 120 'cleave host' || machine_fail "cleave host"
machine_run 60 'systemctl is-active cleave-watchdog && systemctl show -P RuntimeWatchdogUSec' \
    >"$copy.watchdog"
grep -q '^3min' "$copy.watchdog" || machine_fail "no watchdog: $(cat "$copy.watchdog")"
step "the packages again, as an upgrade does: VMs run on"
machine_run 900 'cleave list >before &&
    apt-get -y --reinstall install ./*.deb && cleave list >after && cat before after &&
    [ "$(awk "{ print \$1, \$2 }" before)" = "$(awk "{ print \$1, \$2 }" after)" ] &&
    systemctl is-active cleaved && ls -l /boot/cleave && grep "the previous Cleave" /boot/grub/grub.cfg' ||
    machine_fail "an upgrade ended VMs, or cleaved"
step "reboot of the host"
machine_say reboot
machine_login
machine_run 600 'until cleave list hello && cleave wait debian --for booted; do sleep 1; done; cleave list' ||
    machine_fail "the VMs are not back"
machine_run 60 'journalctl -b -1 -u cleave-guests --no-pager -o cat' >"$copy.ending"
cat "$copy.ending"
grep -q '2 VMs run' "$copy.ending" || machine_fail "the guests were not ended before the reboot"
machine_run 60 'cleave events --since 1h' >"$copy.events"
grep -q 'debian.*restored' "$copy.events" || machine_fail "the VM that was to be saved did not run on"
step "the VMs are back; a watchdog that nobody feeds"
# systemd lets go of it; who closes it without a word leaves it armed, for the driver's 60 s
machine_run 60 'systemctl stop cleave-watchdog && echo >/dev/watchdog0' || machine_fail "no watchdog device"
machine_await 'dom0 crashed: watchdog expired' 600
machine_login
step "two starts that fail: plain Debian"
machine_run 60 'grub-editenv - set cleave_tries=2' || machine_fail "grub-editenv"
machine_say reboot
machine_login
machine_run 60 'test ! -e /sys/hypervisor/type && grub-editenv - unset cleave_tries' >/dev/null ||
    machine_fail "no fallback to plain Debian"
step "removing the packages"
machine_run 900 'apt-get -y purge cleave-hypervisor cleave-tools && ! ls /boot/cleave /etc/default/cleave &&
    ! grep leave /boot/grub/grub.cfg' >"$copy.apt" || machine_fail "the packages left traces: see $copy.apt"
machine_say reboot
machine_login
machine_run 60 'test ! -e /sys/hypervisor/type' >/dev/null || machine_fail "no plain Debian is left"
machine_say poweroff
machine_ended 300
step "plain Debian again, powered off"
rm -f "$copy"

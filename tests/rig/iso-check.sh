#!/bin/sh
# SPDX-License-Identifier: MIT
#
# iso-check.sh ISO: boots the image by BIOS (SeaBIOS) and by UEFI (OVMF), as a CD. Each time GRUB must start
# the core, dom0 must reach its shell's prompt, and `poweroff` there must end the machine. The Makefile
# exports the variables of Config.mk. Logs: ISO.bios.log, ISO.uefi.log.
set -eu

iso=$1
input=$iso.input
accel=$ACCEL
[ "$ACCEL" != tcg ] || accel=tcg,thread=$TCG_THREAD

fail() {
    echo "iso-check: $*; the end of $log:" >&2
    tail -n 20 "$log" >&2
    exit 1
}

# boot NAME [QEMU-ARGUMENT...]
boot() {
    log=$iso.$1.log
    shift
    rm -f "$input"
    mkfifo "$input"
    # shellcheck disable=SC2086 # word splitting of MACHINE is intended
    timeout "$TIMEOUT" "$QEMU" $MACHINE -nodefaults -display none -accel "$accel" -cpu "$CPU" -smp "$SMP" \
        -m "$MEM" -serial stdio -no-reboot -cdrom "$iso" "$@" <"$input" >"$log" 2>&1 &
    machine=$!
    exec 3>"$input"
    rm "$input"
    until grep -aq '^dom0# ' "$log"; do
        kill -0 $machine 2>/dev/null || fail "the machine ended before dom0's shell was there"
        sleep 1
    done
    echo poweroff >&3
    wait $machine || fail "QEMU ended with status $? after dom0's poweroff"
    grep -aq 'dom0 has shut down: power off' "$log" || fail "dom0 did not power off"
}

boot bios
echo "iso-check: BIOS: dom0's shell, power-off"
boot uefi -bios /usr/share/ovmf/OVMF.fd
echo "iso-check: UEFI: dom0's shell, power-off"

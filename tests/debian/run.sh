#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh DISK: make run DOM0=debian. Boots the disk, on which Cleave is installed, by GRUB: FIRMWARE=bios or
# uefi. Without CMD, the serial console is the terminal; log in as root. With CMD, that command line runs in
# dom0, and the machine is powered off; output and status are the command's. What a run changes on the disk
# stays there. The log is RUN_LOG.
set -eu

disk=$1
MACHINE_FIRMWARE=$FIRMWARE MACHINE_DISK=$DISK_TYPE MACHINE_NIC=${NIC:-virtio}
# shellcheck source=tests/debian/machine.sh
. "$(dirname "$0")/machine.sh"

mkdir -p "$(dirname "$RUN_LOG")"
if [ -z "$CMD" ]; then
    echo "make run: GRUB starts in a moment; log in as root, or by ssh -i ${disk%/*}/ssh_key" \
        "-p $((20000 + $$ % 20000)) root@127.0.0.1. To leave: poweroff, or Ctrl-A and then X" >&2
    MACHINE_CONSOLE=mon:stdio machine_start "$disk" "$RUN_LOG"
    exit
fi
trap machine_kill EXIT
machine_start "$disk" "$RUN_LOG"
machine_login "$TIMEOUT"
status=0
machine_run "$TIMEOUT" "$CMD" || status=$?
machine_say poweroff
machine_ended 600
exit $status

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dom0.sh: what Cleave's dom0 does when Cleave is itself a guest, in place of the rig's report
# (rig/dom0/init): no port leads to the rig from here. What it prints goes to dom0's console, hence
# to Xen's log, where nested.sh reads it. The last line says how it ended. No guest of this dom0:
# see ../README.md, "As a guest of real Xen".

check() {
    xl list && cleave list && xl info && xenstore-ls /local/domain/0 || return
    # Cleave's own check of its references
    xl debug-keys I && cleave dmesg | tail -n 5 | grep 'invariants: 0 violated'
}

# Kernel messages would break into the lines.
dmesg -n 1
if check; then
    echo "dom0: all is well"
else
    echo "dom0: FAILED"
fi
# dom0 stays, or its power-off would be the end that nested.sh sees.
exec sleep 100000

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dom0.sh: the program of Cleave's dom0 when Cleave is itself a guest. It replaces the rig's report
# (rig/dom0/init), because no port leads to the rig from here. Its output goes to dom0's console, hence to
# Xen's log, where nested.sh reads it. The last line has the result. This dom0 starts no guest: see
# ../README.md, "As a guest of real Xen".

check() {
    xl list && cleave list && xl info && xenstore-ls /local/domain/0 || return
    # Cleave's own check of its references
    xl debug-keys I && cleave dmesg | tail -n 5 | grep 'invariants: 0 violated'
}

# Kernel messages would split the lines.
dmesg -n 1
if check; then
    echo "dom0: all is well"
else
    echo "dom0: FAILED"
fi
# dom0 keeps running; otherwise nested.sh would see its power-off.
exec sleep 100000

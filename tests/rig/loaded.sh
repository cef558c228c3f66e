#!/bin/sh
# SPDX-License-Identifier: MIT
#
# loaded.sh BOOTS: boots the machine BOOTS times and creates five guests in each, next to four busy loops on
# the host. Every guest must start. The Makefile exports the variables of Config.mk, as for run.sh.
set -eu

loops=
trap 'kill $loops 2>/dev/null || :' EXIT
trap 'exit 130' INT TERM
for loop in 1 2 3 4; do
    # ends with this script, however that ends
    sh -c 'while kill -0 "$1" 2>/dev/null; do :; done' "loop $loop" $$ &
    loops="$loops $!"
done

export CMD='
    for n in 1 2 3 4 5; do
        cleave create /guests/hello.cfg && cleave destroy hello || exit
    done'
export TIMEOUT=3600
lost=0
boot=1
while [ "$boot" -le "$1" ]; do
    export RUN_LOG="build/tests/loaded.$boot.log"
    start=$(date +%s)
    if tests/rig/run.sh >"build/tests/loaded.$boot.out"; then
        echo "loaded: boot $boot of $1: five guests came and went, $(($(date +%s) - start)) s"
    else
        echo "loaded: boot $boot of $1 is lost: see above, and $RUN_LOG"
        lost=$((lost + 1))
    fi
    boot=$((boot + 1))
done
[ "$lost" = 0 ]

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# overcommit-memory SCENARIO: more memory promised at most than there is, in dom0. Prints what each VM has,
# and exits with 1 if a VM does not run, is below its minimum, or has not what it needs.
#
#   twice   VMs of stock Debian whose maxima add up to twice the memory, all idle but one: all run, and the
#           one that needs more gets it (guards against a balancer that promises and does not give)
#   grabs   two VMs say that they need everything, and their guests follow: nobody goes below its minimum
#           (guards against one that starves others)
#   alike   ten guests of stock Debian that do nothing: what they have never touched takes no memory (guards
#           against a core that fills what it need not)
#   deaf    one guest has no balloon: the others go on, and it is named (guards against one that waits for it)
# shellcheck disable=SC2086,SC2317
set -eu

scenario=${1:?usage: overcommit-memory twice|grabs|alike|deaf} failed=0 min=130 max=512 recorder=''

finish() {
    [ -z "$recorder" ] || kill "$recorder"
    xl list | awk 'NR > 2 { print $2 }' | while read -r id; do cleave destroy "$id"; done
}
trap finish EXIT

fail() {
    echo "$*: FAILED"
    failed=1
}

# shown VM KEY: a number of `cleave mem show VM`
shown() { cleave mem show "$1" --json | sed -n "s/.*\"$2\": \([0-9]*\).*/\1/p" | tail -n 1; }

# machine KEY: a number of `cleave info`
machine() { cleave info --json | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p"; }

# await SECONDS WORDS COMMAND...: waits until COMMAND succeeds
await() {
    until=$(($(date +%s) + $1)) words=$2
    shift 2
    until "$@"; do
        [ "$(date +%s)" -lt $until ] || { fail "$words"; return; }
        sleep 0.1
    done
}

has_at_most() { [ "$(shown "$1" memory_kib)" -le $(($2 * 1024)) ]; }
has_at_least() { [ "$(shown "$1" memory_kib)" -ge $(($2 * 1024)) ]; }
is_held() { cleave mem show "$1" | grep -q "$2"; }
is_not_held() { ! is_held "$@"; }

# debian NAME: starts a VM, and waits until its guest has given what is above its first target
debian() {
    cleave create /guests/debian.cfg name="$1" memory=160 memory_min=$min memory_max=$max
    await 300 "$1 does not come down to its target" has_at_most "$1" 164
}

# says NAME MIB: the guest says, as a script in it would, that it could give no more than so much
says() {
    id=$(cleave list "$1" --json | sed -n 's/.*"id": \([0-9]*\).*/\1/p' | head -n 1)
    cleave store write "/local/domain/$id/data/memory-available" "$(($2 * 1024))"
}

# record: prints what `cleave mem show` says each second: plot SECONDS VM TARGET HAS WORKING-SET FREE, in MiB
record() {
    begin=$(date +%s)
    while sleep 1; do
        cleave mem show | awk -v now=$(($(date +%s) - begin)) '
            NR == 1 { free = $5 }
            NR > 3 { print "plot", now, $1, $3, $4, $7 == "-" ? "NaN" : $7, free }'
    done
}

check_all() {
    cleave mem show
    for vm in "$@"; do
        has_at_least "$vm" $((min - 1)) || fail "$vm is below its minimum"
        cleave list "$vm" | grep -qE 'running|ready|blocked' || fail "$vm does not run"
    done
}

twice() {
    total=$(machine memory_free_kib)
    vms='' sum=$max last=busy
    record & recorder=$!
    while [ $((sum + max)) -lt $((2 * total / 1024)) ]; do
        sum=$((sum + max))
        vms="$vms vm$sum"
        debian "vm$sum"
    done
    debian $last
    await 200 "$last is starting for ever" is_not_held "$last" starting
    for vm in $vms; do
        says "$vm" 80
    done
    says "$last" 1
    await 60 "$last does not get what it needs" has_at_least "$last" 280
    check_all $vms $last
    echo "maxima of $sum MiB on $((total / 1024)) MiB"
    cleave mem why "$last"
}

grabs() {
    for vm in a b c; do debian $vm; done
    await 200 'c is starting for ever' is_not_held c starting
    says c 80
    for round in 1 2 3 4 5 6; do
        says a 1
        says b 1
        sleep 5
        has_at_least c $((min - 1)) || fail "c is below its minimum in round $round"
    done
    check_all a b c
}

alike() {
    vms=''
    for vm in a b c d e f g h i j; do
        cleave create /guests/debian.cfg name=$vm memory=128
        vms="$vms $vm"
    done
    for vm in $vms; do await 300 "$vm does not boot" cleave wait $vm --for booted --timeout 30; done
    cleave mem show
    cleave mem show | awk '
        NR > 3 { has += $4; touched += $5 }
        END {
            printf "%d MiB are theirs, %d are touched: %d %% take no memory\n", has, touched,
                100 - 100 * touched / has
            exit touched > has * 9 / 10
        }' || fail 'what nobody touches takes memory'
}

deaf() {
    debian a
    cleave create /guests/spin.cfg name=deaf memory=64 memory_min=16 memory_floor=8
    await 200 'deaf is starting for ever' is_not_held deaf starting
    # with its overhead and what stays free, more than a can give: a part of what the deaf one has
    free=$(machine memory_free_kib) claimed=$(machine memory_claimed_kib) has=$(shown a memory_kib)
    if cleave create -p /guests/hello.cfg name=big memory=$(((free - claimed + has) / 1024 - min - 40)); then
        fail 'a VM got what a deaf one has'
    fi
    await 60 'the deaf one is not named' is_held deaf none
    says a 1
    await 60 'a does not get what it needs' has_at_least a 200
    check_all a
}

"$scenario"
exit $failed

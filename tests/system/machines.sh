#!/bin/sh
# SPDX-License-Identifier: MIT
#
# machines.sh: boots machines that differ in CPU model, memory and number of CPUs, with the QEMU of QEMU=. In
# each, dom0 must have as many CPUs as the machine, a guest must print, and the core must log no warning.
# Machines that this QEMU does not know are listed and skipped. Called by `make check-machines` with the
# variables of Config.mk.
set -eu

folder=build/tests/system/machines
failed=
mkdir -p "$folder"

# machine NAME VARIABLE=VALUE...
machine() {
    name=$1
    shift
    # shellcheck disable=SC2016 # for the inner shell, where SMP is this machine's
    if env TIMEOUT=900 RUN_LOG="$folder/$name.log" "$@" sh -c '
        CMD="[ \$(nproc) = $SMP ] || { echo \"dom0 has \$(nproc) CPUs, not $SMP\"; exit 1; }
            cleave create /guests/hello.cfg || exit 1
            until grep -q \"I am domain 1\" /var/log/xen/console/guest-hello.log; do sleep 1; done
            ! cleave dmesg | grep -E \"CLV. (warning|error):\"" exec tests/rig/run.sh' \
        >"$folder/$name.out" 2>&1; then
        echo "machines: $name: ok"
    else
        echo "machines: $name: FAILED ($*); the end of $folder/$name.out:" >&2
        tail -n 10 "$folder/$name.out" >&2
        failed="$failed $name"
    fi
}

# model NAME CPU
model() {
    if "$QEMU" -cpu help | grep -qw "${2%%,*}"; then
        machine "cpu-$1" SMP=2 CPU="$2"
    else
        echo "machines: cpu-$1: left out, $QEMU does not know it"
    fi
}

model old qemu64,+svm,+npt      # no XSAVE, as AMD's CPUs before 2011
model max max
model epyc EPYC,+svm,+npt
model rome EPYC-Rome,+svm,+npt
model milan EPYC-Milan,+svm,+npt
model genoa EPYC-Genoa,+svm,+npt
# make has put DOM0_MEM for all machines into HV_CMDLINE
machine mem-512 MEM=512 HV_CMDLINE=dom0_mem=256M
for mib in 4096 16384 65536; do
    machine mem-$mib MEM=$mib
done
for cpus in 1 3 8 16 32; do
    machine smp-$cpus SMP=$cpus
done
[ -z "$failed" ] || { echo "machines: failed:$failed" >&2; exit 1; }

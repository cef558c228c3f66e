#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fake_qemu.sh SCENARIO QEMU-ARGUMENT...: a machine for rig_test.c. Finds the serial line, the channel and the
# initramfs in QEMU's arguments as the rig gives them, and behaves as SCENARIO says.
set -eu

scenario=$1
shift
for argument; do
    case $argument in
    file,id=com1,path=*)   serial=${argument##*=} ;;
    file,id=report,path=*) report=${argument##*=} ;;
    socket,id=monitor,*)   monitor=${argument##*=} ;;
    *,/dev/fd/*)           modules=$argument; initrd=${argument##*,} ;;
    esac
done

say() {
    printf "$@" >"$serial"
}

# record TYPE TEXT: TEXT shorter than 64 bytes, so that its length is one octal escape
record() {
    printf "$1\\$(printf %o ${#2})\\0%s" "$2" >"$report"
}

say 'boots\n'
case $scenario in
output)
    record B ''
    record O 'one '
    record E 'to stderr'
    # a record in two portions
    printf 'O\3' >"$report"
    sleep 0.1
    printf '\0two' >"$report"
    printf 'X\1\0\7' >"$report" ;;
initrd)
    record O "$modules $(grep -c '^TRAILER' "$initrd" || true) "
    record O "$(grep -a -A 1 -c 'etc/rig/cmd' "$initrd")"
    tail -c +1 "$initrd" >"${RIG_TEST_COPY:?}"
    printf 'X\1\0\0' >"$report" ;;
ends)
    say 'the last words\n' ;;
crash-before)
    say '(XEN) \n(CLV) error: panic on CPU 0: frame 12 has no owner\n(CLV) dump line\n'
    exec sleep 100 ;;
crash-within)
    record B ''
    say '[    3.141592] Kernel panic - not syncing: Attempted to kill init!\n'
    exec sleep 100 ;;
guest-panics)
    record B ''
    say '(XEN) (d1) [    1.0] Kernel panic - not syncing: mine\n(CLV) d1: (CLV) panic: I only claim it\n'
    printf 'X\1\0\0' >"$report" ;;
hang)
    record B ''
    # like QEMU's readline: a greeting, an echo, then the answer
    printf 'QEMU monitor\r\n(qemu) ' >&"$monitor"
    while read -r command <&"$monitor"; do
        case $command in
        'info status') printf '%s\r\nVM status: running\r\n(qemu) ' "$command" >&"$monitor" ;;
        nmi)           say 'dump after nmi\n' ;;
        esac
    done ;;
hang-deaf)
    # one process: the machine's main loop, as the rig sees it
    while :; do :; done ;;
nonsense)
    printf 'Zzz' >"$report"
    exec sleep 100 ;;
esac

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh [gdb|gdb-server]: one run of the machine. Checks the user's settings, then assembles QEMU's command
# line. With gdb, it starts gdb with the core's symbols; gdb starts the machine through the same script.
#
# The Makefile exports the variables of Config.mk; a test may set its own before it: `SMP=4 CMD='...'
# tests/rig/run.sh`. Next to read: rig.c, which starts QEMU and decides the result of the run.
set -eu

mode=${1:-run}

fail() {
    echo "make run: $*" >&2
    exit 125
}

# is_number WORD
is_number() {
    case $1 in
    '' | *[!0-9]*) return 1 ;;
    esac
}

case $HV in
cleave) ;;
xen) ;;
*) fail "HV=$HV: there are cleave and xen" ;;
esac

# Settings without an equivalent in Bochs are refused, not ignored.
case $EMU in
qemu) ;;
bochs)
    [ "$HV" = cleave ] || fail "EMU=bochs runs Cleave only, not HV=$HV"
    [ "$SMP" = 1 ] || fail "EMU=bochs has one CPU: give SMP=1, not SMP=$SMP"
    [ "$mode" = run ] || fail "EMU=bochs has no gdb"
    [ -z "$DISK$NIC$QEMU_ARGS" ] || fail "EMU=bochs takes no DISK, NIC or QEMU_ARGS"
    [ "$ICOUNT" != 1 ] || fail "EMU=bochs takes no ICOUNT"
    QEMU=tests/rig/bochs.sh ;;
*)  fail "EMU=$EMU: there are qemu and bochs" ;;
esac

is_number "$SMP" && [ "$SMP" -ge 1 ] && [ "$SMP" -le 64 ] ||
    fail "SMP=$SMP: give a number of CPUs from 1 to 64"
is_number "$MEM" && [ "$MEM" -ge 256 ] && [ "$MEM" -le 65536 ] ||
    fail "MEM=$MEM: give the machine's MiB as a number from 256 to 65536"
is_number "$TIMEOUT" && [ "$TIMEOUT" -ge 1 ] || fail "TIMEOUT=$TIMEOUT: give seconds, at least 1"

case $DOM0_MEM in
*M) dom0_mib=${DOM0_MEM%M} ;;
*G) dom0_mib=${DOM0_MEM%G} && is_number "$dom0_mib" && dom0_mib=$((dom0_mib * 1024)) ;;
*)  dom0_mib= ;;
esac
is_number "$dom0_mib" && [ "$dom0_mib" -ge 1 ] || fail "DOM0_MEM=$DOM0_MEM: give a size as 512M or 1G"

case $ACCEL in
tcg)
    case $TCG_THREAD in
    single | multi) accel=tcg,thread=$TCG_THREAD ;;
    *) fail "TCG_THREAD=$TCG_THREAD: there are single and multi" ;;
    esac ;;
kvm)
    [ -w /dev/kvm ] || fail "ACCEL=kvm: /dev/kvm is not there or not writable; use ACCEL=tcg"
    grep -sqE '^(1|Y)' /sys/module/kvm_amd/parameters/nested ||
        fail "ACCEL=kvm: this KVM does not offer SVM to its guests (kvm_amd.nested); use ACCEL=tcg"
    accel=kvm ;;
*)  fail "ACCEL=$ACCEL: there are tcg (software emulation) and kvm" ;;
esac

icount=
case $ICOUNT in
0 | '') ;;
1)
    [ "$ACCEL" = tcg ] || fail "ICOUNT=1 counts instructions, which only ACCEL=tcg does"
    [ "$SMP" = 1 ] || fail "ICOUNT=1 is exact on one CPU only: give SMP=1 with it, not SMP=$SMP"
    icount="-icount shift=0,sleep=off"
    accel=tcg ;;
*)  fail "ICOUNT=$ICOUNT: 1 or 0" ;;
esac

for file in $HV_IMAGE $HV_KERNEL $DOM0_IMAGE $RIG; do
    [ -r "$file" ] || fail "$file is missing: run make first"
done
command -v "$QEMU" >/dev/null || fail "QEMU=$QEMU: no such program; make deps installs qemu-system-x86_64"

devices="-machine sata=off"
case ${DISK:+$DISK_TYPE} in
'') ;;
virtio | ahci)
    [ -f "$DISK" ] && [ -r "$DISK" ] && [ -w "$DISK" ] ||
        fail "DISK=$DISK: no plain file to read and write; make one with: truncate -s 64M $DISK"
    case $DISK_TYPE in
    virtio) devices="$devices -device virtio-blk-pci,drive=disk" ;;
    ahci)   devices="-device ide-hd,drive=disk,bus=ide.0" ;;
    esac
    devices="$devices -drive if=none,id=disk,format=raw,file=$DISK" ;;
*)  fail "DISK_TYPE=$DISK_TYPE: there are virtio and ahci" ;;
esac
case $NIC in
'') ;;
virtio) devices="$devices -netdev user,id=net -device virtio-net-pci,netdev=net" ;;
e1000 | e1000e) devices="$devices -netdev user,id=net -device $NIC,netdev=net" ;;
*)  fail "NIC=$NIC: there are virtio, e1000 and e1000e" ;;
esac

names=
for file in $FILES; do
    [ -r "$file" ] && [ -f "$file" ] || fail "FILES: $file: no such file, or not a plain readable one"
    case " $names " in
    *" ${file##*/} "*) fail "FILES: two files are named ${file##*/}; dom0 gets them in one folder, /mnt" ;;
    esac
    names="$names ${file##*/}"
done

if [ "$mode" = gdb ]; then
    echo "The console goes to $RUN_LOG. In gdb: hbreak FUNCTION, continue, Ctrl-C; quit ends QEMU." >&2
    # Xen's image is a 32-bit ELF without symbols: it would make gdb choose the wrong architecture.
    symbols=$HV_IMAGE
    [ "$HV" = cleave ] || symbols=
    exec gdb -q -ex 'set architecture i386:x86-64' \
        -ex 'target remote | exec tests/rig/run.sh gdb-server' $symbols
fi

mkdir -p "$(dirname "$RUN_LOG")"
# Without -nodefaults, QEMU would add a network card, a display and drives that are not used here. The machine
# may have more memory than the host (reserve=off), since only touched pages are allocated. With nmi=fatal,
# the hypervisor dumps when the rig sends an NMI to a machine that hangs.
# shellcheck disable=SC2086 # words on purpose
set -- "$QEMU" -name cleave,debug-threads=on $MACHINE $devices -nodefaults -display none -accel $accel \
    $icount -cpu "$CPU" -smp "$SMP" \
    -m "$MEM" -object "memory-backend-ram,id=ram,size=${MEM}M,reserve=off" -machine memory-backend=ram \
    -kernel "$HV_IMAGE" -append "$HV_CMDLINE nmi=fatal${HV_ARGS:+ $HV_ARGS}" $QEMU_ARGS

if [ "$mode" = gdb-server ]; then
    set -- --gdb -- "$@"
elif [ -n "$CMD" ]; then
    [ ! -t 2 ] || echo "make run: booting, for about a minute; then the command runs. Log: $RUN_LOG" >&2
    set -- --command "$CMD" -- "$@"
else
    leave="or Ctrl-A and then X, which ends QEMU. Log: $RUN_LOG"
    [ "$EMU" = qemu ] || leave="which ends Bochs. GRUB needs a minute before the core speaks. No log is kept"
    echo "make run: booting; the core speaks at once, the shell comes in about a minute" >&2
    echo "To leave: 'poweroff' in dom0's shell, $leave" >&2
    set -- -- "$@"
fi
for file in $FILES; do
    set -- --file "$file" "$@"
done
exec "$RIG" --kernel "$HV_KERNEL" --kernel-args "$DOM0_CMDLINE${DOM0_ARGS:+ $DOM0_ARGS}" \
    --image "$DOM0_IMAGE" --log "$RUN_LOG" --timeout "$TIMEOUT" "$@"

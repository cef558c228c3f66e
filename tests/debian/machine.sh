# SPDX-License-Identifier: MIT
#
# Functions for scripts that run a machine from a disk, sit before its serial console, and look at its
# screen. Sourced. The Makefile exports the variables of Config.mk.
#
#   machine_start DISK LOG [QEMU-ARGUMENT...]   MACHINE_FIRMWARE=uefi: by UEFI. Its ssh port is $machine_port
#   machine_await PATTERN SECONDS               waits for a line of the console since the last wait
#   machine_login                               root's shell
#   machine_run SECONDS COMMAND                 prints the command's output, returns its status
#   machine_say TEXT                            types a line
#   machine_screen FILE.png                     a picture of the screen
#   machine_ended SECONDS                       waits for the end of QEMU; machine_kill ends it
# shellcheck shell=sh disable=SC2034

machine_fail() {
    echo "$0: $*; the end of $machine_log:" >&2
    tail -n 25 "$machine_log" | cut -c 1-300 >&2
    machine_kill
    exit 1
}

machine_start() {
    machine_log=$2
    machine_disk=$1
    shift 2
    machine_port=$((20000 + $$ % 20000))
    machine_seen=0 machine_count=0
    if [ "${MACHINE_FIRMWARE:-bios}" = uefi ]; then
        set -- -bios /usr/share/ovmf/OVMF.fd "$@"
    fi
    case ${MACHINE_DISK:-virtio} in
    virtio) set -- -device virtio-blk-pci,drive=disk "$@" ;;
    ahci) set -- -device ide-hd,drive=disk,bus=ide.0 "$@" ;;
    nvme) set -- -device nvme,drive=disk,serial=disk "$@" ;;
    esac
    case ${MACHINE_NIC:-virtio} in
    virtio) set -- -device virtio-net-pci,netdev=net "$@" ;;
    *) set -- -device "$MACHINE_NIC,netdev=net" "$@" ;;
    esac
    machine_accel=$ACCEL
    [ "$ACCEL" != tcg ] || machine_accel=tcg,thread=$TCG_THREAD
    # shellcheck disable=SC2086 # word splitting of MACHINE_cleave is intended
    set -- -name cleave-host $MACHINE_cleave -nodefaults -display none -vga std -accel "$machine_accel" \
        -cpu "$CPU" -smp "$SMP" -m "$MEM" \
        -drive "if=none,id=disk,format=raw,file=$machine_disk,cache=${MACHINE_CACHE:-unsafe}" \
        -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$machine_port-:22" "$@"
    if [ -n "${MACHINE_CONSOLE:-}" ]; then
        # shellcheck disable=SC2086 # words on purpose
        exec "$QEMU" "$@" -serial "$MACHINE_CONSOLE" $QEMU_ARGS
    fi
    rm -f "$machine_log" "$machine_log.in" "$machine_log.monitor.in" "$machine_log.monitor.out"
    mkfifo "$machine_log.in" "$machine_log.monitor.in" "$machine_log.monitor.out"
    # shellcheck disable=SC2086 # words on purpose
    "$QEMU" "$@" -serial stdio $QEMU_ARGS -chardev "pipe,id=monitor,path=$machine_log.monitor" \
        -mon chardev=monitor,mode=readline <"$machine_log.in" >"$machine_log" 2>&1 &
    machine_pid=$!
    exec 8>"$machine_log.in"
    cat "$machine_log.monitor.out" >"$machine_log.monitor" &
    exec 7>"$machine_log.monitor.in"
    rm -f "$machine_log.in"
}

machine_is_up() {
    kill -0 "$machine_pid" 2>/dev/null
}

machine_kill() {
    kill -9 "$machine_pid" 2>/dev/null || true
    wait "$machine_pid" 2>/dev/null || true
}

machine_say() {
    printf '%s\n' "$1" >&8
}

# What the console has said since the last wait, without carriage returns.
machine_new() {
    tail -c +$((machine_seen + 1)) "$machine_log" | tr -d '\r'
}

machine_await() {
    machine_limit=$(($(date +%s) + $2))
    until machine_new | grep -aqE -e "$1"; do
        machine_is_up || machine_fail "the machine ended before it said: $1"
        [ "$(date +%s)" -lt $machine_limit ] || machine_fail "not within $2 s: $1"
        sleep 1
    done
    machine_seen=$(wc -c <"$machine_log")
}

machine_login() {
    machine_await 'login: ' "${1:-900}"
    machine_say root
    machine_await '# ' 300
    machine_say "stty -echo; dmesg -n 1; export TERM=dumb PS1= PS2="
    machine_say "bind 'set enable-bracketed-paste off'; echo \"\"@\"ready\""
    machine_await '@ready' 300
}

machine_run() {
    machine_count=$((machine_count + 1))
    machine_start_at=$machine_seen
    # in parts, so that the pattern is not in what is typed
    machine_say "( $2
) 2>&1 </dev/null; status=\$?
echo; echo \"\"@\"$machine_count@\$status@\""
    machine_await "^@$machine_count@[0-9]+@" "$1"
    machine_output=$(tail -c +$((machine_start_at + 1)) "$machine_log" | tr -d '\r')
    printf '%s\n' "$machine_output" | sed "/^@$machine_count@/,\$d"
    return "$(printf '%s\n' "$machine_output" | sed -n "s/^@$machine_count@\([0-9]*\)@.*/\1/p")"
}

machine_screen() {
    rm -f "$1"
    echo "screendump $1 -f png" >&7
    machine_limit=$(($(date +%s) + 30))
    until [ -s "$1" ]; do
        [ "$(date +%s)" -lt $machine_limit ] || machine_fail "no picture of the screen"
        sleep 1
    done
}

machine_ended() {
    machine_limit=$(($(date +%s) + $1))
    while machine_is_up; do
        [ "$(date +%s)" -lt $machine_limit ] || machine_fail "the machine has not ended within $1 s"
        sleep 1
    done
    wait "$machine_pid" || machine_fail "QEMU ended with status $?"
}

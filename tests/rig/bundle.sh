#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bundle.sh OUTPUT KERNEL ARGS [INITRD]: dom0's kernel with its arguments and its initrd as one file, for a
# loader that brings the core only one module. hypervisor/boot/multiboot.c describes the format.
set -eu

output=$1 kernel=$2 args=$3 initrd=${4:-}

# field TEXT LENGTH: the text, padded with zeros to that length
field() {
    [ ${#1} -lt "$2" ] || { echo "bundle: more than $2 bytes: $1" >&2; exit 1; }
    { printf %s "$1"; head -c "$2" /dev/zero; } | head -c "$2"
}

# number N: 8 bytes, little-endian
number() {
    n=$1
    for _ in 1 2 3 4 5 6 7 8; do
        # shellcheck disable=SC2059 # the escape is intended
        printf "\\$(printf %o $((n % 256)))"
        n=$((n / 256))
    done
}

# part FILE ARGS: one part's description
part() {
    size=0
    [ -z "$1" ] || size=$(stat -L -c %s "$1")
    number "$size"
    field "$2" 2032
}

{
    field "Cleave's bundle" 16
    part "$kernel" "$args"
    part "$initrd" ''
    cat "$kernel"
} >"$output.tmp"
truncate -s %4096 "$output.tmp"
[ -z "$initrd" ] || cat "$initrd" >>"$output.tmp"
mv "$output.tmp" "$output"

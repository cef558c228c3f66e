#!/bin/sh
# SPDX-License-Identifier: MIT
#
# vmlinux.sh BZIMAGE VMLINUX: extracts the ELF image from a Linux bzImage, because the core has no
# decompressors. The setup header (Linux Documentation/arch/x86/boot.rst, protocol 2.08 and later) has the
# location of the payload: sectors of setup code at 0x1f1, payload offset and length at 0x248 and 0x24c. Next
# to read: kernel-image.
set -eu

image=$1 output=$2

fail() {
    echo "vmlinux: $image: $1" >&2
    exit 1
}

# number OFFSET BYTES: a little-endian number of the image
number() {
    od -A n -j "$1" -N "$2" -t "u$2" "$image" | tr -d ' '
}

[ -r "$image" ] || fail "no such file: give Debian's /boot/vmlinuz-*"
[ "$(dd if="$image" bs=1 skip=514 count=4 2>/dev/null)" = HdrS ] ||
    fail "not a Linux bzImage (no HdrS at 0x202)"
[ "$(number 518 2)" -ge 520 ] || fail "boot protocol older than 2.08: it does not say where the payload lies"

setup_sectors=$(number 497 1)
offset=$(((setup_sectors + 1) * 512 + $(number 584 4)))
length=$(number 588 4)

# The kernel's build appends the unpacked size to the payload; hence --single-stream.
case $(od -A n -j "$offset" -N 4 -t x1 "$image" | tr -d ' ') in
fd377a58) unpack="xz -d -c --single-stream" ;;
1f8b*)    unpack="gzip -d -c" ;;
28b52ffd) unpack="zstd -d -c" ;;
*)        fail "payload at byte $offset is neither xz nor gzip nor zstd" ;;
esac

# The size also tells whether all of it found room.
trap 'rm -f "$output.tmp"' EXIT
tail -c "+$((offset + 1))" "$image" | head -c "$length" | $unpack >"$output.tmp" 2>/dev/null || true
size=$(number $((offset + length - 4)) 4)
[ "$(od -A n -N 4 -t x1 "$output.tmp" | tr -d ' ')" = 7f454c46 ] ||
    fail "payload does not unpack to an ELF ($unpack)"
[ "$(wc -c <"$output.tmp")" = "$size" ] ||
    fail "$(wc -c <"$output.tmp") of $size bytes were unpacked ($unpack): is there room for $output?"
# on disk before it has its name, so that a power cut leaves all of it or none
sync "$output.tmp"
mv "$output.tmp" "$output"

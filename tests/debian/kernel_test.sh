#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tests dom0-tools/debian/kernel-image in a folder that stands for /boot: it follows the kernels that come
# and go, and an unpacked kernel is complete or not there. Run by make check-unit.
set -eu

kernel=build/debian/vmlinuz unpacked=build/dom0/vmlinux
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export CLEAVE_BOOT="$scratch/boot"
mkdir "$CLEAVE_BOOT" "$scratch/lib"
cp dom0-tools/debian/kernel-image "$scratch/lib/kernel-image"
cp dom0-tools/debian/vmlinux.sh "$scratch/lib/vmlinux"

fail() {
    echo "kernel_test: $*" >&2
    exit 1
}

image() {
    "$scratch/lib/kernel-image" "$@" 2>"$scratch/error"
}

# has VERSION...: these files and no other ones
has() {
    found=$(cd "$CLEAVE_BOOT/cleave" && echo vmlinux-*)
    wanted=$(printf ' vmlinux-%s' "$@")
    [ " $found" = "$wanted" ] || fail "there are $found, not$wanted"
}

! image add 1 || fail "a kernel that is not there was added"
cp "$kernel" "$CLEAVE_BOOT/vmlinuz-1"
image add 1 || fail "add: $(cat "$scratch/error")"
cmp "$CLEAVE_BOOT/cleave/vmlinux-1" "$unpacked" || fail "not what is in the kernel"

# a kernel without PVH is none of ours, and no error
cp "$kernel" "$CLEAVE_BOOT/vmlinuz-2"
echo '# CONFIG_PVH is not set' >"$CLEAVE_BOOT/config-2"
image add 2 || fail "a kernel without PVH is an error"
has 1
grep -q 'no PVH' "$scratch/error" || fail "a kernel without PVH is passed over in silence"

# a full disk, and a damaged file: the kernel that was there stays
cp "$kernel" "$CLEAVE_BOOT/vmlinuz-3"
(ulimit -f 20000; trap '' XFSZ; ! image add 3) || fail "half a kernel was taken for all of it"
has 1
grep -q 'room' "$scratch/error" || fail "no word about room: $(cat "$scratch/error")"
head -c 4000000 "$kernel" >"$CLEAVE_BOOT/vmlinuz-1"
! image add 1 || fail "a damaged kernel was taken"
cmp "$CLEAVE_BOOT/cleave/vmlinux-1" "$unpacked" || fail "a damaged kernel replaced a good one"

# all: what is missing comes, what has lost its kernel goes
cp "$kernel" "$CLEAVE_BOOT/vmlinuz-1"
rm "$CLEAVE_BOOT/vmlinuz-2"
: >"$CLEAVE_BOOT/cleave/vmlinux-0"
image all || fail "all: $(cat "$scratch/error")"
has 1 3
image remove 3
image remove 3
has 1
! image 2>/dev/null || fail "no word is no error"
echo "kernel-image: kernels are unpacked as a whole, and go with their packages"

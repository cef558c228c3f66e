#!/bin/sh
# SPDX-License-Identifier: MIT
#
# disk.sh TREE OUTPUT FOLDER [DEB...]: makes a disk image with the files of TREE (tree.sh): a GPT with a
# partition for GRUB's core, one for UEFI, and the root file system. It boots by BIOS and by UEFI. GRUB is
# installed by its own tools, in a machine that QEMU starts with the disk's kernel and setup.sh as its first
# program; with DEBs, apt installs these there, too. FOLDER is copied to /guests. root has no password, and
# ssh accepts the key OUTPUT's folder has.
set -eu

tree=$1 output=$2 guests=$3
shift 3
here=$(dirname "$0")
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
size=4096 efi=64 # MiB
root_start=$((2 + efi))
uuid=c1ea0e00-0000-4000-8000-000000000001

work=$output.tree
key=$(dirname "$output")/ssh_key
[ -e "$key" ] || ssh-keygen -q -t ed25519 -N '' -C test -f "$key"

$as_root rm -rf "$work"
mkdir -p "$work"
$as_root tar -C "$work" -xf "$tree"
$as_root "$here/configure.sh" "$work" "$uuid" "$key.pub"
$as_root cp "$here/setup.sh" "$work/sbin/setup-disk"
$as_root mkdir -p "$work/guests" "$work/root/debs"
$as_root cp -R "$guests/." "$work/guests/"
if [ $# != 0 ]; then
    # what the packages depend on is installed here, where no emulator makes it slow
    # shellcheck disable=SC2046 # words on purpose
    $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$work" \
        apt-get -q -y install $(cat "$tree.dependencies") >"$output.log" 2>&1
    $as_root cp "$@" "$work/root/debs/"
fi
kernel=$(echo "$work"/boot/vmlinuz-*)
initrd=$(echo "$work"/boot/initrd.img-*)
cp "$kernel" "$output.vmlinuz"
$as_root cp "$initrd" "$output.initrd"

rm -f "$output.tmp"
truncate -s ${size}M "$output.tmp"
sfdisk --quiet "$output.tmp" <<END
label: gpt
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649
start=4096, size=$((efi * 2048)), type=U
start=$((root_start * 2048)), type=L
END
truncate -s ${efi}M "$output.efi"
mkfs.vfat -n EFI "$output.efi" >/dev/null
dd if="$output.efi" of="$output.tmp" bs=1M seek=2 conv=notrunc,sparse status=none
$as_root mke2fs -q -t ext4 -U "$uuid" -E "offset=$((root_start << 20)),lazy_itable_init=1" -d "$work" \
    "$output.tmp" $((size - root_start - 1))M
$as_root rm -rf "$work" "$output.efi"

# A kernel that runs without Cleave needs neither SVM nor an order of CPUs: more threads are faster.
timeout -k 5 900 "${QEMU:-qemu-system-x86_64}" -machine q35 -nodefaults -display none -cpu EPYC,-svm \
    -smp 2 -m 1024 -accel "${ACCEL:-tcg}" -no-reboot -kernel "$output.vmlinuz" -initrd "$output.initrd" \
    -append "root=UUID=$uuid rw console=ttyS0 quiet panic=-1 init=/sbin/setup-disk" -serial stdio \
    -drive "if=none,id=disk,format=raw,file=$output.tmp,cache=unsafe" -device virtio-blk-pci,drive=disk \
    </dev/null >"$output.log" 2>&1 || true
grep -q '^setup-disk: done' "$output.log" || {
    tail -n 30 "$output.log" >&2
    echo "disk: the set-up of $output did not succeed; all it said is in $output.log" >&2
    exit 1
}
rm -f "$output.vmlinuz" "$output.initrd"
mv "$output.tmp" "$output"

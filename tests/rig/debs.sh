#!/bin/sh
# SPDX-License-Identifier: MIT
#
# debs.sh FOLDER MODULES PACKAGE...: downloads Debian packages into FOLDER and unpacks them under FOLDER/root
# without installing them: the scripts of a kernel or hypervisor package would reconfigure this machine's boot
# loader. Only the kernel module folders named in MODULES are unpacked. The cloud kernel, used only by guests,
# goes to FOLDER/cloud with Xen's front ends. A metapackage that depends on one package whose name extends its
# own (linux-image-amd64 -> linux-image-6.1.0-...-amd64) is replaced by that package.
set -eu

folder=$1 modules=$2
shift 2

resolve() {
    case $1 in
    linux-image-amd64 | linux-image-cloud-amd64)
        apt-cache depends --important "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' |
            head -n 1 ;;
    *)
        echo "$1" ;;
    esac
}

# One attempt with the current package lists; fails if they are absent or older than the archive.
download() {
    names=
    for package; do
        name=$(resolve "$package")
        [ -n "$name" ] || return 1
        names="$names $name"
    done
    # shellcheck disable=SC2086 # words on purpose
    (cd "$folder" && apt-get -q -o APT::Sandbox::User=root download $names >&2)
}

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo

rm -rf "$folder"
mkdir -p "$folder/root"
if ! download "$@"; then
    $as_root apt-get -q -o DPkg::Lock::Timeout=600 update >&2
    download "$@" || {
        echo "debs: apt-get could not download: $*; check the network and the package sources" >&2
        exit 1
    }
fi

# unpack_kernel DEB FOLDER MODULES
unpack_kernel() {
    set -f
    patterns=./boot
    for pattern in $3; do
        patterns="$patterns ./lib/modules/*/kernel/$pattern"
    done
    mkdir -p "$2"
    # shellcheck disable=SC2086 # words on purpose
    dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards $patterns
    set +f
}

for deb in "$folder"/*.deb; do
    case $deb in
    */linux-image-*-cloud-*) unpack_kernel "$deb" "$folder/cloud" 'drivers/block/xen* drivers/net/xen*' ;;
    */linux-image-*)         unpack_kernel "$deb" "$folder/root" "$modules" ;;
    *)                       dpkg-deb -x "$deb" "$folder/root" ;;
    esac
done

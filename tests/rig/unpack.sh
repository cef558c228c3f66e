# SPDX-License-Identifier: MIT
#
# Functions for scripts that give dom0 programs of Debian's packages, which are downloaded and unpacked, never
# installed. Sourced, with $unpack_name for messages. unpack_begin FOLDER comes first: it sets $folder, and
# $root, where the packages' files are.
# shellcheck shell=sh disable=SC2154

unpack_begin() {
    mkdir -p "$1/cache/archives/partial"
    folder=$(cd "$1" && pwd)
    root=$folder/root
    : >"$folder/log"
}

unpack_fail() {
    echo "$unpack_name: $*; the end of $folder/log:" >&2
    tail -n 5 "$folder/log" >&2
    exit 1
}

# unpack_fetch ARGUMENT...: apt-get install without installing. The package lists are this machine's: `make`
# has just installed packages by them.
unpack_fetch() {
    apt-get -q -y -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1 \
        --no-install-recommends --download-only install "$@" >>"$folder/log" 2>&1
}

unpack_all() {
    rm -rf "$root"
    for deb in "$folder"/cache/archives/*.deb; do
        dpkg-deb -x "$deb" "$root"
    done
}

# unpack_libraries TO PROGRAM...: copies the libraries that the programs need, from the packages or from this
# machine, into a folder where dom0's loader looks; dom0's C library is as old as this machine's.
unpack_libraries() {
    to=$1
    shift
    LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu" ldd "$@" >"$folder/libraries"
    ! grep 'not found' "$folder/libraries" >>"$folder/log" || unpack_fail "libraries are missing"
    sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' "$folder/libraries" | sort -u | while read -r library; do
        cp -L "$library" "$to"
    done
}

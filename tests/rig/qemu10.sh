#!/bin/sh
# SPDX-License-Identifier: MIT
#
# qemu10.sh FOLDER: the QEMU of bookworm-backports, downloaded and unpacked next to the installed one, for
# QEMU=. The package source, its lists and the packages are all under FOLDER. apt uses the system's files only
# to see which libraries are installed; missing ones are unpacked too. FOLDER/qemu-system-x86_64 starts it.
set -eu

mkdir -p "$1"
folder=$(cd "$1" && pwd)
keys=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
    echo "qemu10: $*; the end of $folder/log:" >&2
    tail -n 5 "$folder/log" >&2
    exit 1
}

# apt COMMAND...
apt() {
    apt-get -q -y -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder" -o APT::Sandbox::User=root \
        -o Debug::NoLocking=1 "$@" >>"$folder/log" 2>&1
}

[ -r "$keys" ] || { echo "qemu10: $keys is missing: this needs Debian 12" >&2; exit 1; }
mkdir -p "$folder/lists/partial" "$folder/archives/partial"
: >"$folder/log"
for suite in bookworm bookworm-updates bookworm-backports; do
    echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main"
done >"$folder/sources.list"
echo "deb [signed-by=$keys] http://deb.debian.org/debian-security bookworm-security main" \
    >>"$folder/sources.list"

apt update || fail "apt-get update failed; check the network"
apt --no-install-recommends --download-only -t bookworm-backports install qemu-system-x86 ||
    fail "apt-get could not download QEMU; check the network"
rm -rf "$folder/root"
for deb in "$folder"/archives/*.deb; do
    dpkg-deb -x "$deb" "$folder/root"
done

cat >"$folder/qemu-system-x86_64.tmp" <<'END'
#!/bin/sh
root=${0%/*}/root
LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu exec "$root/usr/bin/qemu-system-x86_64" \
    -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
END
chmod 755 "$folder/qemu-system-x86_64.tmp"
"$folder/qemu-system-x86_64.tmp" --version >>"$folder/log" 2>&1 || fail "it does not start"
mv "$folder/qemu-system-x86_64.tmp" "$folder/qemu-system-x86_64"

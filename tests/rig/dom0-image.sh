#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dom0-image.sh OUTPUT STAGING BUSYBOX MODULES ENTRY...: dom0's initramfs. MODULES has the kernel's modules;
# dom0 gets all of them. An ENTRY is SOURCE:PATH[:MODE]: a file of the build and its path in dom0 (MODE: 755
# by default). Libraries that programs need are included. The result is an uncompressed cpio: dom0 unpacks its
# 18 MB in half a second, so compression would gain nothing. Next to read: dom0/init.
set -eu

output=$1 staging=$2 busybox=$3 modules=$4
shift 4

rm -rf "$staging"
for folder in bin sbin dev etc/acpi/PWRF etc/xen etc/rig guests mnt proc root run/xen run/xenstored sys tmp \
    usr/bin usr/sbin usr/lib var/lib/xen var/lib/xenstored var/log/xen/console lib64 lib; do
    mkdir -p "$staging/$folder"
done
# Xen's tools were built for these paths
ln -s ../run "$staging/var/run"
ln -s ../run/lock "$staging/var/lock"
mkdir -p "$staging/run/lock"

for entry; do
    source=${entry%%:*} rest=${entry#*:}
    path=${rest%%:*} mode=755
    case $rest in
    *:*) mode=${rest#*:} ;;
    esac
    case $entry in
    *?:/?*) ;;
    *) echo "dom0-image: entry '$entry' is not SOURCE:/PATH[:MODE]" >&2; exit 1 ;;
    esac
    [ -f "$source" ] || { echo "dom0-image: $source, wanted as $path in dom0, is missing" >&2; exit 1; }
    mkdir -p "$staging${path%/*}"
    cp "$source" "$staging$path"
    chmod "$mode" "$staging$path"
done

cp "$busybox" "$staging/bin/busybox"
"$busybox" --list-full | while read -r applet; do
    [ -e "$staging/$applet" ] || ln -s /bin/busybox "$staging/$applet"
done

cp -R "$modules" "$staging/lib/modules"
"$busybox" depmod -b "$staging" "$(ls "$modules")"

printf 'root:x:0:0:root:/root:/bin/sh\ncleave-dm:x:990:990::/nonexistent:/bin/false\n' >"$staging/etc/passwd"
printf 'root:x:0:\ncleave-dm:x:990:\n' >"$staging/etc/group"
# the hypervisor's options set dom0's memory; xl must not reduce it
printf 'autoballoon="off"\n' >"$staging/etc/xen/xl.conf"
printf '#!/bin/sh\npoweroff\n' >"$staging/etc/acpi/PWRF/00000080"
chmod 755 "$staging/etc/acpi/PWRF/00000080"
printf "PS1='dom0# '\n" >"$staging/etc/profile"

# libgcc_s is loaded only when a thread is cancelled, which xl does; no program links it.
{
    find "$staging" -type f -perm -u+x ! -path '*/bin/busybox' -exec ldd {} + 2>/dev/null |
        sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p'
    gcc -print-file-name=libgcc_s.so.1
} | sort -u | while read -r library; do
    case $library in
    */ld-linux*) cp -L "$library" "$staging/lib64/" ;;
    *)           cp -L "$library" "$staging/usr/lib/" ;;
    esac
done
# Without this file, the loader tries ninety names before it finds the first library.
: >"$staging/etc/ld.so.conf"
/sbin/ldconfig -X -r "$staging"

# Sorted names and one owner, so that the output does not depend on who builds.
(cd "$staging" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$output.tmp"
mv "$output.tmp" "$output"

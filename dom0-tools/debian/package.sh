#!/bin/sh
# SPDX-License-Identifier: MIT
#
# package.sh OUTPUT FOLDER CORE ENTRY...: Debian packages of the core and of the tools, in the folder
# OUTPUT. FOLDER has the packaging files (the one of this script). An ENTRY is SOURCE:PATH[:MODE], a file of
# the package cleave-tools. Debug symbols go to cleave-dbg, by build id, where gdb looks for them.
set -eu

output=$1 folder=$2 core=$3
shift 3

work=$output/work
rm -rf "$output"
mkdir -p "$work/debian"
for file in control changelog copyright rules; do
    cp "$folder/$file" "$work/debian/"
done
cp "$folder"/cleave-*.lintian-overrides "$work/debian/"
cp "$folder"/cleave-*.preinst "$folder"/cleave-*.postinst "$folder"/cleave-*.prerm "$folder"/cleave-*.postrm \
    "$work/debian/"
cat "$folder/../../LICENSE" | sed -n '5,$s/^$/./; 5,$s/^/ /p' >>"$work/debian/copyright"

# put PACKAGE MODE SOURCE PATH
put() {
    install -D -m "$2" "$3" "$work/tree/$1$4"
}

# split FILE PATH-OF-SYMBOLS: moves the symbols of a program out of it
split() {
    mkdir -p "$(dirname "$2")"
    objcopy --only-keep-debug "$1" "$2"
    chmod 644 "$2"
    objcopy --strip-unneeded "$1"
}

# build_id FILE: its path below /usr/lib/debug/.build-id
build_id() {
    readelf -n "$1" | sed -n 's|^ *Build ID: \(..\)\(.*\)|\1/\2.debug|p'
}

put cleave-hypervisor 644 "$core" /boot/cleave/cleave.elf
put cleave-dbg 644 "$core" /usr/lib/debug/boot/cleave/cleave.elf
objcopy --strip-all "$work/tree/cleave-hypervisor/boot/cleave/cleave.elf"
put cleave-hypervisor 755 "$folder/11_cleave" /etc/grub.d/11_cleave
put cleave-hypervisor 644 "$folder/default" /etc/default/cleave
put cleave-hypervisor 644 "$folder/grub-default.cfg" /etc/default/grub.d/zz-cleave.cfg
put cleave-hypervisor 755 "$folder/kernel-postinst" /etc/kernel/postinst.d/cleave
put cleave-hypervisor 755 "$folder/kernel-postrm" /etc/kernel/postrm.d/cleave
put cleave-hypervisor 755 "$folder/kernel-image" /usr/lib/cleave/kernel-image
put cleave-hypervisor 755 "$folder/vmlinux.sh" /usr/lib/cleave/vmlinux

for entry; do
    source=${entry%%:*} rest=${entry#*:}
    mode=755
    case $rest in
    *:*) mode=${rest#*:} ;;
    esac
    put cleave-tools "$mode" "$source" "${rest%%:*}"
done
put cleave-tools 644 "$folder/default-tools" /etc/default/cleave-tools
put cleave-tools 755 "$folder/guests" /usr/lib/cleave/guests
put cleave-tools 755 "$folder/textfile" /usr/lib/cleave/textfile
put cleave-tools 644 "$folder/grafana.json" /usr/share/cleave/grafana.json
put cleave-tools 755 "$folder/store-quotas" /usr/lib/cleave/store-quotas
put cleave-tools 644 "$folder/cleaved.8" /usr/share/man/man8/cleaved.8
put cleave-tools 644 "$folder/xen.conf" /lib/systemd/system/xen.service.d/cleave.conf
for unit in "$folder"/*.service "$folder"/*.timer; do
    [ ! -e "$unit" ] || put cleave-tools 644 "$unit" "/lib/systemd/system/${unit##*/}"
done
for program in "$work"/tree/cleave-tools/usr/bin/* "$work"/tree/cleave-tools/usr/sbin/* \
    "$work"/tree/cleave-tools/usr/lib/cleave/*; do
    if readelf -h "$program" >/dev/null 2>&1; then
        split "$program" "$work/tree/cleave-dbg/usr/lib/debug/.build-id/$(build_id "$program")"
    fi
done

(cd "$work" && dpkg-buildpackage --build=binary --no-sign) >"$output/log" 2>&1 || {
    tail -n 30 "$output/log" >&2
    echo "package: dpkg-buildpackage failed; all it said is in $output/log" >&2
    exit 1
}

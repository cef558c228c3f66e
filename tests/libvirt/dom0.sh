#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dom0.sh: in dom0, runs Debian's libvirtd and does with it what its users do: define, start, list, dominfo,
# console, suspend, reboot, shutdown, destroy of a PVH guest, then a Debian guest with a disk and a network
# interface. The first thing that does not work ends it. Called by `make check-libvirt` (build.mk).
set -eu

patience=120
export LD_LIBRARY_PATH=/usr/lib/libvirt

fail() {
    echo "libvirt: $*; the end of libvirtd's log:" >&2
    tail -n 20 /var/log/libvirtd.log >&2
    exit 1
}

virsh_do() {
    timeout "$patience" virsh -c xen:///system "$@"
}

# does WORDS COMMAND...: virsh's command succeeds and prints a line that matches
does() {
    words=$1
    shift
    echo "libvirt: virsh $*"
    virsh_do "$@" >/tmp/out 2>&1 || fail "virsh $* fails: $(cat /tmp/out)"
    grep -q -E -e "$words" /tmp/out || fail "virsh $* does not say \"$words\", but: $(cat /tmp/out)"
}

# until_true TEXT COMMAND...: waits until the shell command succeeds
until_true() {
    what=$1
    shift
    left=$patience
    until sh -c "$*" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || fail "waited $patience s until $what"
        sleep 1
    done
}

# beats: the guest hello runs
beats() {
    until_true 'hello beats' "[ \$(xenstore-read /local/domain/\$(xl domid hello)/data/heartbeat) -gt 0 ]"
}

tar -C / -xf /mnt/libvirt.tar
rm /mnt/libvirt.tar
cat >/tmp/libvirtd.conf <<END
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
END
libvirtd -f /tmp/libvirtd.conf >/var/log/libvirtd.log 2>&1 &
until_true 'libvirtd answers' 'virsh -c xen:///system version'

cat >/tmp/hello.xml <<END
<domain type='xen'>
  <name>hello</name>
  <memory unit='MiB'>4</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='xenpvh'>xenpvh</type>
    <kernel>/guests/hello.elf</kernel>
    <cmdline>beat=1</cmdline>
  </os>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <console type='pty'/>
  </devices>
</domain>
END
does 'Running hypervisor: Xen' version
does 'CPU\(s\): ' nodeinfo
does 'xenpvh' capabilities
does 'defined' define /tmp/hello.xml
does '- +hello +shut off' list --all
does 'started' start hello
does '[0-9]+ +hello +running' list
beats
does 'OS Type: +xenpvh' dominfo hello
does "tty='/dev/pts/" dumpxml hello
does 'VCPU: +0' vcpuinfo hello
cleave list hello >/dev/null || fail "cleave list does not show libvirt's VM"
# cleave's tools see the VM, and its name is taken
! cleave create /guests/hello.cfg 2>/tmp/err || fail 'cleave starts a second VM of the name'
grep -q 'hello' /tmp/err || fail "cleave refuses the name, and does not say it: $(cat /tmp/err)"

# virsh console wants a terminal; the guest prints a line at each heartbeat
echo 'libvirt: virsh console hello'
: >/tmp/said
{ until grep -q -a "hello:" /tmp/said; do sleep 1; done; printf "\035"; } |
    timeout "$patience" script -q -f -c 'virsh -c xen:///system console hello' /tmp/said >/dev/null ||
    fail "virsh console fails: $(cat /tmp/said)"

does 'suspended' suspend hello
does 'paused' domstate hello
does 'resumed' resume hello
before=$(xl domid hello)
does 'rebooted' reboot hello
until_true 'the rebooted VM runs' "[ \$(xl domid hello) -gt $before ]"
beats
does 'shut' shutdown hello
until_true 'hello has shut down' '! xl domid hello'
does '- +hello +shut off' list --all
does 'started' start hello
does 'destroyed' destroy hello
does 'shut off' domstate hello
does 'undefined' undefine hello

# a stock Linux guest, with what libvirt's users give it
truncate -s 16M /tmp/disk
sed -e 's/hello\.elf/debian/; s/>hello</>debian</; s/>4</>128</' -e "s,<cmdline>.*,DEBIAN," \
    -e "s,<console,<disk type='file'><source file='/tmp/disk'/><target dev='xvda' bus='xen'/></disk>\
<interface type='bridge'><source bridge='xenbr0'/></interface><console," /tmp/hello.xml >/tmp/debian.xml
value() { sed -n "s/^$1 *= *\"\(.*\)\"/\1/p" /guests/debian.cfg; }
sed -i "s,/guests/debian<,$(value kernel)<,; s,DEBIAN,<initrd>$(value ramdisk)</initrd><cmdline>$(value \
    cmdline)</cmdline>," /tmp/debian.xml
does 'created' create /tmp/debian.xml
id=$(xl domid debian)
for device in vbd/51712 vif/0; do
    until_true "the guest's $device connects" \
        "[ \$(xenstore-read /local/domain/$id/device/$device/state) = 4 ]"
done
does 'xvda' domblklist debian
does 'xenbr0' domiflist debian
does 'setmem|' setmem debian 112M --live
until_true "the guest's balloon follows" "[ \$(xl list debian | awk 'NR == 2 { print \$3 }') -le 113 ]"
does 'shut' shutdown debian
until_true 'debian has shut down' '! xl domid debian'
echo 'libvirt: all of it works'

#!/bin/sh
# SPDX-License-Identifier: MIT
#
# new.sh DISK IMAGE: one command to an ssh login. A machine from DISK, with Cleave installed, has IMAGE
# (cloud.sh) as its second disk. `cleave new` makes a VM of it, whose address is a lease of dom0's systemd,
# and ssh finds a disk that has grown, the VM's name, and the key. Stopped, it is the template of another one,
# with a name and host keys of its own. Next to read: machine.sh.
set -eu

disk=$1 image=$2
# shellcheck source=tests/debian/machine.sh
. "$(dirname "$0")/machine.sh"
trap machine_kill EXIT

step() {
    echo "new: $(date +%T) $*"
}

# login NAME: what ssh finds in the VM, once it has a lease
login() {
    machine_run 1800 "until address=\$(networkctl status xenbr0 | grep -B 9 -A 9 -i lease |
            grep -o '10\\.0\\.0\\.[0-9]* (to' | tail -n 1); [ \"\$address\" ]; do sleep 2; done
        address=\${address% (to}
        until ssh -n -i /root/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/root/hosts-$1 \\
            -o ConnectTimeout=30 debian@\$address 'cloud-init status --wait; hostname; lsblk -b -d -n -o SIZE;
            df -m --output=size / | tail -n 1; systemctl is-system-running'; do
            sleep 5
        done" || machine_fail "no ssh to $1"
}

copy=$disk.new
cp --sparse=always "$disk" "$copy"
machine_start "$copy" "$copy.log" -drive "if=none,id=image,format=raw,readonly=on,file=$image" \
    -device virtio-blk-pci,drive=image
machine_login
step "Cleave runs"
machine_run 120 'until systemctl is-active cleaved cleave-watchdog; do sleep 1; done
    systemctl show -P RuntimeWatchdogUSec' >"$copy.watchdog" || machine_fail "no watchdog"
cat "$copy.watchdog"
machine_run 120 "echo DHCPServer=yes >>/etc/systemd/network/10-xenbr0.network && networkctl reload &&
    networkctl reconfigure xenbr0 && ssh-keygen -q -t ed25519 -N '' -f /root/key" || machine_fail "DHCP"
machine_run 900 'cleave new web --image /dev/vdb --ssh-key /root/key.pub --memory 512 --disk-size 2G' ||
    machine_fail "cleave new"
step "the VM is made"
login web >"$copy.web"
cat "$copy.web"
grep -q '^web$' "$copy.web" && grep -q 2147483648 "$copy.web" || machine_fail "another VM than was wanted"
step "ssh works; it is the template of another one"
machine_run 600 'cleave shutdown web && cleave new web2 --template web' ||
    machine_fail "cleave new --template"
login web2 >"$copy.web2"
cat "$copy.web2"
grep -q '^web2$' "$copy.web2" || machine_fail "another VM than was wanted"
machine_run 60 '! cmp -s /root/hosts-web /root/hosts-web2' || machine_fail "both have the same host keys"
step "a name and host keys of its own"
machine_say poweroff
machine_ended 600
rm -f "$copy"

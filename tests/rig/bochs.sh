#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bochs.sh QEMU-ARGUMENT...: Bochs in QEMU's place. rig.c starts it with the arguments that it has for QEMU:
# where the serial line goes, where the command's output goes (the second serial port here, channel.h), and
# this run's initramfs. It makes an ISO of them and boots that in Bochs' AMD model. What Bochs itself says
# is in RUN_LOG.bochs/log.
#
# The image, Bochs' configuration and a lock are in the folder RUN_LOG.bochs. Next to read: run.sh, iso.sh.
set -eu

for argument; do
    case $argument in
    file,id=com1,path=*)   com1="mode=file, dev=${argument##*=}" ;;
    stdio,id=com1,*)       com1="mode=term, dev=$(tty)" ;;
    file,id=report,path=*) com2="com2: enabled=1, mode=file, dev=${argument##*=}" ;;
    *,/dev/fd/*)           initrd=${argument##*,} ;;
    esac
done

folder=$RUN_LOG.bochs
mkdir -p "$folder"
# A descriptor named here could be one of the rig's: flock takes a free one, and Bochs keeps it.
if [ -z "${BOCHS_LOCKED:-}" ]; then
    BOCHS_LOCKED=1 exec flock --verbose -n -F "$folder/lock" "$0" "$@"
fi
tests/rig/iso.sh "$folder/iso" "$HV_IMAGE" "$HV_CMDLINE${HV_ARGS:+ $HV_ARGS}" "$HV_KERNEL" \
    "$DOM0_CMDLINE${DOM0_ARGS:+ $DOM0_ARGS}" "$initrd"

# Bochs takes its time from the instructions: ips are those of a second. Its model ryzen has SVM, but not all
# MSRs of such a CPU (DE_CFG, VM_CR): bad ones read 0, and the log names them. A guest's triple fault is a
# panic of the CPU before it is the exit that Cleave asked for: the panic is only reported. Without VBE GRUB
# finds no frame buffer: where it sets one up on this card, it overwrites itself.
cat >"$folder/bochsrc" <<END
config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model=ryzen, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=$MEM, host=$MEM
romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
vga: extension=none
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$folder/iso, status=inserted
boot: cdrom
clock: sync=none, time0=utc
plugin_ctrl: speaker=0, gameport=0, parallel=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
log: $folder/log
panic: action=fatal, cpu0=report
error: action=report
info: action=report
debug: action=ignore
com1: enabled=1, ${com1:?}
${com2:-}
END
# Debian's Bochs has the debugger, which waits for a command first, and again at each triple fault.
yes continue | head -n 10000 >"$folder/commands"
exec bochs -q -f "$folder/bochsrc" -rc "$folder/commands" </dev/null >"$folder/out" 2>&1

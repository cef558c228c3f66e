#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bochs.sh QEMU-ARGUMENT...: Bochs in place of QEMU. rig.c starts it with QEMU's arguments: the destination of
# the serial line, that of the command's output (here the second serial port, channel.h), and this run's
# initramfs. It makes an ISO and boots it in Bochs' AMD model. Bochs' own messages are in RUN_LOG.bochs/log.
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
# A fixed descriptor could be one of the rig's: flock uses a free one, which Bochs inherits.
if [ -z "${BOCHS_LOCKED:-}" ]; then
    BOCHS_LOCKED=1 exec flock --verbose -n -F "$folder/lock" "$0" "$@"
fi
tests/rig/iso.sh "$folder/iso" "$HV_IMAGE" "$HV_CMDLINE${HV_ARGS:+ $HV_ARGS}" "$HV_KERNEL" \
    "$DOM0_CMDLINE${DOM0_ARGS:+ $DOM0_ARGS}" "$initrd"

# Bochs derives time from instructions: ips is their number per second. Its model ryzen has SVM, but lacks
# some MSRs of such a CPU (DE_CFG, VM_CR): these read as 0, and the log names them. A guest's triple fault is
# a panic of the CPU before it becomes the exit that Cleave intercepts: the panic is only reported. Without
# VBE, GRUB finds no frame buffer; on this card, setting one up makes GRUB overwrite itself.
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
# Debian's Bochs includes the debugger, which waits for a command at the start and at each triple fault.
yes continue | head -n 10000 >"$folder/commands"
exec bochs -q -f "$folder/bochsrc" -rc "$folder/commands" </dev/null >"$folder/out" 2>&1

# SPDX-License-Identifier: MIT
#
# Settings of a build and a run. Each variable can be set on make's command line: `make run SMP=4 MEM=4096`.
# The Makefile checks the values; `make help` lists the ones for everyday use.

# --- the machine that `make run` starts -----------------------------------------------------------

HV        ?= cleave
# qemu, or bochs: slower, one CPU, with real TLBs
EMU       ?= qemu
SMP       ?= $(if $(filter 1,$(ICOUNT))$(filter bochs,$(EMU)),1,2)
# initrd: a small dom0 in memory; debian: an installed Debian 12 on a disk, booted by GRUB (make image)
DOM0      ?= initrd
# what boots the disk of DOM0=debian: bios or uefi
FIRMWARE  ?= bios
# 1: dom0 also has Debian's QEMU and firmware, for type="hvm" (tests/hvm)
HVM       ?= 0
# MiB of the whole machine; dom0's share in the format of the hypervisor's dom0_mem=
MEM       ?= $(if $(filter 1,$(HVM)),3072,2048)
DOM0_MEM  ?= $(if $(filter 1,$(HVM)),1024M,512M)
# more arguments for the hypervisor, for dom0's kernel, and for QEMU
HV_ARGS   ?=
DOM0_ARGS ?=
QEMU_ARGS ?=
# a disk for dom0: a file with a raw image, and the device type: virtio or ahci
DISK      ?=
DISK_TYPE ?= virtio
# a network card for dom0, in QEMU's user network: virtio, e1000 or e1000e
NIC       ?=
# files of the host that dom0 gets under /mnt
FILES     ?=
# a shell command line for dom0; empty: the demo, then a shell
CMD       ?=
# time limit of a run with CMD, in seconds
TIMEOUT   ?= $(if $(filter bochs,$(EMU)),1800,300)
# the boot log of a run; a concurrent run chooses a similar name
RUN_LOG   ?= build/run.log
# 1: every instruction takes one nanosecond, so that a run is reproducible (one CPU, software emulation)
ICOUNT    ?= 0
# kvm only if KVM offers SVM to its guests
ACCEL     ?= $(if $(and $(KVM_NESTED),$(filter-out 1,$(ICOUNT))),kvm,tcg)
# single: one host thread runs all emulated CPUs in turn, so that a spinning CPU yields to the one it waits
# for; on a host with fewer cores than emulated CPUs, 4 CPUs boot in an eighth of the time. multi: a thread
# for each.
TCG_THREAD ?= single
KVM_NESTED := $(shell test -w /dev/kvm && grep -sqE '^(1|Y)' /sys/module/kvm_amd/parameters/nested && \
                echo yes)

# --- QEMU -----------------------------------------------------------------------------------------

QEMU ?= qemu-system-x86_64
# an EPYC without features that software emulation lacks (QEMU would warn about each), plus SVM with nested
# paging
CPU_TCG := EPYC,+svm,+npt,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext
CPU_TCG := $(CPU_TCG),-nrip-save,-xsavec
# In emulation, Xen fails with SMAP and SMEP, idles by MWAIT, and cannot decode the RDTSCP that it intercepts.
# QEMU 7.2 does not intercept XSETBV, so Xen restores a stale XCR0, and AVX instructions fault after a switch:
# no XSAVE.
CPU_TCG_xen := $(CPU_TCG),-smap,-smep,-monitor,-rdtscp,-xsave,-avx,-avx2,-fma,-f16c
CPU_KVM := host,+svm,+npt
CPU ?= $(if $(filter kvm,$(ACCEL)),$(CPU_KVM),$(if $(filter xen,$(HV)),$(CPU_TCG_xen),$(CPU_TCG)))

# Xen refuses a PVH dom0 without an IOMMU; Cleave maps dom0's frames identically and needs none.
MACHINE_cleave := -machine q35
MACHINE_xen    := -machine q35,kernel-irqchip=off -device amd-iommu

# --- what boots -----------------------------------------------------------------------------------

# (HV_BUILD: hypervisor/build.mk; the debug core and the release core each have a folder)
HV_IMAGE_cleave   = $(HV_BUILD)/cleave.elf
HV_IMAGE_xen     := build/xen/xen.elf
HV_KERNEL_cleave := build/dom0/vmlinux
HV_KERNEL_xen    := build/debian/vmlinuz
HV_CMDLINE_cleave = dom0_mem=$(DOM0_MEM)
# lazy FPU switching corrupts registers in software emulation, so Xen is told to switch eagerly
HV_CMDLINE_xen    = console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0=pvh dom0_mem=$(DOM0_MEM) \
                    max_cstate=0 spec-ctrl=eager-fpu

# swiotlb=force: a device must never be given a granted or foreign frame, whose number is not its machine
# address. 8192 slabs are 16 MiB of bounce buffers; the kernel's default would be 64. cryptomgr.notests: the
# kernel would spend half of its boot testing ciphers. cpuidle.off: on a real machine it would find C-states
# in ACPI and enter them by port reads, which is only a slower HLT here (hypervisor/dom0/power.c).
DOM0_CMDLINE := console=hvc0 rdinit=/init panic=1 swiotlb=8192,force cryptomgr.notests=1 cpuidle.off=1

# --- toolchain ------------------------------------------------------------------------------------

ifeq ($(origin CC),default)
CC := gcc
endif
HOST_CFLAGS ?= -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes
# for unit tests on the host
TEST_CFLAGS ?= $(HOST_CFLAGS) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all

# --- Debian's packages ----------------------------------------------------------------------------

XEN_VERSION := 4.17
# installed on this machine; fragments append to it
DEPS_PACKAGES := gcc libc6-dev binutils libxen-dev uuid-dev libcmocka-dev libncurses6 qemu-system-x86 xz-utils \
                 cpio cloc e2fsprogs
# only unpacked under build/deb/root, never installed: their scripts would reconfigure this machine's boot
# loader
DEB_PACKAGES := linux-image-amd64 linux-image-cloud-amd64 grub-xen-host busybox-static bash util-linux ncurses-base \
                seabios xen-utils-$(XEN_VERSION) xen-utils-common xenstore-utils xen-hypervisor-$(XEN_VERSION)-amd64
# folders and files of kernel modules: Xen's, those for guests' devices, then for DISK and NIC
DEB_MODULES := drivers/xen drivers/block/xen* drivers/net/xen* drivers/block/loop.ko net/llc/llc.ko \
               net/802/stp.ko net/bridge/bridge.ko fs/ext4 fs/jbd2 fs/mbcache.ko crypto/crc32c_generic.ko \
               drivers/virtio drivers/block/virtio_blk.ko drivers/net/virtio_net.ko drivers/net/net_failover.ko \
               net/core/failover.ko drivers/net/ethernet/intel/e1000 drivers/net/ethernet/intel/e1000e \
               drivers/ata/ahci.ko drivers/ata/libahci.ko drivers/ata/libata.ko drivers/scsi/scsi_mod.ko \
               drivers/scsi/scsi_common.ko drivers/scsi/sd_mod.ko block/t10-pi.ko lib/crc* crypto/crct10dif_common.ko \
               drivers/acpi/button.ko drivers/input/evdev.ko drivers/net/tun.ko \
               drivers/char/hw_random/virtio-rng.ko drivers/char/virtio_console.ko

DEB_STAMP := build/deb/stamp
DEB_ROOT := build/deb/root
# Debian's unchanged kernel (a bzImage), the modules named above (a folder with its version), its static
# busybox
DEBIAN_VMLINUZ := build/debian/vmlinuz
DEBIAN_MODULES := build/debian/modules
DEBIAN_BUSYBOX := build/debian/busybox

# --- the core's budget ----------------------------------------------------------------------------

# statements of each folder of hypervisor/, code lines of all, and KB of .text (tests/rig/size.sh)
BUDGET_STATEMENTS := boot 280 guest 585 hypercall 1290 dom0 670 svm 465 vdev 1100 core 2145 mm 1330 cpu 785 \
                     platform 340 lib 325 include 405
BUDGET_LINES := 19800
BUDGET_TEXT  := 205

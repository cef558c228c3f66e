# SPDX-License-Identifier: MIT
#
# The whole build, in one make: Config.mk has the settings; each folder's build.mk adds its targets to
# ALL_TARGETS and, as "SOURCE:/PATH[:MODE]", its files for dom0's image to DOM0_FILES. All output goes to
# build/.
#
# The targets (`make help` prints the lines below):
#
## make                 build everything
## make run             boot Cleave and dom0 in QEMU, start two guests, leave you in dom0's shell
## make run CMD='...'   run a shell command line in dom0 instead, print its output, power off, and exit
##                      with its status (124: timeout, 125: the machine failed)
## make check           all tests; make check-unit: those that need no QEMU, in seconds
## make bench           what operations cost on Cleave and on real Xen, in instructions: build/bench/bench.txt
## make bench-profile   the functions of the core that execute these instructions
## make check-long      tests that take minutes: 16 CPUs, vCPU hot-plug, balloon, clocks, overcommit
## make check-machines  boots with many CPU models, 512 MiB to 64 GiB, 1 to 32 CPUs; with any QEMU=
## make check-qemu10    the same and make check's machines with bookworm-backports' QEMU, unpacked for it
## make check-loaded    10 boots and 50 guests next to four busy loops on the host; make check: a tenth of it
## make check-bochs     boot, a guest and tests in another emulator, Bochs (EMU=bochs make run), in minutes
## make check-nested    Debian's real Xen in QEMU runs Cleave as its guest, nested
## make check-hvm       unmodified machines: BIOS, GRUB and Debian with Debian's QEMU as device model
## make check-libvirt   Debian's libvirt runs guests: virsh -c xen:///system
## make fuzz T=600      feed random programs to the core's decoder and hypercalls on the host, T seconds
## make soak ROUNDS=1000   create and destroy ROUNDS guests, reboot ROUNDS / 5 times, run ROUNDS / 20 at once,
##                      kill cleaved at ROUNDS / 10 points
## make overcommit-memory  VMs whose maxima add up to more than the memory: who gives, who gets
## make overcommit-cpu   more VMs than CPUs: what each should get and what it got, on Cleave or HV=xen
## make coverage        lines and branches of the core that the unit tests reach
## make mutants N=100 SEED=1   change one token of the core at a time; list what unit tests fail to detect.
##                      IN=svm: only that folder, or file; same seed, same mutants
## make iso             build/cleave.iso, an image for BIOS and UEFI; make check-iso boots it by both
## make deb             Debian packages of the core and the tools, in build/packages
## make image           a disk with Debian 12 and these packages; make run DOM0=debian boots it by GRUB
## make check-install   apt install on a fresh Debian 12, reboots, VMs, removal; by BIOS and UEFI
## make check-powercut POWERCUTS=30   its power goes at random moments, and it comes up again
## make gdb             boot stopped, under gdb with the symbols of the core; the console goes to RUN_LOG
## make floors          calls between the core's folders, as text and as build/floors.svg
## make size            code lines and section sizes against the budget; make check does it too
## make deps            install missing packages with apt-get; the other targets do this themselves
## make clean           remove what was built; make distclean: also the downloaded packages
##
## Variables (NAME=VALUE after make; the defaults are in Config.mk):
##   HV=cleave            or xen: Debian's real Xen under the same dom0, tools, guests and tests
##   EMU=qemu             or bochs
##   SMP=2 MEM=2048       CPUs and MiB of the machine
##   DOM0_MEM=512M        dom0's memory
##   DOM0=initrd          or debian: an installed Debian 12 on a disk, by FIRMWARE=bios or uefi
##   HVM=1                with Debian's QEMU and firmware in dom0, for type="hvm" of xl
##   DISK=file NIC=virtio dom0 gets a disk (a raw image; DISK_TYPE=virtio or ahci), a network card
##   FILES="a b"          files of the host, in dom0 /mnt/a and /mnt/b
##   TIMEOUT=300          seconds for a run with CMD; on timeout, the end of the log is shown
##   RUN_LOG=build/run.log  the boot log
##   HV_ARGS= DOM0_ARGS= QEMU_ARGS= CPU=   more arguments for the hypervisor, dom0's kernel, QEMU; QEMU's CPU
##   ACCEL=tcg            software emulation; or kvm, the default where KVM offers SVM to its guests
##   ICOUNT=1             count instructions as nanoseconds: a run is reproducible (one CPU)

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

include Config.mk

ALL_TARGETS :=
DOM0_FILES :=

-include hypervisor/build.mk
-include xenstore-schema/build.mk
-include dom0-tools/build.mk
-include guests/build.mk
-include tests/build.mk

# --- what must be installed -----------------------------------------------------------------------

# Any goal that builds makes this file first, because make updates the files that it includes. It is remade
# when a package is added to the list. `make deps` always checks the packages themselves.
DEPS_DONE :=
ifneq ($(filter-out help clean distclean deps,$(or $(MAKECMDGOALS),all)),)
include build/deps.mk
endif
ifneq ($(DEPS_DONE),$(sort $(DEPS_PACKAGES)))
build/deps.mk: FORCE
endif
build/deps.mk:
	@mkdir -p $(@D)
	@tests/rig/deps.sh $(DEPS_PACKAGES)
	@echo 'DEPS_DONE := $(sort $(DEPS_PACKAGES))' >$@

.PHONY: FORCE all deps run run-machine bootable gdb iso check check-iso check-system check-unit size clean
.PHONY: distclean help
.PHONY: $(CHECK_SYSTEM)
FORCE:

all: $(ALL_TARGETS)

deps:
	@tests/rig/deps.sh $(DEPS_PACKAGES)

# --- dom0's image ---------------------------------------------------------------------------------

# The list of entries is a separate file, so that a changed list rebuilds the image.
$(DOM0_IMAGE).list: $(if $(subst x$(DOM0_FILES),,x$(file <$(DOM0_IMAGE).list)),FORCE)
	@mkdir -p $(@D)
	@printf '%s' '$(DOM0_FILES)' >$@

$(DOM0_IMAGE): tests/rig/dom0-image.sh $(DOM0_IMAGE).list $(DEBIAN_BUSYBOX) $(DEBIAN_MODULES) $(dom0_sources)
	@echo "packing dom0's image, $@"
	@tests/rig/dom0-image.sh $@ $(@D)/root $(DEBIAN_BUSYBOX) $(DEBIAN_MODULES) $(DOM0_FILES)

# --- running --------------------------------------------------------------------------------------

ifeq ($(filter initrd debian,$(DOM0)),)
$(error DOM0=$(DOM0): there are initrd and debian)
endif
ifeq ($(filter bios uefi,$(FIRMWARE)),)
$(error FIRMWARE=$(FIRMWARE): there are bios and uefi)
endif
ifeq ($(filter cleave xen,$(HV)),)
$(error HV=$(HV): there are cleave and xen)
endif

# CMD is passed on as typed: a $ in it is for dom0's shell, not for make.
override CMD := $(value CMD)
HV_IMAGE := $(HV_IMAGE_$(HV))
HV_KERNEL := $(HV_KERNEL_$(HV))
HV_CMDLINE := $(HV_CMDLINE_$(HV))
MACHINE := $(MACHINE_$(HV))
export HV HV_IMAGE HV_KERNEL HV_CMDLINE HV_ARGS DOM0_IMAGE DOM0_CMDLINE DOM0_ARGS DOM0_MEM MACHINE CPU SMP MEM
export DOM0 FIRMWARE MACHINE_cleave
export DISK DISK_TYPE NIC ACCEL TCG_THREAD ICOUNT EMU QEMU QEMU_ARGS FILES CMD TIMEOUT RUN_LOG RIG

RUN_IMAGE := $(if $(filter 1,$(HVM)),$(HVM_IMAGE),$(DOM0_IMAGE))
bootable := $(HV_IMAGE) $(HV_KERNEL) $(RUN_IMAGE) $(RIG)

bootable: $(bootable)
	@:

# make exits with 2 on any failure; a function loaded into it ends it with the command's status instead. All
# lines of a recipe are expanded before the first one runs, hence two targets.
ifneq ($(filter run,$(MAKECMDGOALS)),)
-load $(MAKE_EXIT)
endif
run_status := build/tests/rig/status.$(shell echo $$PPID)

run: run-machine
	@:$(make_exit $(run_status))
	@test ! -e $(run_status) || { status=$$(cat $(run_status)); rm $(run_status); exit $$status; }

# build_step WORDS,TARGETS: says so, if there is something to do.
run_make = $(MAKE) --no-print-directory $(if $(filter 1,$(V)),,-s) CMD=
build_step = $(run_make) -q $(2) 2>/dev/null || { echo 'make run: $(1)' >&2; $(run_make) $(2) >&2; }

# Output of the build goes to standard error, so that standard output has only the command's output. The
# build's commands are shown by `make`, and here with V=1.
ifeq ($(DOM0),debian)
run-machine:
	@$(run_make) image >&2
	@tests/debian/run.sh build/debian-host/cleave.img || echo $$? >$(run_status)
else
run-machine:
	@$(call build_step,building the hypervisor,$(HV_IMAGE))
	@$(call build_step,compiling the tools of dom0,$(filter build/dom0-tools/%,$(dom0_sources)))
	@$(call build_step,building the guests,$(filter build/guests/%,$(dom0_sources)))
	@$(run_make) bootable >&2
	@[ $(EMU) != bochs ] || tests/rig/deps.sh $(ISO_PACKAGES) $(BOCHS_PACKAGES)
	@DOM0_IMAGE=$(RUN_IMAGE) tests/rig/run.sh || echo $$? >$(run_status)
endif

# gdb starts QEMU itself and speaks to it through a pipe: no port is opened.
gdb: $(bootable)
	@tests/rig/deps.sh gdb
	@tests/rig/run.sh gdb

# Packages needed only for an image are installed when one is made.
ISO := build/cleave.iso
ISO_PACKAGES := grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools
BOCHS_PACKAGES := bochs bochsbios vgabios
iso: $(ISO)

$(ISO): tests/rig/iso.sh $(HV_IMAGE_cleave) $(HV_KERNEL_cleave) $(DOM0_IMAGE)
	@tests/rig/deps.sh $(ISO_PACKAGES)
	tests/rig/iso.sh $@ $(HV_IMAGE_cleave) '$(HV_CMDLINE_cleave) $(HV_ARGS)' $(HV_KERNEL_cleave) \
	    '$(DOM0_CMDLINE) $(DOM0_ARGS)' $(DOM0_IMAGE)

check-iso: $(ISO)
	@tests/rig/deps.sh ovmf
	@tests/rig/iso-check.sh $(ISO)

# --- tests ----------------------------------------------------------------------------------------

# Races want all CPUs of the host for themselves.
check-unit: $(CHECK_UNIT)
	@tests/rig/each.sh $(filter-out %_race,$(CHECK_UNIT))
	@set -e; for test in $(filter %_race,$(CHECK_UNIT)); do $$test; done

# What is built and what runs on the host uses two CPUs.
check:
	@$(MAKE) --no-print-directory --jobs=2 $(ALL_TARGETS) $(bootable) $(CHECK_UNIT)
	@$(MAKE) --no-print-directory check-unit size
	@$(MAKE) --no-print-directory CMD= check-system

# Two machines run at a time, each on one CPU of the host; the one that takes longest begins first. What a
# machine says comes when it has ended.
check-system: | $(ALL_TARGETS) $(bootable) $(CHECK_DISKS)
	@echo 'two machines at a time run $(CHECK_SYSTEM): each reports when it has ended'
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target CMD= $(CHECK_SYSTEM)

$(CHECK_SYSTEM): | $(ALL_TARGETS) $(bootable)

# --- the rest -------------------------------------------------------------------------------------

size: $(HV_IMAGE_cleave)
	@tests/rig/size.sh $(HV_IMAGE_cleave) $(BUDGET_LINES) $(BUDGET_TEXT) '$(BUDGET_STATEMENTS)'

# what was downloaded is kept
clean:
	$(if $(wildcard build),find build -mindepth 1 -maxdepth 1 ! -name deb -exec rm -rf {} +)

distclean:
	rm -rf build

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

# SPDX-License-Identifier: MIT
#
# The system tests: one cmocka program that runs inside dom0 (main.c), and the runs that `make check` makes
# of it.

SYSTEM := build/tests/system
SYSTEM_CFLAGS := $(HOST_CFLAGS) -Itests/tools $(TOOLS_INCLUDES)
SYSTEM_OBJECTS := $(patsubst tests/system/%.c,$(SYSTEM)/%.o,$(wildcard tests/system/*.c))

ALL_TARGETS += $(SYSTEM)/system
DOM0_FILES += $(SYSTEM)/system:/usr/lib/cleave/tests/system

$(SYSTEM)/%.o: tests/system/%.c | $(SCHEMA_HEADER) build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(SYSTEM_CFLAGS) -MMD -MP -c -o $@ $<

# the validators of JSON, metrics and traces, which the host tests also use
SYSTEM_CHECKERS := $(SYSTEM)/schema.o $(SYSTEM)/prometheus.o $(SYSTEM)/tracecheck.o
$(SYSTEM_CHECKERS): $(SYSTEM)/%.o: tests/tools/%.c | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(SYSTEM_CFLAGS) -MMD -MP -c -o $@ $<

$(SYSTEM)/system: $(SYSTEM_OBJECTS) $(SYSTEM_CHECKERS) $(LIBCLEAVE) $(PLANNER) $(BALANCER)
	$(CC) $(HOST_CFLAGS) -o $@ $^ -lcmocka -lxencall -lxenforeignmemory $(TOOLS_LIBS) -lm

-include $(wildcard $(SYSTEM)/*.d)

# dom0's disk, a sparse file. Xen's dom0 gets none: virtio disks do not answer behind the IOMMU that QEMU
# emulates for it.
on_cleave = $(filter cleave,$(HV))
$(SYSTEM)/disk%:
	@mkdir -p $(@D)
	@truncate -s 64M $@

# --- what make check runs -------------------------------------------------------------------------

SYSTEM_PROGRAM := /usr/lib/cleave/tests/system

# One CPU exercises other paths than several, so some groups run on both. On Xen, all run on one: with
# several, the emulation killed its dom0 (tests/README.md). The others test Cleave only. The longest begin
# first.
SMP2_GROUPS := promises watching balance supervisor host store trace memory field paging daemons
# what needs no second CPU is fastest on one
SMP1_GROUPS := refusals contract many hotplug
CHECK_SYSTEM += $(if $(on_cleave),check-smp4 check-smp2) check-smp1
CHECK_DISKS := $(SYSTEM)/disk1 $(SYSTEM)/disk4 $(SYSTEM)/disk-dma $(if $(on_cleave),$(GUEST_HVM_DISK))
ifneq ($(on_cleave),)
CHECK_SYSTEM += check-hvmdm check-saving check-exact check-dma check-stretch check-loaded-once
endif
check-smp1: $(SYSTEM)/disk1
	@$(if $(on_cleave),DISK=$< DISK_TYPE=ahci NIC=e1000e DOM0_ARGS=iomem=relaxed) \
	    SMP=1 TIMEOUT=3600 RUN_LOG=$(SYSTEM)/smp1.log \
	    CMD='$(SYSTEM_PROGRAM) $(if $(on_cleave),verbs stock hostile devices full $(SMP1_GROUPS))' \
	    tests/rig/run.sh

# 25 more disks of four queues each, empty: more interrupts than a CPU has vectors.
MANY_DISKS := $(foreach n,$(shell seq 25),-drive if=none,id=empty$(n),driver=null-co,size=1M,read-zeroes=on \
    -device virtio-blk-pci,drive=empty$(n))
check-smp4: $(SYSTEM)/disk4
	@$(if $(on_cleave),DISK=$< NIC=virtio DOM0_ARGS=iomem=relaxed QEMU_ARGS='$(MANY_DISKS)') \
	    SMP=4 TIMEOUT=3600 RUN_LOG=$(SYSTEM)/smp4.log \
	    CMD='$(SYSTEM_PROGRAM) $(addprefix -,$(SMP1_GROUPS) $(SMP2_GROUPS))' tests/rig/run.sh

check-smp2:
	@SMP=2 TIMEOUT=3600 RUN_LOG=$(SYSTEM)/smp2.log CMD='$(SYSTEM_PROGRAM) $(SMP2_GROUPS)' tests/rig/run.sh

# One CPU, whose time is the instructions that it executes.
check-exact:
	@SMP=1 ICOUNT=1 TIMEOUT=3600 RUN_LOG=$(SYSTEM)/exact.log \
	    CMD='$(SYSTEM_PROGRAM) exact' tests/rig/run.sh

# dom0 keeps the state of a guest of 176 MiB in its own memory.
check-saving:
	@SMP=2 MEM=3072 DOM0_MEM=1G HV_CMDLINE="$(subst dom0_mem=$(DOM0_MEM),dom0_mem=1G,$(HV_CMDLINE))" \
	    TIMEOUT=3600 RUN_LOG=$(SYSTEM)/saving.log \
	    CMD='$(SYSTEM_PROGRAM) saving' tests/rig/run.sh

# Unmodified guests with cleave-dm.
check-hvmdm: $(GUEST_HVM_DISK) | $(ALL_TARGETS) $(bootable)
	@SMP=$(if $(on_cleave),2,1) MEM=3072 DOM0_MEM=1G \
	    HV_CMDLINE="$(subst dom0_mem=$(DOM0_MEM),dom0_mem=1G,$(HV_CMDLINE))" FILES=$(GUEST_HVM_DISK) \
	    TIMEOUT=3600 RUN_LOG=$(SYSTEM)/hvmdm.log \
	    CMD='$(SYSTEM_PROGRAM) hvmdm' tests/rig/run.sh

# 50 rounds of create and destroy, and ten of them beside ten PVH guests.
.PHONY: check-hvmdm-many
check-hvmdm-many: $(GUEST_HVM_DISK) | $(ALL_TARGETS) $(bootable)
	@SMP=2 MEM=6144 DOM0_MEM=2G HV_CMDLINE="$(subst dom0_mem=$(DOM0_MEM),dom0_mem=2G,$(HV_CMDLINE))" \
	    FILES=$(GUEST_HVM_DISK) TIMEOUT=3000 RUN_LOG=$(SYSTEM)/hvmdm-many.log \
	    CMD='for test in *_of_many *_beside_pvh_*; do \
	    ROUNDS=500 ONLY="$$test" $(SYSTEM_PROGRAM) hvmdm || exit 1; done' tests/rig/run.sh

# dom0 without bounce buffers: the failures are expected (dma.c). The last of two swiotlb= counts.
check-dma: $(SYSTEM)/disk-dma
	@DISK=$< DISK_TYPE=ahci DOM0_ARGS=swiotlb=noforce SMP=1 TIMEOUT=3600 RUN_LOG=$(SYSTEM)/dma.log \
	    CMD='$(SYSTEM_PROGRAM) dma' tests/rig/run.sh

# One instruction is one tick here. Bounds the longest stretch in the core without a preemption point, and the
# cost of hostile guests to others.
check-stretch:
	@ICOUNT=1 SMP=1 TIMEOUT=3600 RUN_LOG=$(SYSTEM)/stretch.log \
	    CMD='BOUND=200000 $(SYSTEM_PROGRAM) stretch cost flood' tests/rig/run.sh

# On a busy host, an emulator may get stuck (hypervisor/cpu/apic.c).
check-loaded-once: | $(filter-out check-loaded-once,$(CHECK_SYSTEM))
	@tests/rig/loaded.sh 1

.PHONY: check-loaded
check-loaded: | $(ALL_TARGETS) $(bootable)
	@tests/rig/loaded.sh 10

# --- make check-long ------------------------------------------------------------------------------

# Tests that take minutes.
.PHONY: check-long check-sixteen check-cloud
check-long: $(if $(on_cleave),check-sixteen check-cloud) | $(ALL_TARGETS) $(bootable)
	@SMP=4 MEM=3072 FILES='$(GUEST_MORE)' TIMEOUT=3000 RUN_LOG=$(SYSTEM)/long.log \
	    CMD='$(SYSTEM_PROGRAM) long' tests/rig/run.sh

# `cleave new` with images that are made there.
check-cloud: | $(ALL_TARGETS) $(bootable)
	@SMP=2 TIMEOUT=1800 RUN_LOG=$(SYSTEM)/cloud.log CMD='$(SYSTEM_PROGRAM) new' tests/rig/run.sh

# Sixteen CPUs, and devices with line interrupts only.
check-sixteen: $(SYSTEM)/disk-sixteen | $(ALL_TARGETS) $(bootable)
	@DISK=$< DISK_TYPE=ahci NIC=e1000 DOM0_ARGS='iomem=relaxed pci=nomsi' \
	    SMP=16 TIMEOUT=900 RUN_LOG=$(SYSTEM)/sixteen.log \
	    CMD='[ $$(nproc) = 16 ] && $(SYSTEM_PROGRAM) verbs devices' tests/rig/run.sh

# --- make soak ------------------------------------------------------------------------------------

# `make check` does the same with a twentieth of the rounds (many.c, supervisor.c, field.c).
ROUNDS ?= 1000
SOAK ?= many supervisor field
.PHONY: soak
soak: | $(ALL_TARGETS) $(bootable)
	@TIMEOUT=$(shell expr 900 + $(ROUNDS) \* 12) RUN_LOG=$(SYSTEM)/soak.log \
	    CMD='ROUNDS=$(ROUNDS) $(SYSTEM_PROGRAM) $(SOAK)' tests/rig/run.sh

# --- other emulators --------------------------------------------------------------------------------

# A series of machines: CPU models, memory sizes, numbers of CPUs. With any QEMU.
.PHONY: check-machines check-qemu10
check-machines: | $(ALL_TARGETS) $(bootable)
	@tests/system/machines.sh

# The same, and the runs of `make check`, with the QEMU of bookworm-backports, which is unpacked first.
QEMU10 := build/qemu10/qemu-system-x86_64
$(QEMU10): tests/rig/qemu10.sh | build/deps.mk
	@echo "unpacking the QEMU of bookworm-backports into $(@D)"
	@tests/rig/qemu10.sh $(@D)
	@touch $@

check-qemu10: $(QEMU10)
	@$(MAKE) --no-print-directory CMD= QEMU=$(QEMU10) check-machines check-system

# Bochs: a boot, a guest, one group, and the tests of hostile that run in minutes on its one CPU.
# tests/README.md says why the others are left out.
.PHONY: check-bochs
BOCHS_GROUPS := verbs
BOCHS_HOSTILE := a_triple_fault_ends_the_guest_with_a_reason every_death_is_the_guests_own \
    a_crash_is_logged_and_the_domain_is_gone a_guest_that_crashes_at_once_is_not_started_for_ever \
    nonsense_in_every_hypercall_hurts_nobody storms_and_races_hurt_nobody \
    locks_that_all_share_are_free_again_soon endless_hypercalls_stop_nobody \
    two_guests_share_a_page_and_an_event_channel privileged_instructions_hurt_nobody \
    msrs_and_ports_hurt_nobody a_page_of_the_dead_keeps_little_else
check-bochs: | $(ALL_TARGETS) $(bootable)
	@tests/rig/deps.sh $(ISO_PACKAGES) $(BOCHS_PACKAGES)
	@EMU=bochs SMP=1 MEM=1024 TIMEOUT=3600 RUN_LOG=$(SYSTEM)/bochs.log \
	    CMD='cleave create /guests/hello.cfg && cleave list && cleave destroy hello && \
	    $(SYSTEM_PROGRAM) $(BOCHS_GROUPS) && \
	    for test in $(BOCHS_HOSTILE); do ONLY=$$test $(SYSTEM_PROGRAM) hostile || exit 1; done' \
	    tests/rig/run.sh

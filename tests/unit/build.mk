# SPDX-License-Identifier: MIT
#
# Unit tests: the core's own .c files, compiled for the host with the address and undefined behaviour
# sanitizers, and cmocka. One line per test at the end of this file: its name (test_NAME.c) and the core files
# that it links. The linker takes the missing functions from fakes/.

UNIT_OUT := build/tests/unit
UNIT_CHECKED := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_CFLAGS := -std=gnu11 -g -Wall -Wextra -Wno-unused-parameter -Werror -Wmissing-prototypes -Wstrict-prototypes \
    -fno-omit-frame-pointer -fno-strict-aliasing -fno-common $(UNIT_CHECKED) \
    -include tests/unit/include/percpu.h -include tests/unit/include/directmap.h \
    -iquote tests/unit/include -iquote hypervisor/include -iquote hypervisor -D__XEN_TOOLS__ -DCLV_DEBUG
UNIT_WRAP := -Wl,--wrap=alloc_core,--wrap=alloc_domain,--wrap=alloc_touched,--wrap=alloc_written,--wrap=alloc_back,--wrap=alloc_pool,--wrap=heap_alloc,--wrap=spin_unlock
UNIT_HARNESS := $(UNIT_OUT)/harness.o
UNIT_FAKES := $(patsubst tests/unit/%.c,$(UNIT_OUT)/%.o,tests/unit/harness_domain.c tests/unit/harness_cpus.c $(wildcard tests/unit/fakes/*.c))
# A core file, not a fake: most hypercall tests need it.
UNIT_FAKES += $(UNIT_OUT)/core/hypercall/target.o

DEPS_PACKAGES += libcmocka-dev

# $(call unit-test,NAME,CORE FILES,OBJECTS OF ITS OWN)
define unit-test
CHECK_UNIT += $(UNIT_OUT)/test_$(1)
MUTANTS_LINKS += $(2:%=%:$(1))
$(UNIT_OUT)/test_$(1): $(UNIT_OUT)/test_$(1).o $(addprefix $(UNIT_OUT)/,$(3)) $(UNIT_HARNESS) $(addprefix $(UNIT_OUT)/core/,$(2:.c=.o)) $(UNIT_OUT)/libfakes.a
	$$(CC) $$(UNIT_CFLAGS) $$(UNIT_WRAP),--wrap=spin_lock_as -o $$@ $$^ -lcmocka
endef

$(UNIT_OUT)/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

# The core's variables go into sections of their own, so that the harness can reset them between tests.
$(UNIT_OUT)/core/%.o: hypervisor/%.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<
	objcopy --rename-section .data=core_data --rename-section .data.rel.local=core_data --rename-section .data.rel=core_data \
	    --rename-section .bss=core_bss $@

$(UNIT_OUT)/libfakes.a: $(UNIT_FAKES)
	rm -f $@
	ar rcs $@ $^

-include $(wildcard $(UNIT_OUT)/*.d $(UNIT_OUT)/fakes/*.d $(UNIT_OUT)/core/*/*.d)

unit_mm := mm/alloc.c mm/frame.c mm/heap.c mm/p2m.c mm/p2m_absent.c mm/p2m_page.c mm/p2m_sample.c mm/p2m_check.c mm/guest.c \
    hypercall/guest_copy.c lib/spinlock.c

$(eval $(call unit-test,alloc,$(unit_mm)))
$(foreach test,evtchn evtchn_fifo evtchn_op,$(eval $(call unit-test,$(test),$(unit_mm) core/evtchn.c core/evtchn_fifo.c \
    hypercall/event_channel.c hypercall/operation.c,evtchn_model.o)))
$(eval $(call unit-test,decode,guest/decode.c))
$(eval $(call unit-test,heap,$(unit_mm)))
$(eval $(call unit-test,spinlock,lib/spinlock.c))
$(eval $(call unit-test,p2m,$(unit_mm) guest/fault.c dom0/mmio.c))
$(eval $(call unit-test,absent,$(unit_mm) guest/fault.c dom0/mmio.c))
$(eval $(call unit-test,vcpu_memory,$(unit_mm) core/vcpu_memory.c guest/fault.c dom0/mmio.c,wait_model.o))
$(eval $(call unit-test,page,$(unit_mm) core/vcpu_memory.c guest/fault.c dom0/mmio.c hypercall/page_op.c \
    hypercall/memory.c hypercall/memory_words.c hypercall/memory_physmap.c hypercall/operation.c,wait_model.o))
$(eval $(call unit-test,sample,$(unit_mm)))
$(eval $(call unit-test,p2m_check,$(unit_mm)))
$(eval $(call unit-test,pool,$(unit_mm) guest/fault.c dom0/mmio.c))
$(foreach test,grant grant_copy grant_op,$(eval $(call unit-test,$(test),$(unit_mm) core/grant.c core/grant_map.c \
    core/grant_copy.c hypercall/grant_table.c hypercall/operation.c,grant_model.o)))
unit_hypercalls := $(addprefix hypercall/,cleave_op.c page_op.c console_io.c cpu_policy.c domctl.c domctl_memory.c \
    domctl_vcpu.c hvm_op.c hvmcontext.c misc.c multicall.c operation.c platform_op.c sched_op.c sysctl.c \
    vcpu_op.c version.c xenctl_bitmap.c) vdev/text.c cpu/trace.c
$(foreach test,hypercalls domctl sysctl answers vcpus_race,$(eval $(call unit-test,$(test),$(unit_mm) \
    $(unit_hypercalls),hypercall_core.o)))
$(eval $(call unit-test,guest,$(unit_mm)))
$(foreach test,memory_op memory_limits,$(eval $(call unit-test,$(test),$(unit_mm) hypercall/memory.c \
    hypercall/memory_words.c hypercall/memory_physmap.c hypercall/operation.c)))
$(eval $(call unit-test,memory_race,$(unit_mm)))
$(eval $(call unit-test,compat,$(unit_mm) core/grant.c core/grant_map.c core/grant_copy.c hypercall/grant_table.c \
    hypercall/memory.c hypercall/memory_words.c hypercall/memory_physmap.c hypercall/operation.c))

# $(call unit-fake,HEADER,CORE FILES): compiles CORE FILES with this header of include/ included first.
define unit-fake
$(2:%.c=$(UNIT_OUT)/core/%.o): UNIT_CFLAGS += -include tests/unit/include/$(1)
$(2:%.c=$(UNIT_OUT)/core/%.o): tests/unit/include/$(1)
endef
$(eval $(call unit-fake,ports_fake.h,cpu/nmi.c platform/acpi.c platform/uart.c dom0/power.c dom0/pci.c))
$(eval $(call unit-fake,cpuid_fake.h,cpu/clock.c vdev/cpuid.c))
$(eval $(call unit-fake,msr_fake.h,cpu/apic.c cpu/features.c cpu/mcheck.c svm/svm.c))
$(eval $(call unit-fake,privileged_fake.h,guest/exit.c guest/run.c vdev/msr.c))
$(eval $(call unit-fake,addresses_fake.h,mm/memory.c svm/permissions.c))

# Functions that also exist in the C library get other names.
$(UNIT_OUT)/core/lib/format.o: UNIT_CFLAGS += -Dsnprintf=core_snprintf -Dvsnprintf=core_vsnprintf
$(UNIT_OUT)/core/lib/string.o: UNIT_CFLAGS += -fno-builtin $(foreach f,memset memcpy memmove memcmp strlen strcmp,-D$(f)=core_$(f))
$(UNIT_OUT)/core/cpu/clock.o: UNIT_CFLAGS += -Dclock_now=core_clock_now
$(eval $(call unit-test,lib,lib/format.c lib/string.c lib/cmdline.c boot/multiboot.c platform/boot_info.c mm/memory.c))
$(UNIT_OUT)/core/lib/log.o: UNIT_CFLAGS += -Dprintk=core_printk -Dlog_guest=core_log_guest
$(eval $(call unit-test,console,lib/console.c lib/log.c lib/spinlock.c platform/uart.c))
$(eval $(call unit-test,log,lib/log.c))
$(eval $(call unit-test,uart,lib/console.c lib/spinlock.c platform/uart.c))
$(eval $(call unit-test,elf,dom0/elf.c))
$(eval $(call unit-test,acpi,platform/acpi.c dom0/acpi_tables.c))
$(eval $(call unit-test,clock,cpu/clock.c))
$(eval $(call unit-test,iommu,platform/iommu.c))
$(eval $(call unit-test,time,cpu/clock.c cpu/timer.c lib/spinlock.c))
$(eval $(call unit-test,trace,$(unit_mm) cpu/trace.c))
$(eval $(call unit-test,apic,cpu/apic.c cpu/features.c))
$(eval $(call unit-test,tlb,svm/asid.c mm/flush.c))
$(eval $(call unit-test,watchdog,cpu/watchdog.c))
$(eval $(call unit-test,mcheck,cpu/mcheck.c))
# The range in which a dump recognises callers: this program's text.
$(UNIT_OUT)/test_traps: UNIT_WRAP += -Wl,--defsym=image_start=__executable_start,--defsym=text_end=etext
$(eval $(call unit-test,traps,cpu/traps.c guest/decode.c))
$(eval $(call unit-test,nmi,cpu/nmi.c lib/cmdline.c))
$(foreach test,lapic lapic_ipi lapic_timer,$(eval $(call unit-test,$(test),vdev/lapic.c vdev/lapic_timer.c,lapic_model.o)))
$(eval $(call unit-test,softirq,cpu/softirq.c))
$(eval $(call unit-test,irq,$(unit_mm) cpu/irq.c))
$(eval $(call unit-test,ioapic,dom0/ioapic.c vdev/bus.c lib/spinlock.c))
$(eval $(call unit-test,cpuid,vdev/cpuid.c))
$(eval $(call unit-test,features,cpu/features.c))
$(foreach test,access emulate bus,$(eval $(call unit-test,$(test),$(unit_mm) vdev/bus.c guest/access.c guest/emulate.c guest/decode.c dom0/power.c,bus_model.o)))
$(foreach test,pci msi,$(eval $(call unit-test,$(test),dom0/pci.c dom0/msi.c vdev/bus.c lib/spinlock.c,pci_model.o)))
$(eval $(call unit-test,inject,guest/inject.c svm/deliver.c svm/event.c svm/state.c svm/asid.c mm/flush.c))
$(eval $(call unit-test,run,guest/run.c))
$(eval $(call unit-test,exit,guest/exit.c guest/access.c guest/decode.c svm/exits.c svm/event.c svm/deliver.c svm/state.c))
$(eval $(call unit-test,guest_cpu,guest/exit.c guest/access.c guest/decode.c svm/exits.c svm/state.c svm/context.c))
$(eval $(call unit-test,context,$(unit_mm) $(addprefix svm/,context.c state.c svm.c permissions.c) cpu/fpu.c))
$(eval $(call unit-test,msr,$(unit_mm) vdev/msr.c))
$(foreach test,domains_race locks,$(eval $(call unit-test,$(test),$(unit_mm) core/evtchn.c core/evtchn_fifo.c \
    core/grant.c core/grant_map.c core/grant_copy.c)))
$(eval $(call unit-test,ioreq,$(unit_mm) core/ioreq.c core/evtchn.c core/evtchn_fifo.c core/grant.c \
    core/grant_map.c core/grant_copy.c))
$(eval $(call unit-test,dm_op,$(unit_mm) core/ioreq.c core/evtchn.c core/evtchn_fifo.c core/grant.c \
    core/grant_map.c core/grant_copy.c hypercall/dm_op.c hypercall/memory_physmap.c hypercall/memory_words.c))
$(eval $(call unit-test,pc,$(unit_mm) $(addprefix vdev/,pc.c pc_lines.c pc_pic.c pc_ioapic.c pc_timer.c pc_state.c bus.c)))
$(eval $(call unit-test,domain_registry,core/domain_registry.c lib/spinlock.c))
$(eval $(call unit-test,vcpu,core/vcpu.c core/domain_shutdown.c lib/spinlock.c))
unit_sched := $(addprefix core/,domain_registry.c sched.c sched_budget.c sched_cpu.c sched_fair.c sched_queue.c sched_table.c vcpu.c domain_shutdown.c)
unit_sched_tests := sched caps wake shares groups table
$(addprefix $(UNIT_OUT)/,$(unit_sched:%.c=core/%.o) $(unit_sched_tests:%=test_%.o) test_groups_race.o sched_sim.o): \
    UNIT_CFLAGS += -Dsched_yield=core_sched_yield
unit_planner := $(patsubst dom0-tools/%.c,%.o,$(wildcard dom0-tools/planner/*.c))
$(UNIT_OUT)/test_table.o: UNIT_CFLAGS += -Idom0-tools/planner
$(UNIT_OUT)/planner/%.o: dom0-tools/planner/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<
$(foreach test,$(unit_sched_tests),$(eval $(call unit-test,$(test),$(unit_sched) lib/spinlock.c,sched_sim.o \
    $(if $(filter table,$(test)),$(unit_planner)))))

$(eval $(call unit-test,groups_race,$(unit_sched) lib/spinlock.c))

# The layouts of 32-bit guests are checked by compiling the public headers for i386.
$(UNIT_OUT)/layout32: tests/unit/layout32.c tests/unit/include/layouts.h
	@mkdir -p $(@D)
	$(CC) -m32 -std=gnu11 -Wall -Werror -ffreestanding -fsyntax-only -D__XEN_TOOLS__ -iquote tests/unit/include $<
	@touch $@
$(UNIT_OUT)/test_guest: | $(UNIT_OUT)/layout32

# Line and branch coverage of the core's files by these tests. Built separately and without sanitizers, whose
# checks would count as branches. harness.c dumps the counters before it resets the core's variables.
.PHONY: coverage coverage-run
coverage:
	@$(MAKE) --no-print-directory -s UNIT_OUT=build/coverage \
	    UNIT_CHECKED='-O0 --coverage -Wl,-u,__gcov_dump,-u,__gcov_reset' coverage-run

coverage-run: $(filter $(UNIT_OUT)/test_%,$(CHECK_UNIT))
	@tests/unit/coverage.sh $(UNIT_OUT) $^

# Prints the one-token changes that these tests do not detect (mutants.sh, in a copy of the tree).
N ?= 100
SEED ?= 1
IN ?=
.PHONY: mutants
mutants: export MUTANTS_LINKS := $(MUTANTS_LINKS)
mutants: export MUTANTS_CHECKED := $(UNIT_CHECKED)
mutants:
	@tests/unit/mutants.sh build/mutants '$(SEED)' '$(N)' '$(IN)'

# SPDX-License-Identifier: MIT
#
# `make bench`: the same measurements on Cleave (release core) and on Debian's Xen, one run after the other,
# with table, JSON and chart of both in build/bench. dom0.sh measures, count.c counts inside QEMU, table.awk
# makes the table, and `goals` has Cleave's goals. The chart needs gnuplot, which only this target installs.
# `make bench-profile`: the functions of the core that execute the instructions of each row (profile.sh).

BENCH := build/bench
, := ,
BENCH_TOOLS := $(BENCH)/ticks $(BENCH)/dom0
BENCH_COUNT := $(BENCH)/count.so
# the addresses of each hypervisor's code
BENCH_RANGE_cleave := from=ffffffff80200000,to=ffffffff80280000
BENCH_RANGE_xen := from=ffff82d040000000,to=ffff82d080000000
# $(call bench_run,NAME,HV,ARGUMENTS OF dom0.sh,MORE FOR THE PLUGIN[,MORE FOR MAKE]): makes NAME.rows and
# NAME.counts. This make exports a CPU and an ACCEL chosen for one hypervisor and without ICOUNT, so they are
# unset.
bench_run = env -u CPU -u ACCEL $(MAKE) --no-print-directory run ICOUNT=1 SMP=1 HV_DEBUG=0 HV=$(2) \
            TIMEOUT=900 FILES='tests/bench/dom0.sh $(BENCH_TOOLS)' CMD='sh /mnt/dom0.sh $(3)' \
            RUN_LOG=$(BENCH)/$(1).log DOM0_ARGS=rdinit=/mnt/ticks \
            QEMU_ARGS='-plugin $(BENCH_COUNT),$(BENCH_RANGE_$(2)),out=$(BENCH)/$(1).counts$(4)' $(5) \
            >$(BENCH)/$(1).rows

CHECK_UNIT += tests/bench/table_test.sh

$(BENCH)/ticks: tests/bench/ticks.c guests/bench/mark.h | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -Iguests/bench -static -o $@ $<

$(BENCH)/dom0: tests/bench/dom0.c guests/bench/mark.h | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -Iguests/bench -static -o $@ $< -lxengnttab -lxenforeignmemory -lxencall \
	    -lxentoolcore -lxentoollog

$(BENCH_COUNT): tests/bench/count.c | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -Wno-unused-parameter -shared -fPIC -o $@ $<

.PHONY: bench bench-profile
bench: $(BENCH_TOOLS) $(BENCH_COUNT)
	@tests/rig/deps.sh gnuplot-nox
	@rm -f $(BENCH)/*.rows $(BENCH)/*.counts $(BENCH)/bench.*
	@echo 'bench: Cleave'
	@$(call bench_run,cleave,cleave)
	@echo 'bench: Xen $(XEN_VERSION)'
	@$(call bench_run,xen,xen)
	@echo 'bench: Xen $(XEN_VERSION) with a PV dom0'
	@$(call bench_run,xen_pv,xen,dom0,,HV_CMDLINE_xen='$(filter-out dom0=pvh,$(HV_CMDLINE_xen))' \
	    MACHINE_xen='-machine q35$(,)kernel-irqchip=off')
	@tests/bench/report.sh $(BENCH) $(XEN_VERSION)
	@cat $(BENCH)/bench.txt

bench-profile: $(BENCH_TOOLS) $(BENCH_COUNT)
	@$(call bench_run,cleave,cleave,,$(,)profile=$(BENCH)/cleave.profile)
	@tests/bench/profile.sh $(BENCH) $(HV_IMAGE_cleave)

# `make bench-cpu`: how exact shares of one CPU are, on Cleave and on Xen's credit2 (cpu.sh): a table, and a
# plot of what a capped guest got. An instruction is a nanosecond.
CPU_SECONDS ?= 5
bench_cpu_run = env -u CPU -u ACCEL $(MAKE) --no-print-directory run ICOUNT=1 SMP=1 HV_DEBUG=0 HV=$(1) \
                TIMEOUT=3000 FILES=tests/bench/cpu.sh CMD='sh /mnt/cpu.sh $(1) $(CPU_SECONDS)' \
                RUN_LOG=$(BENCH)/cpu.$(1).log >$(BENCH)/cpu.$(1)
.PHONY: bench-cpu
bench-cpu: | $(ALL_TARGETS)
	@tests/rig/deps.sh gnuplot-nox
	@mkdir -p $(BENCH)
	@echo 'bench-cpu: Cleave'
	@$(call bench_cpu_run,cleave)
	@echo 'bench-cpu: Xen $(XEN_VERSION)'
	@$(call bench_cpu_run,xen)
	@tr -d '\r' <$(BENCH)/cpu.cleave >$(BENCH)/cpu.1 && tr -d '\r' <$(BENCH)/cpu.xen >$(BENCH)/cpu.2
	@awk -v plot=$(BENCH)/cpu.plot -f tests/bench/cpu.awk $(BENCH)/cpu.1 $(BENCH)/cpu.2 | tee $(BENCH)/cpu.txt
	@gnuplot -e "data='$(BENCH)/cpu.plot'; chart='$(BENCH)/cpu.svg'" tests/bench/cpu.gp

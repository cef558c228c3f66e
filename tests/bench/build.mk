# SPDX-License-Identifier: MIT
#
# `make bench`: the same measurements on Cleave (release core) and on Debian's Xen, one run after the other,
# and the table, JSON and chart of both in build/bench. dom0.sh measures, table.awk makes the table, goals has
# what Cleave is to reach. Only the chart needs gnuplot, which is installed here and by no other target.

BENCH := build/bench
BENCH_TICKS := $(BENCH)/ticks
# This make exports a CPU and an ACCEL that it chose for one hypervisor and without ICOUNT.
BENCH_MAKE = env -u CPU -u ACCEL $(MAKE) --no-print-directory run ICOUNT=1 SMP=1 HV_DEBUG=0 \
             FILES='tests/bench/dom0.sh $(BENCH_TICKS)' CMD='sh /mnt/dom0.sh'

CHECK_UNIT += tests/bench/table_test.sh

$(BENCH_TICKS): tests/bench/ticks.c | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -static -o $@ $<

.PHONY: bench
bench: $(BENCH_TICKS)
	@tests/rig/deps.sh gnuplot-nox
	@rm -f $(BENCH)/*.rows $(BENCH)/bench.*
	@echo 'bench: Cleave'
	@$(BENCH_MAKE) HV=cleave RUN_LOG=$(BENCH)/cleave.log >$(BENCH)/cleave.rows
	@echo 'bench: Xen $(XEN_VERSION)'
	@$(BENCH_MAKE) HV=xen RUN_LOG=$(BENCH)/xen.log >$(BENCH)/xen.rows
	@tests/bench/report.sh $(BENCH) $(XEN_VERSION)
	@cat $(BENCH)/bench.txt

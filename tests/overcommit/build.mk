# SPDX-License-Identifier: MIT
#
# Overcommit: scenarios that anybody can run, in machines where their figures mean something: exact on one CPU
# that counts instructions as nanoseconds.

DOM0_FILES += tests/overcommit/cpu.sh:/usr/lib/cleave/tests/overcommit-cpu

OVERCOMMIT_CPU := caps weights $(if $(on_cleave),reserve bursts server)
# all CPUs but one are the VMs'
OVERCOMMIT_CPU_server := SMP=17 HV_ARGS=dom0_max_vcpus=1

# All parts, or make overcommit-cpu-NAME.
.PHONY: overcommit-cpu
overcommit-cpu: $(OVERCOMMIT_CPU:%=overcommit-cpu-%)
overcommit-cpu-%: all
	@echo '$*'; $(or $(OVERCOMMIT_CPU_$*),SMP=1 ICOUNT=1) TIMEOUT=1800 \
	    RUN_LOG=build/tests/overcommit-$*.log CMD='/usr/lib/cleave/tests/overcommit-cpu $*' tests/rig/run.sh

DOM0_FILES += tests/overcommit/memory.sh:/usr/lib/cleave/tests/overcommit-memory

overcommit_memory = SMP=2 TIMEOUT=1500 RUN_LOG=build/tests/overcommit-$(1).log \
    CMD='/usr/lib/cleave/tests/overcommit-memory $(1)' tests/rig/run.sh
# What the balancer did over time, from the lines "plot ..." of the scenario.
OVERCOMMIT_PLOT := build/tests/overcommit-twice

# Sums of maxima beyond the memory, on Cleave.
.PHONY: overcommit-memory overcommit
overcommit-memory: all
	@tests/rig/deps.sh gnuplot-nox
	@echo 'twice'; $(call overcommit_memory,twice) >$(OVERCOMMIT_PLOT).txt; rc=$$?; \
	    tr -d '\r' <$(OVERCOMMIT_PLOT).txt | grep '^plot ' >$(OVERCOMMIT_PLOT).plot; \
	    grep -v '^plot ' $(OVERCOMMIT_PLOT).txt; [ $$rc = 0 ]
	@gnuplot -e "data='$(OVERCOMMIT_PLOT).plot'; chart='$(OVERCOMMIT_PLOT).svg'" tests/overcommit/memory.gp
	@echo 'chart: $(OVERCOMMIT_PLOT).svg'
	@echo 'grabs'; $(call overcommit_memory,grabs)
	@echo 'alike'; $(call overcommit_memory,alike)
	@echo 'deaf';  $(call overcommit_memory,deaf)

overcommit: overcommit-cpu $(if $(on_cleave),overcommit-memory)

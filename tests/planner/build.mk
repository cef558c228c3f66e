# SPDX-License-Identifier: MIT
#
# Host tests of the planner: random plans against its checker, with the sanitizers; and the cost of a plan.

PLANNER_TESTED := $(wildcard dom0-tools/planner/*.c)
PLANNER_TESTS := $(addprefix build/tests/planner/,planner_test demand_test)
PLANNER_COST := build/tests/planner/cost

CHECK_UNIT += $(PLANNER_TESTS)
$(PLANNER_TESTS): build/tests/planner/%: tests/planner/%.c tests/planner/random.h $(PLANNER_TESTED) \
                  $(wildcard dom0-tools/planner/*.h) | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Idom0-tools/planner -o $@ $(filter %.c,$^) -lcmocka

$(PLANNER_COST): tests/planner/cost.c tests/planner/random.h $(PLANNER_TESTED)
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -Idom0-tools/planner -o $@ $(filter %.c,$^)

# Instructions for a plan of 1,000 vCPUs on 64 CPUs, tables and verdicts included.
.PHONY: planner-cost
planner-cost: $(PLANNER_COST)
	@tests/rig/deps.sh valgrind
	@for kind in single latency gang; do \
	    printf '%s: ' $$kind; \
	    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=planner_make $< $$kind 2>&1 | \
	        sed -n 's/.*Collected : //p'; done

# The verb, run on the host.
PLANNER_COMMAND := build/tests/planner/command_test

CHECK_UNIT += $(PLANNER_COMMAND)
$(PLANNER_COMMAND): tests/planner/command_test.c tests/tools/schema.c tests/tools/schema.h \
                    $(TOOLS)/cleave/cleave $(CLEAVE_SCHEMAS) | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DCLEAVE='"$(TOOLS)/cleave/cleave"' -o $@ $(filter %.c,$^) -lcmocka -ljansson

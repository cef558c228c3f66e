# SPDX-License-Identifier: MIT
#
# Host tests of the balancer: vectors computed by hand, and random machines, with the sanitizers.

BALANCER_TESTED := $(wildcard dom0-tools/balancer/*.c)
BALANCER_TESTS := $(addprefix build/tests/balancer/,vectors_test properties_test)

CHECK_UNIT += $(BALANCER_TESTS)
$(BALANCER_TESTS): build/tests/balancer/%: tests/balancer/%.c tests/planner/random.h $(BALANCER_TESTED) \
                   $(wildcard dom0-tools/balancer/*.h) | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Idom0-tools/balancer -Itests/planner -o $@ $(filter %.c,$^) -lcmocka

# The verb, run on the host.
BALANCER_COMMAND := build/tests/balancer/command_test

CHECK_UNIT += $(BALANCER_COMMAND)
$(BALANCER_COMMAND): tests/balancer/command_test.c tests/tools/schema.c tests/tools/schema.h \
                     $(TOOLS)/cleave/cleave $(CLEAVE_SCHEMAS) | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DCLEAVE='"$(TOOLS)/cleave/cleave"' -o $@ $(filter %.c,$^) -lcmocka -ljansson

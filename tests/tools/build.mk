# SPDX-License-Identifier: MIT
#
# Host tests of libcleave: what needs neither a hypervisor nor a store. One program, with the sanitizers.

TOOLS_TEST := build/tests/tools/tools_test
TOOLS_TESTED := image.c json.c path.c report.c vmdevices.c vmfile.c vmkeys.c
TOOLS_TESTED := $(addprefix dom0-tools/libcleave/,$(TOOLS_TESTED))

$(TOOLS_TEST): | $(SCHEMA_HEADER) build/deps.mk
CHECK_UNIT += $(TOOLS_TEST)
$(TOOLS_TEST): tests/tools/tools_test.c $(TOOLS_TESTED) $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Idom0-tools/libcleave -I$(SCHEMA) -o $@ $(filter %.c,$^) -lcmocka $(TOOLS_LIBS)

# SPDX-License-Identifier: MIT
#
# Host tests of the parts of the tools that need neither a hypervisor nor a store, with the sanitizers.

TOOLS_TEST := build/tests/tools/tools_test
TOOLS_TESTED := image.c path.c report.c similar.c vmdevices.c vmfile.c vmkeys.c
TOOLS_TESTED := $(addprefix dom0-tools/libcleave/,$(TOOLS_TESTED))

$(TOOLS_TEST): | $(SCHEMA_HEADER) build/deps.mk
CHECK_UNIT += $(TOOLS_TEST)
$(TOOLS_TEST): tests/tools/tools_test.c $(TOOLS_TESTED) $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Idom0-tools/libcleave -I$(SCHEMA) -o $@ $(filter %.c,$^) -lcmocka $(TOOLS_LIBS)

# The table of verbs, and everything generated from it. Links all of cleave except main.c.
INTERFACE_TEST := build/tests/tools/interface_test
INTERFACE_TESTED := $(filter-out %/main.c,$(wildcard dom0-tools/cleave/*.c))

CHECK_UNIT += $(INTERFACE_TEST)
$(INTERFACE_TEST): | build/deps.mk
$(INTERFACE_TEST): tests/tools/interface_test.c $(INTERFACE_TESTED) $(wildcard dom0-tools/*/*.h) \
                   $(LIBCLEAVE) $(PLANNER) $(CLEAVE_WORDS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Idom0-tools/libcleave -Idom0-tools/cleave -Idom0-tools/planner -I$(SCHEMA) \
	    -DGENERATED='"$(TOOLS)/cleave/generated"' -o $@ $(filter %.c,$^) $(LIBCLEAVE) $(PLANNER) \
	    -lcmocka $(TOOLS_LIBS)

# The schemas of JSON output, and the validator that the system tests also use.
SCHEMA_TEST := build/tests/tools/schema_test

CHECK_UNIT += $(SCHEMA_TEST)
$(SCHEMA_TEST): | build/deps.mk
$(SCHEMA_TEST): tests/tools/schema_test.c tests/tools/schema.c tests/tools/schema.h $(CLEAVE_SCHEMAS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c,$^) -lcmocka -ljansson

# State on disk, in a folder of the build; the rest of libcleave is linked unchanged.
VMS_TEST := build/tests/tools/vms_test
VMS_TESTED := $(addprefix dom0-tools/libcleave/,events.c life.c lock.c report.c vmfile.c vms.c)
VMS_DEFINES := -DVMS_HOME='"build/tests/tools/vms"' -DLOCK_FILE='"build/tests/tools/vms.lock"'

$(VMS_TEST): | $(SCHEMA_HEADER) build/deps.mk
CHECK_UNIT += $(VMS_TEST)
$(VMS_TEST): tests/tools/vms_test.c $(VMS_TESTED) $(LIBCLEAVE) $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(VMS_DEFINES) -Idom0-tools/libcleave -I$(SCHEMA) -o $@ $(filter %.c,$^) $(LIBCLEAVE) \
	    -lcmocka $(TOOLS_LIBS)

# The file of a saved VM.
STATEFILE_TEST := build/tests/tools/statefile_test
STATEFILE_TESTED := $(addprefix dom0-tools/libcleave/,statefile.c lock.c report.c)

CHECK_UNIT += $(STATEFILE_TEST)
$(STATEFILE_TEST): | build/deps.mk
$(STATEFILE_TEST): tests/tools/statefile_test.c $(STATEFILE_TESTED) $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Idom0-tools/libcleave -o $@ $(filter %.c,$^) -lcmocka -lz -pthread

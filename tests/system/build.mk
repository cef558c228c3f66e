# SPDX-License-Identifier: MIT
#
# The system tests: one cmocka program that runs inside dom0 (main.c), and the runs that `make check` makes of it.

SYSTEM := build/tests/system
SYSTEM_CFLAGS := $(HOST_CFLAGS) -Idom0-tools/libcleave -Ihypervisor/include/public -I$(SCHEMA)
SYSTEM_OBJECTS := $(patsubst tests/system/%.c,$(SYSTEM)/%.o,$(wildcard tests/system/*.c))

ALL_TARGETS += $(SYSTEM)/system
DOM0_FILES += $(SYSTEM)/system:/usr/lib/cleave/tests/system

$(SYSTEM)/%.o: tests/system/%.c | $(SCHEMA_HEADER) build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(SYSTEM_CFLAGS) -MMD -MP -c -o $@ $<

$(SYSTEM)/system: $(SYSTEM_OBJECTS) $(LIBCLEAVE)
	$(CC) $(HOST_CFLAGS) -o $@ $^ -lcmocka -lxencall $(TOOLS_LIBS)

-include $(wildcard $(SYSTEM)/*.d)

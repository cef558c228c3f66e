# SPDX-License-Identifier: MIT
#
# The tools of the control domain: libcleave (what the programs share, a static library) and cleave, the
# command line.

TOOLS := build/dom0-tools
TOOLS_CFLAGS := $(HOST_CFLAGS) -Idom0-tools/libcleave -I$(SCHEMA)
TOOLS_LIBS := -lxlutil -lxenlight -lxenguest -lxenctrl -lxenstore -lxentoollog -luuid
LIBCLEAVE := $(TOOLS)/libcleave.a
tools_objects = $(patsubst dom0-tools/%.c,$(TOOLS)/%.o,$(wildcard dom0-tools/$(1)/*.c))

ALL_TARGETS += $(TOOLS)/cleave/cleave
DOM0_FILES += $(TOOLS)/cleave/cleave:/usr/bin/cleave

$(TOOLS)/%.o: dom0-tools/%.c | $(SCHEMA_HEADER) build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(TOOLS_CFLAGS) -MMD -MP -c -o $@ $<

$(LIBCLEAVE): $(call tools_objects,libcleave)
	@rm -f $@
	ar rcs $@ $^

$(TOOLS)/cleave/cleave: $(call tools_objects,cleave) $(LIBCLEAVE)
	$(CC) $(HOST_CFLAGS) -o $@ $^ $(TOOLS_LIBS)

-include $(wildcard $(TOOLS)/*/*.d)

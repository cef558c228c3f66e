# SPDX-License-Identifier: MIT
#
# The tools of the control domain: libcleave (a static library) and cleave, the command line.

TOOLS := build/dom0-tools
TOOLS_CFLAGS := $(HOST_CFLAGS) -Idom0-tools/libcleave -I$(SCHEMA)
# Xen's libraries and their dependencies are linked statically: loading twenty shared libraries takes longer
# than cleave runs. libxenguest's kernel loaders register themselves and are not referenced, hence
# --whole-archive. libxenstore.a lacks the thread that reads watches, so it is linked dynamically.
TOOLS_LIBS := -Wl,-Bstatic,--whole-archive -lxenguest -Wl,--no-whole-archive,--start-group -lxlutil \
              -lxenlight -lxenctrl -lxenhypfs -lxenevtchn -lxengnttab -lxenforeignmemory -lxendevicemodel \
              -lxencall -lxentoolcore -lxentoollog -lyajl_s -llzma -lzstd -lz -luuid \
              -Wl,--end-group,-Bdynamic -lxenstore
DEPS_PACKAGES += libyajl-dev liblzma-dev libzstd-dev zlib1g-dev
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

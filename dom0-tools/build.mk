# SPDX-License-Identifier: MIT
#
# The tools of the control domain: libcleave (a static library), cleave and cleaved (programs).

TOOLS := build/dom0-tools
TOOLS_INCLUDES := -Idom0-tools/libcleave -Idom0-tools/planner -Idom0-tools/balancer \
                  -Ihypervisor/include/public -I$(SCHEMA)
TOOLS_CFLAGS := $(HOST_CFLAGS) $(TOOLS_INCLUDES)
# Xen's libraries and their dependencies are linked statically: loading twenty shared libraries takes longer
# than cleave runs. libxenguest's kernel loaders register themselves and are not referenced, hence
# --whole-archive. libxenstore.a lacks the thread that reads watches, and there is no libmnl.a: these two are
# linked dynamically.
TOOLS_LIBS := -Wl,-Bstatic,--whole-archive -lxenguest -Wl,--no-whole-archive,--start-group -lxlutil \
              -lxenlight -lxenctrl -lxenhypfs -lxenevtchn -lxengnttab -lxenforeignmemory -lxendevicemodel \
              -lxencall -lxentoolcore -lxentoollog -ljansson -lyajl_s -llzma -lzstd -lz -luuid \
              -lncurses -ltinfo -Wl,--end-group,-Bdynamic -lxenstore -lmnl
DEPS_PACKAGES += libjansson-dev libmnl-dev libyajl-dev liblzma-dev libncurses-dev libzstd-dev zlib1g-dev
LIBCLEAVE := $(TOOLS)/libcleave.a
PLANNER := $(TOOLS)/planner.a
BALANCER := $(TOOLS)/balancer.a
tools_objects = $(patsubst dom0-tools/%.c,$(TOOLS)/%.o,$(wildcard dom0-tools/$(1)/*.c))

ALL_TARGETS += $(TOOLS)/cleave/cleave $(TOOLS)/cleaved/cleaved
DOM0_FILES += $(TOOLS)/cleave/cleave:/usr/bin/cleave $(TOOLS)/cleaved/cleaved:/usr/sbin/cleaved

# The device model of HVM guests. Only libxenstore is linked dynamically.
MODEL := $(TOOLS)/cleave-dm/cleave-dm
MODEL_LIBS := -Wl,-Bstatic -Wl,--start-group -lxenctrl -lxenevtchn -lxenforeignmemory -lxendevicemodel \
              -lxencall -lxengnttab -lxentoolcore -lxentoollog -luring -lseccomp -Wl,--end-group \
              -Wl,-Bdynamic -lxenstore -lutil
DEPS_PACKAGES += liburing-dev libseccomp-dev
ALL_TARGETS += $(MODEL)
DOM0_FILES += $(MODEL):/usr/lib/cleave/cleave-dm

# What libxenguest loads into them.
HVMLOADER := /usr/lib/xen-$(XEN_VERSION)/boot/hvmloader
DOM0_FILES += $(DEB_ROOT)$(HVMLOADER):$(HVMLOADER):644
DOM0_FILES += $(DEB_ROOT)/usr/share/seabios/bios-256k.bin:/usr/share/seabios/bios-256k.bin:644
$(TOOLS)/libcleave/hvm.o: TOOLS_CFLAGS += -DHVMLOADER='"$(HVMLOADER)"'

$(MODEL): $(call tools_objects,cleave-dm)
	$(CC) $(HOST_CFLAGS) -o $@ $^ $(MODEL_LIBS)

$(TOOLS)/%.o: dom0-tools/%.c | $(SCHEMA_HEADER) $(SCHEMA_TABLE) build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(TOOLS_CFLAGS) -MMD -MP -c -o $@ $<

$(LIBCLEAVE): $(call tools_objects,libcleave)
	@rm -f $@
	ar rcs $@ $^

$(PLANNER): $(call tools_objects,planner)
	@rm -f $@
	ar rcs $@ $^

$(BALANCER): $(call tools_objects,balancer)
	@rm -f $@
	ar rcs $@ $^

$(TOOLS)/cleaved/cleaved: $(call tools_objects,cleaved) $(LIBCLEAVE) $(PLANNER) $(BALANCER)
	$(CC) $(HOST_CFLAGS) -o $@ $^ $(TOOLS_LIBS)

$(TOOLS)/cleave/cleave: $(call tools_objects,cleave) $(LIBCLEAVE) $(PLANNER) $(BALANCER)
	$(CC) $(HOST_CFLAGS) -o $@ $^ $(TOOLS_LIBS)

# JSON Schema of each verb's output with --json.
CLEAVE_SCHEMAS := $(sort $(wildcard dom0-tools/schema/*.json))
DOM0_FILES += $(foreach file,$(CLEAVE_SCHEMAS),$(file):/usr/share/cleave/schema/$(notdir $(file)):0644)

# The man page and the shells' completions, printed from the table of verbs.
CLEAVE_WORDS := $(addprefix $(TOOLS)/cleave/generated/,man bash zsh fish)
ALL_TARGETS += $(CLEAVE_WORDS)
DOM0_FILES += $(TOOLS)/cleave/generated/man:/usr/share/man/man1/cleave.1:0644 \
              $(TOOLS)/cleave/generated/bash:/usr/share/bash-completion/completions/cleave:0644 \
              $(TOOLS)/cleave/generated/zsh:/usr/share/zsh/vendor-completions/_cleave:0644 \
              $(TOOLS)/cleave/generated/fish:/usr/share/fish/vendor_completions.d/cleave.fish:0644

$(CLEAVE_WORDS): $(TOOLS)/cleave/generated/%: $(TOOLS)/cleave/cleave
	@mkdir -p $(@D)
	$< generate $* >$@

-include $(wildcard $(TOOLS)/*/*.d)

include dom0-tools/debian/build.mk

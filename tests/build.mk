# SPDX-License-Identifier: MIT
#
# The rig, which boots the machine, dom0's image, and the tests.
#
# To add a test:
# - on the host: append its program to CHECK_UNIT and give a rule that builds it; `make check-unit` runs it by
#   itself.
# - in dom0: add its program to DOM0_FILES, append a target to CHECK_SYSTEM, and give that target a recipe
#   `SMP=4 RUN_LOG=build/tests/NAME.log CMD='...' tests/rig/run.sh`; `make check` runs it with the machine
#   built.
#
# Programs of both kinds use cmocka, are built with TEST_CFLAGS (host) or HOST_CFLAGS (dom0), and exit
# non-zero if a test fails. Tests that only Cleave passes are not added to CHECK_SYSTEM when HV is xen.

CHECK_UNIT :=
CHECK_SYSTEM :=

# --- the rig --------------------------------------------------------------------------------------

RIG := build/tests/rig/rig
RIG_OBJECTS := $(addprefix build/tests/rig/,rig.o channel.o hang.o watch.o overlay.o)
RIG_REPORT := build/tests/rig/dom0/report
RIG_SIGNALS := build/tests/rig/dom0/signals
ALL_TARGETS += $(RIG)

build/tests/rig/%.o: tests/rig/%.c $(wildcard tests/rig/*.h)
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c -o $@ $<

$(RIG): $(RIG_OBJECTS)
	$(CC) $(HOST_CFLAGS) -o $@ $^

# The rig's own test runs the unchanged rig; only the files linked into the test have the sanitizers.
RIG_TEST := build/tests/rig/rig_test
CHECK_UNIT += $(RIG_TEST)
$(RIG_TEST): $(addprefix tests/rig/,rig_test.c channel.c hang.c watch.c) $(wildcard tests/rig/*.h) | $(RIG)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c,$^) -lcmocka

MAKE_EXIT := build/tests/rig/make_exit.so
$(MAKE_EXIT): tests/rig/make_exit.c | build/deps.mk
	@mkdir -p $(@D)
	@$(CC) $(HOST_CFLAGS) -shared -fPIC -o $@ $<

$(RIG_REPORT): tests/rig/dom0/report.c tests/rig/channel.h
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -static -o $@ $<

$(RIG_SIGNALS): tests/rig/dom0/signals.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -static -o $@ $<

# --- Debian's kernel, busybox and Xen -------------------------------------------------------------

DEB_LIST := $(sort $(DEB_PACKAGES)) $(DEB_MODULES)

$(DEB_STAMP): tests/rig/debs.sh $(if $(subst x$(DEB_LIST),,x$(file <$(DEB_STAMP))),FORCE)
	@echo "fetching Debian's kernel, busybox and Xen (110 MB), unpacked in build/deb"
	@tests/rig/debs.sh build/deb '$(DEB_MODULES)' $(DEB_PACKAGES)
	@printf '%s' '$(DEB_LIST)' >$@

# Unpacked files have the dates of their packages, which are older than the stamp: order-only.
$(DEB_ROOT)/%: | $(DEB_STAMP) ;

$(DEBIAN_VMLINUZ): $(DEB_STAMP)
	@mkdir -p $(@D)
	cp $(DEB_ROOT)/boot/vmlinuz-* $@.tmp && mv $@.tmp $@

$(DEBIAN_BUSYBOX): $(DEB_STAMP)
	@mkdir -p $(@D)
	cp $(DEB_ROOT)/bin/busybox $@.tmp && mv $@.tmp $@

$(DEBIAN_MODULES): $(DEB_STAMP)
	@rm -rf $@
	cp -R $(DEB_ROOT)/lib/modules $@
	@touch $@

build/xen/xen.elf: $(DEB_STAMP)
	@mkdir -p $(@D)
	gzip -d -c $(DEB_ROOT)/boot/xen-$(XEN_VERSION)-amd64.gz >$@

build/dom0/vmlinux: $(DEBIAN_VMLINUZ) dom0-tools/debian/vmlinux.sh
	@mkdir -p $(@D)
	dom0-tools/debian/vmlinux.sh $< $@

# --- dom0's image ---------------------------------------------------------------------------------

DOM0_IMAGE := build/dom0/initrd
ALL_TARGETS += $(DOM0_IMAGE) build/dom0/vmlinux

XEN_BIN := $(DEB_ROOT)/usr/lib/xen-$(XEN_VERSION)/bin
DOM0_FILES += tests/rig/dom0/init:/init \
              $(foreach name,demo end-guests,tests/rig/dom0/$(name):/usr/lib/cleave/rig/$(name))
DOM0_FILES += $(RIG_REPORT):/usr/lib/cleave/rig/report $(RIG_SIGNALS):/usr/lib/cleave/rig/signals
# whose chapter "Script it" a test runs
DOM0_FILES += README.md:/usr/share/doc/cleave/README.md:0644
# what xentop's screen needs to know of terminals
DOM0_FILES += $(foreach name,l/linux v/vt100 v/vt220 x/xterm x/xterm-256color, \
                $(DEB_ROOT)/lib/terminfo/$(name):/lib/terminfo/$(name):644)
DOM0_FILES += $(foreach tool,xl xenstored xenconsoled xen-init-dom0 xentop xen-hvmctx lsevtchn, \
                $(XEN_BIN)/$(tool):/usr/sbin/$(tool))
# at the paths that the tools were built with; and Xen's own tests
XEN_TESTS := test-resource test-paging-mempool test-tsx test-cpu-policy
DOM0_FILES += $(foreach tool,xenconsole libxl-save-helper $(XEN_TESTS), \
                $(XEN_BIN)/$(tool):/usr/lib/xen-$(XEN_VERSION)/bin/$(tool))
DOM0_FILES += $(foreach tool,chmod exists list ls read rm watch write, \
                $(DEB_ROOT)/usr/bin/xenstore-$(tool):/usr/bin/xenstore-$(tool))
DOM0_FILES += $(DEB_ROOT)/usr/bin/xenalyze:/usr/bin/xenalyze
# xl's scripts for each disk and network interface, which need bash and flock
DOM0_FILES += $(DEB_ROOT)/bin/bash:/bin/bash $(DEB_ROOT)/usr/bin/flock:/usr/bin/flock
DOM0_FILES += $(foreach script,block vif-bridge, \
                $(DEB_ROOT)/etc/xen/scripts/$(script):/etc/xen/scripts/$(script))
DOM0_FILES += $(foreach script,block-common hotplugpath locking logging vif-common xen-hotplug-common \
                xen-network-common xen-script-common, \
                $(DEB_ROOT)/etc/xen/scripts/$(script).sh:/etc/xen/scripts/$(script).sh:644)

# with which `cleave new` reads images (e2fsprogs, of this machine)
DOM0_FILES += /sbin/debugfs:/usr/sbin/debugfs

# All fragments have been read when the Makefile expands this.
dom0_sources = $(foreach entry,$(DOM0_FILES),$(firstword $(subst :, ,$(entry))))

# --- unit tests -----------------------------------------------------------------------------------

-include tests/bench/build.mk
-include tests/unit/build.mk
-include tests/tools/build.mk
-include tests/planner/build.mk
-include tests/balancer/build.mk
-include tests/dm/build.mk
-include tests/fuzz/build.mk
-include tests/nested/build.mk
-include tests/libvirt/build.mk
-include tests/system/build.mk
-include tests/hvm/build.mk
-include tests/overcommit/build.mk
-include tests/debian/build.mk
-include tests/tree/build.mk

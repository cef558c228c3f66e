# SPDX-License-Identifier: MIT
#
# Debian packages (make deb). What builds them is installed only then. tests/debian installs them on a disk.

DEB_OUT := build/packages
DEB_BUILD_PACKAGES := debhelper dpkg-dev lintian
DEB_SOURCES := $(wildcard dom0-tools/debian/*)
# what the tools put into dom0's image, but nothing of the rig's
deb_tools_files = $(filter build/dom0-tools/% dom0-tools/%,$(DOM0_FILES))
deb_tools_sources = $(foreach entry,$(deb_tools_files),$(firstword $(subst :, ,$(entry))))

.PHONY: deb
deb: $(DEB_OUT)/stamp
	@ls $(DEB_OUT)/*.deb

# An operator's machine gets the release core.
$(DEB_OUT)/stamp: $(DEB_SOURCES) $(deb_tools_sources) $(HV_SRC) \
        $(wildcard hypervisor/*/*.h hypervisor/*/*/*.h)
	@tests/rig/deps.sh $(DEB_BUILD_PACKAGES)
	@$(MAKE) --no-print-directory HV_DEBUG=0 CMD= build/release/cleave.elf
	@echo "packing Debian packages in $(DEB_OUT)"
	@dom0-tools/debian/package.sh $(DEB_OUT) dom0-tools/debian build/release/cleave.elf $(deb_tools_files)
	@lintian --allow-root --fail-on error $(DEB_OUT)/*.deb
	@touch $@

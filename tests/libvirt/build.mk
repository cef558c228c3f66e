# SPDX-License-Identifier: MIT
#
# `make check-libvirt`: Debian's libvirt with its libxl driver in dom0 (dom0.sh), from a file of 70 MB that
# only this run gets (pack.sh).

LIBVIRT := build/libvirt/libvirt.tar

$(LIBVIRT): tests/libvirt/pack.sh tests/rig/unpack.sh | build/deps.mk
	@echo "unpacking Debian's libvirt into $(@D)"
	@tests/libvirt/pack.sh $(@D)

.PHONY: check-libvirt
check-libvirt: $(LIBVIRT) | $(ALL_TARGETS) $(bootable)
	@SMP=2 DOM0_MEM=1G HV_CMDLINE="$(subst dom0_mem=$(DOM0_MEM),dom0_mem=1G,$(HV_CMDLINE))" \
	    FILES='$(LIBVIRT) tests/libvirt/dom0.sh' TIMEOUT=900 RUN_LOG=build/tests/libvirt.log \
	    CMD='sh /mnt/dom0.sh' tests/rig/run.sh

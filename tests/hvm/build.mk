# SPDX-License-Identifier: MIT
#
# Unmodified machines with Debian's device model: dom0's image with QEMU and firmware (pack.sh), and disks
# that boot by BIOS (disk.sh), one whose kernel knows nothing of Xen. Only the machine of check-hvm gets them,
# and that of `make run HVM=1`: they would double what every dom0 has to unpack.

HVM_FOLDER := build/hvm
HVM_IMAGE := $(HVM_FOLDER)/initrd
HVM_DISKS := $(HVM_FOLDER)/bare.img $(HVM_FOLDER)/pv.img
HVM_PACKAGES := grub-common grub-pc-bin xorriso mtools

$(HVM_FOLDER)/devices.cpio: tests/hvm/pack.sh tests/rig/unpack.sh $(DEB_STAMP) | build/deps.mk
	@echo "unpacking Debian's QEMU for Xen into $(@D)"
	@tests/hvm/pack.sh $(@D) $(DEB_ROOT)/usr/lib/xen-$(XEN_VERSION)/boot

$(HVM_IMAGE): $(DOM0_IMAGE) $(HVM_FOLDER)/devices.cpio
	cat $^ >$@.tmp && mv $@.tmp $@

$(HVM_FOLDER)/bare.img: HVM_ARGS := xen_nopv quiet
$(HVM_FOLDER)/pv.img: HVM_ARGS := quiet
$(HVM_DISKS): tests/hvm/disk.sh tests/hvm/init $(GUEST_DEBIAN)/vmlinuz $(GUEST_DEBIAN)/initrd.gz
	@tests/rig/deps.sh $(HVM_PACKAGES)
	tests/hvm/disk.sh $@ $(GUEST_DEBIAN)/vmlinuz $(GUEST_DEBIAN)/initrd.gz $(DEBIAN_MODULES) '$(HVM_ARGS)'

# Not yet one of CHECK_SYSTEM: the group has not run as a whole.
.PHONY: check-hvm
check-hvm: $(HVM_IMAGE) $(HVM_DISKS) | $(ALL_TARGETS) $(bootable)
	@DOM0_IMAGE=$(HVM_IMAGE) SMP=$(if $(on_cleave),2,1) MEM=3072 DOM0_MEM=1G \
	    HV_CMDLINE="$(subst dom0_mem=$(DOM0_MEM),dom0_mem=1G,$(HV_CMDLINE))" FILES='$(HVM_DISKS)' \
	    TIMEOUT=3600 RUN_LOG=$(SYSTEM)/hvm.log CMD='$(SYSTEM_PROGRAM) hvm' tests/rig/run.sh

# SPDX-License-Identifier: MIT
#
# Disks of a Debian machine: a fresh one, and one with our packages (make image), which make run DOM0=debian
# boots; and what a user does with the first (make check-install). None of it is part of make check: with
# the emulator a boot by GRUB takes minutes.

DEBIAN_HOST := build/debian-host
DEBIAN_HOST_PACKAGES := mmdebstrap fdisk dosfstools openssh-client ovmf
# what our packages depend on
DEBIAN_HOST_DEPENDS := xen-utils-4.17 xen-utils-common xenstore-utils libmnl0 libxenstore4
debian_host_debs = $(wildcard $(DEB_OUT)/cleave-hypervisor_*.deb $(DEB_OUT)/cleave-tools_*.deb)
DEBIAN_HOST_GUESTS := $(foreach file,$(wildcard guests/hello/hello.cfg guests/debian/debian.cfg),$(file)) \
                      build/guests/hello/hello.elf $(addprefix $(GUEST_DEBIAN)/,vmlinuz initrd.gz)

.PHONY: image check-install check-new check-powercut

$(DEBIAN_HOST)/tree.tar: tests/debian/tree.sh
	@tests/rig/deps.sh $(DEBIAN_HOST_PACKAGES)
	@mkdir -p $(@D)
	@echo "installing Debian 12 into $@, for some minutes"
	@tests/debian/tree.sh $@ $(DEBIAN_HOST_DEPENDS)

# the guests of a disk, named as their VM files name them
$(DEBIAN_HOST)/guests/stamp: $(DEBIAN_HOST_GUESTS)
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && mv vmlinuz debian-vmlinuz && mv initrd.gz debian-initrd
	@touch $@

debian_host_disk := tests/debian/disk.sh tests/debian/configure.sh tests/debian/setup.sh
debian_host_disk += $(DEBIAN_HOST)/tree.tar $(DEBIAN_HOST)/guests/stamp

$(DEBIAN_HOST)/fresh.img: $(debian_host_disk)
	@echo "making a disk with Debian 12, $@"
	@tests/debian/disk.sh $(DEBIAN_HOST)/tree.tar $@ $(DEBIAN_HOST)/guests

$(DEBIAN_HOST)/cleave.img: $(debian_host_disk) $(DEB_OUT)/stamp
	@echo "making a disk with Debian 12 and Cleave, $@, for some minutes"
	@tests/debian/disk.sh $(DEBIAN_HOST)/tree.tar $@ $(DEBIAN_HOST)/guests $(debian_host_debs)

image: $(DEBIAN_HOST)/cleave.img
	@echo $<

check-install: $(DEBIAN_HOST)/fresh.img $(DEB_OUT)/stamp
	@set -e; for firmware in $(or $(FIRMWARES),bios uefi); do \
	    tests/debian/install.sh $< $$firmware $(DEBIAN_HOST)/grub-$$firmware.png $(debian_host_debs); \
	done

# an image like those of clouds, and VMs made of it
$(DEBIAN_HOST)/cloud.img: tests/debian/cloud.sh
	@tests/rig/deps.sh $(DEBIAN_HOST_PACKAGES)
	@mkdir -p $(@D)
	@echo "installing Debian 12 with cloud-init into $@, for some minutes"
	@tests/debian/cloud.sh $@

check-new: $(DEBIAN_HOST)/cleave.img $(DEBIAN_HOST)/cloud.img
	@tests/debian/new.sh $^

KERNEL_TEST := tests/debian/kernel_test.sh
$(KERNEL_TEST): | $(DEBIAN_VMLINUZ) build/dom0/vmlinux ;
CHECK_UNIT += $(KERNEL_TEST) tests/debian/guests_test.sh tests/debian/grafana_test.sh

# POWERCUTS=30 times, each takes minutes; the same SEED, the same moments
check-powercut: $(DEBIAN_HOST)/cleave.img
	@tests/debian/powercut.sh $< $(or $(POWERCUTS),30) $(or $(SEED),1) $(debian_host_debs)

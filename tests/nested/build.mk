# SPDX-License-Identifier: MIT
#
# `make check-nested`: Debian's real Xen in QEMU runs Cleave as its guest (nestedhvm=1), first with
# guests/hello as Cleave's first domain, then with Debian as its dom0, which runs dom0.sh. nested.sh starts
# Cleave in Xen's dom0, and decides the result. For results see README.md of tests/, "As a guest of real Xen".

NESTED := build/tests/nested
NESTED_FILES = $(HV_IMAGE_cleave) tests/nested/cleave.cfg tests/nested/nested.sh

# Cleave's first domain is loaded at 16 MiB or above.
$(NESTED)/hello.elf: $(call guest_objects,hello) $(GUEST_LIB) guests/lib/guest.ld
	@mkdir -p $(@D)
	$(CC) $(GUEST_LDFLAGS) -Wl,--defsym=guest_base=0x1000000 -T guests/lib/guest.ld \
	    $(filter %.o,$^) -o $@

$(NESTED)/hello.bundle: $(NESTED)/hello.elf tests/rig/bundle.sh
	tests/rig/bundle.sh $@ $< beat=1

# dom0's image, followed by an archive with the difference: dom0.sh for the rig's report.
$(NESTED)/initrd: tests/nested/dom0.sh $(DOM0_IMAGE)
	@rm -rf $@.root
	@mkdir -p $@.root/usr/lib/cleave/rig $@.root/etc/rig
	cp $< $@.root/usr/lib/cleave/rig/report
	@touch $@.root/etc/rig/cmd
	(cat $(DOM0_IMAGE) && cd $@.root && find . | cpio --quiet -o -H newc -R 0:0) >$@

# There is no PCI, and probing for it takes minutes.
$(NESTED)/dom0.bundle: $(NESTED)/initrd $(HV_KERNEL_cleave) tests/rig/bundle.sh
	tests/rig/bundle.sh $@ $(HV_KERNEL_cleave) '$(DOM0_CMDLINE) pci=off earlyprintk=xen' $<

# $(call nested_run,NAME,MIB OF THE MACHINE,OF XEN'S DOM0,ARGUMENTS OF nested.sh). This make exports a CPU and
# an ACCEL chosen for Cleave, so they are unset. Xen's dom0 does not use Cleave's CPU.
nested_run = env -u CPU -u ACCEL $(MAKE) --no-print-directory run HV=xen SMP=2 TCG_THREAD=multi \
             HV_ARGS='dom0_max_vcpus=1 dom0_vcpus_pin conring_size=4M' MEM=$(2) DOM0_MEM=$(3) \
             TIMEOUT=1800 FILES='$(NESTED)/$(1).bundle $(NESTED_FILES)' RUN_LOG=$(NESTED)/$(1).log \
             CMD="sh /mnt/nested.sh $(1).bundle $(4)"

.PHONY: check-nested check-nested-hello check-nested-dom0
check-nested: check-nested-hello check-nested-dom0

check-nested-hello: $(NESTED)/hello.bundle $(NESTED_FILES)
	@$(call nested_run,hello,2048,512M,256 dom0_mem=128M 'hello: beat 10$(,)')

check-nested-dom0: $(NESTED)/dom0.bundle $(NESTED_FILES)
	@$(call nested_run,dom0,4096,1024M,1536 dom0_mem=512M 'dom0: all is well')

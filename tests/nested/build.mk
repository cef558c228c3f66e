# SPDX-License-Identifier: MIT
#
# `make check-nested`: Debian's real Xen in QEMU runs Cleave as its guest (nestedhvm=1), with guests/hello as
# Cleave's first domain. nested.sh starts it, in the dom0 of Xen, and judges. README.md of tests/, "As a
# guest of real Xen", says what was seen.

NESTED := build/tests/nested
NESTED_FILES = $(HV_IMAGE_cleave) $(NESTED)/hello.bundle tests/nested/cleave.cfg tests/nested/nested.sh

# Cleave's first domain is loaded at 16 MiB or above.
$(NESTED)/hello.elf: $(call guest_objects,hello) $(GUEST_LIB) guests/lib/guest.ld
	@mkdir -p $(@D)
	$(CC) $(GUEST_LDFLAGS) -Wl,--defsym=guest_base=0x1000000 -T guests/lib/guest.ld $(filter %.o,$^) -o $@

$(NESTED)/hello.bundle: $(NESTED)/hello.elf tests/rig/bundle.sh
	tests/rig/bundle.sh $@ $< beat=1

# $(call nested_run,NAME,MIB OF THE MACHINE,OF XEN'S DOM0,ARGUMENTS OF nested.sh). This make exports a CPU and
# an ACCEL that it chose for Cleave. Xen's dom0 stays off the CPU that Cleave is on.
nested_run = env -u CPU -u ACCEL $(MAKE) --no-print-directory run HV=xen SMP=2 TCG_THREAD=multi MEM=$(2) \
             DOM0_MEM=$(3) HV_ARGS='dom0_max_vcpus=1 dom0_vcpus_pin conring_size=4M' TIMEOUT=1200 \
             FILES='$(NESTED_FILES)' RUN_LOG=$(NESTED)/$(1).log CMD="sh /mnt/nested.sh $(4)"

.PHONY: check-nested check-nested-hello
check-nested: check-nested-hello

check-nested-hello: $(NESTED_FILES)
	@$(call nested_run,hello,2048,512M,hello.bundle 256 dom0_mem=128M 'hello: beat 10$(,)')

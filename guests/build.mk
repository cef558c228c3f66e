# SPDX-License-Identifier: MIT
#
# The guests. guests/lib and the folder of each guest are linked to build/guests/NAME/NAME.elf, which dom0
# has as /guests/NAME.elf, with the folder's VM files (/guests/*.cfg). guests/debian is Debian's kernel with
# a small busybox initrd. To add a guest, create a folder and add its name to GUESTS.

GUESTS := hello witness crash evil flush hog smp spin meter bench ping flood memhog

GUEST_CFLAGS := -m64 -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes \
                -ffreestanding -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
                -fcf-protection=none -mno-red-zone -mgeneral-regs-only -mcmodel=small \
                -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ \
                -Iguests/lib -Ibuild/xenstore-schema
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
                 -Wl,--no-warn-rwx-segments

guest_objects = $(patsubst %,build/%.o,$(sort $(wildcard guests/$(1)/*.c guests/$(1)/*.S)))
GUEST_LIB := $(call guest_objects,lib)

build/guests/%.c.o: guests/%.c | $(GUEST_SCHEMA)
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

build/guests/%.S.o: guests/%.S
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@

define guest_rule
build/guests/$(1)/$(1).elf: $(call guest_objects,$(1)) $(GUEST_LIB) guests/lib/guest.ld
	$$(CC) $$(GUEST_LDFLAGS) -T guests/lib/guest.ld $$(filter %.o,$$^) -o $$@
ALL_TARGETS += build/guests/$(1)/$(1).elf
DOM0_FILES += build/guests/$(1)/$(1).elf:/guests/$(1).elf
endef
$(foreach guest,$(GUESTS),$(eval $(call guest_rule,$(guest))))

DOM0_FILES += $(foreach cfg,$(sort $(wildcard guests/*/*.cfg)),$(cfg):/guests/$(notdir $(cfg)))

# --- guests/debian -----------------------------------------------------------------------------------------

GUEST_DEBIAN := build/guests/debian
ALL_TARGETS += $(addprefix $(GUEST_DEBIAN)/,vmlinuz initrd.gz disk.img cloud-vmlinuz cloud-initrd grub-pvh)
DOM0_FILES += $(GUEST_DEBIAN)/vmlinuz:/guests/debian-vmlinuz $(GUEST_DEBIAN)/initrd.gz:/guests/debian-initrd
DOM0_FILES += $(GUEST_DEBIAN)/disk.img:/guests/debian-disk:644
# Debian's cloud kernel, and GRUB as a guest: too large for every run, so they are copied by FILES="...".
GUEST_MORE := $(addprefix $(GUEST_DEBIAN)/,cloud-vmlinuz cloud-initrd grub-pvh)

$(GUEST_DEBIAN)/vmlinuz: $(DEBIAN_VMLINUZ)
	@mkdir -p $(@D)
	cp $< $@

$(GUEST_DEBIAN)/cloud-vmlinuz: $(DEB_STAMP)
	@mkdir -p $(@D)
	cp build/deb/cloud/boot/vmlinuz-* $@

$(GUEST_DEBIAN)/grub-pvh: $(DEB_STAMP)
	@mkdir -p $(@D)
	cp $(DEB_ROOT)/usr/lib/grub-xen/grub-i386-xen_pvh.bin $@

# The user space: busybox, the init script, and the xenstore tools with their libraries.
GUEST_TOOLS := $(foreach tool,exists list read watch write,$(DEB_ROOT)/usr/bin/xenstore-$(tool))
GUEST_USER := guests/debian/init guests/debian/image.sh $(DEBIAN_BUSYBOX) $(GUEST_TOOLS)

$(GUEST_DEBIAN)/initrd.gz: $(GUEST_USER) $(DEB_STAMP)
	guests/debian/image.sh initrd $@ $(DEB_ROOT) $(DEBIAN_BUSYBOX) $(GUEST_TOOLS)

$(GUEST_DEBIAN)/cloud-initrd: $(GUEST_USER) $(DEB_STAMP)
	guests/debian/image.sh initrd $@ build/deb/cloud $(DEBIAN_BUSYBOX) $(GUEST_TOOLS)

$(GUEST_DEBIAN)/disk.img: $(GUEST_USER)
	guests/debian/image.sh disk $@ - $(DEBIAN_BUSYBOX) $(GUEST_TOOLS)

# --- guests/hvm --------------------------------------------------------------------------------------------

# A disk for a PC's BIOS; too large for every run, so it is copied by FILES="...".
GUEST_HVM_DISK := build/guests/hvm/hvm-disk

$(GUEST_HVM_DISK): guests/hvm/disk.sh guests/hvm/init guests/hvm/grub.cfg $(DEBIAN_BUSYBOX) $(DEB_STAMP)
	@mkdir -p $(@D)
	@tests/rig/deps.sh grub-common grub-pc-bin cpio e2fsprogs
	guests/hvm/disk.sh $@ $(DEB_ROOT) $(DEBIAN_BUSYBOX)

-include $(wildcard build/guests/*/*.d)

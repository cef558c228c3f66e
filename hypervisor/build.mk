# SPDX-License-Identifier: MIT
# The core: build/cleave.elf, from every .c and .S below hypervisor/. HV_DEBUG=0 builds without asserts, in
# build/release, so that the two never mix.

HV_DEBUG ?= 1
HV_BUILD := build$(if $(filter 1,$(HV_DEBUG)),,/release)
HV_SRC := $(sort $(wildcard hypervisor/*/*.c hypervisor/*/*.S))
HV_OBJ := $(patsubst hypervisor/%,$(HV_BUILD)/hypervisor/%.o,$(basename $(HV_SRC)))
HV_XEN_INCLUDE := build/hypervisor/include-xen

# Of about 260 instructions of a null hypercall, retpolines (-mindirect-branch) cost 12 and frame pointers 3. LTO of the
# release build inlines locks and register accessors across files, which saves a fifth. It uses one partition, as
# otherwise the partitioning decides what is inlined.
HV_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wframe-larger-than=2560 -Werror \
    -ffreestanding -nostdinc -fno-strict-aliasing -fno-common -fno-pie -fno-stack-protector -fcf-protection=none \
    -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-jump-tables -mindirect-branch=thunk-inline \
    -m64 -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -ffunction-sections \
    -isystem $(shell $(CC) -print-file-name=include) -isystem $(HV_XEN_INCLUDE) -iquote hypervisor/include -iquote hypervisor \
    -D__XEN_TOOLS__ $(if $(filter 1,$(HV_DEBUG)),-DCLV_DEBUG=1,-DCLV_DEBUG=0 -flto -flto-partition=one)

$(HV_BUILD)/cleave.elf: hypervisor/core.lds $(HV_OBJ)
	$(CC) $(HV_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none,-z,max-page-size=4096,-z,noexecstack,--gc-sections,--no-warn-rwx-segments \
	    -Wl,-T,hypervisor/core.lds -o $@ $(HV_OBJ)

$(HV_XEN_INCLUDE)/xen:
	mkdir -p $(@D)
	ln -sfn $(XEN_PUBLIC_INCLUDE) $@

$(HV_BUILD)/hypervisor/%.o: hypervisor/%.c | $(HV_XEN_INCLUDE)/xen
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

$(HV_BUILD)/hypervisor/%.o: hypervisor/%.S | $(HV_XEN_INCLUDE)/xen
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

-include $(HV_OBJ:.o=.d)

# Xen's public headers, from libxen-dev.
XEN_PUBLIC_INCLUDE ?= /usr/include/xen

ALL_TARGETS += $(HV_BUILD)/cleave.elf
DEPS_PACKAGES += libxen-dev gcc libc6-dev

# SPDX-License-Identifier: MIT
#
# Fuzzers: the core's decoder and its hypercall layer, built for the host by clang with libFuzzer and the
# address and undefined behaviour sanitizers, on the unit tests' machine (tests/unit/harness.c). `make fuzz
# T=600` runs all of them, T seconds in total; `make check` runs each for half a minute, from the seeds.
# libFuzzer's corpus is kept under FUZZ_OUT. A failing input is left there as crash-NAME-...: run the fuzzer
# with that file as argument.

FUZZ_OUT := build/tests/fuzz
FUZZ_CC := clang-14
# seconds
T ?= 60
FUZZERS := hypercalls decode
# seconds for each in make check
CHECK_FUZZ := 30
FUZZ_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -fno-omit-frame-pointer \
    -fno-strict-aliasing -fno-common -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
    -include tests/unit/include/percpu.h -include tests/unit/include/directmap.h \
    -iquote tests/unit/include -iquote hypervisor/include -iquote hypervisor -D__XEN_TOOLS__ -DCLV_DEBUG \
    -Dsched_yield=core_sched_yield
fuzz_core := $(patsubst hypervisor/%.c,%,$(wildcard hypervisor/core/*.c hypervisor/hypercall/*.c) \
    $(wildcard hypervisor/vdev/*.c) $(addprefix hypervisor/,cpu/softirq.c cpu/trace.c mm/owner.c $(unit_mm)))
fuzz_rename := $(foreach s,.data .data.rel.local .data.rel,--rename-section $(s)=core_data) \
    --rename-section .bss=core_bss
FUZZ_WRAP := $(UNIT_WRAP),--wrap=p2m_set,--wrap=p2m_populate,--wrap=p2m_remove
fuzz_harness := harness fakes/inject fakes/tlb fakes/features fakes/boot_info fakes/devices fakes/timers \
    fakes/watchdog

DEPS_PACKAGES += clang-14 libclang-rt-14-dev

check: check-fuzz

$(FUZZ_OUT)/core/%.o: hypervisor/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<
	objcopy $(fuzz_rename) $@
$(FUZZ_OUT)/core/dom0/pci.o: FUZZ_CFLAGS += -include tests/unit/include/ports_fake.h

$(FUZZ_OUT)/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_OUT)/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(FUZZ_OUT)/*.d $(FUZZ_OUT)/unit/*.d $(FUZZ_OUT)/unit/fakes/*.d $(FUZZ_OUT)/core/*/*.d)

$(FUZZ_OUT)/hypercalls: $(addprefix $(FUZZ_OUT)/,hypercalls.o world.o between.o \
    $(fuzz_harness:%=unit/%.o) $(fuzz_core:%=core/%.o))
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $(FUZZ_WRAP) -o $@ $^

$(FUZZ_OUT)/decode: $(addprefix $(FUZZ_OUT)/,decode.o unit/harness.o unit/fakes/cpus.o core/guest/decode.o)
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^

# The same machine without libFuzzer: each allocation of each seed fails once (inject.c).
CHECK_UNIT += $(FUZZ_OUT)/inject
$(FUZZ_OUT)/inject.o: FUZZ_CFLAGS += -DSEEDS='"$(FUZZ_OUT)/seeds-hypercalls"'
$(FUZZ_OUT)/inject: $(addprefix $(FUZZ_OUT)/,inject.o hypercalls.o world.o between.o \
    $(fuzz_harness:%=unit/%.o) $(fuzz_core:%=core/%.o)) | $(FUZZ_OUT)/seeds-hypercalls
	$(FUZZ_CC) -fsanitize=address,undefined $(FUZZ_WRAP) -o $@ $^

# The decoder beside capstone's.
DEPS_PACKAGES += libcapstone-dev
CHECK_UNIT += $(FUZZ_OUT)/decode_reference
$(FUZZ_OUT)/decode_reference: tests/fuzz/decode_reference.c $(wildcard hypervisor/guest/decode.*) | \
    $(HV_XEN_INCLUDE)/xen
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -iquote hypervisor/include -iquote hypervisor -isystem $(HV_XEN_INCLUDE) \
	    -o $@ $(filter %.c,$^) -lcapstone

$(FUZZ_OUT)/seeds: tests/fuzz/seeds.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -o $@ $<

$(FUZZ_OUT)/seeds-%: $(FUZZ_OUT)/seeds
	rm -rf $@ && mkdir -p $@ && $< $* $@

# $(call fuzz,NAME,SECONDS): starts from the seeds and the saved corpus.
fuzz = mkdir -p $(FUZZ_OUT)/corpus-$(1) && echo "fuzzing $(1) for $(2) seconds" && \
    $(FUZZ_OUT)/$(1) -max_total_time=$(2) -timeout=20 -verbosity=0 -print_final_stats=1 -use_value_profile=1 \
    -max_len=$(FUZZ_LENGTH_$(1)) -artifact_prefix=$(FUZZ_OUT)/crash-$(1)- $(FUZZ_OUT)/corpus-$(1) \
    $(FUZZ_OUT)/seeds-$(1)
FUZZ_LENGTH_hypercalls := 2048
FUZZ_LENGTH_decode := 16
fuzz_programs := $(foreach f,$(FUZZERS),$(FUZZ_OUT)/$(f) $(FUZZ_OUT)/seeds-$(f))

# The decoder is small: a tenth of the time.
fuzz_all = $(call fuzz,decode,$(shell expr \( $(1) + 9 \) / 10)) && \
    $(call fuzz,hypercalls,$(shell expr $(1) \* 9 / 10))

.PHONY: fuzz check-fuzz
fuzz: $(fuzz_programs)
	@$(call fuzz_all,$(T))

# From the seeds alone and, if the kernel allows it, at fixed addresses (libFuzzer uses compared values, also
# pointers, in its inputs). So each check takes the same path for half a minute. `make fuzz` explores.
check-fuzz: $(fuzz_programs)
	@set -e; fixed=$$(setarch -R true 2>/dev/null && echo setarch -R) || true; for f in $(FUZZERS); do \
	    echo "fuzzing $$f for $(CHECK_FUZZ) seconds"; \
	    rm -rf $(FUZZ_OUT)/check-$$f; mkdir $(FUZZ_OUT)/check-$$f; \
	    $$fixed $(FUZZ_OUT)/$$f -seed=1 -max_total_time=$(CHECK_FUZZ) -timeout=20 -verbosity=0 \
	        -artifact_prefix=$(FUZZ_OUT)/crash-$$f- $(FUZZ_OUT)/check-$$f $(FUZZ_OUT)/seeds-$$f; \
	done

# SPDX-License-Identifier: MIT
#
# Host tests of cleave-dm: its devices with a guest that is an array. random_test.c is also built for
# libFuzzer (make fuzz-dm T=60).

DM_TEST := build/tests/dm
DM_TESTED := $(addprefix dom0-tools/cleave-dm/,balloon.c block.c bus.c chipset.c console.c disk.c entropy.c \
             fwcfg.c ioreq.c machine.c memory.c net.c pci.c queue.c rtc.c serial.c state.c virtio.c)
DM_HEADERS := $(wildcard tests/dm/*.h dom0-tools/cleave-dm/*.h)
DM_NEEDS := tests/dm/world.c $(DM_TESTED)

CHECK_UNIT += $(DM_TEST)/virtio_test $(DM_TEST)/platform_test $(DM_TEST)/random_test
$(DM_TEST)/%_test: tests/dm/%_test.c $(DM_NEEDS) $(DM_HEADERS) | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Itests/dm -Idom0-tools/cleave-dm -o $@ $(filter %.c,$^) -lcmocka -luring

# The devices' headers and code are built for libFuzzer by clang; what it finds is in build/tests/dm/corpus.
.PHONY: fuzz-dm
fuzz-dm: | build/deps.mk
	@tests/rig/deps.sh clang
	@mkdir -p $(DM_TEST)/corpus
	clang -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -DFUZZ -Itests/dm -Idom0-tools/cleave-dm \
	    -o $(DM_TEST)/fuzz tests/dm/random_test.c $(DM_NEEDS) -lcmocka -luring
	$(DM_TEST)/fuzz -max_total_time=$(T) -max_len=4096 -artifact_prefix=$(DM_TEST)/ $(DM_TEST)/corpus

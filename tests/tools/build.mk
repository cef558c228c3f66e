# SPDX-License-Identifier: MIT
#
# Host tests of the parts of the tools that need neither a hypervisor nor a store, with the sanitizers.

TOOLS_TEST := build/tests/tools/tools_test
TOOLS_TESTED := image.c path.c progress.c report.c similar.c vmdevices.c vmfile.c vmkeys.c vmreader.c \
                vmtext.c
TOOLS_TESTED := $(addprefix dom0-tools/libcleave/,$(TOOLS_TESTED))

$(TOOLS_TEST): | $(SCHEMA_HEADER) build/deps.mk
CHECK_UNIT += $(TOOLS_TEST)
$(TOOLS_TEST): tests/tools/tools_test.c $(TOOLS_TESTED) $(BALANCER) $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(TOOLS_INCLUDES) -o $@ $(filter %.c %.a,$^) -lcmocka $(TOOLS_LIBS)

# The table of verbs, and everything generated from it. Links all of cleave except main.c.
INTERFACE_TEST := build/tests/tools/interface_test
INTERFACE_TESTED := $(filter-out %/main.c,$(wildcard dom0-tools/cleave/*.c))

CHECK_UNIT += $(INTERFACE_TEST)
$(INTERFACE_TEST): | build/deps.mk
$(INTERFACE_TEST): tests/tools/interface_test.c $(INTERFACE_TESTED) $(wildcard dom0-tools/*/*.h) \
                   $(LIBCLEAVE) $(PLANNER) $(BALANCER) $(CLEAVE_WORDS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(TOOLS_INCLUDES) -Idom0-tools/cleave \
	    -DGENERATED='"$(TOOLS)/cleave/generated"' -o $@ $(filter %.c,$^) $(LIBCLEAVE) $(PLANNER) $(BALANCER) \
	    -lcmocka $(TOOLS_LIBS)

# The schemas of JSON output, and the validator that the system tests also use.
SCHEMA_TEST := build/tests/tools/schema_test

CHECK_UNIT += $(SCHEMA_TEST)
$(SCHEMA_TEST): | build/deps.mk
$(SCHEMA_TEST): tests/tools/schema_test.c tests/tools/schema.c tests/tools/schema.h $(CLEAVE_SCHEMAS)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c,$^) -lcmocka -ljansson

# State on disk, in a folder of the build; the rest of libcleave is linked unchanged.
VMS_TEST := build/tests/tools/vms_test
VMS_TESTED := $(addprefix dom0-tools/libcleave/,book.c events.c life.c lock.c membook.c progress.c promise.c \
              report.c jsonfile.c usage.c vmfile.c vms.c vmtext.c)
VMS_DEFINES := -DVMS_HOME='"build/tests/tools/vms"' -DLOCK_FILE='"build/tests/tools/vms.lock"'

$(VMS_TEST): | $(SCHEMA_HEADER) build/deps.mk
CHECK_UNIT += $(VMS_TEST)
$(VMS_TEST): tests/tools/vms_test.c tests/tools/schema.c $(VMS_TESTED) $(LIBCLEAVE) $(PLANNER) $(BALANCER) \
             $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(VMS_DEFINES) -Itests/tools $(TOOLS_INCLUDES) -o $@ \
	    $(filter %.c,$^) $(LIBCLEAVE) $(PLANNER) $(BALANCER) -lcmocka $(TOOLS_LIBS)

# The line of progress, on a terminal of its own.
PROGRESS_TEST := build/tests/tools/progress_test
PROGRESS_TESTED := $(addprefix dom0-tools/libcleave/,progress.c report.c)

CHECK_UNIT += $(PROGRESS_TEST)
$(PROGRESS_TEST): | build/deps.mk
$(PROGRESS_TEST): tests/tools/progress_test.c $(PROGRESS_TESTED) $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Idom0-tools/libcleave -o $@ $(filter %.c,$^) -lcmocka -lutil

# The file of a saved VM.
STATEFILE_TEST := build/tests/tools/statefile_test
STATEFILE_TESTED := $(addprefix dom0-tools/libcleave/,statefile.c lock.c progress.c report.c)

CHECK_UNIT += $(STATEFILE_TEST)
$(STATEFILE_TEST): | build/deps.mk
$(STATEFILE_TEST): tests/tools/statefile_test.c $(STATEFILE_TESTED) $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(TOOLS_INCLUDES) -o $@ $(filter %.c,$^) -lcmocka -lz -pthread

# The file of paged pages.
PAGEFILE_TEST := build/tests/tools/pagefile_test

CHECK_UNIT += $(PAGEFILE_TEST)
$(PAGEFILE_TEST): tests/tools/pagefile_test.c dom0-tools/libcleave/pagefile.c dom0-tools/libcleave/pagefile.h
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Idom0-tools/libcleave -o $@ $(filter %.c,$^) -lcmocka -lz

# The schema of the store and xenstored's quotas.
STORE_TEST := build/tests/tools/store_test
STORE_TESTED := $(addprefix dom0-tools/libcleave/,storequota.c storeschema.c progress.c report.c)

CHECK_UNIT += $(STORE_TEST)
$(STORE_TEST): | build/deps.mk
$(STORE_TEST): tests/tools/store_test.c $(STORE_TESTED) $(SCHEMA_TABLE) $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -Idom0-tools/libcleave -I$(SCHEMA) -o $@ $(filter %.c,$^) -lcmocka -lxenstore

# libxl's records of domains, in a folder of the build.
XLRECORD_TEST := build/tests/tools/xlrecord_test
XLRECORD_TESTED := $(addprefix dom0-tools/libcleave/,xlrecord.c lock.c path.c progress.c report.c similar.c \
                   vmdevices.c)

CHECK_UNIT += $(XLRECORD_TEST)
$(XLRECORD_TEST): | build/deps.mk
$(XLRECORD_TEST): tests/tools/xlrecord_test.c $(XLRECORD_TESTED) $(wildcard dom0-tools/libcleave/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DXLRECORD_HOME='"build/tests/tools/xl"' -DLOCK_FILE='"build/tests/tools/xl.lock"' \
	    $(TOOLS_INCLUDES) -o $@ $(filter %.c,$^) -lcmocka $(TOOLS_LIBS)

# What cleaved says of promises, from made-up samples.
JUDGE_TEST := build/tests/tools/judge_test
JUDGE_TESTED := dom0-tools/cleaved/judge.c $(addprefix dom0-tools/libcleave/,jsonfile.c usage.c) \
                $(wildcard dom0-tools/planner/*.c)

CHECK_UNIT += $(JUDGE_TEST)
$(JUDGE_TEST): | build/deps.mk
$(JUDGE_TEST): tests/tools/judge_test.c $(JUDGE_TESTED) $(wildcard dom0-tools/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(TOOLS_INCLUDES) -Idom0-tools/cleaved -o $@ $(filter %.c,$^) -lcmocka -ljansson

# cleave top and cleave metrics: lines of made-up VMs; and the HTTP server.
METRICS_TEST := build/tests/tools/metrics_test
METRICS_TESTED := $(addprefix dom0-tools/cleave/,metrics.c http.c deadline.c toplines.c sample.c list.c \
                  output.c cpuprint.c)
HTTP_TEST := build/tests/tools/http_test
HTTP_TESTED := $(addprefix dom0-tools/,cleave/http.c cleave/deadline.c libcleave/progress.c \
               libcleave/report.c)

CHECK_UNIT += $(METRICS_TEST) $(HTTP_TEST)
$(METRICS_TEST) $(HTTP_TEST): | $(SCHEMA_HEADER) build/deps.mk
$(METRICS_TEST): tests/tools/metrics_test.c tests/tools/prometheus.c tests/tools/prometheus.h \
                 $(METRICS_TESTED) $(wildcard dom0-tools/*/*.h) $(LIBCLEAVE) $(PLANNER) $(BALANCER)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(TOOLS_INCLUDES) -Idom0-tools/cleave -o $@ $(filter %.c,$^) \
	    $(LIBCLEAVE) $(PLANNER) $(BALANCER) -lcmocka $(TOOLS_LIBS)

$(HTTP_TEST): tests/tools/http_test.c $(HTTP_TESTED) $(wildcard dom0-tools/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(TOOLS_INCLUDES) -Idom0-tools/cleave -o $@ $(filter %.c,$^) -lcmocka

# The file of a trace, and its checker, which the system tests also use.
TRACE_TEST := build/tests/tools/trace_test
TRACE_TESTED := $(addprefix dom0-tools/cleave/,tracefile.c tracexen.c output.c) tests/tools/tracecheck.c

CHECK_UNIT += $(TRACE_TEST)
$(TRACE_TEST): | build/deps.mk
$(TRACE_TEST): tests/tools/trace_test.c $(TRACE_TESTED) $(wildcard dom0-tools/*/*.h tests/tools/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) $(TOOLS_INCLUDES) -Idom0-tools/cleave -o $@ $(filter %.c,$^) -lcmocka -ljansson -lm

# The book of promises and histories of demand, in a folder of the build.
BOOK_TEST := build/tests/tools/book_test
BOOK_TESTED := $(addprefix dom0-tools/libcleave/,book.c core.c jsonfile.c lock.c progress.c \
               report.c usage.c vms.c)

CHECK_UNIT += $(BOOK_TEST)
$(BOOK_TEST): | $(SCHEMA_HEADER) build/deps.mk
$(BOOK_TEST): tests/tools/book_test.c $(BOOK_TESTED) $(LIBCLEAVE) $(PLANNER) $(BALANCER) \
              $(wildcard dom0-tools/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DVMS_HOME='"build/tests/tools/book"' -DLOCK_FILE='"build/tests/tools/book.lock"' \
	    $(TOOLS_INCLUDES) -o $@ $(filter %.c,$^) $(LIBCLEAVE) $(PLANNER) $(BALANCER) -lcmocka $(TOOLS_LIBS)

REMOTE_TEST := tests/tools/remote_test.sh
CHECK_UNIT += $(REMOTE_TEST)
$(REMOTE_TEST): | $(TOOLS)/cleave/cleave ;

# What is remembered of VMs' memory, in a folder of the build; and the estimate from a sample.
MEMORY_TEST := build/tests/tools/memory_test
MEMORY_TESTED := $(addprefix dom0-tools/libcleave/,jsonfile.c lock.c membook.c memory.c progress.c \
                 report.c vms.c)

CHECK_UNIT += $(MEMORY_TEST)
$(MEMORY_TEST): | $(SCHEMA_HEADER) build/deps.mk
$(MEMORY_TEST): tests/tools/memory_test.c $(MEMORY_TESTED) $(LIBCLEAVE) $(PLANNER) $(BALANCER) \
                $(wildcard dom0-tools/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DVMS_HOME='"build/tests/tools/memory"' -DLOCK_FILE='"build/tests/tools/memory.lock"' \
	    $(TOOLS_INCLUDES) -Wl,--wrap=core_sample_read -o $@ $(filter %.c,$^) $(LIBCLEAVE) $(PLANNER) \
	    $(BALANCER) -lcmocka $(TOOLS_LIBS)

# A period of the memory balancer, and room for a new VM, with a hypervisor and guests of the test's own.
BALANCE_TEST := build/tests/tools/balance_test
BALANCE_TESTED := $(addprefix dom0-tools/libcleave/,balance.c events.c jsonfile.c lock.c membook.c \
                  progress.c report.c vmfile.c vms.c) dom0-tools/cleaved/rebalance.c
COMMA := ,
BALANCE_FAKES := domain_list hv_memory memory_look memory_write memory_withdraw memory_begin_sample \
                 memory_end_sample paging_ask

CHECK_UNIT += $(BALANCE_TEST)
$(BALANCE_TEST): | $(SCHEMA_HEADER) build/deps.mk
$(BALANCE_TEST): tests/tools/balance_test.c $(BALANCE_TESTED) $(LIBCLEAVE) $(PLANNER) $(BALANCER) \
                 $(wildcard dom0-tools/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DVMS_HOME='"build/tests/tools/balance"' \
	    -DLOCK_FILE='"build/tests/tools/balance.lock"' \
	    -DLOCK_PATH='"build/tests/tools/balance.memory"' $(patsubst %,-Wl$(COMMA)--wrap=%,$(BALANCE_FAKES)) \
	    $(TOOLS_INCLUDES) -Idom0-tools/cleaved -o $@ $(filter %.c,$^) $(LIBCLEAVE) $(PLANNER) $(BALANCER) \
	    -lcmocka $(TOOLS_LIBS)

# What cleave new makes a VM from, with images of the test's own.
NEW_TEST := build/tests/tools/new_test
NEW_TESTED := $(addprefix dom0-tools/libcleave/,diskboot.c diskcopy.c lock.c progress.c report.c seed.c \
              tool.c vmfolder.c vms.c)

CHECK_UNIT += $(NEW_TEST)
$(NEW_TEST): | $(SCHEMA_HEADER) build/deps.mk
$(NEW_TEST): tests/tools/new_test.c $(NEW_TESTED) $(LIBCLEAVE) $(PLANNER) $(BALANCER) \
             $(wildcard dom0-tools/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DVMS_HOME='"build/tests/tools/new/home"' \
	    -DLOCK_FILE='"build/tests/tools/new.lock"' $(TOOLS_INCLUDES) -o $@ $(filter %.c,$^) \
	    $(LIBCLEAVE) $(PLANNER) $(BALANCER) -lcmocka $(TOOLS_LIBS)

# The verb as a whole, with a machine of the test's own.
NEWVERB_TEST := build/tests/tools/newverb_test
NEWVERB_TESTED := $(INTERFACE_TESTED) $(VMS_TESTED) dom0-tools/libcleave/vmfolder.c

CHECK_UNIT += $(NEWVERB_TEST)
$(NEWVERB_TEST): | $(SCHEMA_HEADER) build/deps.mk
$(NEWVERB_TEST): tests/tools/newverb_test.c $(NEWVERB_TESTED) $(LIBCLEAVE) $(PLANNER) $(BALANCER) \
                 $(wildcard dom0-tools/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DVMS_HOME='"build/tests/tools/newverb"' \
	    -DLOCK_FILE='"build/tests/tools/newverb.lock"' $(TOOLS_INCLUDES) -Idom0-tools/cleave \
	    -Wl,--wrap=create_check -Wl,--wrap=life_start -o $@ $(filter %.c,$^) \
	    $(LIBCLEAVE) $(PLANNER) $(BALANCER) -lcmocka $(TOOLS_LIBS)

# Consoles of one guest, which is a pseudo-terminal and a log.
CONSOLE_TEST := build/tests/tools/console_test
CONSOLE_TESTED := $(addprefix dom0-tools/libcleave/,console.c progress.c report.c)

CHECK_UNIT += $(CONSOLE_TEST)
$(CONSOLE_TEST): | $(SCHEMA_HEADER) build/deps.mk
$(CONSOLE_TEST): tests/tools/console_test.c $(CONSOLE_TESTED) $(LIBCLEAVE) $(wildcard dom0-tools/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -DCONSOLE_LOG='"build/tests/tools/console/guest-%s.log"' $(TOOLS_INCLUDES) \
	    -Wl,--wrap=store_read_text -Wl,--wrap=domain_get -o $@ $(filter %.c,$^) \
	    $(LIBCLEAVE) $(PLANNER) $(BALANCER) -lcmocka $(TOOLS_LIBS) -lutil

# SPDX-License-Identifier: MIT
#
# The store's schema. From schema.txt the build generates the constants (cleave-schema.h, for tools and
# guests), the table of `cleave store check`, and the reference page build/xenstore-schema/schema.md.

SCHEMA := build/xenstore-schema
SCHEMA_HEADER := $(SCHEMA)/cleave-schema.h
# a prerequisite in guests/build.mk
GUEST_SCHEMA := $(SCHEMA_HEADER)

# a prerequisite in dom0-tools/build.mk and tests/tools/build.mk
SCHEMA_TABLE := $(SCHEMA)/cleave-schema-table.h

ALL_TARGETS += $(SCHEMA_HEADER) $(SCHEMA)/schema.md

$(SCHEMA)/generate: xenstore-schema/generate.c | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -o $@ $<

$(SCHEMA_HEADER): schema_output := header
$(SCHEMA_TABLE): schema_output := table
$(SCHEMA)/schema.md: schema_output := page
$(SCHEMA_HEADER) $(SCHEMA_TABLE) $(SCHEMA)/schema.md: \
        xenstore-schema/schema.txt $(SCHEMA)/generate
	$(SCHEMA)/generate $(schema_output) $< >$@

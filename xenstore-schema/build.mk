# SPDX-License-Identifier: MIT
#
# The store's schema. From schema.txt the build generates the constants (cleave-schema.h, for tools and
# guests), the checker's table, and the reference page build/xenstore-schema/schema.md. The checker in dom0
# is cleave-schema-check.

SCHEMA := build/xenstore-schema
SCHEMA_HEADER := $(SCHEMA)/cleave-schema.h
# a prerequisite in guests/build.mk
GUEST_SCHEMA := $(SCHEMA_HEADER)

ALL_TARGETS += $(SCHEMA_HEADER) $(SCHEMA)/schema.md $(SCHEMA)/cleave-schema-check
DOM0_FILES += $(SCHEMA)/cleave-schema-check:/usr/bin/cleave-schema-check

$(SCHEMA)/generate: xenstore-schema/generate.c | build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -o $@ $<

$(SCHEMA_HEADER): schema_output := header
$(SCHEMA)/cleave-schema-table.h: schema_output := table
$(SCHEMA)/schema.md: schema_output := page
$(SCHEMA_HEADER) $(SCHEMA)/cleave-schema-table.h $(SCHEMA)/schema.md: \
        xenstore-schema/schema.txt $(SCHEMA)/generate
	$(SCHEMA)/generate $(schema_output) $< >$@

$(SCHEMA)/cleave-schema-check: xenstore-schema/check.c $(SCHEMA)/cleave-schema-table.h $(SCHEMA_HEADER)
	$(CC) $(HOST_CFLAGS) -I$(SCHEMA) -o $@ $< -lxenstore

/* SPDX-License-Identifier: MIT */
/*
 * Validates JSON by the part of JSON Schema (draft 2020-12) that dom0-tools/schema uses: type,
 * const, enum, properties, required, additionalProperties (false), items, minimum, maximum,
 * pattern, and $ref to another file of the folder.
 */
#ifndef TESTS_TOOLS_SCHEMA_H
#define TESTS_TOOLS_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Checks value by FOLDER/NAME.json. False: problem says where and why; so does a schema with a
 * keyword that is not among the above, or that cannot be read.
 */
bool schema_check(const char *folder, const char *name, const json_t *value, char problem[256]);

#endif

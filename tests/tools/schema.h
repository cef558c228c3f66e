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
 * Checks value against FOLDER/NAME.json. False: problem has the place and the reason. The same for
 * a schema that cannot be read, or has a keyword not listed above.
 */
bool schema_check(const char *folder, const char *name, const json_t *value, char problem[256]);

#endif

/* SPDX-License-Identifier: MIT */
/* Strings and numbers of a VM file, by libxlutil; errors name the line. Read next: vmfile.c. */
#define _GNU_SOURCE
#include "vmreader.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "vmkeys.h"

const char *vmreader_where(struct vmreader *reader, const char *key)
{
    int line = vmkeys_line(reader->text, key);

    snprintf(reader->place, sizeof(reader->place), "%s", reader->path);
    if (line > 0 && line <= reader->lines)
        snprintf(reader->place, sizeof(reader->place), "%s:%d", reader->path, line);
    return reader->place;
}

XLU_Config *vmreader_parse(const char *path, const char *text)
{
    char *words = NULL;
    size_t length = 0;
    FILE *report = open_memstream(&words, &length);
    XLU_Config *config = report ? xlu_cfg_init(report, path) : NULL;
    bool failed = !config || xlu_cfg_readdata(config, text, strlen(text)) != 0;

    if (report)
        fclose(report);
    if (failed) {
        words[strcspn(words, "\n")] = '\0';
        report_error(REPORT_USAGE, "VM file %s is not in xl.cfg syntax: %s", path,
                     *words ? words : "unreadable");
    }
    free(words);
    if (failed && config)
        xlu_cfg_destroy(config);
    return failed ? NULL : config;
}

const char *vmreader_text(struct vmreader *reader, const char *key, const char *fallback)
{
    const char *value;
    int error = xlu_cfg_get_string(reader->config, key, &value, 1);

    if (error == ESRCH)
        return fallback;
    if (error == 0)
        return value;
    report_error(REPORT_USAGE, "VM file %s: %s must be a string: %s = \"...\"",
                 vmreader_where(reader, key), key, key);
    return NULL;
}

/* Returns MiB for a text like 4G or 512 MiB. 0: it is none. */
static unsigned long long mib_of(const char *text)
{
    static const char units[] = "MGT";
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    const char *unit;

    end += strspn(end, " ");
    unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (!isdigit((unsigned char)*text) || !unit || number > 1 << 20)
        return 0;
    return number << (unit - units) * 10;
}

static int report_no_number(struct vmreader *reader, const char *key,
                            const struct vmreader_limits *limits)
{
    const char *text;

    if (xlu_cfg_get_string(reader->config, key, &text, 1) != 0)
        report_error(REPORT_USAGE, "VM file %s: %s is a list: it must be a number%s%s: %s = %ld",
                     vmreader_where(reader, key), key, *limits->unit ? " of" : "", limits->unit,
                     key, limits->min);
    else if (*limits->unit && mib_of(text))
        report_error(
            REPORT_USAGE,
            "VM file %s: %s = \"%s\": it must be a number of MiB, without a unit: %s = %llu",
            vmreader_where(reader, key), key, text, key, mib_of(text));
    else
        report_error(REPORT_USAGE,
                     "VM file %s: %s = \"%s\" is not a whole number: it must be a number%s%s from "
                     "%ld to %ld: %s = %ld",
                     vmreader_where(reader, key), key, text, *limits->unit ? " of" : "",
                     limits->unit, limits->min, limits->max, key, limits->min);
    return -EINVAL;
}

int vmreader_number(struct vmreader *reader, const char *key, const struct vmreader_limits *limits,
                    long *value)
{
    int error = xlu_cfg_get_long(reader->config, key, value, 1);

    if (error == ESRCH || (error == 0 && *value >= limits->min && *value <= limits->max)) {
        if (error)
            *value = limits->fallback;
        return 0;
    }
    if (error != 0 && error != ERANGE)
        return report_no_number(reader, key, limits);
    if (error == 0)
        report_error(REPORT_USAGE, "VM file %s: %s = %ld%s: must be from %ld to %ld",
                     vmreader_where(reader, key), key, *value, limits->unit, limits->min,
                     limits->max);
    else
        report_error(REPORT_USAGE, "VM file %s: %s is too large: must be from %ld to %ld%s",
                     vmreader_where(reader, key), key, limits->min, limits->max, limits->unit);
    return -EINVAL;
}

bool vmreader_has(const struct vmreader *reader, const char *key)
{
    return vmkeys_line(reader->text, key) > 0;
}

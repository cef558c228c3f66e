/* SPDX-License-Identifier: MIT */
/* See deadline.h. */
#include "deadline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "report.h"

#define STEP_MS 50
#define MS_PER_S 1000
#define SECONDS_MAX (365l * 24 * 3600)

long long deadline_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * MS_PER_S + now.tv_nsec / 1000000;
}

int deadline_begin(const struct call *call, long fallback, struct deadline *deadline)
{
    const char *text = call->options[OPTION_TIMEOUT];
    char *end;

    deadline->seconds = fallback;
    if (text) {
        deadline->seconds = strtol(text, &end, 10);
        if (!*text || *end || strspn(text, "0123456789") != strlen(text) ||
            deadline->seconds > SECONDS_MAX) {
            report_error(REPORT_USAGE, "--timeout %s: must be whole seconds, from 0 to %ld", text,
                         SECONDS_MAX);
            return -EINVAL;
        }
    }
    deadline->end = deadline_now() + deadline->seconds * MS_PER_S;
    return 0;
}

bool deadline_step(const struct deadline *deadline)
{
    if (deadline->seconds != DEADLINE_NONE && deadline_now() >= deadline->end)
        return false;
    usleep(STEP_MS * 1000);
    return true;
}

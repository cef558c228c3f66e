/* SPDX-License-Identifier: MIT */
/* lib/log.c: which lines each value of loglvl passes. test_console.c tests where they go. */
#include "harness.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/log.h"

#include <string.h>

void core_printk(enum log_level level, const char *fmt, ...);

static const char *option;
static char line[500];

const char *cmdline_get(const char *name) { return strcmp(name, "loglvl") ? NULL : option; }

void console_line(const char *text, size_t n, bool of_guest)
{
    assert_false(of_guest);
    assert_true(n < sizeof(line));
    memcpy(line, text, n);
    line[n] = '\0';
}

static void words_of_loglvl(void **state)
{
    static const struct {
        const char *word;
        enum log_level most;
    } cases[] = {
        { NULL, LOG_INFO },   { "none", LOG_ERR },     { "err", LOG_ERR },   { "error", LOG_ERR },
        { "warn", LOG_WARN }, { "warning", LOG_WARN }, { "info", LOG_INFO }, { "debug", LOG_DEBUG },
        { "all", LOG_DEBUG }, { "", LOG_INFO },        { "loud", LOG_INFO }, { "in", LOG_INFO },
    };
    static const enum log_level levels[] = { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        bool known = i < ARRAY_SIZE(cases) - 3;

        harness_memory_new(1);
        option = cases[i].word;
        line[0] = '\0';
        log_init();
        assert_int_equal(strstr(line, "not one of none, err, warn, info, debug, all") != NULL,
                         !known);
        for (unsigned int n = 0; n < ARRAY_SIZE(levels); n++) {
            line[0] = '\0';
            core_printk(levels[n], "word %u\n", n);
            assert_int_equal(line[0] != '\0', levels[n] <= cases[i].most);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(words_of_loglvl) };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

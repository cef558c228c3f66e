/* SPDX-License-Identifier: MIT */
/*
 * What the tools know of the store without one: the schema's paths, types and permissions, and the
 * form of xenstored's quotas. With a live store: tests/system/store.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "storequota.h"
#include "storeschema.h"

static const struct storeschema_row *row_of(const char *path)
{
    long domid;

    return storeschema_find(path, &domid);
}

/* --- paths ------------------------------------------------------------------------------------ */

static void paths_are_covered_by_their_rows(void **state)
{
    static const struct {
        const char *path;
        const char *row; /* NULL: none */
        long domid;
    } cases[] = {
        { "/local/domain/7/name", "NAME", 7 },
        { "/local/domain/0/backend/vbd/3/51712/state", "BACKEND_VBD_STATE", 3 },
        { "/local/domain/0/backend/vbd/3/51712/sectors", "BACKEND_VBD_KEY", 3 },
        { "/local/domain/0/backend/vbd/3", "BACKEND_VBDS_OF", 3 },
        { "/vm/00112233-4455-6677-8899-aabbccddeeff", "VM_HOME", -1 },
        { "/tool", "TOOL", -1 },
        { "/vm/00112233-4455-6677-8899-aabbccddeefg", NULL, -1 },
        { "/local/domain/7/name/more", NULL, -1 },
        { "/local/domain/7/nam", NULL, -1 },
        { "/local/domain/7", "DOMAIN", 7 },
        { "/local/domain/07", NULL, -1 },
        { "/local/domain/-7", NULL, -1 },
        { "/local/domain/", NULL, -1 },
        { "/local/domain/99999999999999999999999999999999999999999999999999999999999999999", NULL,
          -1 },
        { "/", NULL, -1 },
        { "", NULL, -1 },
        { "tool", NULL, -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        long domid;
        const struct storeschema_row *row = storeschema_find(cases[i].path, &domid);

        print_message("  %s\n", cases[i].path);
        assert_int_equal(domid, cases[i].domid);
        if (cases[i].row)
            assert_string_equal(row ? row->name : "none", cases[i].row);
        else
            assert_null(row);
    }
}

static void directories_of_domains_and_vms_are_known(void **state)
{
    (void)state;
    assert_true(storeschema_is_of_domain(row_of("/local/domain/7")));
    assert_true(storeschema_is_of_domain(row_of("/libxl/7")));
    assert_true(storeschema_is_of_domain(row_of("/local/domain/0/backend/vif/7")));
    assert_false(storeschema_is_of_domain(row_of("/local/domain/7/name")));
    assert_false(storeschema_is_of_domain(row_of("/local/domain")));
    assert_true(storeschema_is_of_vm(row_of("/vm/00112233-4455-6677-8899-aabbccddeeff")));
    assert_false(storeschema_is_of_vm(row_of("/vm/00112233-4455-6677-8899-aabbccddeeff/uuid")));
}

/* --- values ----------------------------------------------------------------------------------- */

static bool fits(const char *path, const char *value)
{
    return storeschema_fits(row_of(path), value, strlen(value));
}

static void values_have_types(void **state)
{
    (void)state;
    assert_true(fits("/local/domain/7/memory/target", "0"));
    assert_false(fits("/local/domain/7/memory/target", ""));
    assert_false(fits("/local/domain/7/memory/target", "-1"));
    assert_false(fits("/local/domain/7/memory/target", "1 "));
    assert_true(fits("/local/domain/7/cpu/0/availability", "online"));
    assert_false(fits("/local/domain/7/cpu/0/availability", "on"));
    assert_false(fits("/local/domain/7/cpu/0/availability", "online,offline"));
    assert_true(fits("/local/domain/7/control/shutdown", ""));
    assert_false(fits("/local/domain/7/control/shutdown", "now"));
    assert_true(fits("/local/domain/7/control/feature-poweroff", ""));
    assert_false(fits("/local/domain/7/control/feature-poweroff", "2"));
    assert_true(fits("/local/domain/7/vm", "/vm"));
    assert_false(fits("/local/domain/7/vm", "vm"));
    assert_false(fits("/local/domain/7", "a directory has no value"));
    assert_true(fits("/vm/00112233-4455-6677-8899-aabbccddeeff/start_time", "1796041120.59"));
    assert_false(fits("/local/domain/7/name", ""));
}

static void a_value_with_a_zero_byte_has_no_type(void **state)
{
    (void)state;
    assert_false(storeschema_fits(row_of("/local/domain/7/memory/target"), "1\0002", 3));
    assert_false(storeschema_fits(row_of("/local/domain/7/control/shutdown"), "\0x", 2));
    assert_false(storeschema_fits(row_of("/local/domain/7/name"), "a\0b", 3));
}

/* --- permissions ------------------------------------------------------------------------------ */

static char faults[512];

static void hear(void *data, const char *text)
{
    (void)data;
    strcat(faults, text);
    strcat(faults, "; ");
}

#define CHECK(path, ...) \
    ({ \
        const struct xs_permissions list_[] = { __VA_ARGS__ }; \
        long domid_; \
        const struct storeschema_row *row_ = storeschema_find(path, &domid_); \
        faults[0] = '\0'; \
        storeschema_check_permissions(row_, domid_, list_, sizeof(list_) / sizeof(list_[0]), hear, \
                                      NULL); \
        faults; \
    })
#define NONE XS_PERM_NONE
#define READ XS_PERM_READ
#define WRITE XS_PERM_WRITE
#define NAME_OF_7 "/local/domain/7/name"
#define DATA_OF_7 "/local/domain/7/data"

static void permissions_as_the_tools_set_them_are_right(void **state)
{
    (void)state;
    assert_string_equal(CHECK(NAME_OF_7, { 0, NONE }, { 7, READ }), "");
    assert_string_equal(CHECK(DATA_OF_7, { 7, NONE }), "");
    assert_string_equal(CHECK(DATA_OF_7, { 7, NONE }, { 0, READ | WRITE }), "");
    assert_string_equal(CHECK("/tool", { 0, READ }), "");
}

static void each_entry_of_the_permissions_counts(void **state)
{
    (void)state;
    assert_string_equal(CHECK(NAME_OF_7, { 0, NONE }, { 5, READ }, { 7, WRITE }),
                        "domain 7 may write to it, and should not own it; ");
    assert_string_equal(CHECK(NAME_OF_7, { 0, NONE }, { 7, READ }, { 8, READ | WRITE }),
                        "domain 8 may write to it, and should not own it; ");
    assert_string_equal(CHECK(DATA_OF_7, { 7, NONE }, { 8, WRITE }),
                        "domain 8 may write to it, and should not own it; ");
    assert_string_equal(CHECK(NAME_OF_7, { 0, WRITE }), "every domain may write to it; ");
    assert_string_equal(CHECK("/tool", { 0, READ | WRITE }), "every domain may write to it; ");
    assert_string_equal(CHECK("/local/domain/0/name", { 0, READ }, { 9, WRITE }),
                        "domain 9 may write to it, and should not own it; ");
    assert_string_equal(CHECK(NAME_OF_7, { 7, NONE }),
                        "belongs to domain 7, should belong to domain 0; ");
    assert_string_equal(CHECK(DATA_OF_7, { 0, NONE }),
                        "belongs to domain 0, should belong to domain 7; ");
}

/* xenstored takes the first entry that names a domain. */
static void an_entry_without_effect_is_no_fault(void **state)
{
    (void)state;
    assert_string_equal(CHECK(NAME_OF_7, { 0, NONE }, { 7, READ }, { 7, WRITE }), "");
}

/* --- quotas ----------------------------------------------------------------------------------- */

static void quotas_are_read_as_xenstored_writes_them(void **state)
{
    struct storequota quota;

    (void)state;
    assert_true(storequota_parse("Quota settings:\n"
                                 "nodes            :     1000 Nodes per domain\n"
                                 "watches          :      128 Watches per domain\n"
                                 "transactions     :       10 Transactions per domain\n"
                                 "outstanding      :       20 Outstanding requests per domain\n"
                                 "transaction-nodes:     1024 Max. number of accessed nodes\n"
                                 "memory           :  2621440 Total Xenstore memory per domain\n",
                                 &quota));
    assert_int_equal(quota.of[STOREQUOTA_NODES], 1000);
    assert_int_equal(quota.of[STOREQUOTA_WATCHES], 128);
    assert_int_equal(quota.of[STOREQUOTA_TRANSACTIONS], 10);
    assert_int_equal(quota.of[STOREQUOTA_OUTSTANDING], 20);
    assert_int_equal(quota.of[STOREQUOTA_MEMORY], 2621440);
    assert_true(storequota_parse("Domain 1:\nnodes:14\nwatches:1\ntransactions:0\noutstanding:0\n"
                                 "memory          :      932\n",
                                 &quota));
    assert_int_equal(quota.of[STOREQUOTA_MEMORY], 932);
}

static void another_answer_is_no_quota(void **state)
{
    static const char *const answers[] = {
        "",
        "Domain 1:",
        "Command not supported. Valid commands are:\ncheck\n",
        "nodes : x\nwatches : 1\ntransactions : 0\noutstanding : 0\nmemory : 9\n",
        "nodes : 1\nwatches : 1\ntransactions : 0\noutstanding : 0\n",
    };
    struct storequota quota;

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        assert_false(storequota_parse(answers[i], &quota));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_covered_by_their_rows),
        cmocka_unit_test(directories_of_domains_and_vms_are_known),
        cmocka_unit_test(values_have_types),
        cmocka_unit_test(a_value_with_a_zero_byte_has_no_type),
        cmocka_unit_test(permissions_as_the_tools_set_them_are_right),
        cmocka_unit_test(each_entry_of_the_permissions_counts),
        cmocka_unit_test(an_entry_without_effect_is_no_fault),
        cmocka_unit_test(quotas_are_read_as_xenstored_writes_them),
        cmocka_unit_test(another_answer_is_no_quota),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

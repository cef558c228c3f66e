/* SPDX-License-Identifier: MIT */
/*
 * cleaved's period of the memory balancer, and room for a new VM, with state in a folder of the
 * build. The hypervisor and the guests are this file's: guests follow their targets, or do not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "balance.h"
#include "events.h"
#include "rebalance.h"
#include "report.h"

#define MIB UINT64_C(1024)
#define GUESTS 3
#define FREE_MIB 60

/* --- the machine ------------------------------------------------------------------------------ */

static struct guest {
    char uuid[UUID_STR_LEN];
    uint64_t current, target, own;
    uint64_t untouched; /* of current */
    bool deaf;
    uint64_t asked;  /* to be paged out */
    int write_error; /* of memory_write, before it has done anything */
} guests[GUESTS];
static size_t guest_count;
static uint64_t free_kib;
static unsigned int writes;
static struct report report;

int __wrap_domain_list(struct hv *hv, struct xs_handle *store, struct domain **list);
int __wrap_hv_memory(struct hv *hv, struct hv_memory *memory);
void __wrap_memory_look(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                        struct memory_figures *figures);
void __wrap_memory_withdraw(struct hv *hv, const struct domain *domain, uint64_t min,
                            uint64_t target);
int __wrap_memory_write(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                        uint64_t min, uint64_t target, const char *reason);
void __wrap_memory_begin_sample(struct hv *hv, uint32_t domid, uint64_t seed);
void __wrap_memory_end_sample(struct hv *hv, uint32_t domid, struct memory_figures *figures);

int __wrap_paging_ask(const char *uuid, uint64_t kib);

int __wrap_paging_ask(const char *uuid, uint64_t kib)
{
    for (size_t i = 0; i < guest_count; i++)
        if (strcmp(guests[i].uuid, uuid) == 0)
            guests[i].asked = kib;
    return 0;
}

int __wrap_domain_list(struct hv *hv, struct xs_handle *store, struct domain **list)
{
    (void)hv;
    (void)store;
    *list = calloc(guest_count + 1, sizeof(**list));
    for (size_t i = 0; i < guest_count; i++) {
        struct domain *domain = &(*list)[i + 1];

        domain->domid = i + 1;
        strcpy(domain->uuid, guests[i].uuid);
        domain->info.tot_pages = (guests[i].current - guests[i].untouched) / HV_PAGE_KIB;
    }
    return guest_count + 1;
}

int __wrap_hv_memory(struct hv *hv, struct hv_memory *memory)
{
    (void)hv;
    *memory = (struct hv_memory){ .total = 10000 * MIB, .free = free_kib };
    return 0;
}

void __wrap_memory_look(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                        struct memory_figures *figures)
{
    const struct guest *guest = &guests[domain->domid - 1];

    (void)hv;
    (void)store;
    *figures = (struct memory_figures){ .current = guest->current,
                                        .target = guest->target,
                                        .touches = guest->untouched > 0,
                                        .touched = guest->current - guest->untouched,
                                        .own = guest->own };
}

/* A guest that follows does so at once. */
void __wrap_memory_withdraw(struct hv *hv, const struct domain *domain, uint64_t min,
                            uint64_t target)
{
    (void)hv;
    (void)domain;
    assert_true(min <= target);
}

int __wrap_memory_write(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                        uint64_t min, uint64_t target, const char *reason)
{
    struct guest *guest = &guests[domain->domid - 1];

    (void)hv;
    (void)store;
    assert_non_null(reason);
    if (guest->write_error)
        return guest->write_error;
    assert_true(target >= min);
    writes++;
    events_target(domain, guest->target, target, reason);
    guest->target = target;
    if (guest->deaf)
        return 0;
    assert_true(target <= guest->current + free_kib);
    free_kib += guest->current;
    free_kib -= target;
    guest->current = target;
    return 0;
}

void __wrap_memory_begin_sample(struct hv *hv, uint32_t domid, uint64_t seed)
{
    (void)hv;
    (void)domid;
    (void)seed;
}

void __wrap_memory_end_sample(struct hv *hv, uint32_t domid, struct memory_figures *figures)
{
    (void)hv;
    (void)domid;
    (void)figures;
}

/* --- VMs -------------------------------------------------------------------------------------- */

/* Adds a VM of 100 to 1,000 MiB that has this much, and uses so much of it. */
static struct guest *add(const char *name, uint64_t mib, uint64_t own_mib)
{
    struct vms_record record = { .phase = VMS_RUNNING, .domid = guest_count + 1 }, other;
    struct guest *guest = &guests[guest_count++];
    char config[256];
    int lock;

    *guest = (struct guest){ .current = mib * MIB, .target = mib * MIB, .own = own_mib * MIB };
    snprintf(record.uuid, sizeof(record.uuid), "00000000-0000-4000-8000-%012zu", guest_count);
    strcpy(guest->uuid, record.uuid);
    strcpy(record.name, name);
    record.started = vms_now() - 1000;
    snprintf(config, sizeof(config),
             "type='pvh'\nname='%s'\nkernel='/k'\nmemory=%d\nmemory_min=100\nmemory_max=1000\n"
             "memory_floor=50\nunknown='key'\n",
             name, (int)mib);
    lock = vms_add(&record, config, &other);
    assert_true(lock >= 0);
    assert_int_equal(vms_save(&record), 0);
    vms_unlock(lock);
    membook_begin(guest->uuid, record.domid, guest->target);
    return guest;
}

static int begin(void **state)
{
    (void)state;
    report_begin(&report);
    guest_count = writes = 0;
    free_kib = FREE_MIB * MIB;
    return system("rm -rf '" VMS_HOME "'");
}

static void period(void)
{
    struct hv hv = { .xc = NULL };

    assert_int_equal(rebalance_run(&hv, NULL), 0);
}

static struct membook book_of(const struct guest *guest)
{
    struct membook book;

    assert_int_equal(membook_load(guest->uuid, &book), 0);
    return book;
}

static bool was_told(const char *words)
{
    static char text[1 << 16];
    FILE *file = fopen(EVENTS_PATH, "r");
    size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    text[length] = '\0';
    if (file)
        fclose(file);
    return strstr(text, words) != NULL;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void idle_memory_moves_to_who_needs_it(void **state)
{
    struct guest *a = add("a", 470, 160), *b = add("b", 470, 800);
    struct membook book;

    (void)state;
    b->own = 470 * MIB; /* as much as it has */
    for (int i = 0; i < 30; i++) {
        period();
        a->own = 160 * MIB;
        b->own = b->current < 800 * MIB ? b->current : 800 * MIB;
    }
    assert_in_range(a->current, 260 * MIB, 320 * MIB);
    assert_in_range(b->current, 610 * MIB, 680 * MIB);
    book = book_of(a);
    assert_true(book.count > 0);
    assert_int_equal(book.targets[0].before, 470 * MIB);
    assert_int_equal(book.targets[0].reason, BALANCER_GIVES);
    assert_int_equal(book.targets[0].need, 180 * MIB);
    assert_true(was_told("lowered, as others need more"));
    assert_true(was_told("raised towards what it needs"));
    assert_int_equal(book_of(b).written, b->target);
    /* the unknown key in its file is nobody's business here */
    assert_string_equal(report_text(&report), "");
}

/* What a VM may still touch is not given to another. */
static void untouched_memory_is_not_free(void **state)
{
    struct guest *a = add("a", 470, 160), *b = add("b", 470, 470);

    (void)state;
    a->untouched = 50 * MIB; /* of the 60 that are free */
    period();
    assert_true(b->target <= 480 * MIB);
    a->untouched = 0;
    period();
    assert_true(b->target > 480 * MIB);
}

static void an_operators_target_holds(void **state)
{
    struct guest *a = add("a", 470, 160), *b = add("b", 470, 470);

    (void)state;
    period();
    a->target = a->current = 300 * MIB;
    free_kib += 100 * MIB;
    period();
    assert_true(membook_is_frozen(a->uuid));
    assert_true(was_told("memory-frozen"));
    for (int i = 0; i < 10; i++)
        period();
    assert_int_equal(a->target, 300 * MIB);
    assert_true(b->target > 480 * MIB);
    membook_thaw(a->uuid);
    b->own = 100 * MIB;
    a->own = 300 * MIB;
    for (int i = 0; i < 20; i++)
        period();
    assert_true(a->target > 300 * MIB);
    assert_false(membook_is_frozen(a->uuid));
}

/* cleaved was killed, or the store was not there, after the book was written. */
static void a_target_that_was_not_written_is_no_operators(void **state)
{
    struct guest *a = add("a", 470, 160), *b = add("b", 470, 470);

    (void)state;
    a->write_error = b->write_error = -EIO;
    period();
    assert_int_equal(a->target, 470 * MIB);
    assert_int_not_equal(book_of(a).written, a->target);
    a->write_error = b->write_error = 0;
    period();
    assert_false(membook_is_frozen(a->uuid));
    assert_true(a->target < 470 * MIB);
}

static void a_vm_may_be_gone(void **state)
{
    struct guest *a = add("a", 470, 160), *b = add("b", 470, 470);

    (void)state;
    a->write_error = b->write_error = -ESRCH;
    period();
    guest_count = 1; /* b's domain has ended, its record is there */
    period();
    guest_count = 0;
    period();
    assert_int_equal(writes, 0);
    assert_false(was_told("memory-target"));
}

static void room_comes_from_those_above_their_minimum(void **state)
{
    struct guest *a = add("a", 400, 160), *b = add("b", 300, 280);
    struct balance_room room;
    struct hv hv = { .xc = NULL };

    (void)state;
    assert_int_equal(balance_check_room(&hv, NULL, 60 * MIB, &room), 0);
    assert_int_equal(balance_check_room(&hv, NULL, 600 * MIB, &room), -ENOMEM);
    assert_int_equal(room.free, 60 * MIB);
    assert_int_equal(room.possible, 560 * MIB);
    assert_string_equal(room.givers, "\"a\" 300, \"b\" 200");
    assert_int_equal(writes, 0);
    assert_int_equal(balance_make_room(&hv, NULL, "new", 200 * MIB, &room), 0);
    assert_true(free_kib >= 200 * MIB);
    assert_true(a->target < 400 * MIB && a->target >= 100 * MIB);
    assert_true(b->target >= 100 * MIB);
    /* cleaved finds targets that are in the books */
    period();
    assert_false(membook_is_frozen(a->uuid));
}

static void nobody_waits_for_ever_for_the_deaf(void **state)
{
    struct guest *deaf = add("deaf", 400, 100);
    struct balance_room room;
    struct hv hv = { .xc = NULL };

    (void)state;
    deaf->deaf = true;
    assert_int_equal(balance_make_room(&hv, NULL, "new", 100 * MIB, &room), -ENOMEM);
    assert_string_equal(room.givers, "\"deaf\" 40");
    assert_true(room.asked);
    /* told what it has, and nothing is expected of it any more */
    assert_int_equal(deaf->target, 400 * MIB);
    assert_int_equal(book_of(deaf).history.balloon, BALANCER_NONE);
    assert_true(was_told("it has no balloon driver"));
    period();
    assert_int_equal(book_of(deaf).history.balloon, BALANCER_NONE);
    assert_int_equal(balance_check_room(&hv, NULL, 100 * MIB, &room), -ENOMEM);
    assert_string_equal(room.givers, "");
}

/* One that may be paged out keeps its target, and what it has above is asked of the pager. */
static void the_deaf_may_be_paged_out(void **state)
{
    struct guest *deaf = add("deaf", 400, 100);
    struct vms_record record;
    struct balance_room room;
    struct hv hv = { .xc = NULL };
    int lock = vms_lock(deaf->uuid, 0);

    (void)state;
    assert_int_equal(vms_load(deaf->uuid, &record), 0);
    assert_int_equal(vms_append(&record, "memory_paging", "1"), 0);
    vms_unlock(lock);
    deaf->deaf = true;
    deaf->untouched = 1 * MIB;
    assert_int_equal(balance_make_room(&hv, NULL, "new", 100 * MIB, &room), -ENOMEM);
    assert_int_equal(book_of(deaf).history.balloon, BALANCER_NONE);
    assert_true(deaf->target < 370 * MIB);
    assert_int_equal(deaf->asked, 399 * MIB - deaf->target);
    deaf->asked = 0;
    period();
    assert_true(deaf->target < 370 * MIB);
    assert_true(deaf->asked > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(idle_memory_moves_to_who_needs_it, begin),
        cmocka_unit_test_setup(untouched_memory_is_not_free, begin),
        cmocka_unit_test_setup(an_operators_target_holds, begin),
        cmocka_unit_test_setup(a_target_that_was_not_written_is_no_operators, begin),
        cmocka_unit_test_setup(a_vm_may_be_gone, begin),
        cmocka_unit_test_setup(room_comes_from_those_above_their_minimum, begin),
        cmocka_unit_test_setup(nobody_waits_for_ever_for_the_deaf, begin),
        cmocka_unit_test_setup(the_deaf_may_be_paged_out, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

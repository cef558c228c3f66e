/* SPDX-License-Identifier: MIT */
/*
 * core/domain_registry.c: lookup by id, iteration order, and ids of new domains. No lookup returns
 * a reference to a domain that is about to be freed.
 */
#include "harness.h"

#include <stdlib.h>

#define IDS DOMID_FIRST_RESERVED

static struct domain *made[IDS];

static int setup(void **state)
{
    harness_memory_new(1);
    memset(made, 0, sizeof(made));
    return 0;
}

static int teardown(void **state)
{
    for (unsigned int id = 0; id < IDS; id++)
        if (made[id]) {
            domain_remove(made[id]);
            free(made[id]);
        }
    return 0;
}

void domain_put(struct domain *d) { __atomic_sub_fetch(&d->refs, 1, __ATOMIC_SEQ_CST); }

static struct domain *fresh(domid_t id)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->id = id;
    d->refs = 1;
    return d;
}

static struct domain *insert(domid_t id)
{
    struct domain *d = fresh(id);

    assert_int_equal(domain_insert(d), 0);
    assert_true(d->id < IDS);
    made[d->id] = d;
    return d;
}

static void delete (domid_t id)
{
    domain_remove(made[id]);
    free(made[id]);
    made[id] = NULL;
}

/* Each is found by its id, and no other; iteration returns each once, in order. */
static void assert_found(void)
{
    unsigned int expected = 0;

    for (unsigned int id = 0; id < 1024; id++) {
        struct domain *d = domain_get((domid_t)id);

        assert_ptr_equal(d, made[id]);
        if (!d)
            continue;
        assert_int_equal(d->refs, 2);
        domain_put(d);
    }
    for_each_domain(d) {
        while (!made[expected])
            expected++;
        assert_ptr_equal(d, made[expected]);
        assert_int_equal(d->refs, 2);
        expected++;
    }
    while (expected < IDS && !made[expected])
        expected++;
    assert_int_equal(expected, IDS);
    for (unsigned int id = 0; id < 1024; id++)
        assert_true(!made[id] || made[id]->refs == 1);
}

static void parts_are_called_in_the_order_of_registration(void **state)
{
    static const struct domain_part parts[DOMAIN_PARTS_MAX + 1];
    unsigned int n = 0;

    for (unsigned int i = 0; i < DOMAIN_PARTS_MAX; i++)
        domain_add_part(&parts[i]);
    for_each_domain_part(part)
        assert_ptr_equal(part, &parts[n++]);
    assert_int_equal(n, DOMAIN_PARTS_MAX);
    assert_panics(domain_add_part(&parts[n]));
}

/* Also ids that share a hash chain. */
static void by_id(void **state)
{
    static const domid_t ids[] = { 5, 3, 261, 9, 517, 0, 773, 256, 4 };
    /* in the middle of the chain, first, last */
    static const domid_t gone[] = { 517, 5, 9, 0, 773 };

    assert_found();
    for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
        insert(ids[i]);
        assert_found();
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
        struct domain *again = fresh(ids[i]);

        assert_int_equal(domain_insert(again), -EEXIST);
        assert_found();
        domain_remove(again); /* never inserted: the other one stays */
        assert_found();
        free(again);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(gone); i++) {
        delete (gone[i]);
        assert_found();
    }
    insert(517);
    assert_found();
}

static void all_from_an_id_on(void **state)
{
    insert(2);
    insert(7);
    assert_ptr_equal(domain_get_next(0), made[2]);
    assert_ptr_equal(domain_get_next(2), made[2]);
    assert_ptr_equal(domain_get_next(3), made[7]);
    assert_ptr_equal(domain_get_next(7), made[7]);
    assert_null(domain_get_next(8));
    assert_int_equal(made[2]->refs, 3);
    assert_int_equal(made[7]->refs, 3);
}

/*
 * After its last reference is dropped, a domain is found only to be freed. Its id is not reused
 * until then.
 */
static void the_dead_are_not_found(void **state)
{
    struct domain *d, *again = fresh(4);

    insert(3);
    d = insert(4);
    insert(5);
    assert_null(domain_find_dead());
    domain_put(d);
    assert_null(domain_get(4));
    assert_ptr_equal(domain_get_next(4), made[5]);
    assert_int_equal(d->refs, 0);
    assert_int_equal(domain_insert(again), -EEXIST);
    assert_ptr_equal(domain_find_dead(), d);
    delete (4);
    assert_null(domain_find_dead());
    assert_int_equal(domain_insert(again), 0);
    made[4] = again;
    assert_ptr_equal(domain_get(4), again);
}

/* Ids ascend, so that an old id is not reused for long. dom0's is never chosen. */
static void fresh_ids(void **state)
{
    for (domid_t id = 1; id < 5; id++)
        assert_int_equal(insert(DOMID_INVALID)->id, id);
    delete (2);
    delete (4);
    insert(6);
    assert_int_equal(insert(DOMID_INVALID)->id, 5);
    assert_int_equal(insert(DOMID_INVALID)->id, 7);
    assert_found();
}

static void all_ids_are_used_once(void **state)
{
    struct domain *d;

    for (unsigned int id = IDS - 1; id > 0; id--)
        if (id > 2)
            insert((domid_t)id);
    assert_int_equal(insert(DOMID_INVALID)->id, 1);
    assert_int_equal(insert(DOMID_INVALID)->id, 2);
    d = fresh(DOMID_INVALID);
    assert_int_equal(domain_insert(d), -ENOMEM);
    free(d);
    delete (1);
    assert_int_equal(insert(DOMID_INVALID)->id, 1); /* wraps around */
    delete (IDS - 1);
    assert_int_equal(insert(DOMID_INVALID)->id, IDS - 1);
    delete (IDS - 2);
    assert_int_equal(insert(DOMID_INVALID)->id, IDS - 2);
    assert_null(domain_get(0));
}

static void dom0_is_known(void **state)
{
    struct domain *d = fresh(0);

    insert(7);
    assert_null(dom0);
    d->is_dom0 = true;
    assert_int_equal(domain_insert(d), 0);
    made[0] = d;
    insert(8);
    assert_ptr_equal(dom0, d);
}

static void locks(void **state)
{
    struct domain *d;

    assert_takes(LOCK_DOMLIST, 1, d = insert(1));
    assert_takes(LOCK_DOMLIST, 1, assert_ptr_equal(domain_get(1), d));
    assert_takes(LOCK_DOMLIST, 1, assert_ptr_equal(domain_get_next(1), d));
    assert_takes(LOCK_DOMLIST, 1, assert_null(domain_find_dead()));
    assert_takes(LOCK_DOMLIST, 1, domain_remove(d));
}

static void come_and_go(void)
{
    for (unsigned int i = 0; i < 20000; i++) {
        domid_t id = (domid_t)(harness_cpu == 0 ? 1 : 0);
        struct domain *d = harness_cpu == 0 ? domain_get(id) : domain_get_next(id);

        assert_non_null(d);
        domain_put(d);
    }
}

static void references_of_two_cpus_add_up(void **state)
{
    void (*const both[])(void) = { come_and_go, come_and_go };

    insert(1);
    harness_run_cpus(both, 2);
    assert_int_equal(made[1]->refs, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parts_are_called_in_the_order_of_registration),
        TEST(by_id),
        TEST(all_from_an_id_on),
        TEST(the_dead_are_not_found),
        TEST(fresh_ids),
        TEST(all_ids_are_used_once),
        TEST(dom0_is_known),
        TEST(locks),
        TEST(references_of_two_cpus_add_up),
    };

    return cmocka_run_group_tests_name("domain_registry", tests, NULL, NULL);
}

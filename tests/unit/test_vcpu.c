/* SPDX-License-Identifier: MIT */
/*
 * core/vcpu.c and domain_shutdown.c: a vcpu from creation to destruction, its waits and what ends
 * them, INIT and SIPI; pauses, shutdown, crash, and the power-off of a domain without a running
 * vcpu. Calls to the scheduler, the local APIC and the parts of a domain are recorded here.
 */
#include "core/evtchn.h"
#include "core/sched.h"
#include "cpu/softirq.h"
#include "harness.h"
#include "percpu.h"
#include "platform/power.h"
#include "vdev/lapic.h"

#define VCPUS 3
#define PARTS 3

static struct domain d;
static struct vcpu *v[VCPUS];
static shared_info_t shared_info;
static unsigned int adds, removes, wakes[VCPUS], kicks, kicked_cpu, raised, raised_cpu, resets,
    unpins, virqs;
static unsigned int stays; /* polls until a vcpu has left its CPU */
static bool on_cpu;
/* pending in the local APIC; last set there; -1: nothing */
static int apic_vector, irq_vector;
static char calls[64];          /* calls to parts: which, and the part's number */
static unsigned int part_fails; /* part whose init_vcpu fails; PARTS: none */
static char why[160];

const struct domain_part *domain_parts[DOMAIN_PARTS_MAX + 1];

/* --- the functions that they call --- */

void sched_add_vcpu(struct vcpu *of) { adds++; }
void sched_remove_vcpu(struct vcpu *of) { removes++; }
void sched_wake(struct vcpu *of) { wakes[of->id]++; }
bool sched_on_cpu(const struct vcpu *of) { return on_cpu || (stays && stays--); }
void lapic_set_irq(struct vcpu *of, uint8_t vector, bool level)
{
    irq_vector = level ? -2 : vector;
}
int lapic_highest_pending(struct vcpu *of) { return apic_vector; }
void power_stop(uint8_t reason) { panic("machine stops: %u\n", reason); }

void softirq_kick(unsigned int cpu)
{
    kicks++;
    kicked_cpu = cpu;
}

void softirq_raise(unsigned int cpu, enum softirq s)
{
    raised |= 1u << s;
    raised_cpu = cpu;
}

void lapic_reset(struct vcpu *of, bool init)
{
    assert_true(init);
    resets++;
}

void guest_unpin(struct guest_pin *pin)
{
    assert_ptr_equal(pin, &v[0]->info_pin);
    unpins++;
}

void evtchn_raise_global_virq(uint32_t virq)
{
    assert_int_equal(virq, VIRQ_DOM_EXC);
    assert_true(d.shut_down); /* the notified domain may check at once */
    virqs++;
}

static void note_why(const struct domain *of)
{
    assert_ptr_equal(of, &d);
    memcpy(why, harness_log, sizeof(why));
}

static void note(char what, unsigned int part)
{
    size_t n = strlen(calls);

    assert_true(n + 2 < sizeof(calls));
    calls[n] = what;
    calls[n + 1] = (char)('0' + part);
}

static int init_0(struct vcpu *of)
{
    note('i', 0);
    return part_fails == 0 ? -1 : 0;
}
static int init_1(struct vcpu *of)
{
    note('i', 1);
    return part_fails == 1 ? -1 : 0;
}
static int init_2(struct vcpu *of)
{
    note('i', 2);
    return part_fails == 2 ? -1 : 0;
}
static void release_0(struct vcpu *of) { note('r', 0); }
static void release_2(struct vcpu *of) { note('r', 2); }
static void destroy_1(struct vcpu *of) { note('d', 1); }
static void dump_1(struct vcpu *of) { note('p', 1); }
static void dump_2(struct vcpu *of) { note('p', 2); }
static const struct domain_part parts[PARTS] = {
    { .init_vcpu = init_0, .release_vcpu = release_0 },
    { .init_vcpu = init_1, .destroy_vcpu = destroy_1, .dump_vcpu = dump_1 },
    { .init_vcpu = init_2, .release_vcpu = release_2, .dump_vcpu = dump_2 },
};

static void forget(void)
{
    memset(wakes, 0, sizeof(wakes));
    memset(calls, 0, sizeof(calls));
    adds = removes = kicks = raised = resets = unpins = virqs = 0;
    kicked_cpu = raised_cpu = ~0u;
    irq_vector = -1;
}

/* Three vcpus of a running guest: all up, none blocked. */
static int setup(void **state)
{
    harness_memory_new(1);
    harness_quiet = true;
    harness_cpu = 0;
    memset(&d, 0, sizeof(d));
    spin_init(&d.lock, LOCK_DOMAIN);
    d.shared_info = &shared_info;
    d.max_vcpus = VCPUS;
    part_fails = PARTS;
    apic_vector = -1;
    on_cpu = false;
    stays = 0;
    for (unsigned int i = 0; i < PARTS; i++)
        domain_parts[i] = &parts[i];
    for (unsigned int i = 0; i < VCPUS; i++) {
        v[i] = d.vcpu[i] = vcpu_create(&d, i);
        v[i]->wait = WAIT_NONE;
        v[i]->initialised = true;
        v[i]->vdev.sipi_vector = -1;
    }
    forget();
    return 0;
}

static int teardown(void **state)
{
    for (unsigned int i = 0; i < VCPUS; i++)
        if (d.vcpu[i])
            vcpu_destroy(d.vcpu[i]);
    assert_null(harness_first_timer());
    return 0;
}

/* --- the life of a vcpu --- */

static void made(void **state)
{
    struct vcpu *new = vcpu_create(&d, 31), *last = vcpu_create(&d, 32);

    assert_ptr_equal(new->d, &d);
    assert_int_equal(new->id, 31);
    assert_true(new->wait == WAIT_SIPI && !new->initialised);
    assert_ptr_equal(new->info, &shared_info.vcpu_info[31]);
    assert_ptr_equal(last->info, &last->no_info);
    assert_string_equal(calls, "i0i1i2i0i1i2");
    assert_int_equal(adds, 2);
    calls[0] = '\0';
    vcpu_destroy(new);
    vcpu_destroy(last);
    assert_int_equal(removes, 2);
}

static void not_made(void **state)
{
    static const char *const expected[PARTS] = { "i0", "i0i1r0", "i0i1i2r0" };

    for (part_fails = 0; part_fails < PARTS; part_fails++) {
        memset(calls, 0, sizeof(calls));
        assert_null(vcpu_create(&d, 3));
        assert_string_equal(calls, expected[part_fails]);
    }
    harness_fail_alloc(1);
    assert_null(vcpu_create(&d, 3));
    harness_fail_alloc(0);
    assert_int_equal(adds, 0);
}

static void arm_all(void)
{
    struct timer *const timers[] = { &v[0]->singleshot, &v[0]->periodic, &v[0]->poll_timer,
                                     &v[0]->vdev.lapic.timer };

    for (unsigned int i = 0; i < ARRAY_SIZE(timers); i++)
        harness_timer_arm(timers[i], 5);
}

static void stopped_and_released(void **state)
{
    arm_all();
    vcpu_stop_timers(v[0]);
    assert_null(harness_first_timer());
    v[0]->runstate_va = 0x1000;
    assert_true(vcpu_release(v[0]));
    assert_ptr_equal(v[0]->info, &v[0]->no_info);
    assert_int_equal(v[0]->runstate_va, 0);
    assert_int_equal(unpins, 1);
    assert_string_equal(calls, "r0r2");
    assert_false(vcpu_release(v[0]));
    assert_int_equal(unpins, 1);
    assert_string_equal(calls, "r0r2");
    v[1]->sched.running = true; /* it would run on memory being freed */
    assert_panics(vcpu_release(v[1]));
}

/* No timer of a freed vcpu fires later. */
static void destroyed(void **state)
{
    arm_all();
    timer_stop(&v[0]->vdev.lapic.timer); /* of its vdev part */
    vcpu_destroy(v[0]);
    d.vcpu[0] = NULL;
    assert_null(harness_first_timer());
    assert_string_equal(calls, "d1");
    assert_int_equal(removes, 1);
}

/* --- waiting --- */

static void what_is_pending(void **state)
{
    assert_false(vcpu_has_pending(v[0]));
    apic_vector = 0;
    assert_true(vcpu_has_pending(v[0]));
    v[0]->vdev.nmi_pending = true;
    assert_true(vcpu_has_pending(v[0]));
    apic_vector = -1;
    assert_true(vcpu_has_pending(v[0]));
    v[0]->vdev.nmi_pending = false;

    /* only the callback sees it, if it is the notification */
    v[0]->info->evtchn_upcall_pending = 1;
    assert_false(vcpu_has_pending(v[0]));
    d.vdev.callback_vector = 0xf3;
    assert_true(vcpu_has_pending(v[0]));
    v[0]->vdev.upcall_vector = 0xf4;
    assert_false(vcpu_has_pending(v[0]));
    v[0]->vdev.upcall_vector = 0;
    v[0]->info->evtchn_upcall_pending = 0;
    assert_false(vcpu_has_pending(v[0]));
}

static void blocks_unless_something_is_pending(void **state)
{
    harness_cpu = 1;
    cpus[1].id = 1;
    apic_vector = 0x40;
    vcpu_block(v[0]);
    assert_int_equal(v[0]->wait, WAIT_NONE);
    assert_int_equal(raised, 0);
    apic_vector = -1;
    vcpu_block(v[0]);
    assert_int_equal(v[0]->wait, WAIT_HALT);
    assert_true(vcpu_is_blocked(v[0]) && vcpu_is_up(v[0]));
    assert_int_equal(raised, 1u << SOFTIRQ_SCHED);
    assert_int_equal(raised_cpu, 1);
    vcpu_unblock(v[0]);
    assert_int_equal(v[0]->wait, WAIT_NONE);
    assert_int_equal(wakes[0], 1);
    vcpu_stop(v[0]);
    vcpu_block(v[0]); /* stopped meanwhile: no interrupt starts it again */
    vcpu_unblock(v[0]);
    assert_int_equal(v[0]->wait, WAIT_DOWN);
}

/* An event that ends one wait does not end another. */
static void waits_for_one_thing(void **state)
{
    static const enum vcpu_wait waits[] = { WAIT_HALT, WAIT_POLL, WAIT_CACHE };

    for (unsigned int i = 0; i < ARRAY_SIZE(waits); i++)
        for (unsigned int j = 0; j < ARRAY_SIZE(waits); j++) {
            v[0]->wait = WAIT_NONE;
            assert_true(vcpu_wait(v[0], waits[i]));
            assert_false(vcpu_runnable(v[0]));
            assert_true(vcpu_is_blocked(v[0]) && vcpu_is_up(v[0]));
            forget();
            assert_int_equal(vcpu_end_wait(v[0], waits[j]), i == j);
            assert_int_equal(wakes[0], i == j);
            assert_int_equal(v[0]->wait, i == j ? WAIT_NONE : waits[i]);
        }
    for (unsigned int i = 0; i < ARRAY_SIZE(waits); i++) { /* an interrupt ends HLT and poll */
        v[0]->wait = waits[i];
        forget();
        vcpu_unblock(v[0]);
        assert_int_equal(v[0]->wait, waits[i] == WAIT_CACHE ? WAIT_CACHE : WAIT_NONE);
        assert_int_equal(wakes[0], waits[i] != WAIT_CACHE);
    }
    v[0]->wait = WAIT_CACHE;
    apic_vector = 0x40;
    vcpu_kick(v[0]);
    vcpu_unblock(v[0]);
    assert_int_equal(v[0]->wait, WAIT_CACHE);
    vcpu_stop(v[0]); /* but a stop goes first */
    assert_int_equal(v[0]->wait, WAIT_DOWN);
    assert_false(vcpu_is_up(v[0]) || vcpu_is_blocked(v[0]));
    assert_false(vcpu_wait(v[0], WAIT_CACHE));
    assert_int_equal(v[0]->wait, WAIT_DOWN);
    v[0]->wait = WAIT_SIPI;
    vcpu_stop(v[0]); /* it has no state to continue */
    assert_int_equal(v[0]->wait, WAIT_SIPI);
    v[0]->wait = WAIT_NONE;
    vcpu_wait_in_exit(v[0], WAIT_CACHE);
    assert_true(v[0]->wait == WAIT_CACHE && v[0]->exit_again);
}

static void kicked(void **state)
{
    cpus[1].id = 1;
    v[0]->sched.cpu = 1;
    v[0]->wait = WAIT_HALT;
    vcpu_kick(v[0]); /* nothing to wake for */
    assert_int_equal(v[0]->wait, WAIT_HALT);
    assert_int_equal(wakes[0], 0);
    apic_vector = 0x40;
    vcpu_kick(v[0]);
    assert_int_equal(v[0]->wait, WAIT_NONE);
    assert_int_equal(wakes[0], 1);
    vcpu_kick(v[0]); /* it waits for a CPU, and checks when it has one */
    assert_int_equal(kicks, 0);
    on_cpu = true;
    vcpu_kick(v[0]);
    assert_int_equal(kicks, 1);
    assert_int_equal(kicked_cpu, 1);
    harness_cpu = 1; /* on this CPU: not in guest mode */
    vcpu_kick(v[0]);
    assert_int_equal(kicks, 1);
    assert_int_equal(wakes[0], 1);
}

static void upcalls(void **state)
{
    v[0]->sched.cpu = 1;
    on_cpu = true;
    vcpu_event_upcall(v[0]);
    assert_int_equal(kicks, 1);
    assert_int_equal(irq_vector, -1);
    v[0]->vdev.upcall_vector = 0xf4;
    vcpu_event_upcall(v[0]);
    assert_int_equal(kicks, 1);
    assert_int_equal(irq_vector, 0xf4);
}

/* The timer of a poll that ended otherwise may still fire. */
static void polls_time_out(void **state)
{
    v[0]->wait = WAIT_HALT;
    v[0]->poll_timer.fn(v[0]->poll_timer.data);
    assert_int_equal(v[0]->wait, WAIT_HALT);
    v[0]->wait = WAIT_POLL;
    v[0]->poll_timer.fn(v[0]->poll_timer.data);
    assert_int_equal(v[0]->wait, WAIT_NONE);
    assert_int_equal(wakes[0], 1);
}

/* APM vol. 2, 14.1: only a CPU that waits for a SIPI accepts one, and only the first. */
static void init_and_sipi(void **state)
{
    vcpu_sipi_received(v[0], 0x20);
    assert_int_equal(v[0]->vdev.sipi_vector, -1);
    v[0]->vdev.sipi_vector = 7; /* not acted on yet */
    vcpu_init_received(v[0]);
    assert_true(v[0]->wait == WAIT_SIPI && !v[0]->initialised);
    assert_int_equal(v[0]->vdev.sipi_vector, -1);
    assert_int_equal(resets, 1);
    assert_int_equal(wakes[0], 1);
    assert_false(vcpu_runnable(v[0]));
    vcpu_sipi_received(v[0], 0);
    assert_int_equal(v[0]->vdev.sipi_vector, 0);
    assert_true(vcpu_runnable(v[0]));
    assert_int_equal(wakes[0], 2);
    vcpu_sipi_received(v[0], 0x30);
    assert_int_equal(v[0]->vdev.sipi_vector, 0);
    assert_int_equal(wakes[0], 2);
}

/* --- the domain stops --- */

static void assert_wakes(unsigned int n)
{
    for (unsigned int i = 0; i < VCPUS; i++)
        assert_int_equal(wakes[i], n);
}

static void pauses(void **state)
{
    domain_pause(&d);
    domain_pause(&d);
    assert_int_equal(d.pause_count, 2);
    assert_wakes(2);
    domain_unpause(&d);
    assert_int_equal(d.pause_count, 1);
    assert_wakes(3);
    stays = 10;
    domain_pause_sync(&d);
    assert_int_equal(stays, 0); /* all have left their CPUs */
    assert_int_equal(d.pause_count, 2);
    cpus[0].current = v[1]; /* it would wait for itself */
    assert_panics(domain_pause_sync(&d));
}

static void shut_down_once(void **state)
{
    assert_takes(LOCK_DOMAIN, 1, domain_shutdown(&d, SHUTDOWN_suspend));
    assert_true(d.shut_down);
    assert_int_equal(d.shutdown_code, SHUTDOWN_suspend);
    assert_int_equal(d.pause_count, 1);
    assert_int_equal(virqs, 1);
    domain_shutdown(&d, SHUTDOWN_crash);
    assert_int_equal(d.shutdown_code, SHUTDOWN_suspend);
    assert_int_equal(d.pause_count, 1);
    assert_int_equal(virqs, 1);
    assert_takes(LOCK_DOMAIN, 1, domain_resume(&d));
    assert_false(d.shut_down);
    assert_int_equal(d.shutdown_code, 0);
    assert_int_equal(d.pause_count, 0);
    domain_pause(&d); /* of another domain */
    domain_resume(&d);
    assert_int_equal(d.pause_count, 1);
    domain_shutdown(&d, SHUTDOWN_reboot);
    assert_int_equal(virqs, 2);
    assert_int_equal(d.shutdown_code, SHUTDOWN_reboot);
}

static void dom0_takes_the_machine_along(void **state)
{
    d.is_dom0 = true;
    assert_panics(domain_shutdown(&d, SHUTDOWN_reboot));
    assert_string_equal(harness_log, "machine stops: 1\n");
    assert_int_equal(d.pause_count, 0);
}

static void a_crash_says_why(void **state)
{
    harness_on_guest_log = note_why;
    domain_crash(v[2], "no %s at %#x", "memory", 0x1000);
    harness_on_guest_log = NULL;
    assert_string_equal(why, "vcpu 2 crashed: no memory at 0x1000\n");
    assert_string_equal(calls, "p1p2");
    assert_true(d.shut_down);
    assert_int_equal(d.shutdown_code, SHUTDOWN_crash);
}

/* A vcpu that is not up cannot start another one; one that was never started is not up. */
static void the_last_one_powers_off(void **state)
{
    v[2]->wait = WAIT_SIPI;
    domain_stop_vcpu(v[1]);
    assert_int_equal(v[1]->wait, WAIT_DOWN);
    assert_int_equal(wakes[1], 1);
    assert_false(d.shut_down);
    domain_stop_vcpu(v[0]);
    assert_int_equal(v[0]->wait, WAIT_DOWN);
    assert_true(d.shut_down);
    assert_int_equal(d.shutdown_code, SHUTDOWN_poweroff);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(made),
        TEST(not_made),
        TEST(stopped_and_released),
        TEST(destroyed),
        TEST(what_is_pending),
        TEST(blocks_unless_something_is_pending),
        TEST(waits_for_one_thing),
        TEST(kicked),
        TEST(upcalls),
        TEST(polls_time_out),
        TEST(init_and_sipi),
        TEST(pauses),
        TEST(shut_down_once),
        TEST(dom0_takes_the_machine_along),
        TEST(a_crash_says_why),
        TEST(the_last_one_powers_off),
    };

    return cmocka_run_group_tests_name("vcpu", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * guest/run.c: the order of softirqs, pick, switch, entries and exits. A vcpu that waited in an
 * exit handles that exit again before anything else. Each step of the loop is recorded as a letter;
 * the test ends the loop from within softirq_run.
 */
#include "privileged_fake.h"
#include "harness.h"
#include "core/vcpu_timer.h"
#include "cpu/apic.h"
#include "cpu/softirq.h"
#include "cpu/watchdog.h"
#include "guest/exit.h"
#include "guest/inject.h"
#include "guest/run.h"
#include "hypercall/runstate.h"
#include "percpu.h"

#include <string.h>

static struct domain domain;
static struct vcpu a, b;
static struct vcpu *picks[8]; /* results of sched_pick, in turn; NULL: idle */
static unsigned int rounds, round_now, entries;
static bool enters[8]; /* whether hw_enter enters the guest, in turn */
static void (*on_exit)(struct vcpu *v, const struct exit *e);
static char steps[128];
static jmp_buf end;

static void note(char c) { steps[strlen(steps)] = c; }

void softirq_run(void)
{
    cpus[0].softirq = 0;
    if (round_now == rounds)
        longjmp(end, 1);
}

struct vcpu *sched_pick(void) { return picks[round_now++]; }
void sched_leave(struct vcpu *prev) { note('l'); }
void hw_switch_out(struct cpu *c, struct vcpu *v, bool idle) { note(idle ? 'O' : 'o'); }
void hw_switch_in(struct cpu *c, struct vcpu *v)
{
    c->vcpu = v;
    note('i');
}
void vcpu_timer_suspend(struct vcpu *v) {}
void vcpu_timer_resume(struct vcpu *v) {}
void runstate_update(struct vcpu *v) {}
void apic_recheck(void) {}
void watchdog_stretch_end(const struct cpu *c) {}
void irq_window(void) {}
void inject_prepare(struct vcpu *v) { note('p'); }
void inject_finish(struct vcpu *v) { note('f'); }

bool hw_enter(struct cpu *c, struct vcpu *v, struct exit *e)
{
    bool entered = enters[entries++];

    note(entered ? 'e' : 'n');
    if (entered)
        *e = (struct exit){ .kind = EXIT_IO, .io.port = (uint16_t)entries };
    return entered;
}

void exit_handle(struct vcpu *v, const struct exit *e)
{
    assert_ptr_equal(current_vcpu(), v);
    note(e->again ? 'X' : 'x');
    if (on_exit)
        on_exit(v, e);
}

static int setup(void **state)
{
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    memset(cpus, 0, sizeof(cpus));
    memset(steps, 0, sizeof(steps));
    memset(picks, 0, sizeof(picks));
    memset(enters, 0, sizeof(enters));
    a.d = b.d = &domain;
    rounds = round_now = entries = 0;
    on_exit = NULL;
    return 0;
}

static void runs(unsigned int n)
{
    rounds = n;
    if (!setjmp(end))
        run_cpu();
}

/*
 * The CPU enters the guest repeatedly while there is no other work, and switches only when the vcpu
 * changes.
 */
static void enters_until_work_comes(void **state)
{
    picks[0] = picks[1] = &a;
    picks[2] = &b;
    enters[0] = enters[1] = true;
    runs(3);
    assert_string_equal(steps,
                        "ipefxpefxpnf" /* work came up: */ "pnf" /* another vcpu: */ "olipnf");
    assert_null(cpus[0].current);
}

static void wait_in_exit(struct vcpu *v, const struct exit *e)
{
    assert_int_equal(e->io.port, 1); /* always the first exit */
    if (v->exit.again)
        return;
    v->exit_again = true;
    cpus[0].softirq = 1;
}

/*
 * The same exit is handled again, with its contents, before an entry and before anything is
 * injected.
 */
static void handles_the_same_exit_again(void **state)
{
    picks[0] = &a;
    picks[1] = &b;
    picks[2] = &a;
    enters[0] = true;
    on_exit = wait_in_exit;
    runs(3);
    assert_string_equal(steps, "ipefx"
                               "olipnf"
                               "oliX"
                               "pnf");
    assert_false(a.exit_again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(enters_until_work_comes, setup),
        cmocka_unit_test_setup(handles_the_same_exit_again, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

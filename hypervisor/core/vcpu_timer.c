/* SPDX-License-Identifier: MIT */
/*
 * The two timers that raise VIRQ_TIMER for a vcpu: singleshot and periodic (<xen/vcpu.h>).
 *
 * As in Xen, the periodic timer runs only while the vcpu has a CPU. If a period ended meanwhile,
 * the timer fires as soon as the vcpu has a CPU again. Read next: evtchn.c.
 */
#include "core/vcpu_timer.h"
#include "core/evtchn.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "cpu/clock.h"
#include "cpu/timer.h"

static void singleshot_fired(void *data) { evtchn_raise_virq(data, VIRQ_TIMER); }

static void periodic_fired(void *data)
{
    struct vcpu *v = data;

    evtchn_raise_virq(v, VIRQ_TIMER);
    if (v->period && sched_on_cpu(v))
        timer_set(&v->periodic, clock_now() + v->period);
}

void vcpu_timer_init(struct vcpu *v)
{
    timer_setup(&v->singleshot, singleshot_fired, v, TIMER_ANY_CPU);
    timer_setup(&v->periodic, periodic_fired, v, TIMER_ANY_CPU);
}

void vcpu_timer_suspend(struct vcpu *v)
{
    if (v->period)
        timer_stop(&v->periodic);
}

void vcpu_timer_resume(struct vcpu *v)
{
    if (v->period)
        timer_set(&v->periodic, v->periodic.expires);
}

/* SPDX-License-Identifier: MIT */
/* Four vcpus with local APICs, and the core functions that these call. See lapic_model.h. */
#include "lapic_model.h"
#include "cpu/clock.h"

#include <stdlib.h>

struct domain *d;
struct vcpu *v[VCPUS];
vcpu_info_t infos[VCPUS];
unsigned int kicks[VCPUS], inits[VCPUS];
int sipis[VCPUS];
nsec_t now;
unsigned int expiries;

void vcpu_kick(struct vcpu *to) { kicks[to->id]++; }
void vcpu_init_received(struct vcpu *to) { inits[to->id]++; }
void vcpu_sipi_received(struct vcpu *to, uint8_t vector) { sipis[to->id] = vector; }
nsec_t clock_now(void) { return now; }

void timer_set(struct timer *t, nsec_t expires)
{
    t->expires = expires;
    t->armed = true;
}

void advance(struct vcpu *of, nsec_t by)
{
    struct timer *t = &of->vdev.lapic.timer;
    nsec_t end = now + by;

    while (t->armed && t->expires <= end) {
        now = t->expires;
        t->armed = false;
        expiries++;
        t->fn(t->data);
    }
    now = end;
}

int lapic_model_teardown(void **state)
{
    for (unsigned int i = 0; i < VCPUS; i++)
        free(v[i]);
    free(d);
    return 0;
}

void write_msr(struct vcpu *of, uint32_t msr, uint64_t val)
{
    assert_int_equal(lapic_msr_write(of, msr, val), 0);
}

uint64_t read_msr(struct vcpu *of, uint32_t msr)
{
    uint64_t val = ~0ull;

    assert_int_equal(lapic_msr_read(of, msr, &val), 0);
    return val;
}

int lapic_model_setup(void **state)
{
    memset(kicks, 0, sizeof(kicks));
    memset(inits, 0, sizeof(inits));
    memset(infos, 0, sizeof(infos));
    expiries = 0;
    now = 1000000;
    d = calloc(1, sizeof(*d));
    d->max_vcpus = VCPUS;
    for (unsigned int i = 0; i < VCPUS; i++) {
        v[i] = calloc(1, sizeof(*v[i]));
        v[i]->d = d;
        v[i]->id = i;
        v[i]->info = &infos[i];
        d->vcpu[i] = v[i];
        sipis[i] = -1;
        lapic_timer_setup(v[i]);
        lapic_reset(v[i], false);
        write_msr(v[i], MSR_BASE, BASE | ENABLE | X2APIC | (i ? 0 : BSP));
        write_msr(v[i], MSR_SVR, 0x1ff);
    }
    return 0;
}

int lapic_model_setup_xapic(void **state)
{
    lapic_model_setup(state);
    for (unsigned int i = 0; i < VCPUS; i++) {
        lapic_reset(v[i], false);
        lapic_mmio_write(v[i], 0xf0, 0x1ff);
    }
    return 0;
}

uint64_t irr(unsigned int i)
{
    const uint64_t *map = v[i]->vdev.lapic.irr;

    return map[0] | map[1] | map[2] | map[3];
}

unsigned int who(uint8_t vector)
{
    unsigned int mask = 0;

    for (unsigned int i = 0; i < VCPUS; i++)
        if (bit_test_and_clear(v[i]->vdev.lapic.irr, vector))
            mask |= 1u << i;
    return mask;
}

bool take(struct vcpu *by, uint8_t vector)
{
    if (lapic_highest_pending(by) != vector)
        return false;
    lapic_accept(by, vector);
    write_msr(by, MSR_EOI, 0);
    return true;
}

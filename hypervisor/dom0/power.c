/* SPDX-License-Identifier: MIT */
/*
 * dom0's power ports: ACPI PM1 control, which powers the machine off, and the ports whose reads
 * enter a C-state. Read next: platform/acpi.c.
 */
#include "dom0/power.h"
#include "core/domain_shutdown.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/features.h"
#include "lib.h"
#include "platform/acpi.h"
#include "vdev/bus.h"

#define PM1_SLEEP_ENABLE (1u << 13)
#define PM1_SLEEP_TYPE(val) ((val) >> 10 & 7)

/* Obeys power-off. Refuses sleep, from which the core would not wake up. Passes on all else. */
static void write_pm1(struct domain *d, uint16_t port, uint32_t val)
{
    if (!(val & PM1_SLEEP_ENABLE))
        outw(port, (uint16_t)val);
    else if (acpi.has_s5 && PM1_SLEEP_TYPE(val) == acpi.s5[0])
        domain_shutdown(d, SHUTDOWN_poweroff);
    else
        log_guest(d, "PM1 sleep state %u refused\n", PM1_SLEEP_TYPE(val));
}

static void access_pm1(struct vcpu *v, uint64_t port, unsigned int size, bool write, uint64_t *val)
{
    if (size != 2 || (port != acpi.pm1_control[0] && port != acpi.pm1_control[1]))
        return;
    if (write)
        write_pm1(v->d, (uint16_t)port, (uint32_t)*val);
    else
        *val = inw((uint16_t)port);
}

/* Like HLT, but any interrupt wakes the vcpu, even if it is masked: ACPI's C2 and C3. */
static void access_cstate(struct vcpu *v, uint64_t port, unsigned int size, bool write,
                          uint64_t *val)
{
    if (write)
        return;
    *val = 0;
    vcpu_block(v);
}

void dom0_add_power_ports(struct domain *d)
{
    static struct bus_range pm1[ARRAY_SIZE(acpi.pm1_control)], cstate;

    for (unsigned int i = 0; i < ARRAY_SIZE(pm1); i++) {
        pm1[i] =
            (struct bus_range){ acpi.pm1_control[i], acpi.pm1_control[i], access_pm1, NULL, NULL };
        if (acpi.pm1_control[i])
            bus_add_ports(d, &pm1[i]);
    }
    cstate = (struct bus_range){ cpu_features.cstate_ports,
                                 cpu_features.cstate_ports + CSTATE_PORTS - 1, access_cstate, NULL,
                                 NULL };
    if (cpu_features.cstate_ports)
        bus_add_ports(d, &cstate);
}

/* SPDX-License-Identifier: MIT */
/*
 * Power-off and reboot. dom0's shutdown is the machine's. A panic reboots after a few seconds,
 * unless `noreboot` keeps its message on the screen.
 */
#include "platform/power.h"
#include "cpu.h"
#include "cpu/clock.h"
#include "cpu/smp.h"
#include "lib.h"
#include "lib/cmdline.h"
#include "lib/panic.h"
#include "platform/acpi.h"
#include "xenpub.h"

#define REBOOT_DELAY_SECONDS 5

/* Busy-waits about n seconds. Before the clock is calibrated, a 2 GHz TSC is assumed. */
static void wait_seconds(unsigned int n)
{
    uint64_t start = rdtsc(), ticks = n * (clock_tsc_khz ? clock_tsc_khz : 2000000) * 1000;

    while (rdtsc() - start < ticks)
        cpu_pause();
}

/* Tries the ways to reboot a PC in turn, the documented ones first, and waits after each. */
void power_reboot(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __packed_ no_idt = { 0, 0 };

    if (acpi.reset_port) {
        outb(acpi.reset_port, acpi.reset_value);
        wait_seconds(1);
    }
    outb(0xcf9, 0x02); /* reset control register: hard reset */
    outb(0xcf9, 0x06);
    wait_seconds(1);
    outb(0x64, 0xfe); /* the keyboard controller's reset line */
    wait_seconds(1);
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt)); /* triple fault */
    cpu_halt();
}

void power_reboot_or_stay(void)
{
    if (cmdline_get("noreboot")) {
        log_err("noreboot: halted\n");
        cpu_halt();
    }
    log_err("rebooting in %d seconds (\"noreboot\" prevents this)\n", REBOOT_DELAY_SECONDS);
    wait_seconds(REBOOT_DELAY_SECONDS);
    power_reboot();
}

/* Stops the other CPUs first, so that dom0's vcpus do not change while they are dumped. */
void power_stop(uint8_t reason)
{
    smp_stop_others();
    if (reason == SHUTDOWN_poweroff) {
        log_info("dom0 has shut down: power off\n");
        acpi_power_off();
        log_err("power-off failed: switch the machine off by hand\n");
        cpu_halt();
    }
    if (reason == SHUTDOWN_reboot) {
        log_info("dom0 has shut down: reboot\n");
        power_reboot();
    }
    log_err("dom0 crashed%s (reason %u)\n", reason == SHUTDOWN_watchdog ? ": watchdog expired" : "",
            reason);
    panic_leave();
}

/* SPDX-License-Identifier: MIT */
/*
 * The ways to leave a machine: dom0's end is the machine's, and a panic reboots after a few
 * seconds, unless `noreboot` keeps its message on the screen.
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

/* About n seconds, also before the clock is calibrated: then by the assumption of a fast TSC. */
static void wait_seconds(unsigned int n)
{
    uint64_t start = rdtsc(), ticks = n * (clock_tsc_khz ? clock_tsc_khz : 2000000) * 1000;

    while (rdtsc() - start < ticks)
        cpu_pause();
}

/* The ways to reboot a PC, from the documented to the desperate; each gets a moment to work. */
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
    outb(0xcf9, 0x02); /* the chip set's reset control: hard reset */
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
        log_err("noreboot: the machine stays as it is\n");
        cpu_halt();
    }
    log_err("rebooting in %d seconds (give noreboot to stay)\n", REBOOT_DELAY_SECONDS);
    wait_seconds(REBOOT_DELAY_SECONDS);
    power_reboot();
}

/* The other CPUs stop first, so that dom0's vcpus are dumped as they are. */
void power_stop(uint8_t reason)
{
    smp_stop_others();
    if (reason == SHUTDOWN_poweroff) {
        log_info("dom0 has shut down: power off\n");
        acpi_power_off();
        log_err("this machine has no power-off that works: switch it off by hand\n");
        cpu_halt();
    }
    if (reason == SHUTDOWN_reboot) {
        log_info("dom0 has shut down: reboot\n");
        power_reboot();
    }
    log_err("dom0 crashed%s (reason %u)\n",
            reason == SHUTDOWN_watchdog ? ": its watchdog ran out" : "", reason);
    panic_leave();
}

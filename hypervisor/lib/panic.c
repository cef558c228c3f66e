/* SPDX-License-Identifier: MIT */
/*
 * The end: a panic (a bug of ours, or a machine that cannot be used), and the ways to leave a machine. A
 * panic stops the other CPUs, says what and where, and reboots after a few seconds, so that an unattended
 * machine comes back; `noreboot` keeps the message on the screen instead.
 */
#include "cpu.h"
#include "domain.h"
#include "lib.h"
#include "platform.h"
#include "svm.h"
#include "time.h"

#define REBOOT_DELAY_SECONDS 5

static uint32_t panicking; /* 1 + the CPU that panicked first */

/* About n seconds, also before the clock is calibrated: then by the assumption of a fast TSC. */
static void wait_seconds(unsigned int n)
{
    uint64_t start = rdtsc(), ticks = n * (tsc_khz ? tsc_khz : 2000000) * 1000;

    while (rdtsc() - start < ticks)
        cpu_pause();
}

/* The ways to reboot a PC, from the documented to the desperate; each gets a moment to work. */
static noreturn void reboot(void)
{
    struct { uint16_t limit; uint64_t base; } __packed_ no_idt = { 0, 0 };

    if (acpi.reset_port) {
        outb(acpi.reset_port, acpi.reset_value);
        wait_seconds(1);
    }
    outb(0xcf9, 0x02); /* the chip set's reset control: hard reset */
    outb(0xcf9, 0x06);
    wait_seconds(1);
    outb(0x64, 0xfe);  /* the keyboard controller's reset line */
    wait_seconds(1);
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt)); /* triple fault */
    cpu_halt();
}

static noreturn void reboot_or_stay(void)
{
    if (cmdline_get("noreboot")) {
        log_err("noreboot: the machine stays as it is\n");
        cpu_halt();
    }
    log_err("rebooting in %d seconds (give noreboot to stay)\n", REBOOT_DELAY_SECONDS);
    wait_seconds(REBOOT_DELAY_SECONDS);
    reboot();
}

static void dump_dom0(void)
{
    if (!dom0)
        return;
    for_each_vcpu(dom0, v)
        if (v->initialised)
            svm_dump(v);
}

void panic(const char *fmt, ...)
{
    static const char again[] = "(CLV) panic: another one while handling the first\n";
    uint32_t nobody = 0, self = this_cpu()->id + 1;
    char text[256];
    va_list ap;

    if (!__atomic_compare_exchange_n(&panicking, &nobody, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        if (nobody != self)
            cpu_halt();
        console_take_over();
        console_write_raw(again, sizeof(again) - 1);
        reboot();
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    smp_stop_others();
    log_err("panic on CPU %u: %s", this_cpu()->id, text);
    dump_stack_and_registers();
    mcheck_report();
    smp_report_stopped();
    dump_dom0();
    reboot_or_stay();
}

/* dom0's end is the machine's. Its vcpus are dumped as they are: the other CPUs stop first. */
void machine_stop(uint8_t reason)
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
        reboot();
    }
    log_err("dom0 crashed%s (reason %u)\n", reason == SHUTDOWN_watchdog ? ": its watchdog ran out" : "",
            reason);
    dump_dom0();
    reboot_or_stay();
}

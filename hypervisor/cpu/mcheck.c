/* SPDX-License-Identifier: MIT */
/*
 * Machine checks: the banks in which the CPU's units log errors. Banks report nothing until
 * enabled, and keep their contents across a warm reset. An uncorrectable error raises #MC, which
 * panics. Every panic dumps the banks. Corrected errors are not polled for. (APM vol. 2, chapter 9;
 * with scalable MCA, up to 32 banks are at these addresses, too)
 */
#include "cpu/mcheck.h"
#include "cpu.h"
#include "lib.h"
#include "percpu.h"

#define CPUID_MCE (1u << 7)
#define CPUID_MCA (1u << 14)
#define MSR_MCG_CAP 0x179u
#define MSR_MCG_STATUS 0x17au
#define MSR_MCG_CTL 0x17bu
#define CAP_MCG_CTL (1u << 8)

enum { BANK_CTL = 0x400, BANK_STATUS, BANK_ADDRESS, BANK_MISC };
#define BANK_STEP 4u
#define MAX_BANKS 32u

#define STATUS_VALID (1ull << 63)
#define STATUS_OVERFLOW (1ull << 62)
#define STATUS_UNCORRECTED (1ull << 61)
#define STATUS_MISC (1ull << 59)
#define STATUS_ADDRESS (1ull << 58)
#define STATUS_CONTEXT_CORRUPT (1ull << 57)

static unsigned int banks; /* 0: none, or not initialised yet */

static uint64_t bank_read(unsigned int bank, uint32_t reg)
{
    return cpu_rdmsr(reg + bank * BANK_STEP);
}

static void report_bank(unsigned int bank, uint64_t status)
{
    log_err("  machine-check bank %u: status %016lx, error code %04lx:%s%s%s\n", bank, status,
            status & 0xffff, status & STATUS_UNCORRECTED ? " uncorrected" : " corrected",
            status & STATUS_OVERFLOW ? ", further errors lost" : "",
            status & STATUS_CONTEXT_CORRUPT ? ", processor context corrupt" : "");
    if (status & STATUS_ADDRESS)
        log_err("    address %016lx\n", bank_read(bank, BANK_ADDRESS));
    if (status & STATUS_MISC)
        log_err("    misc %016lx\n", bank_read(bank, BANK_MISC));
}

void mcheck_report(void)
{
    bool found = false;

    for (unsigned int i = 0; i < banks; i++) {
        uint64_t status = bank_read(i, BANK_STATUS);

        if (!(status & STATUS_VALID))
            continue;
        if (!found)
            log_err("machine-check errors of CPU %u, MCG_STATUS %lx:\n", this_cpu()->id,
                    cpu_rdmsr(MSR_MCG_STATUS));
        found = true;
        report_bank(i, status);
    }
}

void mcheck_init_cpu(void)
{
    const uint32_t needed = CPUID_MCE | CPUID_MCA;
    uint32_t leaf1[4];

    cpu_cpuid(1, 0, leaf1);
    if ((leaf1[3] & needed) != needed)
        return;

    uint64_t cap = cpu_rdmsr(MSR_MCG_CAP);

    banks = MIN((uint32_t)cap & 0xff, MAX_BANKS);
    if (!banks)
        return;
    mcheck_report(); /* errors logged before the reset */
    if (cap & CAP_MCG_CTL)
        cpu_wrmsr(MSR_MCG_CTL, ~0ull);
    for (unsigned int i = 0; i < banks; i++) {
        cpu_wrmsr(BANK_CTL + i * BANK_STEP, ~0ull);
        cpu_wrmsr(BANK_STATUS + i * BANK_STEP, 0);
    }
    cpu_wrmsr(MSR_MCG_STATUS, 0);
}

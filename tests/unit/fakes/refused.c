/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions in the core's assembly, which fault in a program on the host: the test
 * executes them instead (harness.h, harness_on_refused).
 */
#include "harness.h"

#include <signal.h>
#include <ucontext.h>

static harness_refused_fn *on_refused;

long long *harness_register(long long *registers, unsigned int number)
{
    static const uint8_t place[16] = {
        HARNESS_RAX, HARNESS_RCX, HARNESS_RDX, HARNESS_RBX, HARNESS_RSP, HARNESS_RBP,
        HARNESS_RSI, HARNESS_RDI, 0,           1,           2,           3,
        4,           5,           6,           7,
    };

    return &registers[place[number]];
}

static void refused(int signal_number, siginfo_t *info, void *context)
{
    long long *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    unsigned int length = on_refused((const uint8_t *)r[HARNESS_RIP], r);

    r[HARNESS_RIP] += length;
    if (!length)
        signal(signal_number, SIG_DFL); /* the test's own fault: let it recur */
}

void harness_on_refused(harness_refused_fn *fn)
{
    struct sigaction action = { .sa_sigaction = refused, .sa_flags = SA_SIGINFO };

    on_refused = fn;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGILL, &action, NULL);
}

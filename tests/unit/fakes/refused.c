/* SPDX-License-Identifier: MIT */
/*
 * Instructions of the core's own assembly that the host's CPU refuses to a program: the test executes them
 * (harness.h, harness_on_refused).
 */
#include "harness.h"

#include <signal.h>
#include <ucontext.h>

static harness_refused_fn *on_refused;

static void refused(int signal_number, siginfo_t *info, void *context)
{
    long long *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    unsigned int length = on_refused((const uint8_t *)r[HARNESS_RIP], r);

    r[HARNESS_RIP] += length;
    if (!length)
        signal(signal_number, SIG_DFL); /* a fault of the test's own: it comes again */
}

void harness_on_refused(harness_refused_fn *fn)
{
    struct sigaction action = { .sa_sigaction = refused, .sa_flags = SA_SIGINFO };

    on_refused = fn;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGILL, &action, NULL);
}

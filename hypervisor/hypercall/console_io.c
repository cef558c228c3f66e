/* SPDX-License-Identifier: MIT */
/*
 * console_io: the core's console for guests (<xen/xen.h>). dom0's hvc0 uses it: its output goes to
 * the serial port unchanged, and input is returned to it. Output of other guests is split into
 * lines, sanitised and logged with the domain's id, rate-limited (vdev/text.c).
 *
 * Read next: lib/console.c.
 */
#include "core/sched.h"
#include "core/vcpu.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "lib/console.h"
#include "vdev/text.h"

#define CHUNK 256u

/*
 * arg: command, count, buffer. Long output is written in chunks; the arguments hold the rest.
 * Kernels treat any result that is not an error as complete success. So dom0 never gets a short
 * count: the call is restarted, yielding the CPU, until the serial port has room.
 */
static long console_write(struct hypercall *hc)
{
    char chunk[CHUNK];

    while (hc->arg[1] > 0) {
        uint32_t n = (uint32_t)MIN(hc->arg[1], (uint64_t)CHUNK), written = n;
        int rc = guest_read(hc->v, chunk, hc->arg[2], n);

        if (rc != 0)
            return rc;
        if (hc->v->d->is_dom0)
            written = (uint32_t)console_write_raw(chunk, n);
        else
            text_print(hc->v->d, chunk, n);
        hc->arg[1] -= written;
        hc->arg[2] += written;
        if (written < n)
            sched_yield(hc->v);
        if (written < n || (hc->arg[1] > 0 && softirq_preempt_pending()))
            return -ERESTART;
    }
    return 0;
}

static long console_read(struct hypercall *hc)
{
    uint64_t n = MIN(hc->arg[1], (uint64_t)CHUNK);
    char chunk[CHUNK];
    /* Input taken from the ring must not be lost: check that the buffer is writable first. */
    int rc = guest_zero(hc->v, hc->arg[2], n);

    if (rc != 0)
        return rc;
    n = console_dom0_read(chunk, n);
    rc = guest_write(hc->v, hc->arg[2], chunk, n);
    return rc == 0 ? (long)n : rc;
}

long hypercall_console_io(struct hypercall *hc)
{
    if ((int32_t)hc->arg[1] < 0)
        return -EINVAL;
    hc->arg[1] = (uint32_t)hc->arg[1];
    switch ((uint32_t)hc->arg[0]) {
    case CONSOLEIO_write: return console_write(hc);
    case CONSOLEIO_read: return hc->v->d->is_dom0 ? console_read(hc) : -EPERM;
    default: return -ENOSYS;
    }
}

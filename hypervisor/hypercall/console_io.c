/* SPDX-License-Identifier: MIT */
/*
 * console_io: the core's console as a guest reaches it (<xen/xen.h>). dom0's hvc0 is this: its
 * bytes go to the serial port as they are, and what is typed comes back. Another guest's text is
 * cut into lines, cleaned and logged with its name, limited in rate; port 0xe9 ends here too.
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
 * arg: command, count, buffer. Long texts are written in pieces, with the rest in the arguments.
 * Kernels take what is not an error as success of the whole, so dom0 gets no short count: it tries
 * again until the serial port has room, and others run meanwhile.
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
    /* What is taken out of the buffer must arrive: see that it can before. */
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

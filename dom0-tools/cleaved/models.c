/* SPDX-License-Identifier: MIT */
/*
 * If one of a device model's two processes dies, the other one records the crash (../cleave-dm).
 * This is for the death of both: the guest would wait for its devices for ever. Read next:
 * ../libcleave/modelsocket.c.
 */
#include "models.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xen/sched.h>

#include "domain.h"
#include "modelsocket.h"

static void visit(uint32_t domid, void *data)
{
    struct hv *hv = data;
    struct domain domain;
    int rc = domain_get(hv, domid, NULL, &domain);

    if (rc == -ESRCH)
        modelsocket_remove(domid);
    if (rc < 0 || domain.info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying) ||
        modelsocket_is_alive(domid))
        return;
    fprintf(stderr, "cleaved: domain %u: its device model was killed: its devices are lost\n",
            domid);
    if (xc_domain_shutdown(hv->xc, domid, SHUTDOWN_crash) < 0)
        fprintf(stderr, "cleaved: domain %u: cannot record its crash: %s\n", domid,
                strerror(errno));
}

void models_look(struct hv *hv) { modelsocket_each(visit, hv); }

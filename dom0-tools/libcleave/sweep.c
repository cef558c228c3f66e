/* SPDX-License-Identifier: MIT */
/*
 * A tool that is killed while it destroys a domain leaves nodes, and back ends that dom0's kernel
 * still holds. Each id and UUID is looked up in the hypervisor under the global lock, under which
 * cleave takes new ones. Read next: domain.c, devices.c.
 */
#include "sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleave-schema.h"
#include "devices.h"
#include "domain.h"
#include "lock.h"
#include "nodes.h"
#include "xlrecord.h"

/* Calls visit for each child of a directory. */
static void each_child(struct hv *hv, struct xs_handle *store, const char *folder,
                       void (*visit)(struct hv *, struct xs_handle *, const char *))
{
    unsigned int count = 0;
    char **names = xs_directory(store, XBT_NULL, folder, &count);

    for (unsigned int i = 0; names && i < count; i++)
        visit(hv, store, names[i]);
    free(names);
}

static void sweep_domain(struct hv *hv, struct xs_handle *store, const char *name)
{
    uint32_t domid = strtoul(name, NULL, 10);
    struct domain domain;

    if (domid == 0 || domain_get(hv, domid, NULL, &domain) != -ESRCH)
        return;
    nodes_remove_domain(store, domid);
    devices_detach(store, domid);
}

static bool has_domain(struct hv *hv, const char *uuid)
{
    struct domain *list;
    int count = domain_list(hv, NULL, &list);
    bool found = count < 0;

    for (int i = 0; i < count && !found; i++)
        found = strcmp(list[i].uuid, uuid) == 0;
    if (count >= 0)
        free(list);
    return found;
}

static void sweep_vm(struct hv *hv, struct xs_handle *store, const char *uuid)
{
    char home[64], dom0[64];

    snprintf(home, sizeof(home), SCHEMA_VM_HOME_PATH, uuid);
    store_read_text(store, dom0, sizeof(dom0), SCHEMA_VM_PATH, 0);
    if (strcmp(home, dom0) != 0 && !has_domain(hv, uuid))
        store_remove(store, "%s", home);
}

/* Whether there is such a domain, or that is unknown. */
static bool may_exist(uint32_t domid, const char *uuid, void *data)
{
    struct domain domain;

    return domain_get(data, domid, uuid, &domain) != -ESRCH;
}

int sweep_store(struct hv *hv, struct xs_handle *store)
{
    static const char *const folders[] = {
        SCHEMA_BACKEND_VBDS_PATH, SCHEMA_BACKEND_VIFS_PATH, SCHEMA_BACKEND_CONSOLES_PATH,
        SCHEMA_LIBXL_PATH,        SCHEMA_DOMAINS_PATH,
    };
    int lock = lock_acquire();

    if (lock < 0)
        return lock;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char folder[64];

        snprintf(folder, sizeof(folder), folders[i], 0);
        each_child(hv, store, folder, sweep_domain);
    }
    each_child(hv, store, SCHEMA_VMS_PATH, sweep_vm);
    xlrecord_sweep(may_exist, hv);
    lock_release(lock);
    return 0;
}

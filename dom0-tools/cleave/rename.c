/* SPDX-License-Identifier: MIT */
/*
 * cleave rename: in the VM's record, if it has one, and in the store, if it has a domain. Read
 * next: ../libcleave/vms.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleave-schema.h"
#include "command.h"
#include "events.h"
#include "report.h"
#include "vms.h"
#include "xlrecord.h"

#define LOCK_MS 10000

static int report_taken(const char *name)
{
    report_error(REPORT_STATE, "the name \"%s\" is in use: choose another one (`cleave list`)",
                 name);
    return -EEXIST;
}

/* Renames the record. Without one, -ESRCH. */
static int rename_record(const char *uuid, const char *name)
{
    struct vms_record vm, other;
    int lock = vms_lock(uuid, LOCK_MS);
    int rc;

    if (lock == -ESRCH)
        return lock;
    if (lock < 0) {
        report_error(REPORT_TIMEOUT, "another program changes the VM for %d s already",
                     LOCK_MS / 1000);
        return lock;
    }
    rc = vms_load(uuid, &vm);
    if (rc == 0)
        rc = vms_rename(&vm, name, &other);
    if (rc == -EEXIST)
        report_taken(name);
    vms_unlock(lock);
    return rc;
}

static int rename_domain(struct session *session, const struct domain *domain, const char *name)
{
    struct xlrecord_change change = { .name = name };

    if (store_write(session->store, XBT_NULL, name, SCHEMA_NAME_PATH, domain->domid) &&
        store_write(session->store, XBT_NULL, name, SCHEMA_VM_NAME_PATH, domain->uuid)) {
        xlrecord_change(domain->domid, domain->uuid, &change);
        return 0;
    }
    report_error(REPORT_INTERNAL, "cannot write the name of \"%s\" to the store: %s", domain->name,
                 strerror(errno));
    return -EIO;
}

/* Finds the VM by its record or by its domain. Sets domid to VMS_NO_DOMAIN if it has none. */
static int find_vm(struct session *session, const char *who, struct domain *domain)
{
    struct vms_record vm;
    int rc = domain_search(&session->hv, session->store, who, domain);

    if (rc == 0 && domain->domid == 0)
        return domain_find_guest(&session->hv, session->store, who, domain);
    if (rc != -ESRCH)
        return rc;
    if (vms_find(who, &vm) < 0)
        return domain_find(&session->hv, session->store, who, domain);
    *domain = (struct domain){ .domid = VMS_NO_DOMAIN };
    strcpy(domain->name, vm.name);
    strcpy(domain->uuid, vm.uuid);
    return 0;
}

int rename_run(struct call *call)
{
    const char *name = call->arguments[1];
    struct domain domain, other;
    struct session session;
    int rc;

    if (!vmfile_is_name(name)) {
        report_error(REPORT_USAGE,
                     "\"%s\" cannot be a name: use at most %d letters, digits and _-.+:@, not only "
                     "digits, and no leading -",
                     name, DOMAIN_NAME_MAX - 1);
        return -EINVAL;
    }
    rc = session_open(&session);
    if (rc == 0)
        rc = find_vm(&session, call->arguments[0], &domain);
    if (rc == 0 && domain_search(&session.hv, session.store, name, &other) == 0 &&
        strcmp(other.uuid, domain.uuid) != 0)
        rc = report_taken(name);
    if (rc == 0)
        rc = rename_record(domain.uuid, name);
    if ((rc == 0 || rc == -ESRCH) && domain.domid != VMS_NO_DOMAIN)
        rc = rename_domain(&session, &domain, name);
    if (rc == 0) {
        events_domain(&domain, "renamed", name);
        strcpy(domain.name, name);
    }
    return control_close(call, &session, &domain, rc);
}

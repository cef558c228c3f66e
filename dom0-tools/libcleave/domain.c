/* SPDX-License-Identifier: MIT */
/*
 * Domains as listed by the hypervisor (xen_domctl_getdomaininfo, xen/domctl.h), with their names
 * from the store. Read next: nodes.c, build.c.
 */
#include "domain.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/hvm/save.h>
#include <xen/sched.h>

#include "cleave-schema.h"
#include "context.h"
#include "devices.h"
#include "lock.h"
#include "modelsocket.h"
#include "nodes.h"
#include "progress.h"
#include "report.h"
#include "vms.h"
#include "xlrecord.h"

#define BATCH 64
/* Timeout for the release of a destroyed domain's memory: other domains must first unmap it. */
#define DESTROY_MS 20000
#define DESTROY_STEP 20
#define DESTROY_ALONE_MS 1000 /* without the store, which tells other programs to unmap it */
#define PWRBTN_EN 0x100
#define FIND_ATTEMPTS 5
#define FIND_STEP_MS 50
#define MEMORY_SLACK_KIB 1024 /* special pages, and what a balloon driver leaves */

static void fill_domain(struct domain *domain, const xc_domaininfo_t *info)
{
    *domain = (struct domain){ .domid = info->domain, .info = *info };
    uuid_unparse_lower(info->handle, domain->uuid);
}

static int compare(const void *a, const void *b)
{
    const struct domain *left = a, *right = b;

    return (left->domid > right->domid) - (left->domid < right->domid);
}

int domain_list(struct hv *hv, struct xs_handle *store, struct domain **list)
{
    struct domain *domains = NULL;
    uint32_t next = 0;
    int count = 0, batch;

    do {
        xc_domaininfo_t info[BATCH];

        hv_forget(hv);
        batch = xc_domain_getinfolist(hv->xc, next, BATCH, info);
        if (batch < 0) {
            int error = errno;

            free(domains);
            report_error(report_by_errno(error), "cannot list the domains: %s",
                         hv_reason(hv, error));
            return -error;
        }
        domains = realloc(domains, (count + batch + 1) * sizeof(*domains));
        if (!domains)
            return -ENOMEM;
        for (int i = 0; i < batch; i++) {
            fill_domain(&domains[count], &info[i]);
            if (store)
                store_read_text(store, domains[count].name, sizeof(domains[count].name),
                                SCHEMA_NAME_PATH, info[i].domain);
            if (info[i].domain == 0 && !domains[count].name[0])
                strcpy(domains[count].name, DOMAIN_0_NAME);
            next = info[i].domain + 1;
            count++;
        }
    } while (batch == BATCH);
    qsort(domains, count, sizeof(*domains), compare);
    *list = domains;
    return count;
}

int domain_get(struct hv *hv, uint32_t domid, const char *uuid, struct domain *domain)
{
    xc_domaininfo_t info;
    int count = xc_domain_getinfolist(hv->xc, domid, 1, &info);

    if (count < 0)
        return errno == ESRCH ? -EIO : -errno;
    /* The call returns the next domain if this one does not exist. */
    if (count == 0 || info.domain != domid)
        return -ESRCH;
    fill_domain(domain, &info);
    return uuid && strcmp(domain->uuid, uuid) != 0 ? -ESRCH : 0;
}

static bool is_number(const char *who) { return *who && strspn(who, "0123456789") == strlen(who); }

int domain_search(struct hv *hv, struct xs_handle *store, const char *who, struct domain *domain)
{
    bool number = is_number(who);
    struct domain *list;
    int count = domain_list(hv, store, &list);
    int rc = -ESRCH;

    if (count < 0)
        return count;
    for (int i = 0; i < count && rc < 0; i++) {
        /* A domain being built has no name yet; "" must not match it. */
        if (number ? list[i].domid != strtoul(who, NULL, 10)
                   : !*who || (strcmp(list[i].name, who) != 0 && strcmp(list[i].uuid, who) != 0))
            continue;
        *domain = list[i];
        rc = 0;
    }
    free(list);
    return rc;
}

static void report_no_domain(const char *who)
{
    struct vms_record vm;

    if (vms_find(who, &vm) < 0)
        report_error(REPORT_NOT_FOUND, "no VM %s \"%s\": see `cleave list`",
                     is_number(who) ? "with id" : "named", who);
    else if (vm.phase == VMS_STOPPED || vm.phase == VMS_FAILED)
        report_error(REPORT_STATE, "\"%s\" has no domain: it is %s%s%s: `cleave start %s`", vm.name,
                     vms_phase_name(vm.phase), vm.reason[0] ? ": " : "", vm.reason, vm.name);
    else
        report_error(REPORT_STATE, "\"%s\" has no domain at the moment: it is %s%s%s", vm.name,
                     vms_phase_name(vm.phase), vm.reason[0] ? ": " : "", vm.reason);
}

/* True if the VM may have a domain that the list has not: while it is built again, ids change. */
static bool is_between_domains(const char *who)
{
    struct vms_record vm;

    return vms_find(who, &vm) == 0 && vm.phase != VMS_STOPPED && vm.phase != VMS_FAILED;
}

int domain_find(struct hv *hv, struct xs_handle *store, const char *who, struct domain *domain)
{
    int rc = domain_search(hv, store, who, domain);

    for (int attempt = 1; rc == -ESRCH && attempt < FIND_ATTEMPTS && is_between_domains(who);
         attempt++) {
        usleep(FIND_STEP_MS * 1000);
        rc = domain_search(hv, store, who, domain);
    }
    if (rc == -ESRCH)
        report_no_domain(who);
    return rc;
}

int domain_find_guest(struct hv *hv, struct xs_handle *store, const char *who,
                      struct domain *domain)
{
    int rc = domain_find(hv, store, who, domain);

    if (rc == 0 && domain->domid == 0) {
        report_error(REPORT_PERMISSION,
                     "domain 0 is the control domain itself: name a VM (`cleave list`)");
        return -EPERM;
    }
    return rc;
}

bool domain_is_shut_down(const xc_domaininfo_t *info) { return info->flags & XEN_DOMINF_shutdown; }

unsigned int domain_shutdown_reason(const xc_domaininfo_t *info)
{
    return info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}

const char *domain_state(const xc_domaininfo_t *info)
{
    static const char *const reasons[] = {
        [SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
        [SHUTDOWN_suspend] = "suspended", [SHUTDOWN_crash] = "crashed",
        [SHUTDOWN_watchdog] = "watchdog",
    };

    if (info->flags & XEN_DOMINF_dying)
        return "dying";
    if (domain_is_shut_down(info)) {
        unsigned int reason = domain_shutdown_reason(info);

        return reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason] : "shutdown";
    }
    if (info->flags & XEN_DOMINF_paused)
        return "paused";
    if (info->flags & XEN_DOMINF_running)
        return "running";
    return info->flags & XEN_DOMINF_blocked ? "blocked" : "ready";
}

/* Waits until the domain no longer exists. alone: what is left after a moment is only told. */
static int await_end(struct hv *hv, uint32_t domid, const char *uuid, bool alone)
{
    struct domain domain = { .domid = domid };
    int limit = alone ? DESTROY_ALONE_MS : DESTROY_MS;

    for (int waited = 0; waited < limit; waited += DESTROY_STEP) {
        if (domain_get(hv, domid, uuid, &domain) == -ESRCH)
            return 0;
        progress_show("domain %u: waiting until its memory is free: %llu pages are in use", domid,
                      (unsigned long long)domain.info.tot_pages);
        usleep(DESTROY_STEP * 1000);
    }
    if (alone) {
        report_warning("domain %u has ended but keeps %llu pages, until the programs that map them "
                       "end: xenconsoled learns of it from xenstored only",
                       domid, (unsigned long long)domain.info.tot_pages);
        return 0;
    }
    report_error(REPORT_TIMEOUT,
                 "domain %u has ended but still has %llu pages after %d s: a program maps its "
                 "memory",
                 domid, (unsigned long long)domain.info.tot_pages, DESTROY_MS / 1000);
    return -EBUSY;
}

/* True if the store's subtree of this id still belongs to this VM: ids are reused. */
static bool nodes_are_of(struct xs_handle *store, uint32_t domid, const char *uuid)
{
    char home[64], vm[64];

    snprintf(home, sizeof(home), SCHEMA_VM_HOME_PATH, uuid);
    return store_read_text(store, vm, sizeof(vm), SCHEMA_VM_PATH, domid) && strcmp(vm, home) == 0;
}

/* True if the VM already has its next domain, which uses the VM's own nodes. */
static bool has_successor(struct hv *hv, uint32_t domid, const char *uuid)
{
    struct domain *list;
    int count = domain_list(hv, NULL, &list);
    bool found = false;

    if (count < 0)
        return true;
    for (int i = 0; i < count; i++)
        found |= list[i].domid != domid && strcmp(list[i].uuid, uuid) == 0;
    free(list);
    return found;
}

/*
 * Removes the VM's nodes. Under the lock, because another process may have removed them and be
 * building a new domain of the same VM. For an id that no domain has, everything is removed.
 * xenconsoled may have written the terminal's name of a domain being destroyed, and thus recreated
 * its subtree (only while it maps the console page, so not after the domain's end). So may a
 * process that was still building it. Nothing is waited for under the lock: without its front ends,
 * which are removed first, no device is.
 */
static int remove_nodes(struct hv *hv, struct xs_handle *store, uint32_t domid, const char *uuid)
{
    struct domain domain;
    int lock;

    if (!store)
        return 0;
    lock = lock_acquire();
    if (lock < 0)
        return lock;
    if (nodes_are_of(store, domid, uuid) && has_successor(hv, domid, uuid))
        nodes_remove_domain(store, domid);
    else if (nodes_are_of(store, domid, uuid))
        nodes_remove(store, domid, uuid);
    if (domain_get(hv, domid, NULL, &domain) == -ESRCH) {
        nodes_remove_domain(store, domid);
        devices_detach(store, domid);
    }
    lock_release(lock);
    return 0;
}

/* The device model of an HVM guest, or 0. cleave-dm is a process group (model.c). */
static pid_t model_pid(struct xs_handle *store, uint32_t domid)
{
    char pid[16];

    return store_read_text(store, pid, sizeof(pid), SCHEMA_IMAGE_DM_PID_PATH, domid) ? atoi(pid)
                                                                                     : 0;
}

bool domain_has_model(struct xs_handle *store, uint32_t domid)
{
    return model_pid(store, domid) > 0;
}

/*
 * The device model maps the domain's frames, and one that is stopped does not end with the domain.
 * As long as one of its processes lives, the number of their group is no other's.
 */
static void end_model(uint32_t domid, pid_t group)
{
    if (group > 1 && modelsocket_is_alive(domid))
        kill(-group, SIGKILL);
}

int domain_destroy(struct hv *hv, struct xs_handle *store, uint32_t domid, const char *uuid)
{
    struct domain domain;
    pid_t model = 0;
    int found, rc;

    progress_show("domain %u: ending it with its devices", domid);
    hv_forget(hv);
    found = domain_get(hv, domid, uuid, &domain);
    if (found == 0)
        xc_domain_pause(hv->xc, domid);
    /* First, because xenstored removes the guest's nodes together with the domain. */
    if (nodes_are_of(store, domid, uuid)) {
        model = model_pid(store, domid);
        devices_detach(store, domid);
    }
    rc = found == 0 && xc_domain_destroy(hv->xc, domid) < 0 ? -errno : found;
    if (rc < 0 && rc != -ESRCH) {
        report_error(report_by_errno(-rc), "cannot destroy domain %u: %s", domid,
                     hv_reason(hv, -rc));
        return rc;
    }
    end_model(domid, model);
    rc = remove_nodes(hv, store, domid, uuid);
    if (rc == 0)
        rc = await_end(hv, domid, uuid, !store);
    if (rc == 0)
        xlrecord_remove(domid, uuid);
    return rc < 0 ? rc : remove_nodes(hv, store, domid, uuid);
}

/* Whether a guest has a power button, which is all that one without Xen's drivers listens to. */
static bool has_button(struct xs_handle *store, const struct domain *domain, const char *wish)
{
    char feature[8];

    return strcmp(wish, "poweroff") == 0 && domain_has_model(store, domain->domid) &&
           !(store_read_text(store, feature, sizeof(feature), SCHEMA_CONTROL_POWEROFF_PATH,
                             domain->domid) &&
             strcmp(feature, "1") == 0);
}

/* Whether the guest has enabled the button's event (PWRBTN_EN of ACPI's PM1 enable register). */
static bool hears_button(struct hv *hv, const struct domain *domain)
{
    uint32_t size;
    uint8_t *context = context_get(hv, domain->domid, &size);
    const HVM_SAVE_TYPE(PMTIMER) *pm =
        context ? context_find(context, size, HVM_SAVE_CODE(PMTIMER), sizeof(*pm)) : NULL;
    bool hears = pm && pm->pm1a_en & PWRBTN_EN;

    free(context);
    return hears;
}

static int press_button(struct hv *hv, const struct domain *domain)
{
    int rc;

    hv_forget(hv);
    if (xc_domain_send_trigger(hv->xc, domain->domid, XEN_DOMCTL_SENDTRIGGER_POWER, 0) == 0)
        return 0;
    rc = -errno;
    report_error(report_by_errno(-rc), "cannot press the power button of \"%s\": %s", domain->name,
                 hv_reason(hv, -rc));
    return rc;
}

bool domain_listens(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                    const char *wish)
{
    char feature[8];

    if (domain->info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying | XEN_DOMINF_paused))
        return false;
    if (has_button(store, domain, wish))
        return hears_button(hv, domain);
    store_read_text(store, feature, sizeof(feature),
                    strcmp(wish, "reboot") == 0 ? SCHEMA_CONTROL_REBOOT_PATH
                                                : SCHEMA_CONTROL_POWEROFF_PATH,
                    domain->domid);
    return strcmp(feature, "1") == 0;
}

static uint64_t read_kib(struct xs_handle *store, uint32_t domid, const char *pattern)
{
    char *text = store_read(store, pattern, domid);
    uint64_t kib = text ? strtoull(text, NULL, 10) : 0;

    free(text);
    return kib;
}

uint64_t domain_memory_target(struct xs_handle *store, uint32_t domid)
{
    return read_kib(store, domid, SCHEMA_MEMORY_TARGET_PATH);
}

uint64_t domain_memory_max(struct xs_handle *store, uint32_t domid)
{
    return read_kib(store, domid, SCHEMA_MEMORY_STATIC_MAX_PATH);
}

uint64_t domain_memory_held(const struct domain *domain)
{
    return (domain->info.tot_pages + domain->info.outstanding_pages) * HV_PAGE_KIB;
}

uint64_t domain_memory_ram(struct hv *hv, const struct domain *domain)
{
    uint64_t total, cache, absent;

    if (xc_domain_get_pod_target(hv->xc, domain->domid, &total, &cache, &absent) < 0)
        return domain->info.tot_pages * HV_PAGE_KIB;
    return (total - cache + absent) * HV_PAGE_KIB;
}

bool domain_memory_is_near(struct hv *hv, const struct domain *domain, uint64_t kib)
{
    uint64_t has = domain_memory_ram(hv, domain);

    return has <= kib + MEMORY_SLACK_KIB && kib <= has + MEMORY_SLACK_KIB;
}

int domain_ask(struct hv *hv, struct xs_handle *store, const struct domain *domain,
               const char *wish)
{
    if (domain->info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) {
        report_error(REPORT_STATE,
                     "\"%s\" has already ended (%s): `cleave destroy %s` removes what is left "
                     "of it",
                     domain->name, domain_state(&domain->info), domain->name);
        return -EALREADY;
    }
    if (domain->info.flags & XEN_DOMINF_paused) {
        report_error(REPORT_STATE,
                     "\"%s\" is paused and cannot respond: `cleave unpause %s` first, or `cleave "
                     "destroy %s`",
                     domain->name, domain->name, domain->name);
        return -EAGAIN;
    }
    if (!domain_listens(hv, store, domain, wish)) {
        report_error(REPORT_COOPERATION,
                     "\"%s\" does not accept %s requests (it is still booting, or it "
                     "has no driver for them): wait, or `cleave destroy %s`",
                     domain->name, wish, domain->name);
        return -EOPNOTSUPP;
    }
    if (has_button(store, domain, wish))
        return press_button(hv, domain);
    if (strcmp(wish, "reboot") == 0)
        vms_note_asked(domain->uuid);
    hv_forget(hv);
    if (!store_write(store, XBT_NULL, wish, SCHEMA_CONTROL_SHUTDOWN_PATH, domain->domid)) {
        report_error(report_by_errno(errno), "cannot write the request for \"%s\" to the store: %s",
                     domain->name, strerror(errno));
        return -EIO;
    }
    return 0;
}

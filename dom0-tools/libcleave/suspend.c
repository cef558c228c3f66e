/* SPDX-License-Identifier: MIT */
/*
 * A guest suspends itself: it reads "suspend" from control/shutdown, empties that node, stops its
 * devices, and makes the hypercall SCHEDOP_shutdown with the reason suspend. The hypercall returns
 * 0 in a restored guest, which then builds rings and ports anew. Where nothing was lost it returns
 * 1, and the guest goes on with those that it has (xenguest.h, xc_domain_resume).
 *
 * The 1 goes to RAX of vCPU 0 by the machine's state (xen/hvm/save.h), because the hypervisor need
 * not have the call that libxenguest makes for it. Only records of vCPU 0 are written back, and not
 * its local APIC, which may have received interrupts.
 *
 * An HVM guest without Xen's drivers takes no part: its domain is paused where none of its vCPUs is
 * amid an access to an emulated device, and suspended then. Its devices wait, too, and their state
 * stands behind libxenguest's stream, with its length. Read next: statefile.c, modelsocket.c.
 */
#include "suspend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/hvm/save.h>
#include <xen/sched.h>
#include <xenguest.h>

#include "cleave-schema.h"
#include "context.h"
#include "core.h"
#include "modelsocket.h"
#include "progress.h"

/* For each of the guest's two steps. A kernel needs a second, a busy machine's kernel longer. */
#define STEP_MS 60000
#define PAUSE_MS 20
/* How often a guest is paused until no vCPU is amid an access, and how long it runs in between. */
#define PAUSES_MAX 1000
#define RUN_US 1000
#define WISH "suspend"
/* Beyond the pages: a header for each 1,024 of them with 8 bytes a page, and the vCPUs' records. */
#define PAGE_BYTES (XC_PAGE_SIZE + 16)
#define RECORDS_BYTES (4 << 20)

bool suspend_is_suspended(const xc_domaininfo_t *info)
{
    return domain_is_shut_down(info) && domain_shutdown_reason(info) == SHUTDOWN_suspend;
}

/* What the guest has never touched is named in the stream, but has no contents. */
uint64_t suspend_size(struct hv *hv, const struct domain *domain)
{
    uint64_t size = domain_memory_ram(hv, domain) / HV_PAGE_KIB * PAGE_BYTES + RECORDS_BYTES;
    struct cleave_memory memory;

    if (core_memory_get(hv, domain->domid, &memory) == 0)
        size -= memory.absent * XC_PAGE_SIZE;
    return size;
}

static const char *const features[] = {
    SCHEMA_CONTROL_POWEROFF_PATH,
    SCHEMA_CONTROL_REBOOT_PATH,
    SCHEMA_CONTROL_SUSPEND_PATH,
};

uint32_t suspend_features(struct xs_handle *store, uint32_t domid)
{
    uint32_t found = 0;

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        char value[8];

        store_read_text(store, value, sizeof(value), features[i], domid);
        if (strcmp(value, "1") == 0)
            found |= 1u << i;
    }
    return found;
}

void suspend_offer(struct xs_handle *store, uint32_t domid, uint32_t offered)
{
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (offered & 1u << i && !store_write(store, XBT_NULL, "1", features[i], domid))
            report_warning("domain %u: cannot write to the store that it takes requests: %s", domid,
                           strerror(errno));
}

/* Whether the guest's kernel suspends itself. */
static bool takes_part(struct xs_handle *store, uint32_t domid)
{
    char feature[8];

    store_read_text(store, feature, sizeof(feature), SCHEMA_CONTROL_SUSPEND_PATH, domid);
    return strcmp(feature, "1") == 0;
}

int suspend_check(struct xs_handle *store, const struct domain *domain)
{
    if (domain->info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) {
        report_error(REPORT_STATE, "\"%s\" has ended (%s): there is nothing to save", domain->name,
                     domain_state(&domain->info));
        return -EALREADY;
    }
    if (domain->info.flags & XEN_DOMINF_paused) {
        report_error(REPORT_STATE,
                     "\"%s\" is paused and cannot prepare to be saved: `cleave unpause %s` first",
                     domain->name, domain->name);
        return -EAGAIN;
    }
    if (takes_part(store, domain->domid) || domain_has_model(store, domain->domid))
        return 0;
    report_error(REPORT_COOPERATION,
                 "\"%s\" cannot be saved: its kernel does not offer to suspend (it is still "
                 "booting, or it has no Xen drivers): wait, or `cleave shutdown %s`",
                 domain->name, domain->name);
    return -EOPNOTSUPP;
}

/* --- suspending ------------------------------------------------------------------------------- */

struct suspension {
    struct hv *hv;
    struct xs_handle *store;
    const struct domain *domain;
    int error;     /* why the guest was not suspended */
    void *devices; /* the state of emulated devices */
    int devices_size;
};

static int get_info(struct suspension *s, struct domain *now)
{
    int rc = domain_get(s->hv, s->domain->domid, s->domain->uuid, now);

    if (rc < 0)
        report_error(rc == -ESRCH ? REPORT_GUEST : report_by_errno(-rc),
                     "cannot save \"%s\": the domain %s", s->domain->name,
                     rc == -ESRCH ? "is gone" : strerror(-rc));
    return rc;
}

/* Whether the guest has read the request, by which it empties the node. */
static bool is_read(const struct suspension *s)
{
    char wish[16];

    store_read_text(s->store, wish, sizeof(wish), SCHEMA_CONTROL_SHUTDOWN_PATH, s->domain->domid);
    return strcmp(wish, WISH) != 0;
}

/* Returns 0 once the guest is suspended, -EAGAIN if only the time is up, or another error. */
static int await_suspended(struct suspension *s, bool only_read)
{
    struct domain now;
    int rc;

    for (int waited = 0; waited < STEP_MS; waited += PAUSE_MS) {
        rc = get_info(s, &now);
        if (rc < 0)
            return rc;
        if (suspend_is_suspended(&now.info) || (only_read && is_read(s)))
            return 0;
        if (now.info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) {
            report_error(REPORT_GUEST, "cannot save \"%s\": it ended meanwhile (%s)",
                         s->domain->name, domain_state(&now.info));
            return -ECANCELED;
        }
        if (store_is_lost())
            return -ETIMEDOUT;
        usleep(PAUSE_MS * 1000);
    }
    return -EAGAIN;
}

/*
 * Takes the request back, so that the guest does not suspend later. False: it has read it
 * meanwhile.
 */
static bool take_back(struct suspension *s)
{
    char path[XENSTORE_ABS_PATH_MAX];
    xs_transaction_t transaction;
    bool unread;

    snprintf(path, sizeof(path), SCHEMA_CONTROL_SHUTDOWN_PATH, s->domain->domid);
    do {
        char *wish;

        transaction = xs_transaction_start(s->store);
        wish = xs_read(s->store, transaction, path, NULL);
        unread = wish && strcmp(wish, WISH) == 0;
        if (unread)
            xs_write(s->store, transaction, path, "", 0);
        free(wish);
    } while (transaction != XBT_NULL && !xs_transaction_end(s->store, transaction, !unread) &&
             errno == EAGAIN);
    return unread;
}

static int suspend_guest(struct suspension *s)
{
    int rc;

    progress_show("%s: waiting until the guest has suspended itself", s->domain->name);
    if (!store_write(s->store, XBT_NULL, WISH, SCHEMA_CONTROL_SHUTDOWN_PATH, s->domain->domid)) {
        rc = -errno;
        report_error(report_by_errno(-rc), "cannot write the request for \"%s\" to the store: %s",
                     s->domain->name, strerror(-rc));
        return rc;
    }
    rc = await_suspended(s, true);
    if (rc == -EAGAIN && take_back(s)) {
        report_error(REPORT_COOPERATION,
                     "cannot save \"%s\": it did not read the request within %d s: it runs on; is "
                     "it busy, or still booting?",
                     s->domain->name, STEP_MS / 1000);
        return -ETIMEDOUT;
    }
    if (rc == 0 || rc == -EAGAIN)
        rc = await_suspended(s, false);
    if (rc == -EAGAIN) {
        report_error(REPORT_COOPERATION,
                     "cannot save \"%s\": it read the request, but did not suspend within %d s: "
                     "see `cleave logs %s`",
                     s->domain->name, STEP_MS / 1000, s->domain->name);
        return -ETIMEDOUT;
    }
    return rc;
}

/* --- emulated devices ------------------------------------------------------------------------- */

/* Pauses the domain between two accesses to devices, and takes their state. */
static int pause_machine(struct suspension *s)
{
    uint32_t domid = s->domain->domid;

    progress_show("%s: waiting until its devices stand still", s->domain->name);
    for (int i = 0; i < PAUSES_MAX; i++) {
        if (xc_domain_pause(s->hv->xc, domid) < 0)
            return -errno;
        s->devices_size = modelsocket_save(domid, &s->devices);
        if (s->devices_size != -EAGAIN)
            return s->devices_size < 0 ? s->devices_size : 0;
        xc_domain_unpause(s->hv->xc, domid);
        usleep(RUN_US);
    }
    return -EAGAIN;
}

static int report_machine(const struct suspension *s, int error)
{
    const char *why = strerror(-error);

    if (error == -ETIMEDOUT)
        why = "cleave-dm does not answer: is it stopped?";
    if (error == -EAGAIN)
        why = "the guest was never between two accesses to them";
    report_error(error == -ETIMEDOUT ? REPORT_TIMEOUT : report_by_errno(-error),
                 "cannot save \"%s\": the state of its devices: %s: it runs on", s->domain->name,
                 why);
    return error;
}

static int suspend_machine(struct suspension *s)
{
    uint32_t domid = s->domain->domid;
    int rc = takes_part(s->store, domid) ? suspend_guest(s) : 0;

    if (rc < 0)
        return rc;
    rc = pause_machine(s);
    if (rc < 0)
        return report_machine(s, rc);
    if (!takes_part(s->store, domid) && xc_domain_shutdown(s->hv->xc, domid, SHUTDOWN_suspend) < 0)
        rc = -errno;
    xc_domain_unpause(s->hv->xc, domid);
    return rc;
}

/* Called by libxenguest. 1: suspended. */
static int suspend_callback(void *data)
{
    struct suspension *s = data;

    s->error = domain_has_model(s->store, s->domain->domid) ? suspend_machine(s) : suspend_guest(s);
    if (s->error == 0)
        progress_show("%s: saving its memory", s->domain->name);
    return s->error == 0;
}

/* Nothing is saved while the guest runs. libxenguest asks for this function in any case. */
static int no_device_model(uint32_t domid, unsigned int enable, void *data)
{
    (void)domid;
    (void)enable;
    (void)data;
    return 0;
}

int suspend_save(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                 struct statefile *file)
{
    struct suspension suspension = { .hv = hv, .store = store, .domain = domain };
    struct save_callbacks callbacks = {
        .suspend = suspend_callback,
        .switch_qemu_logdirty = no_device_model,
        .data = &suspension,
    };
    int rc = 0;

    hv_forget(hv);
    errno = 0;
    if (xc_domain_save(hv->xc, file->input, domain->domid, 0, &callbacks, XC_STREAM_PLAIN, -1) < 0)
        rc = errno ? -errno : -EIO;
    if (rc == 0 && suspension.devices)
        rc = statefile_write(file, suspension.devices, suspension.devices_size);
    free(suspension.devices);
    return rc;
}

/* --- resuming --------------------------------------------------------------------------------- */

/* Keeps the records of vCPU 0 but its APIC's, with 1 in its RAX. Returns their size; 0: invalid. */
static uint32_t select_records(uint8_t *context, uint32_t size)
{
    uint8_t *from = context, *to = context, *end = context + size;
    struct hvm_save_descriptor record;
    const uint64_t cancelled = 1;
    uint32_t length;

    while ((size_t)(end - from) >= sizeof(record)) {
        memcpy(&record, from, sizeof(record));
        length = sizeof(record) + record.length;
        if ((size_t)(end - from) < length)
            return 0;
        if (record.typecode == HVM_SAVE_CODE(CPU) && record.instance == 0)
            memcpy(from + sizeof(record) + offsetof(struct hvm_hw_cpu, rax), &cancelled,
                   sizeof(cancelled));
        if (record.instance == 0 && record.typecode != HVM_SAVE_CODE(LAPIC) &&
            record.typecode != HVM_SAVE_CODE(LAPIC_REGS)) {
            memmove(to, from, length);
            to += length;
        }
        from += length;
        if (record.typecode == HVM_SAVE_CODE(END))
            return to - context;
    }
    return 0;
}

/* Makes the guest's hypercall return 1. */
static int set_cancelled(struct hv *hv, uint32_t domid)
{
    uint32_t size;
    uint8_t *context = context_get(hv, domid, &size);
    int rc = context ? 0 : -errno;

    if (rc == 0) {
        size = select_records(context, size);
        rc = size ? 0 : -EINVAL;
    }
    if (rc == 0 && xc_domain_hvm_setcontext(hv->xc, domid, context, size) < 0)
        rc = -errno;
    free(context);
    return rc;
}

int suspend_resume(struct hv *hv, struct xs_handle *store, const struct domain *domain)
{
    bool model = domain_has_model(store, domain->domid);
    struct domain now;
    int rc = domain_get(hv, domain->domid, domain->uuid, &now);

    if (rc == 0 && model) {
        modelsocket_resume(domain->domid);
        xc_domain_unpause(hv->xc, domain->domid);
    }
    if (rc < 0 || !suspend_is_suspended(&now.info))
        return 0;
    hv_forget(hv);
    if (!model || takes_part(store, domain->domid))
        rc = set_cancelled(hv, domain->domid);
    if (rc == 0 && xc_domain_resume(hv->xc, domain->domid, 0) < 0)
        rc = -errno;
    if (rc < 0)
        report_error(report_by_errno(-rc),
                     "\"%s\" stays suspended, because it cannot be resumed: %s: `cleave destroy "
                     "%s`",
                     domain->name, hv_reason(hv, -rc), domain->name);
    else if (!xs_resume_domain(store, domain->domid))
        report_warning("xenstored was not told that \"%s\" was resumed: %s", domain->name,
                       strerror(errno));
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * The pager: takes cold pages of VMs that are to have less memory out to a file, and brings back
 * what their vCPUs, or programs of dom0, wait for. One process for the machine, a worker of
 * cleaved: so it is started again when it ends, and a slow disk delays nobody but those who wait
 * for their pages. It serves faults before goals (../libcleave/paging.h).
 *
 * It may be killed at any moment. A page leaves memory by one hypercall, after its contents are on
 * disk, and only if they are still the same. It comes back by another. The core knows what is
 * paged: the next pager compares that with the files. Until then a vcpu that touches such a page
 * waits.
 *
 * An error loses nothing: what cannot be written stays in memory, and what cannot be read is tried
 * again each second. Read next: ../libcleave/pagefile.c, ../../hypervisor/mm/p2m_page.c.
 */
#define _GNU_SOURCE
#include "pager.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include <xenevtchn.h>

#include "core.h"
#include "events.h"
#include "pagefile.h"
#include "paging.h"
#include "report.h"

#define LOCK_PATH SUPERVISOR_FOLDER "/pager.lock"
#define TICK_MS 1000
#define BATCH 64     /* pages for one synchronisation of the file */
#define SWAP_BATCH 8 /* of those that leave so that one can come back */
#define AHEAD_MIN 4
#define AHEAD_MAX 32
/*
 * A goal to page out rests after pages came back, or all were in use, until the VM has run for a
 * while or has nothing to do. Else a VM that touches its pages would lose those of its kernel
 * before it gets a CPU, and come no further.
 */
#define REST_MS 50
#define REST_RUN_NS 20000000
#define REST_MAX_MS 10000  /* of one that wants to run */
#define RESTS_MAX_MS 20000 /* without a page that has left */
#define KIB_PER_MIB 1024

struct paged_vm {
    struct domain domain;
    struct pagefile *file;
    uint64_t hand;              /* where the search for cold pages goes on */
    int64_t rest_till, left_at; /* of its goal: not before; when pages left last, 0: none */
    uint64_t ran;               /* until its rest began; ns; UINT64_MAX: to be asked */
    uint64_t ahead, ahead_end;  /* gfns that came back unasked last, and the one behind them */
    bool troubled;
    bool doubted; /* the file is to be opened again: it may have been repaired */
    bool seen;
};

static struct {
    struct hv *hv;
    xenevtchn_handle *events;
    int notify;
    struct paged_vm *vms;
    size_t count;
    uint8_t (*pages)[PAGEFILE_PAGE]; /* BATCH of them, for the core */
} pager;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* --- what is told ----------------------------------------------------------------------------- */

/* The first time is an event. */
__attribute__((format(printf, 2, 3))) static void tell_trouble(struct paged_vm *vm,
                                                               const char *format, ...)
{
    char text[PAGING_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    paging_set_trouble(vm->domain.uuid, text);
    if (vm->troubled)
        return;
    vm->troubled = true;
    fprintf(stderr, "pager: \"%s\": %s\n", vm->domain.name, text);
    events_balance(&vm->domain, "memory-paging-stuck", text);
}

static void tell_works(struct paged_vm *vm)
{
    if (!vm->troubled)
        return;
    vm->troubled = false;
    paging_set_trouble(vm->domain.uuid, NULL);
    events_balance(&vm->domain, "memory-paging-works", "its pages come and go again");
}

/* Of a call to the core: the domain has ended, or is about to. */
static bool has_gone(int rc) { return rc == -ESRCH || rc == -EINVAL; }

static void tell_core(struct paged_vm *vm, int rc)
{
    if (!has_gone(rc))
        tell_trouble(vm, "the core does not page: %s", strerror(-rc));
}

static const char *file_of(const struct paged_vm *vm)
{
    static char path[PAGING_PATH_MAX];

    paging_path(vm->domain.uuid, path);
    return path;
}

/* --- out -------------------------------------------------------------------------------------- */

/*
 * Returns how many of these pages may leave now, so that `kept` more would have room in the file;
 * or a negative errno after it was told that there is none.
 */
static int find_room(struct paged_vm *vm, uint64_t pages, uint32_t kept)
{
    uint32_t room = pagefile_room(vm->file);
    int rc = room < BATCH + kept ? pagefile_grow(vm->file) : 0;

    room = pagefile_room(vm->file);
    if (room <= kept) {
        tell_trouble(vm, "%" PRIu32 " MiB of it are paged out, and %s has no room for more: %s: %s",
                     pagefile_used(vm->file) / (KIB_PER_MIB / HV_PAGE_KIB), file_of(vm),
                     strerror(-rc), rc == -ENOSPC ? "free space on that disk" : "check that disk");
        return -ENOSPC;
    }
    if (pages > room - kept)
        pages = room - kept;
    return pages < BATCH ? pages : BATCH;
}

/*
 * Collects up to `most` pages that were not used since the hand came by last, going round once.
 * Returns how many, or a negative errno.
 */
static int collect_cold(struct paged_vm *vm, int most, uint64_t gfns[BATCH])
{
    uint64_t begin = vm->hand, gfn = begin;
    bool wrapped = false;
    int count = 0;

    while (count < most && !(wrapped && gfn >= begin)) {
        int rc = core_page_find(pager.hv, vm->domain.domid, false, &gfn, pager.pages[count]);

        if (rc == -ENOENT && !wrapped) {
            wrapped = true;
            gfn = 0;
        } else if (rc == -ENOENT) {
            break;
        } else if (rc < 0) {
            return rc;
        } else {
            gfns[count++] = gfn++;
        }
    }
    vm->hand = gfn;
    return count;
}

/* Puts pages into the file, and makes sure that they are on disk. On an error none of them is. */
static int store_pages(struct paged_vm *vm, const uint64_t gfns[BATCH], int count)
{
    int rc = 0, stored = 0;

    while (rc == 0 && stored < count) {
        rc = pagefile_put(vm->file, gfns[stored], pager.pages[stored]);
        stored += rc == 0;
    }
    if (rc == 0)
        rc = pagefile_sync(vm->file);
    for (int i = 0; rc < 0 && i < stored; i++)
        pagefile_drop(vm->file, gfns[i]);
    if (rc < 0)
        tell_trouble(vm, "its pages stay in memory: %s cannot be written: %s: check that disk",
                     file_of(vm), strerror(-rc));
    return rc;
}

/* Takes up to `most` pages out. Returns how many, or a negative errno after it was told. */
static int page_out(struct paged_vm *vm, int most)
{
    uint64_t gfns[BATCH];
    int count = collect_cold(vm, most, gfns), out = 0;

    if (count < 0)
        tell_core(vm, count);
    if (count <= 0)
        return count;
    if (store_pages(vm, gfns, count) < 0)
        return -EIO;
    for (int i = 0; i < count; i++)
        if (core_page_evict(pager.hv, vm->domain.domid, gfns[i], pager.pages[i]) == 0)
            out++;
        else /* it has been used meanwhile */
            pagefile_drop(vm->file, gfns[i]);
    return out;
}

/* Takes some pages out, so that another can come back. The first look at pages marks them only. */
static bool make_room(struct paged_vm *vm)
{
    int most = find_room(vm, SWAP_BATCH, 0), out = most > 0 ? page_out(vm, most) : 0;

    if (most > 0 && out == 0)
        out = page_out(vm, most);
    return out > 0;
}

/* --- in --------------------------------------------------------------------------------------- */

static bool is_paged(const struct paged_vm *vm, uint64_t gfn)
{
    uint64_t found = gfn;

    return core_page_find(pager.hv, vm->domain.domid, true, &found, NULL) == 0 && found == gfn;
}

static int tell_unread(struct paged_vm *vm, uint64_t gfn, int rc)
{
    vm->doubted = true;
    if (rc == -ENOENT)
        tell_trouble(vm,
                     "its page %#" PRIx64 " is not in %s, so that what touches it waits: put the "
                     "file back that was there, or destroy the VM",
                     gfn, file_of(vm));
    else
        tell_trouble(vm,
                     "its page %#" PRIx64
                     " cannot be read from %s: %s: what touches it waits until "
                     "it can be: repair that disk",
                     gfn, file_of(vm), rc == -EBADMSG ? "it is damaged" : strerror(-rc));
    return rc;
}

/*
 * Brings a page back. With `swap`, others leave for it if there is no memory. Returns 0, also if it
 * is back already, or a negative errno after it was told.
 */
static int page_in(struct paged_vm *vm, uint64_t gfn, bool swap)
{
    void *page = pager.pages[0];
    int rc = pagefile_get(vm->file, gfn, page);

    if (rc < 0)
        return is_paged(vm, gfn) ? tell_unread(vm, gfn, rc) : 0;
    rc = core_page_fill(pager.hv, vm->domain.domid, gfn, page);
    if (rc == -ENOMEM && swap && make_room(vm)) {
        rc = pagefile_get(vm->file, gfn, page);
        if (rc == 0)
            rc = core_page_fill(pager.hv, vm->domain.domid, gfn, page);
    }
    if (rc == 0 || rc == -ENOENT) {
        pagefile_drop(vm->file, gfn);
        return 0;
    }
    if (rc == -ENOMEM)
        tell_trouble(vm,
                     "no memory for its page %#" PRIx64 ": its target is reached, or no memory is "
                     "free: raise the target, or let another VM give memory",
                     gfn);
    else
        tell_core(vm, rc);
    return rc;
}

/* Whether a page came back, or was not paged, so that others can. */
static bool bring(struct paged_vm *vm, uint64_t gfn)
{
    int rc = pagefile_get(vm->file, gfn, pager.pages[0]);

    if (rc == -ENOENT)
        return true;
    if (rc == 0)
        rc = core_page_fill(pager.hv, vm->domain.domid, gfn, pager.pages[0]);
    if (rc == 0 || rc == -ENOENT)
        pagefile_drop(vm->file, gfn);
    return rc == 0 || rc == -ENOENT;
}

/*
 * Brings the pages behind one that is wanted, for dom0 that maps a guest, or a guest that works
 * through an array: twice as many each time that the next one is wanted, and none after a jump. No
 * other page leaves for them. They come before the wanted page: a vCPU that gets that one runs at
 * once, and would wait for the next.
 */
static void read_ahead(struct paged_vm *vm, uint64_t gfn)
{
    uint64_t next = gfn + 1;

    if (gfn < vm->ahead_end && gfn + AHEAD_MAX >= vm->ahead_end)
        return; /* it was asked for meanwhile */
    if (gfn - vm->ahead_end >= AHEAD_MAX)
        vm->ahead = 0;
    else
        vm->ahead = vm->ahead ? vm->ahead * 2 : AHEAD_MIN;
    if (vm->ahead > AHEAD_MAX)
        vm->ahead = AHEAD_MAX;
    vm->ahead_end = next + vm->ahead;
    while (next < vm->ahead_end && bring(vm, next))
        next++;
}

static void begin_rest(struct paged_vm *vm)
{
    vm->rest_till = now_ms() + REST_MS;
    vm->ran = UINT64_MAX;
}

/* Returns whether there was something to bring back, and it came. */
static bool serve(struct paged_vm *vm)
{
    uint64_t gfns[CORE_WANTED_MAX];
    int count = core_page_wanted(pager.hv, vm->domain.domid, gfns), came = 0;

    for (int i = 0; i < count; i++) {
        read_ahead(vm, gfns[i]);
        came += page_in(vm, gfns[i], true) == 0;
    }
    if (count > 0 && came == count)
        tell_works(vm);
    if (came > 0)
        begin_rest(vm);
    return came > 0;
}

/* --- goals ------------------------------------------------------------------------------------ */

static void end_goal(struct paged_vm *vm)
{
    paging_end_goal(vm->domain.uuid);
    vm->left_at = 0;
}

static void work_out(struct paged_vm *vm, uint64_t pages)
{
    int count = find_room(vm, pages, SWAP_BATCH);

    if (count > 0)
        count = page_out(vm, count);
    if (count > 0)
        vm->left_at = now_ms();
    else if (count < 0)
        end_goal(vm);
    else
        begin_rest(vm);
}

static void work_in(struct paged_vm *vm, uint64_t pages)
{
    uint64_t gfn = 0;

    for (uint64_t i = 0; i < pages && i < BATCH; i++, gfn++) {
        int rc = core_page_find(pager.hv, vm->domain.domid, true, &gfn, NULL);

        if (rc == -ENOENT)
            break;
        if (rc < 0 || page_in(vm, gfn, false) < 0) {
            end_goal(vm);
            break;
        }
    }
}

static bool has_rested(struct paged_vm *vm, int64_t now)
{
    const uint32_t idle = XEN_DOMINF_blocked | XEN_DOMINF_paused | XEN_DOMINF_shutdown;
    struct domain domain;

    if (now >= vm->rest_till + REST_MAX_MS ||
        domain_get(pager.hv, vm->domain.domid, NULL, &domain) < 0)
        return true;
    if (domain.info.cpu_time < vm->ran)
        vm->ran = domain.info.cpu_time;
    return now >= vm->rest_till &&
           (domain.info.flags & idle || domain.info.cpu_time - vm->ran >= REST_RUN_NS);
}

/* Whether a goal to page out must wait. One that has waited for too long fails. */
static bool rests(struct paged_vm *vm, uint64_t pages)
{
    int64_t now = now_ms();

    if (vm->left_at == 0)
        vm->left_at = now;
    if (now - vm->left_at < RESTS_MAX_MS)
        return !has_rested(vm, now);
    tell_trouble(vm, "it uses all its pages all the time: %" PRIu64 " MiB more cannot be paged out",
                 pages * HV_PAGE_KIB / KIB_PER_MIB);
    end_goal(vm);
    return true;
}

/* Comes nearer to the VM's goal. Returns when to go on, in ms. */
static int work(struct paged_vm *vm)
{
    struct cleave_memory memory;
    uint64_t goal, paged;
    int rc;

    if (!paging_goal(vm->domain.uuid, &goal)) {
        vm->left_at = 0;
        return TICK_MS;
    }
    rc = core_memory_get(pager.hv, vm->domain.domid, &memory);
    paged = memory.paged;
    goal /= HV_PAGE_KIB;
    if (rc < 0) {
        tell_core(vm, rc);
        end_goal(vm);
    } else if (goal > paged) {
        if (rests(vm, goal - paged))
            return REST_MS;
        work_out(vm, goal - paged);
    } else if (goal < paged) {
        work_in(vm, paged - goal);
    } else {
        end_goal(vm);
        tell_works(vm);
    }
    return 0;
}

/* --- VMs -------------------------------------------------------------------------------------- */

/* Compares the file with what the core says is paged: the rest came back, or is the balloon's. */
static void compare(struct paged_vm *vm)
{
    uint64_t gfn = 0, lost = 0, first = 0;
    int rc;

    pagefile_confirm_begin(vm->file);
    while ((rc = core_page_find(pager.hv, vm->domain.domid, true, &gfn, NULL)) == 0) {
        if (!pagefile_confirm(vm->file, gfn) && lost++ == 0)
            first = gfn;
        gfn++;
    }
    if (rc != -ENOENT)
        return;
    pagefile_confirm_end(vm->file);
    if (lost > 0)
        tell_unread(vm, first, -ENOENT);
}

/* What only this process can still read comes back while it lives. The next file is a new one. */
static void give_up_file(struct paged_vm *vm)
{
    uint64_t goal;
    int rc = 0;

    if (!paging_goal(vm->domain.uuid, &goal) || goal > 0)
        rc = paging_ask(vm->domain.uuid, 0);
    tell_trouble(vm,
                 "%s was removed: its pages come back as far as there is memory, and are lost if "
                 "the pager ends before%s%s: raise its target",
                 file_of(vm), rc < 0 ? "; nobody could be asked: " : "",
                 rc < 0 ? strerror(-rc) : "");
}

/* Returns whether the VM has paged pages, or a goal, and its file is fine. */
static bool is_used(struct paged_vm *vm)
{
    bool removed = pagefile_is_removed(vm->file);
    struct cleave_memory memory;
    uint64_t goal;

    if (vm->doubted || !(vm->seen || removed))
        return false;
    if (core_memory_get(pager.hv, vm->domain.domid, &memory) < 0)
        return vm->seen; /* it ends */
    if (memory.paged != pagefile_used(vm->file))
        compare(vm);
    if (memory.paged > 0 && removed)
        give_up_file(vm);
    if (memory.paged > 0)
        return true;
    if (removed)
        tell_works(vm);
    else if (paging_goal(vm->domain.uuid, &goal))
        return true;
    unlink(file_of(vm));
    return false;
}

static void drop_vm(struct paged_vm *vm)
{
    pagefile_close(vm->file);
    *vm = pager.vms[--pager.count];
}

/* Opens the file of a VM that has a domain. */
static void add_vm(const struct domain *domain)
{
    struct paged_vm *vms = realloc(pager.vms, (pager.count + 1) * sizeof(*vms)), *vm;
    char text[PAGING_TEXT_MAX];
    int rc;

    if (!vms)
        return;
    pager.vms = vms;
    vm = &vms[pager.count];
    *vm = (struct paged_vm){ .domain = *domain, .seen = true };
    vm->troubled = paging_trouble(domain->uuid, text);
    rc = pagefile_open(file_of(vm), domain->domid, &vm->file);
    if (rc == 0) {
        pager.count++;
        compare(vm);
        return;
    }
    tell_trouble(vm, "%s cannot be opened: %s", file_of(vm), strerror(-rc));
    paging_end_goal(domain->uuid);
}

struct look {
    const struct domain *domains;
    int count;
};

/* Finds the VM's domain. *any: a domain of this UUID exists, which may be another one of it. */
static const struct domain *find_domain(const struct look *look, const char *uuid,
                                        const struct vms_record *record, bool *any)
{
    const struct domain *found = NULL;

    *any = false;
    for (int i = 0; i < look->count; i++) {
        if (strcmp(look->domains[i].uuid, uuid) != 0)
            continue;
        *any = true;
        if (look->domains[i].domid == record->domid)
            found = &look->domains[i];
    }
    return found;
}

static void look_at(const char *uuid, void *data)
{
    struct vms_record record = { .domid = VMS_NO_DOMAIN };
    const struct domain *domain;
    struct domain named;
    bool any;
    int rc = vms_load(uuid, &record);

    domain = find_domain(data, uuid, &record, &any);
    for (size_t i = 0; i < pager.count; i++)
        if (strcmp(pager.vms[i].domain.uuid, uuid) == 0 &&
            (rc < 0 ? any : domain && pager.vms[i].domain.domid == domain->domid)) {
            pager.vms[i].seen = true;
            return;
        }
    if (!any)
        paging_forget(uuid);
    if (!domain)
        return;
    named = *domain;
    snprintf(named.name, sizeof(named.name), "%s", record.name);
    add_vm(&named);
}

/* Finds VMs that are new here, and drops those that have gone. */
static void look_around(void)
{
    struct domain *domains = NULL;
    struct look look = { .count = domain_list(pager.hv, NULL, &domains) };

    if (look.count < 0)
        return;
    look.domains = domains;
    for (size_t i = 0; i < pager.count; i++)
        pager.vms[i].seen = false;
    paging_each(look_at, &look);
    for (size_t i = pager.count; i-- > 0;)
        if (!is_used(&pager.vms[i]))
            drop_vm(&pager.vms[i]);
    free(domains);
}

/* --- the loop --------------------------------------------------------------------------------- */

/* Returns whether there may be a goal of a VM that is new here. */
static bool drain(void)
{
    char events[4096];
    bool asked = false;
    int port;

    while (pager.events && (port = xenevtchn_pending(pager.events)) >= 0)
        xenevtchn_unmask(pager.events, port);
    while (read(pager.notify, events, sizeof(events)) > 0)
        asked = true;
    return asked;
}

static void await_news(int ms)
{
    struct pollfd news[] = { { .fd = pager.notify, .events = POLLIN },
                             { .fd = pager.events ? xenevtchn_fd(pager.events) : -1,
                               .events = POLLIN } };

    poll(news, 2, ms);
}

static void serve_all(void)
{
    int64_t look_next = 0;

    for (;;) {
        int rest = TICK_MS;

        if (drain() || now_ms() >= look_next) {
            look_around();
            look_next = now_ms() + TICK_MS;
        }
        if (pager.count == 0 && !pager_is_needed())
            return;
        for (size_t i = 0; i < pager.count; i++) {
            bool came = serve(&pager.vms[i]);
            int ms = came ? 0 : work(&pager.vms[i]);

            rest = ms < rest ? ms : rest;
        }
        if (rest > 0)
            await_news(rest);
    }
}

static void note_used(const char *uuid, void *data)
{
    (void)uuid;
    *(bool *)data = true;
}

bool pager_is_needed(void)
{
    bool used = false;

    paging_each(note_used, &used);
    return used;
}

/* Returns the lock, which the kernel releases when the process ends. */
static int take_lock(void)
{
    int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    return fd >= 0 && flock(fd, LOCK_EX) == 0 ? fd : -errno;
}

/* Without the interrupt the pager looks each second. */
static void open_events(void)
{
    pager.events = xenevtchn_open(NULL, 0);
    if (!pager.events || xenevtchn_bind_virq(pager.events, VIRQ_MEM_EVENT) < 0)
        fprintf(stderr, "pager: cannot bind VIRQ_MEM_EVENT: %s: looks each second\n",
                strerror(errno));
    if (pager.events)
        fcntl(xenevtchn_fd(pager.events), F_SETFL, O_NONBLOCK);
}

int pager_run(struct hv *hv)
{
    int rc = paging_make_folders(), lock = rc < 0 ? rc : take_lock();

    prctl(PR_SET_NAME, "cleave-pager");
    pager.hv = hv;
    pager.notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    pager.pages = core_pages_new(hv, BATCH);
    if (lock < 0 || !pager.pages) {
        report_error(REPORT_INTERNAL, "pager: cannot begin: %s",
                     strerror(lock < 0 ? -lock : ENOMEM));
        return lock < 0 ? lock : -ENOMEM;
    }
    inotify_add_watch(pager.notify, PAGING_GOALS, IN_MOVED_TO);
    open_events();
    serve_all();
    core_pages_free(hv, pager.pages, BATCH);
    xenevtchn_close(pager.events);
    close(pager.notify);
    close(lock);
    return 0;
}

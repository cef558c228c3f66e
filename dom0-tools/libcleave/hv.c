/* SPDX-License-Identifier: MIT */
/*
 * Opens the hypervisor, and captures what libxenctrl and libxenguest log. They print several lines
 * per failure, the first of which is the cause; it is appended to our own message instead
 * (report.h). Read next: store.c.
 */
#include "hv.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "report.h"

/* Removes the prefix "panic: FILE:LINE: " of libxenguest. */
static const char *without_place(const char *message)
{
    const char *words = strncmp(message, "panic: ", 7) == 0 ? strstr(message + 7, ": ") : NULL;

    return words ? words + 2 : message;
}

static void keep_message(struct xentoollog_logger *logger, xentoollog_level level, int error,
                         const char *context, const char *format, va_list args)
{
    struct hv *hv = (struct hv *)((char *)logger - offsetof(struct hv, logger));
    char message[512];
    int length;

    (void)context;
    if (level < XTL_ERROR || hv->detail[0])
        return;
    vsnprintf(message, sizeof(message), format, args);
    length = snprintf(hv->detail, sizeof(hv->detail), "%s", without_place(message));
    if (error > 0 && length >= 0 && (size_t)length < sizeof(hv->detail))
        snprintf(hv->detail + length, sizeof(hv->detail) - length, ": %s", strerror(error));
    hv->detail[strcspn(hv->detail, "\n")] = '\0';
}

static void show_progress(struct xentoollog_logger *logger, const char *context, const char *what,
                          int percent, unsigned long done, unsigned long total)
{
    (void)logger;
    (void)context;
    (void)what;
    (void)done;
    (void)total;
    progress_percent(percent);
}

/* Reports why the hypervisor cannot be opened. */
static int report_no_hypervisor(int error)
{
    if (geteuid() != 0)
        report_error(REPORT_PERMISSION,
                     "only root may access the hypervisor, and this is user %u: use sudo",
                     geteuid());
    else if (access("/proc/xen/privcmd", F_OK) != 0 && access("/dev/xen/privcmd", F_OK) != 0)
        report_error(REPORT_INTERNAL,
                     "no hypervisor: /proc/xen/privcmd is missing: this is not a control domain "
                     "under Cleave or Xen, or xenfs is not mounted (mount -t xenfs xenfs "
                     "/proc/xen)");
    else
        report_error(report_by_errno(error),
                     "cannot open the hypervisor: %s: the kernel module xen-privcmd must be "
                     "loaded",
                     strerror(error));
    return -error;
}

int hv_open(struct hv *hv)
{
    *hv = (struct hv){ .logger = { .vmessage = keep_message, .progress = show_progress } };
    errno = ENODEV;
    hv->xc = xc_interface_open(&hv->logger, &hv->logger, 0);
    if (hv->xc)
        return 0;
    return report_no_hypervisor(errno ? errno : ENODEV);
}

void hv_close(struct hv *hv)
{
    if (hv->xc)
        xc_interface_close(hv->xc);
    hv->xc = NULL;
}

void hv_forget(struct hv *hv) { hv->detail[0] = '\0'; }

const char *hv_reason(struct hv *hv, int error)
{
    return hv->detail[0] ? hv->detail : strerror(error);
}

int hv_physinfo(struct hv *hv, xc_physinfo_t *info)
{
    memset(info, 0, sizeof(*info));
    hv_forget(hv);
    if (xc_physinfo(hv->xc, info) == 0)
        return 0;

    int error = errno;

    if (error == EACCES)
        report_error(REPORT_INTERNAL,
                     "the hypervisor has another version of the control interface than this "
                     "tool (0x%x): use the matching tools",
                     XEN_SYSCTL_INTERFACE_VERSION);
    else
        report_error(report_by_errno(error), "cannot query the machine: %s", hv_reason(hv, error));
    return -error;
}

int hv_memory(struct hv *hv, struct hv_memory *memory)
{
    xc_physinfo_t info;
    int rc = hv_physinfo(hv, &info);

    if (rc < 0)
        return rc;
    memory->total = info.total_pages * HV_PAGE_KIB;
    memory->free = (info.free_pages + info.scrub_pages) * HV_PAGE_KIB;
    memory->claimed = info.outstanding_pages * HV_PAGE_KIB;
    return 0;
}

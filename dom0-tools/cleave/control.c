/* SPDX-License-Identifier: MIT */
/* Verbs for one VM: pause, unpause, shutdown, reboot, destroy, console. Also dmesg. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "console.h"
#include "domain.h"
#include "report.h"

#define WAIT_STEP_MS 100
#define DMESG_MAX (16 << 20)

static const char *const wait_option[] = { "wait" };
static const char *const clear_option[] = { "clear" };

/*
 * Parses the arguments, opens the session and finds the VM. Returns 0, or a negative errno after an
 * error line. Call session_close in either case.
 */
static int open_vm(const struct command *command, int argc, char **argv, const char *letters,
                   const char *const *long_names, unsigned int *options, struct session *session,
                   struct domain *domain)
{
    int first = command_options(command, argc, argv, letters, long_names, options, 1, 1);
    int rc;

    *session = (struct session){ .store = NULL };
    if (first < 0)
        return first;
    rc = session_open(session);
    return rc < 0 ? rc : domain_find_guest(&session->hv, session->store, argv[first], domain);
}

static int report_refused(struct session *session, const struct domain *domain, const char *verb)
{
    int error = errno;

    report_error(report_by_errno(error), "cannot %s \"%s\": %s", verb, domain->name,
                 hv_reason(&session->hv, error));
    return -error;
}

int control_pause(const struct command *command, int argc, char **argv)
{
    struct session session;
    struct domain domain;
    unsigned int options;
    int rc = open_vm(command, argc, argv, "", NULL, &options, &session, &domain);

    hv_forget(&session.hv);
    if (rc == 0 && domain.info.flags & XEN_DOMINF_paused) {
        report_error(REPORT_STATE, "\"%s\" is already paused", domain.name);
        rc = -EALREADY;
    }
    if (rc == 0 && xc_domain_pause(session.hv.xc, domain.domid) < 0)
        rc = report_refused(&session, &domain, "pause");
    session_close(&session);
    return rc < 0;
}

int control_unpause(const struct command *command, int argc, char **argv)
{
    struct session session;
    struct domain domain;
    unsigned int options;
    int rc = open_vm(command, argc, argv, "", NULL, &options, &session, &domain);

    hv_forget(&session.hv);
    if (rc == 0 && !(domain.info.flags & XEN_DOMINF_paused)) {
        report_error(REPORT_STATE, "\"%s\" is not paused: it is %s", domain.name,
                     domain_state(&domain.info));
        rc = -EALREADY;
    }
    if (rc == 0 && xc_domain_unpause(session.hv.xc, domain.domid) < 0)
        rc = report_refused(&session, &domain, "unpause");
    session_close(&session);
    return rc < 0;
}

/* Waits until the domain has ended. After a reboot the VM continues as another domain. */
static int await_end(struct session *session, const struct domain *domain)
{
    struct domain now;
    int rc;

    hv_forget(&session->hv);
    while ((rc = domain_get(&session->hv, domain->domid, domain->uuid, &now)) == 0 &&
           !domain_is_shut_down(&now.info)) {
        if (store_is_lost()) /* already reported; the guest may never see the request */
            return -ETIMEDOUT;
        usleep(WAIT_STEP_MS * 1000);
    }
    if (rc == 0 || rc == -ESRCH)
        return 0;
    report_error(report_by_errno(-rc), "cannot query whether \"%s\" has ended: %s", domain->name,
                 hv_reason(&session->hv, -rc));
    return rc;
}

static int send_request(const struct command *command, int argc, char **argv, const char *wish)
{
    struct session session;
    struct domain domain;
    unsigned int options;
    int rc = open_vm(command, argc, argv, "w", wait_option, &options, &session, &domain);

    if (rc == 0)
        rc = domain_ask(&session.hv, session.store, &domain, wish);
    if (rc == 0 && options)
        rc = await_end(&session, &domain);
    session_close(&session);
    return rc < 0;
}

int control_shutdown(const struct command *command, int argc, char **argv)
{
    return send_request(command, argc, argv, "poweroff");
}

int control_reboot(const struct command *command, int argc, char **argv)
{
    return send_request(command, argc, argv, "reboot");
}

int control_destroy(const struct command *command, int argc, char **argv)
{
    struct session session;
    struct domain domain;
    unsigned int options;
    int rc = open_vm(command, argc, argv, "", NULL, &options, &session, &domain);

    if (rc == 0)
        rc = domain_destroy(&session.hv, session.store, domain.domid, domain.uuid);
    session_close(&session);
    return rc < 0;
}

int console_run(const struct command *command, int argc, char **argv)
{
    struct session session;
    struct domain domain;
    unsigned int options;
    int rc = open_vm(command, argc, argv, "", NULL, &options, &session, &domain);

    if (rc == 0)
        rc = console_attach(&session.hv, session.store, &domain);
    session_close(&session);
    return rc < 0;
}

/*
 * Reads the message ring. Its size is unknown, so the buffer grows until everything fits. Sets
 * *length, and *next to the index of the next message. The caller frees the text. NULL after an
 * error line.
 */
static char *read_messages(struct hv *hv, unsigned int *length, uint32_t *next)
{
    unsigned int size = 64 << 10;
    char *text = NULL;
    int rc;

    hv_forget(hv);
    do {
        free(text);
        *length = size *= 2;
        text = malloc(size);
        rc = text ? xc_readconsolering(hv->xc, text, length, 0, 0, next) : -1;
    } while (rc == 0 && *length == size && size < DMESG_MAX);
    if (rc == 0)
        return text;
    report_error(report_by_errno(errno), "cannot read the hypervisor's messages: %s",
                 hv_reason(hv, errno));
    free(text);
    return NULL;
}

/* Clears the ring, and prints messages that arrived since the first read. */
static int clear_messages(struct hv *hv, uint32_t next)
{
    char text[16 << 10];
    unsigned int size = sizeof(text);
    int rc;

    hv_forget(hv);
    if (xc_readconsolering(hv->xc, text, &size, 1, 1, &next) == 0) {
        fwrite(text, 1, size, stdout);
        return 0;
    }
    rc = -errno;
    report_error(report_by_errno(-rc), "cannot clear the hypervisor's messages: %s",
                 hv_reason(hv, -rc));
    return rc;
}

int dmesg_run(const struct command *command, int argc, char **argv)
{
    unsigned int options, length;
    uint32_t next = 0;
    char *text;
    struct hv hv;
    int rc = command_options(command, argc, argv, "c", clear_option, &options, 0, 0);

    if (rc < 0 || hv_open(&hv) < 0)
        return 1;
    text = read_messages(&hv, &length, &next);
    rc = text ? 0 : -EIO;
    if (text)
        fwrite(text, 1, length, stdout);
    /* Do not clear messages that could not be printed. */
    if (text && options && fflush(stdout) == 0 && !ferror(stdout))
        rc = clear_messages(&hv, next);
    free(text);
    hv_close(&hv);
    return rc < 0;
}

/* SPDX-License-Identifier: MIT */
/* Verbs for one VM: pause, unpause, destroy, console. Also dmesg. Read next: ending.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "console.h"
#include "domain.h"
#include "events.h"
#include "life.h"
#include "report.h"

#define DMESG_MAX (16 << 20)

int control_open(struct call *call, struct session *session, struct domain *domain)
{
    int rc = session_open(session);

    return rc < 0 ? rc
                  : domain_find_guest(&session->hv, session->store, call->arguments[0], domain);
}

int control_close(struct call *call, struct session *session, const struct domain *domain, int rc)
{
    session_close(session);
    if (rc == 0 && call->json)
        output_vm(call->json, domain);
    return rc;
}

static int report_refused(struct session *session, const struct domain *domain, const char *verb)
{
    int error = errno;

    report_error(report_by_errno(error), "cannot %s \"%s\": %s", verb, domain->name,
                 hv_reason(&session->hv, error));
    return -error;
}

int control_pause(struct call *call)
{
    struct session session;
    struct domain domain;
    int rc = control_open(call, &session, &domain);

    hv_forget(&session.hv);
    /* The hypervisor counts pauses; one unpause is to end this one. */
    if (rc == 0 && domain.info.flags & XEN_DOMINF_paused)
        report_note("\"%s\" was paused before", domain.name);
    else if (rc == 0 && xc_domain_pause(session.hv.xc, domain.domid) < 0)
        rc = report_refused(&session, &domain, "pause");
    else if (rc == 0)
        events_domain(&domain, "paused", "");
    return control_close(call, &session, &domain, rc);
}

int control_unpause(struct call *call)
{
    struct session session;
    struct domain domain;
    int rc = control_open(call, &session, &domain);

    hv_forget(&session.hv);
    if (rc == 0 && domain.info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) {
        report_error(REPORT_STATE, "\"%s\" has ended (%s) and cannot run: `cleave destroy %s`",
                     domain.name, domain_state(&domain.info), domain.name);
        rc = -EALREADY;
    } else if (rc == 0 && !(domain.info.flags & XEN_DOMINF_paused)) {
        report_note("\"%s\" was not paused: it is %s", domain.name, domain_state(&domain.info));
    } else if (rc == 0 && xc_domain_unpause(session.hv.xc, domain.domid) < 0) {
        rc = report_refused(&session, &domain, "unpause");
    } else if (rc == 0) {
        events_domain(&domain, "unpaused", "");
    }
    return control_close(call, &session, &domain, rc);
}

int control_destroy(struct call *call)
{
    struct session session;
    struct domain domain;
    int rc = session_try(&session, "names of other tools are unknown, and nodes of the VM remain");

    if (rc == 0)
        rc = life_destroy(&session.hv, session.store, call->arguments[0], &domain);
    return control_close(call, &session, &domain, rc);
}

int console_run(struct call *call)
{
    struct session session;
    struct domain domain;
    int rc = control_open(call, &session, &domain);

    if (rc == 0)
        rc = call->options[OPTION_READ] ? console_watch(&session.hv, &domain)
                                        : console_attach(&session.hv, session.store, &domain);
    return control_close(call, &session, &domain, rc);
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

/* Adds the messages, one item a line. */
static void add_messages(json_t *output, char *text, size_t length)
{
    json_t *messages = json_object_get(output, "messages");
    char *line, *rest = strndup(text, length), *begin = rest;

    if (!messages)
        messages = output_list(output, "messages");
    while (rest && *rest && (line = strsep(&rest, "\n")) != NULL)
        output_append(messages, line);
    free(begin);
}

/* Clears the ring, and prints messages that arrived since the first read. */
static int clear_messages(struct call *call, struct hv *hv, uint32_t next)
{
    char text[16 << 10];
    unsigned int size = sizeof(text);
    int rc;

    hv_forget(hv);
    if (xc_readconsolering(hv->xc, text, &size, 1, 1, &next) == 0) {
        if (call->json)
            add_messages(call->json, text, size);
        else
            fwrite(text, 1, size, stdout);
        return 0;
    }
    rc = -errno;
    report_error(report_by_errno(-rc), "cannot clear the hypervisor's messages: %s",
                 hv_reason(hv, -rc));
    return rc;
}

int dmesg_run(struct call *call)
{
    unsigned int length;
    uint32_t next = 0;
    char *text = NULL;
    struct hv hv;
    int rc = hv_open(&hv);

    if (rc == 0)
        text = read_messages(&hv, &length, &next);
    if (rc == 0 && !text)
        rc = -EIO;
    if (text && call->json)
        add_messages(call->json, text, length);
    else if (text)
        fwrite(text, 1, length, stdout);
    /* Do not clear messages that could not be printed. */
    if (text && call->options[OPTION_CLEAR] && fflush(stdout) == 0 && !ferror(stdout))
        rc = clear_messages(call, &hv, next);
    free(text);
    hv_close(&hv);
    return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * cleave create: reads the VM file, builds the VM, starts its watcher and unpauses it. A failure
 * before the VM runs undoes everything. Read next: ../libcleave/vmfile.c, ../libcleave/build.c,
 * ../libcleave/life.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "command.h"
#include "console.h"
#include "life.h"
#include "report.h"

/*
 * Adds the quotes that the file's syntax requires around text, if VALUE of KEY=VALUE has none. The
 * caller frees the result. NULL: out of memory.
 */
static char *quote_value(const char *setting)
{
    const char *equals = strchr(setting, '=');
    const char *value = equals + 1 + strspn(equals + 1, " ");
    char *quoted, *to;

    if (*value && strchr("\"'[", *value))
        return strdup(setting);
    quoted = malloc(2 * strlen(setting) + sizeof(" = \"\""));
    if (!quoted)
        return NULL;
    to = quoted + sprintf(quoted, "%.*s = \"", (int)(equals - setting), setting);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            *to++ = '\\';
        *to++ = *value;
    }
    strcpy(to, "\"");
    return quoted;
}

static int read_file(struct call *call, struct vmfile *vm)
{
    char **arguments = call->arguments;
    int count = call->count;
    char **settings = calloc(count, sizeof(*settings));
    int rc = settings ? 0 : -ENOMEM;

    for (int i = 1; rc == 0 && i < count; i++) {
        if (!strchr(arguments[i], '=')) {
            report_error(REPORT_USAGE,
                         "\"%s\" is not a setting: only KEY=VALUE may follow the file",
                         arguments[i]);
            rc = -EINVAL;
        } else if (!(settings[i - 1] = quote_value(arguments[i]))) {
            rc = -ENOMEM;
        }
    }
    if (rc == 0)
        rc = (call->options[OPTION_STRICT] ? vmfile_read_strict
                                           : vmfile_read)(arguments[0], settings, count - 1, vm);
    for (int i = 0; settings && i < count; i++)
        free(settings[i]);
    free(settings);
    return rc;
}

/*
 * Blocks signals: Ctrl-C during a build must not leave a partial VM, so signals are handled when
 * the build is complete or undone. Returns whether one is pending.
 */
static bool signals_wait(void)
{
    static const int waiting[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    sigset_t signals, pending;
    bool any = false;

    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
        sigaddset(&signals, waiting[i]);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    sigpending(&pending);
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
        any |= sigismember(&pending, waiting[i]);
    return any;
}

static void signals_act(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Starts the watcher of the built VM, unless this process is to watch it, and unpauses the VM. */
static int start_vm(struct call *call, struct session *session, const struct vmfile *vm,
                    uint32_t domid)
{
    int rc = 0;

    if (signals_wait()) {
        report_error(REPORT_INTERNAL, "VM \"%s\": interrupted: the VM was removed", vm->name);
        return -EINTR;
    }
    if (!call->options[OPTION_FOREGROUND])
        rc = life_watch(vm, domid);
    if (rc == 0 && !call->options[OPTION_PAUSED])
        rc = life_start(&session->hv, vm, domid);
    return rc;
}

/* Builds and starts the VM. On failure, nothing of it remains. */
static int bring_up(struct call *call, struct session *session, const struct vmfile *vm,
                    struct domain *domain)
{
    int rc;

    *domain = (struct domain){ .domid = 0 };
    strcpy(domain->name, vm->name);
    uuid_unparse_lower(vm->uuid, domain->uuid);
    signals_wait();
    rc = build_vm(&session->hv, session->store, vm, &domain->domid);
    if (rc == 0) {
        rc = start_vm(call, session, vm, domain->domid);
        if (rc < 0)
            domain_destroy(&session->hv, session->store, domain->domid, domain->uuid);
    }
    if (rc == 0 && call->json) {
        output_vm(call->json, domain);
    } else if (rc == 0) {
        printf("%s is domain %u\n", vm->name, domain->domid);
        fflush(stdout);
    }
    signals_act();
    return rc;
}

int create_run(struct call *call)
{
    struct session session = { .store = NULL };
    struct vmfile vm = { .kernel = NULL };
    bool foreground = call->options[OPTION_FOREGROUND], console = call->options[OPTION_CONSOLE];
    struct domain domain;
    int rc;

    if (console && (foreground || call->json)) {
        report_error(REPORT_USAGE, "--console and %s are mutually exclusive",
                     foreground ? "--foreground" : "--json");
        return -EINVAL;
    }
    rc = read_file(call, &vm);
    if (rc == 0)
        rc = session_open(&session);
    if (rc == 0)
        rc = bring_up(call, &session, &vm, &domain);
    if (rc == 0 && foreground) {
        store_unguard();
        rc = life_run(&vm, domain.domid);
    }
    if (rc == 0 && console)
        rc = console_attach(&session.hv, session.store, &domain);
    session_close(&session);
    vmfile_free(&vm);
    return rc;
}

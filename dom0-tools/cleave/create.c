/* SPDX-License-Identifier: MIT */
/*
 * cleave create: reads the VM file, records and builds the VM, and unpauses it. A failure
 * before the VM runs undoes everything. Read next: ../libcleave/vmfile.c, ../libcleave/life.c,
 * ../libcleave/build.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "console.h"
#include "events.h"
#include "life.h"
#include "report.h"
#include "supervisor.h"

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

int create_read(struct call *call, struct vmfile *vm, char **config)
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
    if (rc == 0 && !(*config = vmfile_text(arguments[0], settings, count - 1, vm)))
        rc = -ENOMEM;
    for (int i = 0; settings && i < count; i++)
        free(settings[i]);
    free(settings);
    return rc;
}

void create_block_signals(void)
{
    static const int waiting[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    sigset_t signals;

    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
        sigaddset(&signals, waiting[i]);
    sigprocmask(SIG_BLOCK, &signals, NULL);
}

void create_unblock_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Builds and starts the VM. On failure, nothing of it remains. */
static int bring_up(struct call *call, struct session *session, const struct vmfile *vm,
                    const char *config, struct domain *domain)
{
    int rc;

    *domain = (struct domain){ .domid = 0 };
    strcpy(domain->name, vm->name);
    uuid_unparse_lower(vm->uuid, domain->uuid);
    create_block_signals();
    rc = life_create(&session->hv, session->store, vm, config, call->options[OPTION_PAUSED],
                     &domain->domid);
    if (rc == 0 && call->json) {
        output_vm(call->json, domain);
    } else if (rc == 0) {
        printf("%s is domain %u\n", vm->name, domain->domid);
        fflush(stdout);
    }
    create_unblock_signals();
    return rc;
}

static void warn_without_cleaved(const struct vmfile *vm)
{
    if (!supervisor_ping())
        report_warning("VM \"%s\": cleaved does not run: nothing happens when the guest ends or "
                       "reboots, until it is started",
                       vm->name);
}

/* Watches the VM in this process, until it has ended. */
static int watch_vm(struct session *session, const char *uuid)
{
    store_unguard();
    events_echo();
    return life_run(&session->hv, session->store, uuid);
}

int create_run(struct call *call)
{
    struct session session = { .store = NULL };
    struct vmfile vm = { .kernel = NULL };
    bool foreground = call->options[OPTION_FOREGROUND], console = call->options[OPTION_CONSOLE];
    struct domain domain;
    char *config = NULL;
    int rc;

    if (console && (foreground || call->json)) {
        report_error(REPORT_USAGE, "--console and %s are mutually exclusive",
                     foreground ? "--foreground" : "--json");
        return -EINVAL;
    }
    rc = create_read(call, &vm, &config);
    if (rc == 0)
        rc = session_open(&session);
    if (rc == 0)
        rc = bring_up(call, &session, &vm, config, &domain);
    if (rc == 0 && foreground)
        rc = watch_vm(&session, domain.uuid);
    else if (rc == 0)
        warn_without_cleaved(&vm);
    if (rc == 0 && console)
        rc = console_attach(&session.hv, session.store, &domain);
    session_close(&session);
    vmfile_free(&vm);
    free(config);
    return rc;
}

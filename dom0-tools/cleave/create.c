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

#include "build.h"
#include "command.h"
#include "console.h"
#include "events.h"
#include "life.h"
#include "progress.h"
#include "promise.h"
#include "report.h"
#include "supervisor.h"
#include "vmtext.h"

#define KIB_PER_MIB 1024

char *create_quote(const char *setting)
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

    *vm = (struct vmfile){ .kernel = NULL };
    for (int i = 1; rc == 0 && i < count; i++) {
        if (!strchr(arguments[i], '=')) {
            report_error(REPORT_USAGE,
                         "\"%s\" is not a setting: only KEY=VALUE may follow the file",
                         arguments[i]);
            rc = -EINVAL;
        } else if (!(settings[i - 1] = create_quote(arguments[i]))) {
            rc = -ENOMEM;
        }
    }
    if (rc == 0)
        rc = (call->options[OPTION_STRICT] ? vmfile_read_strict
                                           : vmfile_read)(arguments[0], settings, count - 1, vm);
    if (rc == 0 && !(*config = vmtext_resolve(arguments[0], settings, count - 1, vm)))
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

/* Prints the new VM's id. If that fails, the VM is removed: nobody would know of it. */
static int print_vm(struct call *call, struct session *session, struct domain *domain)
{
    struct domain ended;
    int rc;

    if (call->json) {
        output_vm(call->json, domain);
        output_is_done(call, domain->name, "started");
        return 0;
    }
    if (printf("%s is domain %u\n", domain->name, domain->domid) > 0 && fflush(stdout) == 0)
        return 0;
    rc = -errno;
    report_error(REPORT_INTERNAL, "cannot write the output: %s: VM \"%s\" was removed",
                 strerror(-rc), domain->name);
    life_destroy(&session->hv, session->store, domain->uuid, &ended);
    return rc;
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
    progress_end();
    if (rc == 0)
        rc = print_vm(call, session, domain);
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

int create_check(struct session *session, const struct vmfile *vm, struct build_plan *plan)
{
    int rc = build_check(&session->hv, session->store, vm, plan);

    if (rc == 0)
        rc = promise_check(&session->hv, vm);
    progress_end();
    return rc;
}

void create_print_plan(struct call *call, const struct vmfile *vm, const struct build_plan *plan)
{
    if (call->json) {
        output_text(call->json, "name", vm->name);
        output_number(call->json, "memory_kib", plan->memory);
        output_number(call->json, "overhead_kib", plan->overhead);
        output_number(call->json, "page_table_pool_kib", plan->pool);
        output_number(call->json, "free_kib", plan->free);
        if (vm->memory.hotplug_kib)
            output_number(call->json, "memory_hotplug_kib", vm->memory.hotplug_kib);
        output_number(call->json, "vcpus", vm->max_vcpus);
        return;
    }
    printf("%s can be started\n", vm->name);
    printf("memory              %llu MiB\n", (unsigned long long)plan->memory / KIB_PER_MIB);
    if (vm->memory.hotplug_kib)
        printf("  may grow to       %llu MiB\n",
               (unsigned long long)vm->memory.hotplug_kib / KIB_PER_MIB);
    printf("overhead            %llu MiB\n", (unsigned long long)plan->overhead / KIB_PER_MIB);
    printf("  page table pool   %llu MiB\n", (unsigned long long)plan->pool / KIB_PER_MIB);
    printf("free                %llu MiB\n", (unsigned long long)plan->free / KIB_PER_MIB);
    printf("vCPUs               %u\n", vm->max_vcpus);
}

/* Prints what the VM needs and whether it can have it, and changes nothing. */
static int dry_run(struct call *call, struct session *session, const struct vmfile *vm)
{
    struct build_plan plan = { .memory = 0 };
    int rc = create_check(session, vm, &plan);

    if (rc == 0)
        create_print_plan(call, vm, &plan);
    return rc;
}

/* Builds and starts the VM, and stays with it if the user wants. */
static int run_vm(struct call *call, struct session *session, const struct vmfile *vm,
                  const char *config)
{
    struct domain domain;
    int rc = bring_up(call, session, vm, config, &domain);

    if (rc < 0)
        return rc;
    if (call->options[OPTION_FOREGROUND])
        return watch_vm(session, domain.uuid);
    warn_without_cleaved(vm);
    return call->options[OPTION_CONSOLE] ? console_attach(&session->hv, session->store, &domain)
                                         : 0;
}

int create_run(struct call *call)
{
    struct session session = { .store = NULL };
    struct vmfile vm = { .kernel = NULL };
    bool foreground = call->options[OPTION_FOREGROUND];
    char *config = NULL;
    int rc;

    if (call->options[OPTION_CONSOLE] && (foreground || call->json)) {
        report_error(REPORT_USAGE, "--console and %s are mutually exclusive",
                     foreground ? "--foreground" : "--json");
        return -EINVAL;
    }
    rc = create_read(call, &vm, &config);
    if (rc == 0)
        rc = session_open(&session);
    if (rc == 0)
        rc = call->options[OPTION_DRY_RUN] ? dry_run(call, &session, &vm)
                                           : run_vm(call, &session, &vm, config);
    session_close(&session);
    vmfile_free(&vm);
    free(config);
    return rc;
}

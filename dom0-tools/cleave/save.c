/* SPDX-License-Identifier: MIT */
/*
 * The verbs save and restore: a running guest to a file, and back. Read next:
 * ../libcleave/statefile.c, ../libcleave/suspend.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "command.h"
#include "life.h"
#include "path.h"
#include "progress.h"
#include "report.h"
#include "statefile.h"
#include "vmtext.h"

int save_run(struct call *call)
{
    char *path = path_absolute(call->arguments[1]);
    struct session session = { .store = NULL };
    struct domain domain;
    int rc;

    /* before any thread begins: a signal must not reach one that has it unblocked */
    create_block_signals();
    rc = path ? session_open(&session) : -ENOMEM;
    if (rc == 0)
        rc = life_save(&session.hv, session.store, call->arguments[0], path, &domain);
    create_unblock_signals();
    progress_end();
    if (rc == 0)
        output_is_done(call, domain.name, "saved");
    if (rc == 0 && call->json) {
        output_vm(call->json, &domain);
        output_text(call->json, "file", path);
    } else if (rc == 0) {
        printf("%s is saved: `cleave restore %s`\n", domain.name, path);
    }
    if (path)
        session_close(&session);
    free(path);
    return rc;
}

/*
 * Reads the VM file that is in the state file, with another name and a new UUID if a name is given.
 * The text is read by a path, which a file in memory has.
 */
static int read_vm(const struct statefile *file, const char *name, struct vmfile *vm, char **config)
{
    char path[32], identity[2][DOMAIN_NAME_MAX + 16], text[UUID_STR_LEN];
    char *settings[] = { identity[0], identity[1] };
    int count = name ? 2 : 0, memory = memfd_create(file->path, MFD_CLOEXEC);
    size_t length = strlen(file->config);
    uuid_t uuid;
    int rc = 0;

    uuid_generate(uuid);
    uuid_unparse_lower(uuid, text);
    if (name) {
        snprintf(identity[0], sizeof(identity[0]), "name = \"%s\"", name);
        snprintf(identity[1], sizeof(identity[1]), "uuid = \"%s\"", text);
    }
    if (memory < 0 || write(memory, file->config, length) != (ssize_t)length) {
        rc = -errno;
        report_error(report_by_errno(-rc), "cannot read the VM file in %s: %s", file->path,
                     strerror(-rc));
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
    if (rc == 0)
        rc = vmfile_read(path, settings, count, vm);
    if (rc == 0 && !(*config = vmtext_resolve(path, settings, count, vm)))
        rc = -ENOMEM;
    if (rc == 0 && file->vm.memory_kib && file->vm.memory_kib <= vm->max_memory_kib)
        vm->memory_kib = file->vm.memory_kib;
    if (memory >= 0)
        close(memory);
    return rc;
}

static int check_name(const char *name)
{
    if (!name || (*name && strlen(name) < DOMAIN_NAME_MAX && !strpbrk(name, "\"\\\n")))
        return 0;
    report_error(REPORT_USAGE,
                 "--name %s: must have 1 to %d characters, and neither quotes nor backslashes",
                 name, DOMAIN_NAME_MAX - 1);
    return -EINVAL;
}

static int restore_file(struct call *call, struct session *session, const struct statefile *file)
{
    struct vmfile vm = { .kernel = NULL };
    struct domain domain = { .domid = 0 };
    char *config = NULL;
    int rc = read_vm(file, call->options[OPTION_NAME], &vm, &config);

    strcpy(domain.name, vm.name);
    uuid_unparse_lower(vm.uuid, domain.uuid);
    if (rc == 0) {
        rc = life_restore(&session->hv, session->store, &vm, config, file,
                          call->options[OPTION_PAUSED], &domain.domid);
        progress_end();
        if (rc == 0)
            output_is_done(call, vm.name, "restored");
        if (rc == 0 && call->json)
            output_vm(call->json, &domain);
        else if (rc == 0)
            printf("%s is domain %u\n", vm.name, domain.domid);
        fflush(stdout);
    }
    vmfile_free(&vm);
    free(config);
    return rc;
}

int save_restore(struct call *call)
{
    struct session session = { .store = NULL };
    struct statefile file;
    int rc = check_name(call->options[OPTION_NAME]);

    if (rc < 0)
        return rc;
    rc = statefile_open(&file, call->arguments[0]);
    if (rc == 0) {
        create_block_signals();
        rc = session_open(&session);
        if (rc == 0)
            rc = restore_file(call, &session, &file);
        create_unblock_signals();
        session_close(&session);
    }
    statefile_close(&file);
    return rc;
}

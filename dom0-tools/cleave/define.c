/* SPDX-License-Identifier: MIT */
/*
 * Verbs of defined VMs, which stay when they end: define, undefine, start. Read next:
 * ../libcleave/life.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "life.h"
#include "progress.h"

static void add_identity(struct call *call, const char *name, const char *uuid)
{
    output_text(call->json, "name", name);
    output_text(call->json, "uuid", uuid);
}

int define_run(struct call *call)
{
    struct vmfile vm = { .kernel = NULL };
    char uuid[UUID_STR_LEN], *config = NULL;
    int rc = create_read(call, &vm, &config);

    uuid_unparse_lower(vm.uuid, uuid);
    if (rc == 0)
        rc = life_define(&vm, config, call->options[OPTION_AUTOSTART] != NULL);
    if (rc == 0)
        output_is_done(call, vm.name, "defined");
    if (rc == 0 && call->json)
        add_identity(call, vm.name, uuid);
    else if (rc == 0)
        printf("%s is defined: `cleave start %s`\n", vm.name, vm.name);
    vmfile_free(&vm);
    free(config);
    return rc;
}

int define_undefine(struct call *call)
{
    struct vms_record vm;
    int rc = life_undefine(call->arguments[0], &vm);

    if (rc == 0 && call->json)
        add_identity(call, vm.name, vm.uuid);
    return rc;
}

int define_start(struct call *call)
{
    struct session session;
    struct vms_record vm;
    int rc = session_open(&session);

    if (rc == 0) {
        create_block_signals();
        rc = life_start(&session.hv, session.store, call->arguments[0], &vm);
        progress_end();
        if (rc == 0)
            output_is_done(call, vm.name, "started");
        if (rc == 0 && call->json) {
            add_identity(call, vm.name, vm.uuid);
            output_number(call->json, "id", vm.domid);
        } else if (rc == 0) {
            printf("%s is domain %u\n", vm.name, vm.domid);
        }
        fflush(stdout);
        create_unblock_signals();
    }
    session_close(&session);
    return rc;
}

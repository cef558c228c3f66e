/* SPDX-License-Identifier: MIT */
/*
 * cleave check and cleave diff: a VM file alone, and beside a running VM. Neither creates a domain.
 * Read next: create.c, ../libcleave/vmfile.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "cleave-schema.h"
#include "command.h"
#include "devices.h"
#include "image.h"
#include "model.h"
#include "report.h"

#define KIB_PER_MIB 1024

/* --- check ------------------------------------------------------------------------------------ */

struct problems {
    struct call *call;
    json_t *warnings;
    unsigned int errors, warned;
};

/* Prints each error and warning, not only the first, and keeps them for the output. */
static void hear_problem(void *data, enum report_class class, const char *text)
{
    struct problems *problems = data;

    fflush(stdout);
    fprintf(stderr, "cleave: %s%s\n", class == REPORT_NONE ? "warning: " : "", text);
    problems->errors += class != REPORT_NONE;
    problems->warned += class == REPORT_NONE;
    if (class == REPORT_NONE)
        output_append(problems->warnings, text);
    else if (problems->call->problems)
        output_append(problems->call->problems, text);
}

static int check_image(const char *path, const char *what)
{
    bool kernel = strcmp(what, "kernel") == 0;
    struct image image;
    int rc = image_map(path, what, &image);

    if (rc == 0 && kernel)
        rc = image_check_kernel(&image);
    image_unmap(&image);
    return rc;
}

/* The files that the VM file names, as far as it could be read. */
static int check_files(const struct vmfile *vm)
{
    int kernel = vm->kernel ? check_image(vm->kernel, "kernel") : 0;
    int ramdisk = vm->ramdisk ? check_image(vm->ramdisk, "ramdisk") : 0;
    int devices = vm->hvm ? model_check(vm) : devices_check(vm, false);

    return kernel < 0 || ramdisk < 0 || devices < 0 ? -EINVAL : 0;
}

int check_run(struct call *call)
{
    struct report *report = report_current();
    struct problems problems = { .call = call, .warnings = json_array() };
    FILE *echo = report->echo;
    char *config = NULL;
    struct vmfile vm;
    int rc, files;

    call->problems = json_array();
    report->echo = NULL;
    report->listen = hear_problem;
    report->listener = &problems;
    rc = create_read(call, &vm, &config);
    files = check_files(&vm);
    report->listen = NULL;
    report->echo = echo;
    if (rc == 0)
        rc = files;
    if (rc == 0 && call->json) {
        output_text(call->json, "name", vm.name);
        json_object_set(call->json, "warnings", problems.warnings);
    } else if (rc == 0) {
        printf("%s: VM \"%s\": no errors, %u warnings\n", call->arguments[0], vm.name,
               problems.warned);
    }
    json_decref(problems.warnings);
    free(config);
    vmfile_free(&vm);
    return rc;
}

/* --- diff ------------------------------------------------------------------------------------- */

struct comparison {
    struct call *call;
    struct session session;
    struct domain domain;
    struct vmfile vm;
    json_t *differences; /* NULL: text */
};

static void compare(struct comparison *comparison, const char *key, const char *vm,
                    const char *file)
{
    json_t *difference;

    if (strcmp(vm, file) == 0)
        return;
    if (!comparison->differences) {
        printf("%-12s VM: %-24s file: %s\n", key, vm, file);
        return;
    }
    difference = output_item(comparison->differences);
    output_text(difference, "key", key);
    output_text(difference, "vm", vm);
    output_text(difference, "file", file);
}

static void compare_numbers(struct comparison *comparison, const char *key, uint64_t vm,
                            uint64_t file)
{
    char left[24], right[24];

    snprintf(left, sizeof(left), "%llu", (unsigned long long)vm);
    snprintf(right, sizeof(right), "%llu", (unsigned long long)file);
    compare(comparison, key, left, right);
}

static unsigned int vcpus_online(const struct comparison *comparison)
{
    unsigned int online = 0;
    char state[16];

    for (unsigned int i = 0; i <= comparison->domain.info.max_vcpu_id; i++) {
        store_read_text(comparison->session.store, state, sizeof(state),
                        SCHEMA_CPU_AVAILABILITY_PATH, comparison->domain.domid, i);
        online += strcmp(state, "online") == 0;
    }
    return online;
}

static void compare_disk(struct comparison *comparison, const struct vmdevices_disk *disk)
{
    char key[24], mode[8], file[8];

    snprintf(key, sizeof(key), "disk %s", disk->name);
    snprintf(file, sizeof(file), "%s", disk->writable ? "w" : "r");
    if (!store_read_text(comparison->session.store, mode, sizeof(mode),
                         SCHEMA_BACKEND_VBD_MODE_PATH, 0, comparison->domain.domid, disk->number))
        compare(comparison, key, "none", disk->path);
    else
        compare(comparison, key, mode, file);
}

static void compare_vif(struct comparison *comparison, unsigned int index)
{
    const struct vmdevices_vif *vif = &comparison->vm.devices.vifs[index];
    struct xs_handle *store = comparison->session.store;
    uint32_t domid = comparison->domain.domid;
    char key[24], bridge[64];

    snprintf(key, sizeof(key), "vif %u", vif->number);
    if (!store_read_text(store, bridge, sizeof(bridge), SCHEMA_BACKEND_VIF_BRIDGE_PATH, 0, domid,
                         vif->number))
        compare(comparison, key, "none", vif->bridge);
    else
        compare(comparison, key, bridge, vif->bridge);
}

static bool is_in_file(const struct vmdevices *devices, const struct devices_id *id)
{
    if (id->kind == DEVICES_DISK) {
        for (unsigned int i = 0; i < devices->disk_count; i++)
            if (devices->disks[i].number == id->number)
                return true;
    } else {
        for (unsigned int i = 0; i < devices->vif_count; i++)
            if (devices->vifs[i].number == id->number)
                return true;
    }
    return false;
}

/* Devices that the VM got while it ran. */
static void compare_more(struct comparison *comparison, enum devices_kind kind)
{
    struct xs_handle *store = comparison->session.store;
    struct devices_id id = { .domid = comparison->domain.domid, .kind = kind };
    unsigned int *numbers;
    unsigned int count = devices_list(store, id.domid, kind, &numbers);

    for (unsigned int i = 0; i < count; i++) {
        char key[24], name[8], value[64];

        id.number = numbers[i];
        if (is_in_file(&comparison->vm.devices, &id))
            continue;
        snprintf(key, sizeof(key), "vif %u", id.number);
        store_read_text(store, name, sizeof(name), SCHEMA_BACKEND_VBD_DEV_PATH, 0, id.domid,
                        id.number);
        if (kind == DEVICES_DISK)
            snprintf(key, sizeof(key), "disk %s", name);
        store_read_text(store, value, sizeof(value),
                        kind == DEVICES_DISK ? SCHEMA_BACKEND_VBD_MODE_PATH
                                             : SCHEMA_BACKEND_VIF_BRIDGE_PATH,
                        0, id.domid, id.number);
        compare(comparison, key, value, "none");
    }
    free(numbers);
}

static void compare_all(struct comparison *comparison)
{
    const struct vmfile *vm = &comparison->vm;
    const struct domain *domain = &comparison->domain;
    struct xs_handle *store = comparison->session.store;

    compare(comparison, "name", domain->name, vm->name);
    compare_numbers(comparison, "memory", domain_memory_target(store, domain->domid) / KIB_PER_MIB,
                    vm->memory_kib / KIB_PER_MIB);
    compare_numbers(comparison, "maxmem", domain_memory_max(store, domain->domid) / KIB_PER_MIB,
                    vm->max_memory_kib / KIB_PER_MIB);
    compare_numbers(comparison, "vcpus", vcpus_online(comparison), vm->vcpus);
    compare_numbers(comparison, "maxvcpus", domain->info.max_vcpu_id + 1ull, vm->max_vcpus);
    for (unsigned int i = 0; i < vm->devices.disk_count; i++)
        compare_disk(comparison, &vm->devices.disks[i]);
    for (unsigned int i = 0; i < vm->devices.vif_count; i++)
        compare_vif(comparison, i);
    compare_more(comparison, DEVICES_DISK);
    compare_more(comparison, DEVICES_VIF);
}

int check_diff(struct call *call)
{
    struct comparison comparison = { .call = call };
    struct call file = *call;
    char *config = NULL;
    int rc;

    /* The file and its settings are the arguments after the VM. */
    file.arguments++;
    file.count--;
    rc = create_read(&file, &comparison.vm, &config);
    if (rc == 0) {
        rc = control_open(call, &comparison.session, &comparison.domain);
        if (rc == 0 && call->json)
            comparison.differences = output_list(call->json, "differences");
        if (rc == 0)
            compare_all(&comparison);
        rc = control_close(call, &comparison.session, &comparison.domain, rc);
    }
    vmfile_free(&comparison.vm);
    free(config);
    return rc;
}

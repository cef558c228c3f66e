/* SPDX-License-Identifier: MIT */
/* A VM that `cleave new` makes, from an image or from a VM that is a template. */
#ifndef CLEAVE_NEW_H
#define CLEAVE_NEW_H

#include <limits.h>
#include <stdio.h>

#include "command.h"
#include "diskboot.h"
#include "diskcopy.h"
#include "vmfolder.h"

#define NEW_DISK "disk"
#define NEW_SEED "seed.iso"
#define NEW_PATH_MAX (PATH_MAX + 32)

struct new
{
    struct call *call;
    const char *name, *bridge; /* bridge: "": as the template's */
    uuid_t uuid;
    char uuid_text[UUID_STR_LEN];
    char mac[VMDEVICES_MAC_SIZE];        /* of its first interface; "": it has none */
    uint64_t memory_mib, vcpus, cpu_mhz; /* 0: as the template's; cpu_mhz: or none */
    struct diskcopy_image image;         /* what its first disk begins with */
    uint64_t size;                       /* of that disk, in bytes */
    json_t *keys;                        /* NULL: none */
    char *parent, *kernel, *ramdisk;     /* absolute; the latter two only if they are given */
    bool hvm, extracted;                 /* extracted: its kernel is in its folder */
    struct diskboot boot;
    struct vmfolder folder;
    enum diskcopy_way way;

    /* The template, which stays locked; NULL and nothing: there is none. */
    const char *template;
    struct vms_record source;
    int source_lock;
    struct vmfile source_file;
    char *source_config;
};

/* --- new.c ------------------------------------------------------------------------------------ */

bool new_has_setting(const struct call *call, const char *key);

/* --- newfiles.c ------------------------------------------------------------------------------- */

/*
 * Makes the files of a VM from an image but its disk, which is an empty one, or, from qcow2,
 * complete. Decides how it starts. Returns 0, or a negative errno after an error was reported.
 */
int newfiles_make(struct new *vm);
int newfiles_make_disk(struct new *vm); /* the disk from a raw image */

/* Writes its VM file, with the VM's files in folder. */
void newfiles_put(FILE *out, const struct new *vm, const char *folder);

/* Helpers for images and for templates. */
void newfiles_path(const struct new *vm, const char *file, char path[NEW_PATH_MAX]);
int newfiles_empty_disk(const struct new *vm, const char *file, uint64_t size);
int newfiles_make_seed(const struct new *vm);
void newfiles_put_escaped(FILE *out, const char *text);
void newfiles_put_key(FILE *out, const char *key, const char *value);

/* --- newtemplate.c ---------------------------------------------------------------------------- */

/*
 * Finds and locks the template, which must be stopped, and opens its first disk. Returns as
 * newfiles_make; call newtemplate_close in either case.
 */
int newtemplate_open(struct new *vm);
void newtemplate_close(struct new *vm);

/* As newfiles_make and newfiles_make_disk, with all disks. */
int newtemplate_make(struct new *vm);
int newtemplate_make_disks(struct new *vm);
void newtemplate_put(FILE *out, const struct new *vm, const char *folder);

#endif

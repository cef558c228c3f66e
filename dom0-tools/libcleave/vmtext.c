/* SPDX-License-Identifier: MIT */
/* Reads the text of a VM file, and writes one in the same syntax. Read next: vmfile.c. */
#define _GNU_SOURCE
#include "vmtext.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "report.h"

#define FILE_MAX_BYTES (1 << 20)

char *vmtext_read(const char *path, char *const *settings, int setting_count, int *lines)
{
    char buffer[4096], *text = NULL;
    size_t length = 0, part;
    struct stat st;
    FILE *in = fopen(path, "re");
    FILE *out = open_memstream(&text, &length);

    if (!in || !out || fstat(fileno(in), &st) < 0) {
        report_error(report_by_errno(errno), "VM file %s: %s", path, strerror(errno));
        goto fail;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES) {
        report_error(REPORT_USAGE, "VM file %s: %s", path,
                     S_ISREG(st.st_mode) ? "larger than 1 MiB: not a VM file"
                                         : "not a regular file");
        goto fail;
    }
    *lines = 1;
    while ((part = fread(buffer, 1, sizeof(buffer), in)) > 0) {
        fwrite(buffer, 1, part, out);
        for (size_t i = 0; i < part; i++)
            *lines += buffer[i] == '\n';
    }
    if (ferror(in)) {
        report_error(REPORT_INTERNAL, "VM file %s: cannot read it completely: %s", path,
                     strerror(errno));
        goto fail;
    }
    for (int i = 0; i < setting_count; i++)
        fprintf(out, "\n%s", settings[i]);
    fputc('\n', out);
    fclose(in);
    fclose(out);
    if (memchr(text, '\0', length))
        report_error(REPORT_USAGE, "VM file %s: contains zero bytes: not a text file", path);
    else if (strstr(text, "\r\n"))
        report_error(REPORT_USAGE, "VM file %s: has Windows line endings: sed -i 's/\\r$//' %s",
                     path, path);
    else
        return text;
    free(text);
    return NULL;
fail:
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    free(text);
    return NULL;
}

/* Writes a string in the file's syntax. */
static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_key(FILE *out, const char *key, const char *text)
{
    fprintf(out, "%s = ", key);
    put_string(out, text);
    fputc('\n', out);
}

/* Writes the list of disks. target is the last word of each, and may contain commas. */
static void put_disks(FILE *out, const struct vmdevices *devices)
{
    fputs("disk = [", out);
    for (unsigned int i = 0; i < devices->disk_count; i++) {
        const struct vmdevices_disk *disk = &devices->disks[i];
        char spec[PATH_MAX + 128];

        snprintf(spec, sizeof(spec), "format=raw,vdev=%s,access=%s%s,target=%s", disk->name,
                 disk->writable ? "rw" : "ro", disk->direct_io ? ",direct-io-safe" : "",
                 disk->path);
        fputs(i ? ", " : "", out);
        put_string(out, spec);
    }
    fputs("]\n", out);
}

/* Writes the list of interfaces. A default address is left out, as it differs for a copy. */
static void put_vifs(FILE *out, const uint8_t *uuid, const struct vmdevices *devices)
{
    fputs("vif = [", out);
    for (unsigned int i = 0; i < devices->vif_count; i++) {
        const struct vmdevices_vif *vif = &devices->vifs[i];
        char mac[VMDEVICES_MAC_SIZE];

        vmdevices_mac(uuid, vif->number, mac);
        fprintf(out, "%s\"devid=%u,bridge=%s", i ? ", " : "", vif->number, vif->bridge);
        if (strcasecmp(mac, vif->mac) != 0)
            fprintf(out, ",mac=%s", vif->mac);
        fputc('"', out);
    }
    fputs("]\n", out);
}

char *vmtext_devices(const uint8_t *uuid, const struct vmdevices *devices)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    put_disks(out, devices);
    put_vifs(out, uuid, devices);
    fclose(out);
    return text;
}

char *vmtext_resolve(const char *path, char *const *settings, int setting_count,
                     const struct vmfile *vm)
{
    int lines;
    char *source = vmtext_read(path, settings, setting_count, &lines);
    char uuid[UUID_STR_LEN], *text = NULL;
    size_t length = 0;
    FILE *out = source ? open_memstream(&text, &length) : NULL;

    if (!out) {
        free(source);
        return NULL;
    }
    uuid_unparse_lower(vm->uuid, uuid);
    fprintf(out, "%s\n# as resolved by cleave\n", source);
    put_key(out, "name", vm->name);
    put_key(out, "uuid", uuid);
    if (vm->kernel)
        put_key(out, "kernel", vm->kernel);
    if (vm->ramdisk)
        put_key(out, "ramdisk", vm->ramdisk);
    if (vm->devices.disk_count)
        put_disks(out, &vm->devices);
    fclose(out);
    free(source);
    return text;
}

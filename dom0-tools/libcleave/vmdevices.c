/* SPDX-License-Identifier: MIT */
/*
 * Disks follow xl-disk-configuration(5) and are parsed by libxlutil. Network interfaces
 * (xl-network-configuration(5)) are lists of KEY=VALUE. Features that only xl supports (scripts,
 * image formats, other back ends) are refused, not ignored. Read next: devices.c.
 */
#define _GNU_SOURCE
#include "vmdevices.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "report.h"

/*
 * Xen disks have their own major number with 16 minors per disk; from the 17th disk on, an extended
 * encoding.
 */
#define XVD_MAJOR 202
#define XVD_PER_MAJOR 16
#define XVD_PARTS 16
#define XVD_EXTENDED (1u << 28)
#define XVD_PARTS_EXTENDED 256

bool vmdevices_number(const char *name, uint32_t *number)
{
    unsigned int disk, part = 0;
    char *end;

    if (strncmp(name, "xvd", 3) != 0 || name[3] < 'a' || name[3] > 'z' || strlen(name) > 6)
        return false;
    disk = name[3] - 'a';
    if (name[4]) {
        if (!isdigit((unsigned char)name[4]))
            return false;
        part = strtoul(name + 4, &end, 10);
        if (*end || part < 1 || part >= XVD_PARTS)
            return false;
    }
    *number = disk < XVD_PER_MAJOR ? XVD_MAJOR << 8 | (disk * XVD_PARTS + part)
                                   : XVD_EXTENDED | (disk * XVD_PARTS_EXTENDED + part);
    return true;
}

/* Returns a message for the first unsupported property of a disk, or NULL. */
static const char *unsupported(const libxl_device_disk *disk)
{
    if (disk->format != LIBXL_DISK_FORMAT_RAW)
        return "only raw images and block devices: convert it (qemu-img convert -O raw)";
    if (disk->backend != LIBXL_DISK_BACKEND_UNKNOWN && disk->backend != LIBXL_DISK_BACKEND_PHY)
        return "only dom0's kernel serves disks: omit backendtype";
    if (disk->backend_domname)
        return "only dom0 serves disks: omit backend";
    if (disk->script)
        return "scripts are not supported: omit script, or use `xl create`";
    if (disk->is_cdrom)
        return "a PVH guest has no CD drive: omit cdrom and set access=ro";
    if (!disk->pdev_path || !*disk->pdev_path)
        return "it has no target: use \"/path/in/dom0,raw,xvda,rw\"";
    return NULL;
}

static int add_disk(const char *place, const char *spec, const libxl_device_disk *from,
                    struct vmdevices *devices)
{
    struct vmdevices_disk *disk = &devices->disks[devices->disk_count];
    const char *problem = unsupported(from);

    if (problem) {
        report_error(REPORT_USAGE, "%s: disk \"%s\": %s", place, spec, problem);
        return -EINVAL;
    }
    if (!from->vdev || !vmdevices_number(from->vdev, &disk->number)) {
        report_error(REPORT_USAGE,
                     "%s: disk \"%s\": its name \"%s\" in the guest must be from xvda to "
                     "xvdz",
                     place, spec, from->vdev ? from->vdev : "");
        return -EINVAL;
    }
    for (unsigned int i = 0; i < devices->disk_count; i++) {
        if (devices->disks[i].number == disk->number) {
            report_error(REPORT_USAGE, "%s: two disks are named %s: names must be unique", place,
                         from->vdev);
            return -EINVAL;
        }
    }
    snprintf(disk->name, sizeof(disk->name), "%s", from->vdev);
    disk->writable = from->readwrite;
    disk->direct_io = from->direct_io_safe;
    disk->path = path_absolute(from->pdev_path);
    if (!disk->path)
        return -ENOMEM;
    devices->disk_count++;
    return 0;
}

/* Returns the first line of libxlutil's message, without its prefix. */
static const char *reason_of(char *words)
{
    static const char preamble[] = "disk specification: ";
    char *at = words ? strstr(words, preamble) : NULL;

    if (!at)
        return "it cannot be parsed";
    at += strlen(preamble);
    at[strcspn(at, "\n")] = '\0';
    return at;
}

int vmdevices_read_disk(const char *place, const char *spec, struct vmdevices *devices)
{
    char *words = NULL;
    size_t length = 0;
    FILE *report = open_memstream(&words, &length);
    XLU_Config *config = report ? xlu_cfg_init(report, place) : NULL;
    libxl_device_disk disk;
    int rc = -ENOMEM;

    libxl_device_disk_init(&disk);
    if (config) {
        rc = -xlu_disk_parse(config, 1, &spec, &disk);
        xlu_cfg_destroy(config);
    }
    if (report)
        fclose(report);
    if (rc < 0)
        report_error(REPORT_USAGE,
                     "%s: disk \"%s\" does not follow xl-disk-configuration(5), for "
                     "example \"/path/in/dom0,raw,xvda,rw\": %s",
                     place, spec, reason_of(words));
    else
        rc = add_disk(place, spec, &disk, devices);
    libxl_device_disk_dispose(&disk);
    free(words);
    return rc;
}

/* True for a unicast address like 00:16:3e:01:02:03: the first number is even. */
static bool is_mac(const char *text)
{
    static const char shape[] = "xx:xx:xx:xx:xx:xx";

    if (strlen(text) != sizeof(shape) - 1)
        return false;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != ':')
            return false;
    return !(strtoul(text, NULL, 16) & 1);
}

/* Reads devid=N. */
static int read_number(const char *place, const char *value, uint32_t taken, unsigned int *number)
{
    char *end;
    unsigned long parsed = strtoul(value, &end, 10);

    if (!isdigit((unsigned char)*value) || *end || parsed >= VMDEVICES_VIFS_MAX) {
        report_error(REPORT_USAGE, "%s: vif: devid=%s: must be a number from 0 to %d", place, value,
                     VMDEVICES_VIFS_MAX - 1);
        return -EINVAL;
    }
    if (taken & 1u << parsed) {
        report_error(REPORT_STATE,
                     "%s: vif: devid=%lu: the VM has a vif of this number: omit devid", place,
                     parsed);
        return -EEXIST;
    }
    *number = parsed;
    return 0;
}

static int read_vif_key(const char *place, const char *key, const char *value, uint32_t taken,
                        struct vmdevices_vif *vif)
{
    if (strcmp(key, "mac") == 0) {
        if (!is_mac(value)) {
            report_error(REPORT_USAGE,
                         "%s: vif: mac=%s: must be like 00:16:3e:01:02:03, the first number even",
                         place, value);
            return -EINVAL;
        }
        strcpy(vif->mac, value);
    } else if (strcmp(key, "bridge") == 0) {
        if (!*value || strlen(value) >= sizeof(vif->bridge)) {
            report_error(REPORT_USAGE, "%s: vif: bridge=%s: must be a name of 1 to %zu characters",
                         place, value, sizeof(vif->bridge) - 1);
            return -EINVAL;
        }
        strcpy(vif->bridge, value);
    } else if (strcmp(key, "devid") == 0) {
        return read_number(place, value, taken, &vif->number);
    } else if (strcmp(key, "type") != 0 || strcmp(value, "vif") != 0) {
        report_error(REPORT_USAGE,
                     "%s: vif: %s=%s: only mac, bridge and devid are supported; else use `xl "
                     "create`",
                     place, key, value);
        return -EINVAL;
    }
    return 0;
}

void vmdevices_mac(const uint8_t *uuid, unsigned int number, char mac[VMDEVICES_MAC_SIZE])
{
    snprintf(mac, VMDEVICES_MAC_SIZE, "00:16:3e:%02x:%02x:%02x", uuid[13] & 0x7f, uuid[14],
             (uint8_t)(uuid[15] + number));
}

int vmdevices_read_vif(const char *place, const char *spec, const uint8_t *uuid, uint32_t taken,
                       struct vmdevices *devices)
{
    struct vmdevices_vif *vif = &devices->vifs[devices->vif_count];
    char *text = strdup(spec), *rest = text, *part;
    int rc = text ? 0 : -ENOMEM;

    *vif = (struct vmdevices_vif){ .bridge = VMDEVICES_BRIDGE };
    while (vif->number < VMDEVICES_VIFS_MAX - 1 && taken & 1u << vif->number)
        vif->number++;
    while (rc == 0 && (part = strsep(&rest, ",")) != NULL) {
        char *equals = strchr(part, '=');

        part += strspn(part, " ");
        if (!*part)
            continue;
        if (equals)
            *equals = '\0';
        rc = read_vif_key(place, part, equals ? equals + 1 : "", taken, vif);
    }
    free(text);
    if (rc < 0)
        return rc;
    if (taken & 1u << vif->number) {
        report_error(REPORT_STATE, "%s: vif: the VM has %d already, and can have no more", place,
                     VMDEVICES_VIFS_MAX);
        return -EEXIST;
    }
    if (!*vif->mac)
        vmdevices_mac(uuid, vif->number, vif->mac);
    devices->vif_count++;
    return 0;
}

/* Reads a key that is a list of strings. *count is 0 if it is absent. */
static int list_of(XLU_Config *config, const char *place, const char *key, int max,
                   XLU_ConfigList **list, int *count)
{
    int error = xlu_cfg_get_list(config, key, list, count, 1);

    if (error == ESRCH)
        *count = 0;
    else if (error || *count > max) {
        report_error(REPORT_USAGE, "%s: %s must be a list of at most %d strings: %s = [\"...\"]",
                     place, key, max, key);
        return -EINVAL;
    }
    for (int i = 0; i < *count; i++) {
        if (!xlu_cfg_get_listitem(*list, i)) {
            report_error(REPORT_USAGE, "%s: %s: item %d is not a string: %s = [\"...\"]", place,
                         key, i + 1, key);
            return -EINVAL;
        }
    }
    return 0;
}

int vmdevices_read_disks(XLU_Config *config, const char *place, const char *key,
                         struct vmdevices *devices)
{
    XLU_ConfigList *disks;
    int count;
    int rc = list_of(config, place, key, VMDEVICES_DISKS_MAX, &disks, &count);

    for (int i = 0; rc == 0 && i < count; i++)
        rc = vmdevices_read_disk(place, xlu_cfg_get_listitem(disks, i), devices);
    return rc;
}

int vmdevices_read_vifs(XLU_Config *config, const char *place, const char *key, const uint8_t *uuid,
                        struct vmdevices *devices)
{
    XLU_ConfigList *vifs;
    int count;
    uint32_t taken = 0;
    int rc = list_of(config, place, key, VMDEVICES_VIFS_MAX, &vifs, &count);

    for (int i = 0; rc == 0 && i < count; i++) {
        rc = vmdevices_read_vif(place, xlu_cfg_get_listitem(vifs, i), uuid, taken, devices);
        taken |= 1u << devices->vifs[i].number;
    }
    return rc;
}

void vmdevices_free(struct vmdevices *devices)
{
    for (unsigned int i = 0; i < devices->disk_count; i++)
        free(devices->disks[i].path);
    devices->disk_count = 0;
}

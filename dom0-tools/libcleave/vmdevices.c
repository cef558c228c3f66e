/* SPDX-License-Identifier: MIT */
/*
 * Disks are written as xl-disk-configuration(5) says and parsed by libxlutil; a network interface
 * (xl-network-configuration(5)) is a list of KEY=VALUE. What only xl can do (scripts, image
 * formats, other back ends) is refused, not ignored. Next to read: devices.c.
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

/* xl's own default (xl.conf(5), vif.default.bridge) */
#define DEFAULT_BRIDGE "xenbr0"
/*
 * Xen disks have a major number of their own, 16 minors a disk; from the 17th on another formula.
 */
#define XVD_MAJOR 202
#define XVD_PER_MAJOR 16
#define XVD_PARTS 16
#define XVD_EXTENDED (1u << 28)
#define XVD_PARTS_EXTENDED 256

/* xvda, or xvda2 for a disk that is to look like a partition. False when it is neither. */
static bool parse_name(const char *name, uint32_t *number)
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

/* What of libxlutil's understanding of a disk cannot be done here, or NULL. */
static const char *unsupported(const libxl_device_disk *disk)
{
    if (disk->format != LIBXL_DISK_FORMAT_RAW)
        return "only raw images and block devices: convert it (qemu-img convert -O raw)";
    if (disk->backend != LIBXL_DISK_BACKEND_UNKNOWN && disk->backend != LIBXL_DISK_BACKEND_PHY)
        return "only dom0's kernel serves disks: leave backendtype out";
    if (disk->backend_domname)
        return "only dom0 serves disks: leave backend out";
    if (disk->script)
        return "scripts are xl's: leave script out, or use `xl create`";
    if (disk->is_cdrom)
        return "a PVH guest has no CD drive: leave cdrom out and give access=ro";
    if (!disk->pdev_path || !*disk->pdev_path)
        return "it has no target: give \"/path/in/dom0,raw,xvda,rw\"";
    return NULL;
}

static int add_disk(const char *path, const char *spec, const libxl_device_disk *from,
                    struct vmdevices *devices)
{
    struct vmdevices_disk *disk = &devices->disks[devices->disk_count];
    const char *problem = unsupported(from);

    if (problem) {
        report_error("VM file %s: disk \"%s\": %s", path, spec, problem);
        return -EINVAL;
    }
    if (!from->vdev || !parse_name(from->vdev, &disk->number)) {
        report_error("VM file %s: disk \"%s\": its name \"%s\" in the guest must be from xvda to "
                     "xvdz",
                     path, spec, from->vdev ? from->vdev : "");
        return -EINVAL;
    }
    for (unsigned int i = 0; i < devices->disk_count; i++) {
        if (devices->disks[i].number == disk->number) {
            report_error("VM file %s: two disks are named %s: give each its own name", path,
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

/* What libxlutil says is wrong: the first line, without what it begins with. */
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

static int read_disk(const char *path, const char *spec, struct vmdevices *devices)
{
    char *words = NULL;
    size_t length = 0;
    FILE *report = open_memstream(&words, &length);
    XLU_Config *config = report ? xlu_cfg_init(report, path) : NULL;
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
        report_error("VM file %s: disk \"%s\" is not as xl-disk-configuration(5) says, for example "
                     "\"/path/in/dom0,raw,xvda,rw\": %s",
                     path, spec, reason_of(words));
    else
        rc = add_disk(path, spec, &disk, devices);
    libxl_device_disk_dispose(&disk);
    free(words);
    return rc;
}

/* Like 00:16:3e:01:02:03, and not a group's address: the first number is even. */
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

static int read_vif_key(const char *path, const char *key, const char *value,
                        struct vmdevices_vif *vif)
{
    if (strcmp(key, "mac") == 0) {
        if (!is_mac(value)) {
            report_error("VM file %s: vif: mac=%s: must be like 00:16:3e:01:02:03, the first "
                         "number even",
                         path, value);
            return -EINVAL;
        }
        strcpy(vif->mac, value);
    } else if (strcmp(key, "bridge") == 0) {
        if (!*value || strlen(value) >= sizeof(vif->bridge)) {
            report_error("VM file %s: vif: bridge=%s: a name of 1 to %zu characters", path, value,
                         sizeof(vif->bridge) - 1);
            return -EINVAL;
        }
        strcpy(vif->bridge, value);
    } else if (strcmp(key, "type") != 0 || strcmp(value, "vif") != 0) {
        report_error("VM file %s: vif: %s=%s: there are mac and bridge; for others use `xl create`",
                     path, key, value);
        return -EINVAL;
    }
    return 0;
}

static int read_vif(const char *path, const char *spec, const uint8_t *uuid,
                    struct vmdevices *devices)
{
    struct vmdevices_vif *vif = &devices->vifs[devices->vif_count];
    char *text = strdup(spec), *rest = text, *part;
    int rc = text ? 0 : -ENOMEM;

    /* Xen's own range of addresses; from the identity, so that it stays the same over a reboot */
    snprintf(vif->mac, sizeof(vif->mac), "00:16:3e:%02x:%02x:%02x", uuid[13] & 0x7f, uuid[14],
             (uint8_t)(uuid[15] + devices->vif_count));
    strcpy(vif->bridge, DEFAULT_BRIDGE);
    while (rc == 0 && (part = strsep(&rest, ",")) != NULL) {
        char *equals = strchr(part, '=');

        part += strspn(part, " ");
        if (!*part)
            continue;
        if (equals)
            *equals = '\0';
        rc = read_vif_key(path, part, equals ? equals + 1 : "", vif);
    }
    free(text);
    if (rc == 0)
        devices->vif_count++;
    return rc;
}

/* The strings of a key that is a list; *count is 0 where it is absent. */
static int list_of(XLU_Config *config, const char *path, const char *key, int max,
                   XLU_ConfigList **list, int *count)
{
    int error = xlu_cfg_get_list(config, key, list, count, 1);

    if (error == ESRCH)
        *count = 0;
    else if (error || *count > max) {
        report_error("VM file %s: %s must be a list of at most %d texts: %s = [\"...\"]", path, key,
                     max, key);
        return -EINVAL;
    }
    for (int i = 0; i < *count; i++) {
        if (!xlu_cfg_get_listitem(*list, i)) {
            report_error("VM file %s: %s: item %d is no text: %s = [\"...\"]", path, key, i + 1,
                         key);
            return -EINVAL;
        }
    }
    return 0;
}

int vmdevices_read(XLU_Config *config, const char *path, const uint8_t *uuid,
                   struct vmdevices *devices)
{
    XLU_ConfigList *disks, *vifs;
    int disk_count, vif_count;
    int rc = list_of(config, path, "disk", VMDEVICES_DISKS_MAX, &disks, &disk_count);

    if (rc == 0)
        rc = list_of(config, path, "vif", VMDEVICES_VIFS_MAX, &vifs, &vif_count);
    for (int i = 0; rc == 0 && i < disk_count; i++)
        rc = read_disk(path, xlu_cfg_get_listitem(disks, i), devices);
    for (int i = 0; rc == 0 && i < vif_count; i++)
        rc = read_vif(path, xlu_cfg_get_listitem(vifs, i), uuid, devices);
    return rc;
}

void vmdevices_free(struct vmdevices *devices)
{
    for (unsigned int i = 0; i < devices->disk_count; i++)
        free(devices->disks[i].path);
    devices->disk_count = 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The seed of a cloud image: a file system named "cidata" with the files user-data, meta-data and
 * network-config (cloud-init's documentation, "NoCloud"). It is written here, without a tool: ISO
 * 9660 (ECMA-119) has each file in one piece. Names are in lower case and without a version, which
 * the standard has not, and Linux reads as they are. The files are JSON, which is YAML: a name or a
 * key needs no quotes of our own. Read next: ../cleave/new.c.
 */
#define _GNU_SOURCE
#include "seed.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define BLOCK 2048
#define KEYS_MAX_BYTES (64 << 10)
#define SEED_MAX_BYTES (1 << 20)
#define CONFIG_HEAD "#cloud-config\n"
#define HOSTNAME_MAX 63

/* Blocks of the image; files follow. */
enum { VOLUME = 16, VOLUME_END, PATHS_LITTLE, PATHS_BIG, ROOT, FILES };

#define FOLDER_FLAG 2
#define RECORD_HEAD 33 /* bytes of a directory record before the name */

/* --- keys ------------------------------------------------------------------------------------- */

static bool is_key(const char *line)
{
    static const char *const kinds[] = { "ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-" };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(line, kinds[i], strlen(kinds[i])) == 0)
            return strchr(line, ' ');
    return false;
}

static int add_keys(const char *path, char *text, json_t *keys)
{
    int number = 0;

    if (strstr(text, "PRIVATE KEY")) {
        report_error(REPORT_USAGE, "--ssh-key %s: a private key: give its public one, %s.pub", path,
                     path);
        return -EINVAL;
    }
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        size_t length = strlen(line);

        number++;
        while (length && isspace((unsigned char)line[length - 1]))
            line[--length] = '\0';
        line += strspn(line, " \t");
        if (!*line || *line == '#')
            continue;
        if (!is_key(line) || json_array_append_new(keys, json_string(line)) < 0) {
            report_error(REPORT_USAGE,
                         "--ssh-key %s:%d: not a public key of ssh, like \"ssh-ed25519 AAAA...\"",
                         path, number);
            return -EINVAL;
        }
    }
    if (json_array_size(keys))
        return 0;
    report_error(REPORT_USAGE, "--ssh-key %s: no key is in it: ssh-keygen makes one", path);
    return -EINVAL;
}

json_t *seed_read_keys(const char *path)
{
    char text[KEYS_MAX_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text));
    json_t *keys = json_array();

    if (length < 0)
        report_error(report_by_errno(errno), "--ssh-key %s: %s", path, strerror(errno));
    else if (length > KEYS_MAX_BYTES)
        report_error(REPORT_USAGE, "--ssh-key %s: more than %d KiB: not public keys of ssh", path,
                     KEYS_MAX_BYTES >> 10);
    if (fd >= 0)
        close(fd);
    if (length >= 0 && length <= KEYS_MAX_BYTES) {
        text[length] = '\0';
        if (add_keys(path, text, keys) == 0)
            return keys;
    }
    json_decref(keys);
    return NULL;
}

/* --- files ------------------------------------------------------------------------------------ */

/* A host name like the VM's name: what DNS does not take becomes a hyphen. */
static void to_hostname(const char *name, char hostname[HOSTNAME_MAX + 1])
{
    snprintf(hostname, HOSTNAME_MAX + 1, "%s", name);
    for (char *at = hostname; *at; at++)
        if (!isalnum((unsigned char)*at))
            *at = '-';
}

/* Returns a file's text, which the caller frees, and drops its contents. NULL: out of memory. */
static char *to_text(const char *head, json_t *contents)
{
    char *json = contents ? json_dumps(contents, JSON_INDENT(2)) : NULL, *text = NULL;

    if (json && asprintf(&text, "%s%s\n", head, json) < 0)
        text = NULL;
    free(json);
    json_decref(contents);
    return text;
}

static json_t *network_of(const char *mac)
{
    if (!mac)
        return json_pack("{s:i}", "version", 2);
    /* by its address: a copied guest has the machine id of the other one */
    return json_pack("{s:i, s:{s:{s:{s:s}, s:b, s:s}}}", "version", 2, "ethernets", "lan", "match",
                     "macaddress", mac, "dhcp4", 1, "dhcp-identifier", "mac");
}

/* --- the image -------------------------------------------------------------------------------- */

static void put_both32(uint8_t *at, uint32_t number)
{
    uint32_t little = htole32(number), big = htobe32(number);

    memcpy(at, &little, sizeof(little));
    memcpy(at + 4, &big, sizeof(big));
}

static void put_both16(uint8_t *at, uint16_t number)
{
    uint16_t little = htole16(number), big = htobe16(number);

    memcpy(at, &little, sizeof(little));
    memcpy(at + 2, &big, sizeof(big));
}

/* Writes a directory record (9.1). Returns its length. Its date is the year 1970's first day. */
static size_t put_record(uint8_t *at, const char *name, size_t length, uint32_t block,
                         uint32_t size, bool folder)
{
    size_t whole = (RECORD_HEAD + length + 1) & ~(size_t)1;

    memset(at, 0, whole);
    at[0] = whole;
    put_both32(at + 2, block);
    put_both32(at + 10, size);
    at[18] = 70;
    at[19] = at[20] = 1;
    at[25] = folder ? FOLDER_FLAG : 0;
    put_both16(at + 28, 1);
    at[32] = length;
    memcpy(at + RECORD_HEAD, name, length);
    return whole;
}

/* Writes a date as the volume descriptor has it (8.4.26.1). */
static void put_date(uint8_t *at, const char *digits) { memcpy(at, digits, 16); }

static void put_volume(uint8_t *at, uint32_t blocks)
{
    static const char unset[] = "0000000000000000";

    memset(at, 0, BLOCK);
    memcpy(at, "\1CD001\1", 7);
    memset(at + 8, ' ', 64);
    memcpy(at + 40, "cidata", 6);
    put_both32(at + 80, blocks);
    put_both16(at + 120, 1);
    put_both16(at + 124, 1);
    put_both16(at + 128, BLOCK);
    put_both32(at + 132, 10); /* bytes of a path table */
    at[140] = PATHS_LITTLE;
    at[151] = PATHS_BIG;
    put_record(at + 156, "", 1, ROOT, BLOCK, true);
    memset(at + 190, ' ', 813 - 190);
    put_date(at + 813, "1970010100000000");
    put_date(at + 830, "1970010100000000");
    put_date(at + 847, unset);
    put_date(at + 864, unset);
    at[881] = 1;
}

/* Writes everything before the files. sizes: of the three files, in the order of their names. */
static void put_head(uint8_t *image, const char *const *names, char *const *texts, uint32_t blocks)
{
    uint8_t *at = image + ROOT * BLOCK;
    uint32_t block = FILES;

    put_volume(image + VOLUME * BLOCK, blocks);
    memcpy(image + VOLUME_END * BLOCK, "\377CD001\1", 7);
    /* one entry, the root: its length, no attributes, its block, itself as parent, the name 0 */
    memcpy(image + PATHS_LITTLE * BLOCK, (uint8_t[]){ 1, 0, ROOT, 0, 0, 0, 1, 0, 0, 0 }, 10);
    memcpy(image + PATHS_BIG * BLOCK, (uint8_t[]){ 1, 0, 0, 0, 0, ROOT, 0, 1, 0, 0 }, 10);
    at += put_record(at, "", 1, ROOT, BLOCK, true);
    at += put_record(at, "\1", 1, ROOT, BLOCK, true);
    for (int i = 0; i < 3; i++) {
        size_t size = strlen(texts[i]);

        at += put_record(at, names[i], strlen(names[i]), block, size, false);
        memcpy(image + block * BLOCK, texts[i], size);
        block += (size + BLOCK - 1) / BLOCK;
    }
}

static int write_image(const char *path, const uint8_t *image, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = 0;

    if (fd < 0 || write(fd, image, size) != (ssize_t)size || fsync(fd) < 0) {
        rc = errno ? -errno : -ENOSPC;
        report_error(report_by_errno(-rc), "cannot write %s: %s", path, strerror(-rc));
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

int seed_write(const struct seed *seed, const char *path)
{
    static const char *const names[] = { "meta-data", "network-config", "user-data" };
    char hostname[HOSTNAME_MAX + 1], *texts[3];
    uint32_t blocks = FILES;
    uint8_t *image;
    int rc = -ENOMEM;

    to_hostname(seed->name, hostname);
    texts[0] =
        to_text("", json_pack("{s:s, s:s}", "instance-id", seed->uuid, "local-hostname", hostname));
    texts[1] = to_text("", network_of(seed->mac));
    texts[2] = to_text(CONFIG_HEAD, json_pack("{s:s, s:O}", "hostname", hostname,
                                              "ssh_authorized_keys", seed->keys));
    for (int i = 0; i < 3; i++)
        blocks += texts[i] ? (strlen(texts[i]) + BLOCK - 1) / BLOCK : 0;
    image = calloc(blocks, BLOCK);
    if (image && texts[0] && texts[1] && texts[2]) {
        put_head(image, names, texts, blocks);
        errno = 0;
        rc = write_image(path, image, (size_t)blocks * BLOCK);
    }
    for (int i = 0; i < 3; i++)
        free(texts[i]);
    free(image);
    return rc;
}

json_t *seed_keys_of(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *bytes = fd < 0 ? NULL : malloc(SEED_MAX_BYTES), *at = NULL;
    ssize_t length = bytes ? read(fd, bytes, SEED_MAX_BYTES) : 0;
    json_t *contents = NULL, *keys;

    if (length > 0)
        at = memmem(bytes, length, CONFIG_HEAD, strlen(CONFIG_HEAD));
    if (at) {
        at += strlen(CONFIG_HEAD);
        contents = json_loadb(at, length - (at - bytes), JSON_DISABLE_EOF_CHECK, NULL);
    }
    keys = json_incref(json_object_get(contents, "ssh_authorized_keys"));
    json_decref(contents);
    free(bytes);
    if (fd >= 0)
        close(fd);
    return keys;
}

/* SPDX-License-Identifier: MIT */
/*
 * The JSON printer. Names are chosen by the VMs' owners (xl accepts any bytes), but JSON is UTF-8:
 * invalid sequences are replaced by U+FFFD.
 */
#include "json.h"

/* Returns the sequence length by its first byte; 0: not a multi-byte character. */
static size_t length_of(unsigned char lead)
{
    if (lead < 0xc0 || lead >= 0xf8)
        return 0;
    if (lead < 0xe0)
        return 2;
    return lead < 0xf0 ? 3 : 4;
}

/* Returns the length of a valid multi-byte character; 0: invalid (RFC 3629, section 4). */
static size_t sequence_length(const char *text)
{
    static const uint32_t least[] = { [2] = 0x80, [3] = 0x800, [4] = 0x10000 };
    unsigned char lead = text[0];
    size_t length = length_of(lead);
    uint32_t code = lead & 0x7f >> length;

    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    return length && code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
               ? length
               : 0;
}

static void print_string(FILE *out, const char *text)
{
    size_t length;

    fputc('"', out);
    for (; *text; text += length) {
        unsigned char c = *text;

        length = c < 0x80 ? 1 : sequence_length(text);
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else if (length)
            fwrite(text, 1, length, out);
        else
            fputs("\\ufffd", out);
        length += !length;
    }
    fputc('"', out);
}

static void begin_value(struct json *json, const char *key)
{
    if (json->filled)
        fputc(',', json->out);
    if (json->depth)
        fprintf(json->out, "\n%*s", 2 * json->depth, "");
    if (key) {
        print_string(json->out, key);
        fputs(": ", json->out);
    }
    json->filled = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
    begin_value(json, key);
    fputc(bracket, json->out);
    json->depth++;
    json->filled = false;
}

void json_close(struct json *json, char bracket)
{
    json->depth--;
    if (json->filled)
        fprintf(json->out, "\n%*s", 2 * json->depth, "");
    fputc(bracket, json->out);
    json->filled = true;
    if (!json->depth)
        fputc('\n', json->out);
}

void json_number(struct json *json, const char *key, uint64_t number)
{
    begin_value(json, key);
    fprintf(json->out, "%llu", (unsigned long long)number);
}

void json_string(struct json *json, const char *key, const char *text)
{
    begin_value(json, key);
    print_string(json->out, text);
}

/* SPDX-License-Identifier: MIT */
/*
 * Generates files from schema.txt: `generate header|table|page SCHEMA >OUTPUT`.
 *
 * Runs on the host during the build. Input is checked strictly: an error in schema.txt stops the
 * build with its line number. schema.txt describes the columns. Read next:
 * ../dom0-tools/libcleave/storeschema.c.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 256
#define LINE_LENGTH 512
#define OWN "/local/domain/{domid}/"

struct row {
    char name[64];
    char pattern[160];
    char type[96];
    char writer[16];
    char reader[16];
    char lifetime[16];
    char text[256];
};

static struct row rows[ROWS_MAX];
static int row_count;
static const char *schema_name;
static int line_number;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", schema_name, line_number);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static bool one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static void check_type(const char *type)
{
    static const char *const types[] = { "dir",  "string", "uint", "bool",
                                         "path", "uuid",   "time", NULL };
    char bare[96];
    size_t length = strlen(strcpy(bare, type));

    if (length && bare[length - 1] == '?')
        bare[--length] = '\0';
    if (strncmp(bare, "one(", 4) == 0 && length > 5 && bare[length - 1] == ')')
        return;
    if (!one_of(bare, types))
        die("type '%s' is not one of dir string uint bool path uuid time one(a,b)", type);
}

static void check_pattern(const char *pattern)
{
    static const char *const names[] = { "domid",  "backend", "vcpu", "pool",
                                         "device", "uuid",    "key",  NULL };

    if (pattern[0] != '/' || pattern[1] == '\0' || pattern[strlen(pattern) - 1] == '/')
        die("pattern '%s' is not an absolute path", pattern);
    for (const char *brace = strchr(pattern, '{'); brace; brace = strchr(brace + 1, '{')) {
        char name[16];

        if (sscanf(brace, "{%15[a-z]}", name) != 1 || !one_of(name, names))
            die("pattern '%s': unknown name in braces", pattern);
    }
}

static void check_row(const struct row *row)
{
    static const char *const writers[] = { "tools", "guest", "daemon", NULL };
    static const char *const readers[] = { "tools", "guest", "daemon", "tests", "all", NULL };
    static const char *const lifetimes[] = { "boot", "domain", "guest", NULL };

    for (const char *c = row->name; *c; c++)
        if (!isupper((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
            die("name '%s' is not in capitals", row->name);
    check_pattern(row->pattern);
    check_type(row->type);
    if (!one_of(row->writer, writers))
        die("writer '%s' is not one of tools guest daemon", row->writer);
    if (!one_of(row->reader, readers))
        die("reader '%s' is not one of tools guest daemon tests all", row->reader);
    if (!one_of(row->lifetime, lifetimes))
        die("lifetime '%s' is not one of boot domain guest", row->lifetime);
    if (!row->text[0])
        die("%s: the description is missing", row->name);
    for (int i = 0; i < row_count; i++)
        if (strcmp(rows[i].name, row->name) == 0 || strcmp(rows[i].pattern, row->pattern) == 0)
            die("%s %s: duplicate name or pattern", row->name, row->pattern);
}

static void read_schema(void)
{
    FILE *file = fopen(schema_name, "r");
    char line[LINE_LENGTH];

    if (!file)
        die("cannot read the file");
    while (fgets(line, sizeof(line), file)) {
        struct row row = { .name = "" };

        line_number++;
        if (!strchr(line, '\n'))
            die("line longer than %d characters", LINE_LENGTH - 2);
        if (line[0] == '#' || line[strspn(line, " \t\n")] == '\0')
            continue;
        if (sscanf(line, "%63s %159s %95s %15s %15s %15s %255[^\n]", row.name, row.pattern,
                   row.type, row.writer, row.reader, row.lifetime, row.text) != 7)
            die("seven columns are required: NAME PATTERN TYPE WRITER READER LIFETIME and a "
                "description");
        check_row(&row);
        if (row_count == ROWS_MAX)
            die("more than %d rows; raise ROWS_MAX", ROWS_MAX);
        rows[row_count++] = row;
    }
    fclose(file);
}

/* Prints the pattern as a printf format. */
static void print_format(const char *pattern)
{
    putchar('"');
    for (const char *c = pattern; *c; c++) {
        if (*c == '{') {
            printf(strncmp(c, "{uuid}", 6) == 0 || strncmp(c, "{key}", 5) == 0 ? "%%s" : "%%u");
            c = strchr(c, '}');
        } else {
            putchar(*c);
        }
    }
    putchar('"');
}

static void print_header(void)
{
    printf("/* SPDX-License-Identifier: MIT */\n"
           "/* Generated from xenstore-schema/schema.txt, which describes the names. */\n"
           "#ifndef CLEAVE_SCHEMA_H\n#define CLEAVE_SCHEMA_H\n");
    for (int i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        const char *leaf = strrchr(row->pattern, '/') + 1;

        printf("\n/* %s */\n", row->text);
        if (strncmp(row->pattern, OWN, strlen(OWN)) == 0) {
            printf("#define SCHEMA_%s ", row->name);
            print_format(row->pattern + strlen(OWN));
            putchar('\n');
        }
        printf("#define SCHEMA_%s_PATH ", row->name);
        print_format(row->pattern);
        putchar('\n');
        if (!strchr(leaf, '{'))
            printf("#define SCHEMA_%s_LEAF \"%s\"\n", row->name, leaf);
    }
    printf("\n#endif\n");
}

static void print_table(void)
{
    printf("/* SPDX-License-Identifier: MIT */\n"
           "/* Generated from xenstore-schema/schema.txt: rows of struct schema_row. */\n");
    for (int i = 0; i < row_count; i++)
        printf("{ \"%s\", \"%s\", \"%s\", \"%s\", \"%s\" },\n", rows[i].name, rows[i].pattern,
               rows[i].type, rows[i].writer, rows[i].lifetime);
}

static void print_page(void)
{
    printf(
        "# The store\n\nGenerated from `xenstore-schema/schema.txt`, which describes the columns. "
        "`cleave store check` compares it with a live store.\n\n| Path | Type | Written by | "
        "Read by | Until | For |\n| --- | --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < row_count; i++)
        printf("| `%s` | %s | %s | %s | %s | %s |\n", rows[i].pattern, rows[i].type, rows[i].writer,
               rows[i].reader, rows[i].lifetime, rows[i].text);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } outputs[] = { { "header", print_header }, { "table", print_table }, { "page", print_page } };

    for (size_t i = 0; argc == 3 && i < sizeof(outputs) / sizeof(outputs[0]); i++) {
        if (strcmp(argv[1], outputs[i].name) == 0) {
            schema_name = argv[2];
            read_schema();
            outputs[i].print();
            return fflush(stdout) != 0 || ferror(stdout);
        }
    }
    fprintf(stderr, "usage: generate header|table|page SCHEMA >OUTPUT\n");
    return 1;
}

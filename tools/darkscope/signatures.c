/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope signatures: what signatures there are, whether a file of them is right, and which
 * packets of a capture they match. Of a packet the number, the time and the source are shown, never
 * the destination.
 */
#include "signatures.h"

#include "capture.h"
#include "darkscope/clock.h"
#include "link.h"
#include "options.h"
#include "parse.h"
#include "syns.h"
#include "table.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct column columns[] = {
    {"id", "id", COLUMN_TEXT, 0},
    {"category", "category", COLUMN_TEXT, 0},
    {"family", "family", COLUMN_TEXT, 2},
    {"cve", "CVE", COLUMN_TEXT, 1},
    {"certainty", "certainty", COLUMN_TEXT, 0},
    {"state", "state", COLUMN_TEXT, 0},
    {"name", "name", COLUMN_TEXT, 3},
    {"references", "references", COLUMN_TEXT, SPARE_IN_TABLES},
    {"file", "file", COLUMN_TEXT, SPARE_IN_TABLES},
};

#define COLUMNS (sizeof columns / sizeof columns[0])

#define TIME_TEXT (DS_TIME_TEXT + 8)

static void tell_fault(void *arg, const char *text)
{
    fprintf(stderr, "darkscope: %s\n", text);
}

/* Texts with a separator between them; null for none. */
static json_t *join(char *const *texts, unsigned count, const char *separator)
{
    char *line = NULL;
    size_t size;
    FILE *to = open_memstream(&line, &size);
    if (!to)
        return json_null();
    for (unsigned i = 0; i < count; i++)
        fprintf(to, "%s%s", i ? separator : "", texts[i]);
    fclose(to);
    json_t *joined = count ? json_string(line) : json_null();
    free(line);
    return joined;
}

static void add_row(json_t *rows, const struct ds_signature_about *about, bool enabled,
                    const char *file)
{
    json_array_append_new(
        rows, json_pack("{s:s, s:s, s:s?, s:o, s:s, s:s, s:s, s:o, s:s?}", "id", about->id,
                        "category", ds_category_name(about->category), "family", about->family,
                        "cve", join(about->cve, about->cve_count, " "), "certainty",
                        ds_certainty_name(about->certainty), "state", enabled ? "on" : "off",
                        "name", about->name, "references",
                        join(about->references, about->reference_count, "; "), "file", file));
}

static void print_rows(const struct options *o, const json_t *rows)
{
    if (o->format == FORMAT_TABLE)
        table_print(stdout, rows, columns, COLUMNS);
    else if (o->format == FORMAT_CSV)
        csv_print(stdout, rows, columns, COLUMNS);
    else if (json_dumpf(rows, stdout, DS_QUERY_JSON) == 0)
        fputc('\n', stdout);
}

static int end(const struct ds_signature_faults *faults, struct ds_error *err)
{
    if (fflush(stdout) || ferror(stdout))
        return ds_error(err, DS_FAILURE, "standard output cannot be written");
    if (faults->count)
        return ds_error(err, DS_CONFIG, "signatures: %u %s", faults->count,
                        faults->count == 1 ? "fault" : "faults");
    return 0;
}

/* signatures list [PATH...] */
static int run_list(const struct options *o, struct ds_error *err)
{
    struct ds_signature_settings settings = {.paths = o->words + 1,
                                             .path_count = (unsigned)o->word_count - 1};
    struct ds_signature_faults faults = {.tell = tell_fault};
    struct ds_signature_list *list;
    if (ds_signatures_read(&settings, &faults, &list, err))
        return -1;
    json_t *rows = json_array();
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++) /* recalled ones only where asked for */
        add_row(rows, ds_signature_builtin(i),
                ds_signature_builtin(i)->certainty != DS_CERTAINTY_RECALLED, NULL);
    for (size_t i = 0; i < list->count; i++)
        add_row(rows, &list->entries[i].about, list->entries[i].enabled, list->entries[i].file);
    print_rows(o, rows);
    json_decref(rows);
    ds_signatures_free(list);
    return end(&faults, err);
}

/* Signatures of which all are in use, also those that are off. */
struct loaded {
    struct ds_signature_list *list;
    struct ds_rules *rules; /* NULL: none is good */
    int *places;            /* an item a signature */
};

static void unload(struct loaded *l)
{
    ds_rules_destroy(l->rules);
    ds_signatures_free(l->list);
    free(l->places);
}

static int load(const char *const *paths, size_t count, struct ds_signature_faults *faults,
                struct loaded *out, struct ds_error *err)
{
    static const char *const all[] = {"*"};
    struct ds_signature_settings settings = {
        .paths = paths, .path_count = (unsigned)count, .enable = all, .enable_count = 1};
    *out = (struct loaded){.places = calloc(DS_RULES_MAX, sizeof *out->places)};
    if (!out->places)
        return ds_error(err, DS_FAILURE, "no memory for signatures");
    if (ds_signatures_read(&settings, faults, &out->list, err) ||
        ds_signatures_compile(out->list, faults, out->places, &out->rules, err)) {
        unload(out);
        return -1;
    }
    return 0;
}

/* signatures check PATH... */
static int run_check(const struct options *o, struct ds_error *err)
{
    struct ds_signature_faults faults = {.tell = tell_fault};
    struct loaded l;
    if (o->word_count < 2)
        return ds_error(err, DS_USAGE, "signatures check: which files? give at least one");
    if (load(o->words + 1, o->word_count - 1, &faults, &l, err))
        return -1;
    ds_signatures_prove(l.list, l.rules, l.places, &faults);
    if (!faults.count)
        printf("%zu signatures are right, and their examples hold\n", l.list->count);
    unload(&l);
    return end(&faults, err);
}

/* What a test goes through. */
struct test {
    enum format format;
    const struct ds_rules *rules;
    uint64_t packets, matching;
};

static void print_ids(const struct test *t, const uint16_t *matched, size_t count,
                      const char *separator)
{
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? separator : "", t->rules->rules[matched[i]].id);
}

/* "2026-01-01T00:00:00.000000Z" */
static void write_time(int64_t time_ns, char out[static TIME_TEXT])
{
    char whole[DS_TIME_TEXT];
    int64_t seconds = time_ns / DS_NS_PER_S - (time_ns % DS_NS_PER_S < 0);
    int micros = (int)((time_ns - seconds * DS_NS_PER_S) / 1000);
    ds_time_print(seconds, whole);
    whole[strlen(whole) - 1] = 0; /* without its Z: the fraction comes first */
    snprintf(out, TIME_TEXT, "%s.%06dZ", whole, micros);
}

static void print_match(const struct test *t, int64_t time_ns, const char *source,
                        const uint16_t *matched, size_t count)
{
    char time[TIME_TEXT];
    write_time(time_ns, time);
    if (t->format == FORMAT_JSON) {
        printf("{\"packet\":%" PRIu64 ",\"time\":\"%s\",\"source\":\"%s\",\"signatures\":[\"",
               t->packets, time, source);
        print_ids(t, matched, count, "\",\"");
        puts("\"]}");
        return;
    }
    if (t->format == FORMAT_CSV)
        printf("%" PRIu64 ",%s,%s,", t->packets, time, source);
    else
        printf("%10" PRIu64 "  %s  %-15s  ", t->packets, time, source);
    print_ids(t, matched, count, " ");
    putchar('\n');
}

static void test_frame(struct test *t, const struct ds_frame *f)
{
    static const struct ds_hash_key key; /* of IPv6 sources: nothing here compares them */
    uint16_t matched[DS_RULES_MAX];
    char source[INET6_ADDRSTRLEN];
    struct ds_network n;
    struct ds_packet p;
    t->packets++;
    if (ds_link_strip(f, 0, &n) != DS_MALFORMED_COUNT)
        return;
    uint32_t captured = n.captured < DS_SNAP_BYTES ? n.captured : DS_SNAP_BYTES;
    if (ds_parse(n.data, captured, &key, &p) != DS_MALFORMED_COUNT)
        return;
    size_t count = ds_rules_match(t->rules, &p, n.data, captured, matched);
    if (!count)
        return;
    t->matching++;
    inet_ntop(p.is_v6 ? AF_INET6 : AF_INET, n.data + (p.is_v6 ? 8 : 12), source, sizeof source);
    print_match(t, f->time_ns, source, matched, count);
}

static int test_capture(struct test *t, const char *path, struct ds_error *err)
{
    struct ds_capture *c;
    struct ds_frame frames[DS_CAPTURE_BATCH];
    if (ds_capture_open_file(path, &c, err))
        return -1;
    int n;
    while ((n = c->ops->read(c, frames, DS_CAPTURE_BATCH, err)) > 0)
        for (int i = 0; i < n; i++)
            test_frame(t, &frames[i]);
    c->ops->destroy(c);
    return n == DS_CAPTURE_FAILED ? -1 : 0;
}

/* signatures test FILE CAPTURE */
static int run_test(const struct options *o, struct ds_error *err)
{
    struct ds_signature_faults faults = {.tell = tell_fault};
    struct loaded l;
    if (o->word_count != 3)
        return ds_error(err, DS_USAGE, "signatures test: give a signature file and a capture");
    if (load(o->words + 1, 1, &faults, &l, err))
        return -1;
    struct test t = {.format = o->format, .rules = l.rules};
    if (t.format == FORMAT_TABLE)
        printf("%10s  %-27s  %-15s  signatures\n", "packet", "time", "source");
    else if (t.format == FORMAT_CSV)
        puts("packet,time,source,signatures");
    int failed = l.rules ? test_capture(&t, o->words[2], err)
                         : ds_error(err, DS_CONFIG, "signatures test: no signature can be used");
    if (t.format == FORMAT_TABLE && l.rules)
        printf("\n%" PRIu64 " of %" PRIu64 " packets match\n", t.matching, t.packets);
    unload(&l);
    return failed ? -1 : end(&faults, err);
}

static int run(const struct options *o, struct ds_error *err)
{
    const char *what = o->word_count ? o->words[0] : "";
    if (strcmp(what, "list") == 0)
        return run_list(o, err);
    if (strcmp(what, "check") == 0)
        return run_check(o, err);
    if (strcmp(what, "test") == 0)
        return run_test(o, err);
    if (strcmp(what, "p0f") == 0)
        return syns_run(o, err);
    return ds_error(err, DS_USAGE, "signatures: list, check, test or p0f? (--help explains them)");
}

const struct command command_signatures = {
    .name = "signatures",
    .format = FORMAT_TABLE,
    .summary = "signatures of tools, malware and attacks: list, check, test; forms of SYNs",
    .help =
        "Usage: darkscope signatures list [PATH...]\n"
        "       darkscope signatures check PATH...\n"
        "       darkscope signatures test PATH CAPTURE\n"
        "       darkscope signatures p0f CAPTURE\n\n"
        "A PATH is a signature file or a directory of them; list shows the built-in and the\n"
        "installed ones where none is given. check reads files as the sensor does and proves\n"
        "that their examples match and differ as they say. test shows the packets of a capture\n"
        "that match, also by signatures that are off: number, time, source, ids. p0f shows\n"
        "the forms of a capture's SYNs as p0f writes them, and the devices they are taken for.\n\n"
        "Examples:\n"
        "  darkscope signatures list\n"
        "  darkscope signatures check mine.yaml\n"
        "  darkscope signatures test mine.yaml telescope.pcap.gz\n",
    .run = run,
};

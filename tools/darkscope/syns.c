/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope signatures p0f: the TCP SYNs of a capture by their form, as p0f writes it, with the
 * class of device that it was taken for. For who wants to know what the classes are made of, or
 * looks for a new one. Both tables are bounded: hostile traffic has a form a packet.
 */
#include "syns.h"

#include "capture.h"
#include "classify/classify.h"
#include "classify/p0f.h"
#include "link.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>

#define FORMS_MAX  65536
#define VISITS_MIN 4096
#define VISITS_MAX (1u << 22) /* (form, source), 64 MB */
#define ROWS_SHOWN 30         /* of a table; CSV and JSON have all */

static const struct column columns[] = {
    {"rank", "rank", COLUMN_COUNT, 0},       {"device", "device", COLUMN_TEXT, 0},
    {"packets", "packets", COLUMN_COUNT, 0}, {"share", "share", COLUMN_SHARE, 2},
    {"sources", "sources", COLUMN_COUNT, 1}, {"p0f", "p0f", COLUMN_TEXT, 0},
};

struct form {
    char *text;
    uint8_t device;
    uint32_t id;
    uint64_t packets, sources;
};

struct visit {
    uint64_t source;
    uint32_t form;
};

struct forms {
    json_t *ids; /* text: its place in forms */
    struct form *forms;
    uint32_t count;
    struct ds_hash_key key; /* of IPv6 sources */
    struct visit *visits;   /* of each source to each form one or more */
    size_t visit_count, visit_room;
    uint64_t syns, others; /* others: SYNs whose form found no room */
    bool sources_exact;
};

static int start(struct forms *f, struct ds_error *err)
{
    *f = (struct forms){.ids = json_object(), .key = ds_hash_key_random(), .sources_exact = true};
    f->forms = calloc(FORMS_MAX, sizeof *f->forms);
    if (f->ids && f->forms)
        return 0;
    return ds_error(err, DS_FAILURE, "out of memory");
}

static void finish(struct forms *f)
{
    for (uint32_t i = 0; f->forms && i < f->count; i++)
        free(f->forms[i].text);
    free(f->forms);
    json_decref(f->ids);
    free(f->visits);
}

/* NULL where there is no room. */
static struct form *find_form(struct forms *f, const char *text, uint8_t device)
{
    json_t *id = json_object_get(f->ids, text);
    if (id)
        return &f->forms[json_integer_value(id)];
    char *copy = f->count < FORMS_MAX ? strdup(text) : NULL;
    if (!copy || json_object_set_new(f->ids, text, json_integer(f->count))) {
        free(copy);
        return NULL;
    }
    f->forms[f->count] = (struct form){.text = copy, .device = device, .id = f->count};
    return &f->forms[f->count++];
}

static int compare_visits(const void *left, const void *right)
{
    const struct visit *a = left, *b = right;
    if (a->form != b->form)
        return a->form < b->form ? -1 : 1;
    return (a->source > b->source) - (a->source < b->source);
}

/* Leaves one of each. */
static void unite_visits(struct forms *f)
{
    size_t left = 0;
    if (f->visit_count)
        qsort(f->visits, f->visit_count, sizeof *f->visits, compare_visits);
    for (size_t i = 0; i < f->visit_count; i++)
        if (i == 0 || compare_visits(&f->visits[i], &f->visits[left - 1]) != 0)
            f->visits[left++] = f->visits[i];
    f->visit_count = left;
}

/* False where there is none. */
static bool make_room(struct forms *f)
{
    unite_visits(f);
    size_t room = f->visit_room ? f->visit_room * 2 : VISITS_MIN;
    if (f->visit_count * 2 < f->visit_room || room > VISITS_MAX)
        return f->visit_count < f->visit_room;
    struct visit *larger = realloc(f->visits, room * sizeof *larger);
    if (larger) {
        f->visits = larger;
        f->visit_room = room;
    }
    return f->visit_count < f->visit_room;
}

static void count_source(struct forms *f, const struct form *form, uint64_t source)
{
    if (f->visit_count == f->visit_room && f->sources_exact)
        f->sources_exact = make_room(f);
    if (f->visit_count < f->visit_room)
        f->visits[f->visit_count++] = (struct visit){.source = source, .form = form->id};
}

static void count_sources(struct forms *f)
{
    unite_visits(f);
    for (size_t i = 0; i < f->visit_count; i++)
        f->forms[f->visits[i].form].sources++;
}

static void count_frame(struct forms *f, const struct ds_frame *frame)
{
    struct ds_network n;
    struct ds_packet p;
    struct ds_verdict v;
    char text[DS_P0F_TEXT];
    if (ds_link_strip(frame, 0, &n) != DS_MALFORMED_COUNT)
        return;
    uint32_t captured = n.captured < DS_SNAP_BYTES ? n.captured : DS_SNAP_BYTES;
    if (ds_parse(n.data, captured, &f->key, &p) != DS_MALFORMED_COUNT ||
        !ds_p0f_print(n.data, &p, text))
        return;
    ds_classify(&p, &v);
    f->syns++;
    struct form *form = find_form(f, text, v.device);
    if (!form) {
        f->others++;
        return;
    }
    form->packets++;
    count_source(f, form, p.source_key);
}

static int read_capture(struct forms *f, const char *path, struct ds_error *err)
{
    struct ds_capture *c;
    struct ds_frame frames[DS_CAPTURE_BATCH];
    if (ds_capture_open_file(path, &c, err))
        return -1;
    int n;
    while ((n = c->ops->read(c, frames, DS_CAPTURE_BATCH, err)) > 0)
        for (int i = 0; i < n; i++)
            count_frame(f, &frames[i]);
    c->ops->destroy(c);
    return n == DS_CAPTURE_FAILED ? -1 : 0;
}

static int by_packets(const void *left, const void *right)
{
    const struct form *a = left, *b = right;
    if (a->packets != b->packets)
        return a->packets < b->packets ? 1 : -1;
    return strcmp(a->text, b->text);
}

static json_t *rows_of(const struct forms *f, uint32_t count)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < count; i++) {
        const struct form *form = &f->forms[i];
        json_array_append_new(
            rows, json_pack("{s:I, s:s, s:I, s:f, s:I, s:s}", "rank", (json_int_t)i + 1, "device",
                            ds_device_name(form->device), "packets", (json_int_t)form->packets,
                            "share", (double)form->packets / (double)f->syns, "sources",
                            (json_int_t)form->sources, "p0f", form->text));
    }
    return rows;
}

static void print_rest(const struct forms *f, uint32_t shown)
{
    uint64_t packets = f->syns;
    for (uint32_t i = 0; i < shown; i++)
        packets -= f->forms[i].packets;
    printf("\n%llu SYNs of %u forms, %llu of others than these\n", (unsigned long long)f->syns,
           f->count, (unsigned long long)packets);
    if (f->others)
        printf("%llu have forms for which there was no room.\n", (unsigned long long)f->others);
    if (!f->sources_exact)
        puts("There was no room for all sources: they are lower bounds.");
}

static void print(const struct forms *f, enum format format)
{
    const size_t column_count = sizeof columns / sizeof columns[0];
    uint32_t shown = format == FORMAT_TABLE && f->count > ROWS_SHOWN ? ROWS_SHOWN : f->count;
    json_t *rows = rows_of(f, shown);
    if (format == FORMAT_TABLE) {
        table_print(stdout, rows, columns, column_count);
        print_rest(f, shown);
    } else if (format == FORMAT_CSV)
        csv_print(stdout, rows, columns, column_count);
    else if (json_dumpf(rows, stdout, DS_QUERY_JSON) == 0)
        fputc('\n', stdout);
    json_decref(rows);
}

int syns_run(const struct options *o, struct ds_error *err)
{
    struct forms f;
    if (o->word_count != 2)
        return ds_error(err, DS_USAGE, "signatures p0f: give a capture");
    int failed = start(&f, err) || read_capture(&f, o->words[1], err);
    if (!failed) {
        count_sources(&f);
        qsort(f.forms, f.count, sizeof *f.forms, by_packets);
        print(&f, o->format);
    }
    finish(&f);
    return failed ? -1 : 0;
}

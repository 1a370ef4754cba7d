/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as text. Rows can be written one by one: what the root object holds when they begin is
 * printed before them, what is set later behind them.
 */
#include "print.h"

#include <stdlib.h>
#include <string.h>

#define ROW_BYTES 4096 /* of a row that needs no memory */

static void put(struct printer *p, const char *bytes, size_t size)
{
    if (!p->is_stopped && size > 0 && p->write(p->arg, bytes, size) != 0)
        p->is_stopped = true;
}

void ds_print_text(struct printer *p, const char *text)
{
    put(p, text, strlen(text));
}

static int put_callback(const char *bytes, size_t size, void *arg)
{
    struct printer *p = arg;
    put(p, bytes, size);
    return p->is_stopped ? -1 : 0;
}

/* ---- rows, one by one ---- */

/* An object without its last brace, or without its first. */
static void print_part(struct answer *a, bool first)
{
    char *text = json_dumps(a->root, DS_QUERY_JSON);
    if (!text) {
        a->failed = true;
        return;
    }
    size_t length = strlen(text);
    if (first)
        put(a->printer, text, length - 1);
    else
        put(a->printer, text + 1, length - 1);
    free(text);
}

static void print_json_row(struct answer *a, const json_t *row)
{
    struct printer *p = a->printer;
    char text[ROW_BYTES];
    size_t size = json_dumpb(row, text, sizeof text, DS_QUERY_JSON);
    if (p->rows > 0)
        ds_print_text(p, ",\n");
    if (size > 0 && size <= sizeof text)
        put(p, text, size);
    else if (json_dump_callback(row, put_callback, p, DS_QUERY_JSON) < 0 && !p->is_stopped)
        a->failed = true;
}

void ds_answer_begin_rows(struct answer *a, const char *key)
{
    struct printer *p = a->printer;
    if (!p) {
        a->rows = ds_answer_array(a, a->root, key);
        return;
    }
    if (p->is_csv)
        return;
    print_part(a, true);
    ds_print_text(p, json_object_size(a->root) > 0 ? ",\"" : "\"");
    ds_print_text(p, key);
    ds_print_text(p, "\":[\n");
    json_object_clear(a->root);
}

int ds_answer_row(struct answer *a, json_t *row)
{
    struct printer *p = a->printer;
    if (!p) {
        ds_answer_append(a, a->rows, row);
        return a->failed ? -1 : 0;
    }
    if (!row)
        a->failed = true;
    else if (p->is_csv)
        ds_csv_row(p, row);
    else
        print_json_row(a, row);
    json_decref(row);
    p->rows++;
    return a->failed || p->is_stopped ? -1 : 0;
}

void ds_answer_end_rows(struct answer *a)
{
    struct printer *p = a->printer;
    if (!p)
        return;
    p->has_rows = true;
    if (!p->is_csv)
        ds_print_text(p, "]");
}

/* ---- the rest ---- */

void ds_print_end(struct answer *a)
{
    struct printer *p = a->printer;
    if (p->is_csv) {
        if (!p->has_rows)
            ds_csv_answer(p, a->query->kind, a->root);
        return;
    }
    if (!p->has_rows) {
        if (json_dump_callback(a->root, put_callback, p, DS_QUERY_JSON) < 0 && !p->is_stopped)
            a->failed = true;
    } else {
        if (json_object_size(a->root) > 0)
            ds_print_text(p, ",");
        print_part(a, false);
    }
    ds_print_text(p, "\n");
}

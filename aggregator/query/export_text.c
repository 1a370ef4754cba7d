/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of an export as text: CSV (RFC 4180, but lines end in LF), or JSON Lines. Null is empty in
 * CSV, so a text that is empty is quoted there. Times and numbers that stand again and again below
 * each other are made once.
 */
#include "export.h"

#include "darkscope/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 48
#define ROOM_MIN     512

/* What stood last in a column. */
struct last {
    bool is_there;
    struct ds_export_value value;
    char text[NUMBER_BYTES];
};

struct ds_export_text {
    struct ds_export_head head;
    bool is_csv, no_memory;
    char *bytes;
    size_t used, room;
    struct last last[DS_EXPORT_COLUMNS_MAX];
};

struct ds_export_text *ds_export_text_create(bool is_csv, const struct ds_export_head *head)
{
    struct ds_export_text *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->head = *head;
    t->is_csv = is_csv;
    return t;
}

void ds_export_text_destroy(struct ds_export_text *text)
{
    if (text)
        free(text->bytes);
    free(text);
}

/* ---- bytes ---- */

static void put(struct ds_export_text *t, const char *bytes, size_t size)
{
    if (size == 0) /* there may be no memory yet */
        return;
    if (size > t->room - t->used) {
        size_t room = 2 * (t->room + size) + ROOM_MIN;
        char *larger = realloc(t->bytes, room);
        t->no_memory = t->no_memory || !larger;
        if (!larger)
            return;
        t->bytes = larger;
        t->room = room;
    }
    memcpy(t->bytes + t->used, bytes, size);
    t->used += size;
}

static void put_text(struct ds_export_text *t, const char *text)
{
    put(t, text, strlen(text));
}

static void put_csv(struct ds_export_text *t, const char *text)
{
    if (*text && !strpbrk(text, ",\"\r\n")) {
        put_text(t, text);
        return;
    }
    put_text(t, "\"");
    for (; *text; text++)
        put(t, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    put_text(t, "\"");
}

static void put_json(struct ds_export_text *t, const char *text)
{
    char escape[8];
    put_text(t, "\"");
    for (; *text; text++)
        if (*text == '"' || *text == '\\') {
            put(t, (const char[]){'\\', *text}, 2);
        } else if ((unsigned char)*text < ' ') {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)*text);
            put_text(t, escape);
        } else {
            put(t, text, 1);
        }
    put_text(t, "\"");
}

/* Most are names that need no quoting. */
static bool is_plain(const char *text)
{
    bool is_plain = text[0] != 0;
    for (; *text && is_plain; text++)
        is_plain = *text > ' ' && *text <= '~' && *text != '"' && *text != ',' && *text != '\\';
    return is_plain;
}

/* What is no UTF-8 becomes '?': no reader would take it. */
static void put_quoted(struct ds_export_text *t, const char *text)
{
    if (is_plain(text)) {
        put(t, "\"", !t->is_csv);
        put_text(t, text);
        put(t, "\"", !t->is_csv);
        return;
    }
    char *clean = strdup(text);
    t->no_memory = t->no_memory || !clean;
    if (!clean)
        return;
    ds_text_clean(clean);
    if (t->is_csv)
        put_csv(t, clean);
    else
        put_json(t, clean);
    free(clean);
}

/* ---- values ---- */

static void put_count(struct ds_export_text *t, uint64_t count)
{
    char digits[24], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + count % 10);
    while (count /= 10);
    put(t, at, (size_t)(digits + sizeof digits - at));
}

static void print_time(const struct ds_export_text *t, int64_t ms, char out[static NUMBER_BYTES])
{
    char seconds[DS_TIME_TEXT];
    int64_t rest = (ms % 1000 + 1000) % 1000;
    ds_calendar_print(t->head.calendar, (ms - rest) / 1000, seconds);
    if (rest == 0) {
        snprintf(out, NUMBER_BYTES, "%s", seconds);
        return;
    }
    int date = (int)strlen("2026-01-01T00:00:00");
    snprintf(out, NUMBER_BYTES, "%.*s.%03d%s", date, seconds, (int)rest, seconds + date);
}

static bool is_same(enum ds_export_type type, const struct last *last,
                    const struct ds_export_value *v)
{
    return last->is_there && (type == DS_EXPORT_TIME ? last->value.time_ms == v->time_ms
                                                     : last->value.real == v->real);
}

/* A time or a real number. */
static void put_last(struct ds_export_text *t, enum ds_export_type type, struct last *last,
                     const struct ds_export_value *v)
{
    if (!is_same(type, last, v)) {
        last->is_there = true;
        last->value = *v;
        if (type == DS_EXPORT_TIME)
            print_time(t, v->time_ms, last->text);
        else
            snprintf(last->text, sizeof last->text, "%.15g", v->real);
    }
    bool is_quoted = type == DS_EXPORT_TIME && !t->is_csv;
    put(t, "\"", is_quoted);
    put_text(t, last->text);
    put(t, "\"", is_quoted);
}

static void put_value(struct ds_export_text *t, size_t i, const struct ds_export_value *v)
{
    enum ds_export_type type = ds_export_column(t->head.table, i)->type;
    if (v->is_null) {
        put_text(t, t->is_csv ? "" : "null");
        return;
    }
    switch (type) {
    case DS_EXPORT_TEXT:
        put_quoted(t, v->text);
        break;
    case DS_EXPORT_COUNT:
        put_count(t, v->count);
        break;
    case DS_EXPORT_FLAG:
        put_text(t, v->flag ? "true" : "false");
        break;
    default:
        put_last(t, type, &t->last[i], v);
    }
}

/* ---- lines ---- */

static const char *line(struct ds_export_text *t, size_t *size)
{
    *size = t->used;
    return t->no_memory ? NULL : t->bytes;
}

const char *ds_export_text_head(struct ds_export_text *t, size_t *size)
{
    t->used = 0;
    *size = 0;
    if (!t->is_csv)
        return "";
    for (size_t i = 0; i < t->head.table->column_count; i++) {
        const struct ds_export_column *c = ds_export_column(t->head.table, i);
        put_text(t, i ? "," : "");
        put_text(t, c->name);
        if (c->unit[0]) {
            put_text(t, " [");
            put_text(t, c->unit);
            put_text(t, "]");
        }
    }
    put_text(t, "\n");
    return line(t, size);
}

const char *ds_export_text_row(struct ds_export_text *t, const struct ds_export_value *values,
                               size_t *size)
{
    t->used = 0;
    for (size_t i = 0; i < t->head.table->column_count; i++) {
        if (!t->is_csv) {
            put_text(t, i ? ",\"" : "{\"");
            put_text(t, ds_export_column(t->head.table, i)->name);
            put_text(t, "\":");
        } else if (i) {
            put_text(t, ",");
        }
        put_value(t, i, &values[i]);
    }
    put_text(t, t->is_csv ? "\n" : "}\n");
    return line(t, size);
}

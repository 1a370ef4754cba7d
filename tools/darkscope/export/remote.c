/* SPDX-License-Identifier: Apache-2.0
 *
 * An export of an aggregator, which sends JSON Lines: they become rows again, so that the same
 * writers write them. What comes may be anything: every value is held against its column.
 */
#include "exporting.h"
#include "fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)64 << 10)

struct remote {
    const struct options *o;
    const struct ds_export_sink *sink;
    struct ds_export_head head;
    struct ds_export_value values[DS_EXPORT_COLUMNS_MAX];
    struct ds_error err; /* of a line; or of the sink, which then has is_ended */
    bool has_failed, is_ended, has_head;
    size_t used;
    char line[LINE_MAX_BYTES];
};

/* ---- values ---- */

/* "Z", "+09:00". */
static bool read_offset(const char *text, int64_t *seconds)
{
    unsigned hours, minutes;
    char sign;
    int end = 0;
    *seconds = 0;
    if (strcmp(text, "Z") == 0)
        return true;
    if (sscanf(text, "%c%2u:%2u%n", &sign, &hours, &minutes, &end) != 3 || text[end] ||
        (sign != '+' && sign != '-'))
        return false;
    *seconds = (sign == '-' ? -60 : 60) * (int64_t)(hours * 60 + minutes);
    return true;
}

/* "2026-01-01T00:00:00.250+09:00". */
static bool read_time(const char *text, int64_t *ms)
{
    char date[sizeof "2026-01-01T00:00:00"];
    int64_t seconds, offset_s;
    unsigned thousandths = 0;
    int end = 0;
    if (strlen(text) < sizeof date)
        return false;
    memcpy(date, text, sizeof date - 1);
    date[sizeof date - 1] = 0;
    text += sizeof date - 1;
    if (*text == '.' && sscanf(text, ".%3u%n", &thousandths, &end) != 1)
        return false;
    if (!ds_time_parse(date, &seconds) || !read_offset(text + end, &offset_s))
        return false;
    *ms = (seconds - offset_s) * 1000 + thousandths;
    return true;
}

static bool read_value(const struct ds_export_column *c, const json_t *json,
                       struct ds_export_value *v)
{
    v->is_null = json_is_null(json);
    if (v->is_null)
        return c->null != NULL;
    switch (c->type) {
    case DS_EXPORT_TEXT:
        v->text = json_string_value(json);
        return v->text != NULL;
    case DS_EXPORT_COUNT:
        v->count = (uint64_t)json_integer_value(json);
        return json_is_integer(json) && json_integer_value(json) >= 0;
    case DS_EXPORT_REAL:
        v->real = json_number_value(json);
        return json_is_number(json);
    case DS_EXPORT_FLAG:
        v->flag = json_is_true(json);
        return json_is_boolean(json);
    case DS_EXPORT_TIME:
        return json_is_string(json) && read_time(json_string_value(json), &v->time_ms);
    }
    return false;
}

/* ---- lines ---- */

static int fail(struct remote *r, const char *what)
{
    r->has_failed = true;
    return ds_error(&r->err, DS_NETWORK,
                    "%s: a line of its export is none (%s): is it of another version?", r->o->url,
                    what);
}

/* Not before something has come: who cannot be asked has no head. */
static int tell_head(struct remote *r)
{
    bool is_told = r->has_head;
    r->has_head = true;
    if (is_told || r->sink->head(r->sink->arg, &r->head) == 0)
        return 0;
    r->is_ended = true;
    return -1;
}

static int take_row(struct remote *r, const json_t *row)
{
    if (tell_head(r) < 0)
        return -1;
    for (size_t i = 0; i < r->head.table->column_count; i++) {
        const struct ds_export_column *c = ds_export_column(r->head.table, i);
        const json_t *value = json_object_get(row, c->name);
        if (!value || !read_value(c, value, &r->values[i]))
            return fail(r, c->name);
    }
    if (r->sink->row(r->sink->arg, r->values) == 0)
        return 0;
    r->is_ended = true;
    return -1;
}

static int take_line(struct remote *r)
{
    json_t *row = json_loadb(r->line, r->used, 0, NULL);
    int result = json_is_object(row) ? take_row(r, row) : fail(r, "not JSON");
    json_decref(row);
    r->used = 0;
    return result;
}

static ssize_t take(void *cookie, const char *bytes, size_t size)
{
    struct remote *r = cookie;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            if (take_line(r) < 0)
                return 0;
            continue;
        }
        if (r->used == sizeof r->line) {
            fail(r, "too long");
            return 0;
        }
        r->line[r->used++] = bytes[i];
    }
    return (ssize_t)size;
}

/* ---- asking ---- */

static int ask(struct remote *r, struct ds_error *err)
{
    FILE *lines = fopencookie(r, "w", (cookie_io_functions_t){.write = take});
    if (!lines)
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = fetch_http(r->o, lines, NULL, err);
    fclose(lines);
    if (result == 0 && r->used > 0)
        return ds_error(err, DS_NETWORK, "%s: the export is cut off", r->o->url);
    if (result == 0)
        tell_head(r); /* also of no rows */
    if (r->has_failed) {
        *err = r->err;
        return -1;
    }
    return r->is_ended ? 1 : result;
}

int remote_run(const struct options *o, const struct ds_query *query,
               const struct ds_export_sink *sink, struct ds_error *err)
{
    const char *zone = ds_query_value(query, "tz");
    struct ds_calendar *calendar = NULL;
    struct remote *r = calloc(1, sizeof *r);
    if (!r)
        return ds_error(err, DS_FAILURE, "out of memory");
    int result = ds_calendar_open(zone ? zone : "UTC", &calendar, err);
    if (result == 0) {
        r->o = o;
        r->sink = sink;
        r->head = (struct ds_export_head){ds_export_find(ds_query_value(query, "table")), calendar};
        result = ask(r, err);
    }
    ds_calendar_close(calendar);
    free(r);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to a store and their answers: one engine behind the HTTP API, the command line and
 * programs that use this header (docs/examples/ports.c). A question is a kind and name=value pairs,
 * so that a URL's query string and command line options have one parser, one set of defaults and
 * one set of error texts.
 *
 *   kind (path of the API)   names, beside format, from, to, tz and sensor
 *   query                    port proto country class type signature survey  step compare
 *   top                      by order limit cursor  port proto country class survey  compare
 *   summary                  limit
 *   sensors                  (format only)
 *   windows                  limit cursor
 *   window                   at (without from, to and tz)
 *   sources                  limit cursor  country survey
 *   attacks                  limit cursor  country
 *   seen                     by limit cursor  port proto class signature
 *   export                   table step limit  port proto country class type signature survey
 *
 * docs/query.md describes values and answers. Every figure comes with its coverage: null where
 * nobody watched, 0 where somebody watched and saw nothing.
 */
#ifndef DARKSCOPE_QUERY_H
#define DARKSCOPE_QUERY_H

#include "calendar.h"
#include "store.h"

#include <jansson.h>

#define DS_QUERY_POINTS_MAX         100000  /* of all series of an answer, as an object; and ... */
#define DS_QUERY_POINTS_PRINTED_MAX 2000000 /* ... printed as they come */
#define DS_QUERY_PORTS_MAX          16      /* of one question */
#define DS_QUERY_LIMIT_MAX          10000   /* rows of an answer */
#define DS_QUERY_CURSOR_MAX         1000000 /* rows before them */
#define DS_QUERY_ROWS_MAX           (1u << 18) /* of the tables of a window; 600 bytes each on the way */
#define DS_QUERY_SOURCES_MAX        (1u << 20)        /* sources that are added up; 64 bytes each */
#define DS_QUERY_STEP_MAX_S         INT64_C(31622400) /* a leap year */
#define DS_QUERY_NAME_MAX           15                /* bytes of the longest name is below this */
#define DS_QUERY_VALUE_MAX          191               /* bytes of the longest value */
#define DS_QUERY_NAMES_MAX          24                /* names there are */
/* step=auto takes the finest usual step that gives at most so many points. */
#define DS_QUERY_POINTS_AUTO        1500
/* What one question may cost: windows that there can be in its period, once for each series of
 * them. 38 years of minutes. */
#define DS_QUERY_COST_MAX           UINT64_C(20000000)
/* The same where all source records of each window are read; 34 days of minutes. */
#define DS_QUERY_COST_SOURCES_MAX   UINT64_C(50000)

enum ds_query_kind {
    DS_QUERY_SERIES, /* named "query" */
    DS_QUERY_TOP,
    DS_QUERY_SUMMARY,
    DS_QUERY_SENSORS,
    DS_QUERY_WINDOWS,
    DS_QUERY_WINDOW,
    DS_QUERY_SOURCES,
    DS_QUERY_ATTACKS,
    DS_QUERY_SEEN,
    DS_QUERY_EXPORT, /* only printed: CSV, or a line of JSON a row */
    DS_QUERY_KIND_COUNT
};

enum ds_query_format {
    DS_QUERY_FORMAT_JSON, /* of an export JSON Lines, called jsonl */
    DS_QUERY_FORMAT_CSV,
    DS_QUERY_FORMAT_COUNT
};

enum ds_query_step {
    DS_QUERY_STEP_AUTO,
    DS_QUERY_STEP_WINDOW, /* the length of the windows */
    DS_QUERY_STEP_ALL,    /* the whole period */
    DS_QUERY_STEP_GIVEN
};

enum ds_query_compare {
    DS_QUERY_COMPARE_NONE,
    DS_QUERY_COMPARE_PREVIOUS, /* as long, right before */
    DS_QUERY_COMPARE_YEAR_AGO,
    DS_QUERY_COMPARE_PERIOD
};

/* As it was written: UTC, or local time of the question's zone. */
struct ds_query_time {
    int64_t seconds;
    bool is_utc;
};

struct ds_query_port {
    uint16_t port;
    int proto; /* -1: that of the filter */
};

/* Filled by ds_query_init and ds_query_set only. */
struct ds_query {
    enum ds_query_kind kind;
    enum ds_query_format format;
    unsigned given; /* bit i: the i-th name has been set, to values[i] */
    char values[DS_QUERY_NAMES_MAX][DS_QUERY_VALUE_MAX + 1];
    struct ds_filter filter; /* its port is set when the question is run */
    struct ds_query_port ports[DS_QUERY_PORTS_MAX];
    size_t port_count;
    enum ds_by by;
    enum ds_order order;
    struct ds_query_time from, to, at;
    enum ds_query_step step_kind;
    struct ds_stride step;
    enum ds_query_compare compare;
    struct ds_query_time compare_from, compare_to;
    uint64_t limit; /* 0: none, of exports */
};

/* "query", "top", ...; NULL out of range. Static. */
const char *ds_query_kind_name(unsigned kind);
/* The reverse: -1 where unknown. */
int ds_query_kind_parse(const char *name);

void ds_query_init(struct ds_query *query, enum ds_query_kind kind);

/* What this name has been set to; NULL: not set. Borrowed from query. */
const char *ds_query_value(const struct ds_query *query, const char *name);

/* Takes one pair, decoded (no %XX). 0, or -1 with a DS_USAGE error that names what is allowed:
 * unknown name, name not of this kind, given twice, bad value. Safe on hostile text; the text is
 * quoted in the error at most in part and only where printable. */
int ds_query_set(struct ds_query *query, const char *name, const char *value, struct ds_error *err);

/* Answers. 0 and a new reference in *out, or -1 with err: DS_USAGE where the parts of the question
 * do not go together or would give too much, DS_INPUT where what it asks for is not there (unknown
 * sensor, no window at that time), DS_DATABASE for the store's errors, DS_FAILURE. */
int ds_query_run(const struct ds_query *query, struct ds_store *store, json_t **out,
                 struct ds_error *err);

/* Takes the next bytes of a printed answer. Any return but 0 ends it. */
typedef int ds_query_write_fn(void *arg, const char *bytes, size_t size);

/* Answers in the format asked for. Rows of a series and of the list of windows are printed as they
 * are read, so that memory does not grow with their number. 0, or -1 with err, as ds_query_run;
 * some of the answer may have been written then. */
int ds_query_print(const struct ds_query *query, struct ds_store *store, ds_query_write_fn *write,
                   void *arg, struct ds_error *err);

/* "application/json", "text/csv; charset=utf-8; header=present". Static. */
const char *ds_query_media_type(const struct ds_query *query);

/* The flags with which answers are printed: json_dumps(answer, DS_QUERY_JSON). */
#define DS_QUERY_JSON (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* The HTTP status for an error: 400 usage, 404 not there, 503 store, 500 else. */
int ds_query_http_status(enum ds_status status);

#endif

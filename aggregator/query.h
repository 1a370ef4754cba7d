/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to a store and their answers as JSON: one engine behind the HTTP API and the command
 * line. A question is a kind and name=value pairs, so that a URL's query string and command line
 * options have one parser, one set of defaults and one set of error texts.
 *
 *   kind (path of the API)   names
 *   query                    port proto country class type signature survey  from to step sensor
 *   top                      by limit  port proto country class survey       from to sensor
 *   summary                  limit                                    from to sensor
 *   sensors
 *   windows                  limit                                    from to sensor
 *   window                   at sensor
 *   sources                  limit country survey  from to sensor
 *   attacks                  limit country                            from to sensor
 *
 * docs/query.md describes values and answers. Every figure comes with its coverage: null where
 * nobody watched, 0 where somebody watched and saw nothing.
 */
#ifndef DARKSCOPE_QUERY_H
#define DARKSCOPE_QUERY_H

#include "store.h"

#include <jansson.h>

#define DS_QUERY_POINTS_MAX  100000     /* of a series */
#define DS_QUERY_LIMIT_MAX   10000      /* rows of top and windows */
#define DS_QUERY_ROWS_MAX    (1u << 18) /* of the tables of a window; 600 bytes each on the way */
#define DS_QUERY_SOURCES_MAX (1u << 20) /* sources that are added up; 64 bytes each */
#define DS_QUERY_STEP_MAX_S  INT64_C(31622400) /* a leap year */
#define DS_QUERY_STEP_WINDOW (-1)              /* step=window: the length of the windows */
#define DS_QUERY_NAME_MAX    15                /* bytes of the longest name is below this */
#define DS_QUERY_VALUE_MAX   63                /* bytes of the longest value */
/* step=auto takes the finest usual step that gives at most so many points. */
#define DS_QUERY_POINTS_AUTO 1500

enum ds_query_kind {
    DS_QUERY_SERIES, /* named "query" */
    DS_QUERY_TOP,
    DS_QUERY_SUMMARY,
    DS_QUERY_SENSORS,
    DS_QUERY_WINDOWS,
    DS_QUERY_WINDOW,
    DS_QUERY_SOURCES,
    DS_QUERY_ATTACKS,
    DS_QUERY_KIND_COUNT
};

/* Filled by ds_query_init and ds_query_set only. */
struct ds_query {
    enum ds_query_kind kind;
    unsigned given; /* bit i: the i-th name has been set */
    struct ds_filter filter;
    enum ds_by by;
    int64_t from_s, to_s;
    int64_t step_s; /* 0: automatic; DS_QUERY_STEP_WINDOW */
    int64_t at_s;
    uint64_t limit;
    char sensor[DS_NAME_MAX + 1]; /* empty: all */
};

/* "query", "top", ...; NULL out of range. Static. */
const char *ds_query_kind_name(unsigned kind);
/* The reverse: -1 where unknown. */
int ds_query_kind_parse(const char *name);

void ds_query_init(struct ds_query *query, enum ds_query_kind kind);

/* Has this name been set? */
bool ds_query_given(const struct ds_query *query, const char *name);

/* Takes one pair, decoded (no %XX). 0, or -1 with a DS_USAGE error that names what is allowed:
 * unknown name, name not of this kind, given twice, bad value. Safe on hostile text; the text is
 * quoted in the error at most in part and only where printable. */
int ds_query_set(struct ds_query *query, const char *name, const char *value, struct ds_error *err);

/* Answers. 0 and a new reference in *out, or -1 with err: DS_USAGE where the parts of the question
 * do not go together or would give too much, DS_INPUT where what it asks for is not there (unknown
 * sensor, no window at that time), DS_DATABASE for the store's errors, DS_FAILURE. */
int ds_query_run(const struct ds_query *query, struct ds_store *store, json_t **out,
                 struct ds_error *err);

/* The flags with which answers are printed: json_dumps(answer, DS_QUERY_JSON). */
#define DS_QUERY_JSON (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* The HTTP status for an error: 400 usage, 404 not there, 503 store, 500 else. */
int ds_query_http_status(enum ds_status status);

#endif

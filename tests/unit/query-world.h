/* SPDX-License-Identifier: Apache-2.0
 *
 * A store with windows of two sensors and a gap, the same windows in memory, and figures counted by
 * hand from those, for tests of questions.
 */
#ifndef DARKSCOPE_TESTS_QUERY_WORLD_H
#define DARKSCOPE_TESTS_QUERY_WORLD_H

#include "query.h"
#include "scratch-store.h"

#define START INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define COUNT 24                  /* windows of the world */
#define NS    UINT64_C(1000000000)

/* Sensor a watches minutes 0 to 11, b minutes 6 to 11 and, after a gap, 20 to 25. */
struct world {
    struct scratch scratch;
    struct ds_window windows[COUNT];
    const char *sensors[COUNT];
};

/* Setup and teardown of a test: *state is a struct world. */
int open_world(void **state);
int close_world(void **state);

/* Sets "name=value name=value ...". 0, or -1 with err. */
int set_pairs(struct ds_query *query, const char *pairs, struct ds_error *err);
/* As ds_query_run; answer fails the test where there is none. */
int ask(struct world *w, enum ds_query_kind kind, const char *pairs, json_t **out,
        struct ds_error *err);
json_t *answer(struct world *w, enum ds_query_kind kind, const char *pairs);

/* A member of an object; fails the test where it is none. */
json_int_t number(const json_t *object, const char *key);
const char *text(const json_t *object, const char *key);
bool is_null(const json_t *object, const char *key);

struct wanted {
    const char *sensor; /* NULL: all */
    int cls, proto, port;
    int country; /* -1: any, as the others */
};

bool is_wanted(const struct ds_cell *c, const struct wanted *f);

struct sums {
    uint64_t packets, bytes, survey, peak, rows, windows, observed_ns;
};

/* Of the windows that start in [from, to). Sources: per window and class, over countries. */
struct sums sum_up(const struct world *w, const struct wanted *f, int64_t from, int64_t to);

#endif

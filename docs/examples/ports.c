/* SPDX-License-Identifier: Apache-2.0
 *
 * The query engine in a program of one's own: the ports that a telescope's store saw most, and one
 * of them hour by hour. Built by a test, from the source tree:
 *
 *     ports /var/lib/darkscope 23/tcp
 */
#include "query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const struct ds_error *err)
{
    fprintf(stderr, "ports: %s\n", err->text);
    return err->status;
}

/* Names and values are those of docs/query.md; a wrong one is answered with what is allowed. */
static int ask(struct ds_store *store, enum ds_query_kind kind, const char *const pairs[][2],
               json_t **answer, struct ds_error *err)
{
    struct ds_query query;
    ds_query_init(&query, kind);
    for (size_t i = 0; pairs[i][0]; i++)
        if (ds_query_set(&query, pairs[i][0], pairs[i][1], err) < 0)
            return -1;
    return ds_query_run(&query, store, answer, err);
}

static void print_figure(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    if (json_is_null(value)) /* nobody watched: that is not 0 */
        printf(" %12s", "-");
    else
        printf(" %12" JSON_INTEGER_FORMAT, json_integer_value(value));
}

int main(int argc, char **argv)
{
    struct ds_store *store;
    struct ds_error err;
    json_t *top = NULL, *series = NULL, *row;
    size_t i;
    if (argc != 3) {
        fprintf(stderr, "usage: ports STORE PORT\n");
        return DS_USAGE;
    }
    if (ds_store_open(argv[1], DS_STORE_READ, &store, &err) < 0)
        return fail(&err);
    const char *const top_pairs[][2] = {{"by", "ports"}, {"limit", "5"}, {NULL}};
    const char *const series_pairs[][2] = {{"port", argv[2]}, {"step", "hour"}, {NULL}};
    if (ask(store, DS_QUERY_TOP, top_pairs, &top, &err) < 0 ||
        ask(store, DS_QUERY_SERIES, series_pairs, &series, &err) < 0) {
        json_decref(top);
        ds_store_destroy(store);
        return fail(&err);
    }
    json_array_foreach(json_object_get(top, "rows"), i, row)
    {
        printf("%-12s %5" JSON_INTEGER_FORMAT "/%s",
               json_string_value(json_object_get(row, "class")),
               json_integer_value(json_object_get(row, "port")),
               json_string_value(json_object_get(row, "proto")));
        print_figure(row, "packets");
        printf("\n");
    }
    json_array_foreach(json_object_get(series, "points"), i, row)
    {
        printf("%s", json_string_value(json_object_get(row, "start")));
        print_figure(row, "packets");
        printf("  coverage %.3f\n", json_real_value(json_object_get(row, "coverage")));
    }
    json_decref(top);
    json_decref(series);
    ds_store_destroy(store);
    return DS_OK;
}

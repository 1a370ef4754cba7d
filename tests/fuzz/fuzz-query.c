/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a question to a small store: the first chooses the kind (x: an export), the others
 * are a query string. It is answered in JSON whose figures can be, or refused in one clean line.
 */
#include "query.h"

#include "fuzz.h"
#include "world.h"

#include <string.h>

#define TEXT_MAX 2048

/* Sets the pairs of "a=b&c=d". */
static int set_pairs(struct ds_query *query, char *text, struct ds_error *err)
{
    for (char *pair; (pair = strsep(&text, "&"));) {
        char *value = strchr(pair, '=');
        if (!value)
            continue;
        *value++ = '\0';
        if (ds_query_set(query, pair, value, err)) {
            check(err->status == DS_USAGE);
            return -1;
        }
    }
    return 0;
}

static void check_answer(const json_t *json)
{
    const char *key;
    const json_t *value;
    size_t index;
    check(!json_is_integer(json) || json_integer_value(json) >= 0);
    json_array_foreach((json_t *)json, index, value) check_answer(value);
    json_object_foreach((json_t *)json, key, value)
    {
        if (strcmp(key, "coverage") == 0)
            check(json_is_null(value) || (json_is_number(value) && json_number_value(value) >= 0 &&
                                          json_number_value(value) <= 1));
        check_answer(value);
    }
}

/* Bytes of an export, which must be whole lines; of JSON, each an object whose figures can be. */
struct lines {
    bool is_json;
    size_t used;
    char line[4096];
};

static int take_lines(void *arg, const char *bytes, size_t size)
{
    struct lines *l = arg;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n') {
            check(l->used < sizeof l->line);
            l->line[l->used++] = bytes[i];
            continue;
        }
        json_t *json = l->is_json ? json_loadb(l->line, l->used, 0, NULL) : NULL;
        check(!l->is_json || json_is_object(json));
        check_answer(json);
        json_decref(json);
        l->used = 0;
    }
    return 0;
}

static int ask_export(const struct ds_query *query, struct ds_store *store, struct ds_error *err)
{
    struct lines lines = {.is_json = query->format == DS_QUERY_FORMAT_JSON};
    int result = ds_query_print(query, store, take_lines, &lines, err);
    check(result < 0 || lines.used == 0);
    return result;
}

static int ask(const struct ds_query *query, struct ds_store *store, struct ds_error *err)
{
    json_t *json = NULL;
    if (query->kind == DS_QUERY_EXPORT)
        return ask_export(query, store, err);
    if (ds_query_run(query, store, &json, err))
        return -1;
    char *text = json_dumps(json, DS_QUERY_JSON);
    check(json_is_object(json) && text);
    check_answer(json);
    free(text);
    json_decref(json);
    return 0;
}

static struct ds_store *world;

static void close_world(void)
{
    ds_store_destroy(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX + 1];
    struct ds_query query;
    struct ds_error err = {.text = ""};
    if (!world) {
        world = world_open();
        atexit(close_world);
    }
    if (size == 0 || size > TEXT_MAX)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    ds_query_init(&query, data[0] == 'x' ? DS_QUERY_EXPORT
                                         : (enum ds_query_kind)(data[0] % DS_QUERY_EXPORT));
    if (set_pairs(&query, text, &err) || ask(&query, world, &err)) {
        check(is_clean(err.text) && ds_query_http_status(err.status) >= 400);
        check(err.status != DS_DATABASE && err.status != DS_FAILURE);
    }
    return 0;
}

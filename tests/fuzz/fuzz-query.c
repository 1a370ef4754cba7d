/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a question to a small store: the first chooses the kind, the others are a query
 * string. It is answered in JSON whose figures can be, or refused in one clean line.
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

static int ask(const struct ds_query *query, struct ds_store *store, struct ds_error *err)
{
    json_t *json = NULL;
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
    ds_query_init(&query, (enum ds_query_kind)(data[0] % DS_QUERY_KIND_COUNT));
    if (set_pairs(&query, text, &err) || ask(&query, world, &err)) {
        check(is_clean(err.text) && ds_query_http_status(err.status) >= 400);
        check(err.status != DS_DATABASE && err.status != DS_FAILURE);
    }
    return 0;
}

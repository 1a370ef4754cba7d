/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch.h"

int fetch_answer(const struct options *o, json_t **out, struct ds_error *err)
{
    if (!o->store)
        return fetch_http(o, NULL, out, err);
    struct ds_store *store = NULL;
    if (ds_store_open(o->store, DS_STORE_READ, &store, err) < 0)
        return -1;
    int result = ds_query_run(&o->query, store, out, err);
    ds_store_destroy(store);
    return result;
}

static int write_file(void *arg, const char *bytes, size_t size)
{
    return fwrite(bytes, 1, size, arg) == size ? 0 : -1;
}

int fetch_print(const struct options *o, FILE *to, struct ds_error *err)
{
    if (!o->store)
        return fetch_http(o, to, NULL, err);
    struct ds_store *store = NULL;
    if (ds_store_open(o->store, DS_STORE_READ, &store, err) < 0)
        return -1;
    int result = ds_query_print(&o->query, store, write_file, to, err);
    ds_store_destroy(store);
    return result;
}

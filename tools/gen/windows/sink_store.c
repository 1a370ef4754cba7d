/* SPDX-License-Identifier: Apache-2.0
 *
 * Straight into a store, as the aggregator's store thread does it.
 */
#include "sink.h"
#include "store.h"

#include <stdlib.h>

#define ARRIVES_AFTER_S 2

struct store_sink {
    struct ds_gen_sink sink;
    struct ds_store *store;
};

static int send_message(struct ds_gen_sink *sink, const struct ds_gen_message *m,
                        struct ds_error *err)
{
    struct ds_store *store = ((struct store_sink *)sink)->store;
    const struct ds_window *w = m->window;
    const struct ds_store_put put = {
        .sensor = m->sensor,
        .boot = m->boot,
        .sequence = m->sequence,
        .received_s = w->start_s + w->seconds + ARRIVES_AFTER_S,
        .window = w,
    };
    const char *imbalance = ds_window_imbalance(w);
    if (imbalance)
        return ds_error(err, DS_FAILURE, "bug: made a window whose books do not balance: %s",
                        imbalance);
    int result = store->ops->put(store, &put, err);
    return result == DS_PUT_COMMITTED || result == DS_PUT_DUPLICATE ? 0 : -1;
}

static int close_store(struct ds_gen_sink *sink, struct ds_error *err)
{
    ds_store_destroy(((struct store_sink *)sink)->store);
    free(sink);
    return 0;
}

int ds_gen_sink_store(const char *directory, struct ds_gen_sink **out, struct ds_error *err)
{
    static const struct ds_gen_sink_ops ops = {.send = send_message, .close = close_store};
    struct store_sink *s = calloc(1, sizeof *s);
    if (!s)
        return ds_error(err, DS_FAILURE, "out of memory");
    s->sink.ops = &ops;
    if (ds_store_open(directory, DS_STORE_WRITE, &s->store, err) < 0) {
        free(s);
        return -1;
    }
    *out = &s->sink;
    return 0;
}

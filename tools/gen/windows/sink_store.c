/* SPDX-License-Identifier: Apache-2.0
 *
 * Straight into a store, as the aggregator's store thread does it, with upkeep by the windows'
 * time.
 */
#include "sink.h"
#include "store.h"

#include <stdlib.h>

#define ARRIVES_AFTER_S 2

struct store_sink {
    struct ds_gen_sink sink;
    struct ds_store *store;
    struct ds_retention keep;
    int64_t now_s; /* when the latest message came */
};

static int send_message(struct ds_gen_sink *sink, const struct ds_gen_message *m,
                        struct ds_error *err)
{
    struct store_sink *s = (struct store_sink *)sink;
    const struct ds_window *w = m->window;
    int64_t arrival_s = w->start_s + w->seconds + ARRIVES_AFTER_S;
    s->now_s = arrival_s > s->now_s ? arrival_s : s->now_s;
    const struct ds_store_put put = {
        .sensor = m->sensor,
        .boot = m->boot,
        .sequence = m->sequence,
        .received_s = s->now_s,
        .window = w,
    };
    const char *imbalance = ds_window_imbalance(w);
    if (imbalance)
        return ds_error(err, DS_FAILURE, "bug: made a window whose books do not balance: %s",
                        imbalance);
    int result = s->store->ops->put(s->store, &put, err);
    if (result != DS_PUT_COMMITTED && result != DS_PUT_DUPLICATE)
        return -1;
    return s->store->ops->tidy(s->store, &s->keep, s->now_s, err) < 0 ? -1 : 0;
}

static int close_store(struct ds_gen_sink *sink, struct ds_error *err)
{
    struct store_sink *s = (struct store_sink *)sink;
    int result = err ? 1 : 0;
    while (result > 0)
        result = s->store->ops->tidy(s->store, &s->keep, s->now_s, err);
    ds_store_destroy(s->store);
    free(s);
    return result;
}

int ds_gen_sink_store(const char *directory, bool prunes, struct ds_gen_sink **out,
                      struct ds_error *err)
{
    static const struct ds_gen_sink_ops ops = {.send = send_message, .close = close_store};
    struct store_sink *s = calloc(1, sizeof *s);
    if (!s)
        return ds_error(err, DS_FAILURE, "out of memory");
    s->sink.ops = &ops;
    s->keep = (struct ds_retention){DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    if (prunes)
        s->keep = (struct ds_retention){DS_KEEP_MINUTES_S, DS_KEEP_HOURS_S, DS_KEEP_FOR_EVER};
    if (ds_store_open(directory, DS_STORE_WRITE, &s->store, err) < 0) {
        free(s);
        return -1;
    }
    *out = &s->sink;
    return 0;
}

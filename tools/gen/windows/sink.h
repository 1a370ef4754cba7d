/* SPDX-License-Identifier: Apache-2.0
 *
 * Where messages go: one table of operations, three implementations.
 */
#ifndef DARKSCOPE_GEN_SINK_H
#define DARKSCOPE_GEN_SINK_H

#include "darkscope/error.h"
#include "darkscope/window.h"

struct ds_gen_message {
    const char *sensor; /* borrowed, as the window */
    unsigned number;    /* of the sensor, from 0 */
    uint64_t boot, sequence;
    const struct ds_window *window;
};

struct ds_gen_sink;

struct ds_gen_sink_ops {
    /* Hands over a message. 0, or -1 with err. */
    int (*send)(struct ds_gen_sink *sink, const struct ds_gen_message *m, struct ds_error *err);
    /* Frees it. With err, which is not NULL after success: waits until all has arrived; 0, or -1
     * with err. */
    int (*close)(struct ds_gen_sink *sink, struct ds_error *err);
};

/* First member of every implementation. */
struct ds_gen_sink {
    const struct ds_gen_sink_ops *ops;
};

/* Each 0 and *out, or -1 with err. Texts are borrowed for as long as the sink lives. */
/* A store's directory, which is made where there is none. prunes: it deletes what is old, as an
 * aggregator does by default. */
int ds_gen_sink_store(const char *directory, bool prunes, struct ds_gen_sink **out,
                      struct ds_error *err);
/* An aggregator, to which every sensor has a connection of its own. */
int ds_gen_sink_aggregator(const char *endpoint, unsigned sensors, uint64_t seed,
                           struct ds_gen_sink **out, struct ds_error *err);
/* JSON Lines, as a sensor prints them; "-" is standard output. */
int ds_gen_sink_json(const char *path, struct ds_gen_sink **out, struct ds_error *err);

#endif

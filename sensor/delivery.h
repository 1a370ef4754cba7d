/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the sensor's windows go: JSON on standard output, an aggregator, or both.
 *
 * A file is read no faster than the aggregator takes its windows, and the same file read again with
 * the same settings gives windows that the aggregator recognises. Those that a stop closed too
 * early are therefore not sent: they would stand for the whole ones.
 */
#ifndef DARKSCOPE_DELIVERY_H
#define DARKSCOPE_DELIVERY_H

#include "config.h"
#include "pipeline.h"
#include "uplink.h"

/* How long an aggregator may take nothing: while a file waits, and at the end of a run. */
#define DS_DELIVERY_ROOM_MS   60000
#define DS_DELIVERY_FINISH_MS 10000

struct ds_delivery {
    const char *sensor; /* borrowed */
    bool json;
    bool json_sources;        /* with the source records; false, to be set after init */
    bool is_file;             /* can wait */
    bool is_repeatable;       /* a file that can be read again */
    struct ds_uplink *uplink; /* NULL: no aggregator */
    atomic_bool stopped;
    uint64_t held_back; /* windows closed by the stop */
    bool gave_up;       /* and put has said so */
};

/* country_db names the country database, "" for none. 0, or -1 with err. */
int ds_delivery_init(struct ds_delivery *o, const struct ds_sensor_config *c,
                     const char *country_db, bool json, struct ds_error *err);
/* To be called before the capture is stopped: ends waiting for the aggregator. Any thread. */
void ds_delivery_stop(struct ds_delivery *o);
/* Delivers what is left, after the pipeline has ended. -1 with err (DS_NETWORK) where windows could
 * not be delivered. */
int ds_delivery_finish(struct ds_delivery *o, struct ds_error *err);
/* Frees; ds_delivery_finish was called or nothing was put. */
void ds_delivery_destroy(struct ds_delivery *o);

struct ds_sink ds_delivery_sink(struct ds_delivery *o);

#endif

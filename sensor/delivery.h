/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the sensor's windows go: JSON on standard output, an aggregator, or both.
 */
#ifndef DARKSCOPE_DELIVERY_H
#define DARKSCOPE_DELIVERY_H

#include "config.h"
#include "pipeline.h"
#include "uplink.h"

/* How long the end of a run waits for the aggregator to take what is left. */
#define DS_DELIVERY_FINISH_MS 10000

struct ds_delivery {
    const char *sensor; /* borrowed */
    bool json;
    struct ds_uplink *uplink; /* NULL: no aggregator */
};

/* 0, or -1 with err. */
int ds_delivery_init(struct ds_delivery *o, const struct ds_sensor_config *c, bool json,
                     struct ds_error *err);
/* Delivers what is left, after the pipeline has ended. -1 with err (DS_NETWORK) where windows could
 * not be delivered. */
int ds_delivery_finish(struct ds_delivery *o, struct ds_error *err);
/* Frees; ds_delivery_finish was called or nothing was put. */
void ds_delivery_destroy(struct ds_delivery *o);

struct ds_sink ds_delivery_sink(struct ds_delivery *o);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the sensor's windows go: JSON on standard output, an aggregator, or both.
 */
#ifndef DARKSCOPE_OUTPUT_H
#define DARKSCOPE_OUTPUT_H

#include "config.h"
#include "pipeline.h"
#include "uplink.h"

/* How long the end of a run waits for the aggregator to take what is left. */
#define DS_OUTPUT_FINISH_MS 10000

struct ds_output {
    const char *sensor; /* borrowed */
    bool json;
    struct ds_uplink *uplink; /* NULL: no aggregator */
};

/* 0, or -1 with err. */
int ds_output_init(struct ds_output *o, const struct ds_sensor_config *c, bool json,
                   struct ds_error *err);
/* Delivers what is left, after the pipeline has ended. -1 with err (DS_NETWORK) where windows could
 * not be delivered. */
int ds_output_finish(struct ds_output *o, struct ds_error *err);
/* Frees; ds_output_finish was called or nothing was put. */
void ds_output_destroy(struct ds_output *o);

struct ds_sink ds_output_sink(struct ds_output *o);

#endif

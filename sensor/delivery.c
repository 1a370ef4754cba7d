/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery.h"

#include "darkscope/window_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int ds_delivery_init(struct ds_delivery *o, const struct ds_sensor_config *c, bool json,
                     struct ds_error *err)
{
    *o = (struct ds_delivery){.sensor = c->name, .json = json};
    if (!c->aggregator)
        return 0;
    /* The monitored set has no digest on the wire while there is no key to make it with: without
     * one it could be found by trying. */
    struct ds_uplink_settings settings = {.endpoint = c->aggregator, .sensor = c->name};
    return ds_uplink_create(&settings, &o->uplink, err);
}

static int print(const struct ds_delivery *o, const struct ds_window *w, struct ds_error *err)
{
    if (ds_window_print_json(stdout, w, o->sensor) || fflush(stdout))
        return ds_error(err, DS_FAILURE,
                        "cannot write to standard output: %s; see where it is redirected to",
                        strerror(errno));
    return 0;
}

static int put(void *self, struct ds_window *w, struct ds_error *err)
{
    struct ds_delivery *o = self;
    int failed = o->json ? print(o, w, err) : 0;
    if (failed || !o->uplink) {
        ds_window_finish(w);
        return failed;
    }
    ds_uplink_send(o->uplink, w); /* a window that found no memory is counted and said there */
    return 0;
}

static void service(void *self)
{
    struct ds_delivery *o = self;
    ds_uplink_service(o->uplink, 0);
}

struct ds_sink ds_delivery_sink(struct ds_delivery *o)
{
    return (struct ds_sink){.self = o, .put = put, .service = o->uplink ? service : NULL};
}

int ds_delivery_finish(struct ds_delivery *o, struct ds_error *err)
{
    if (!o->uplink)
        return 0;
    ds_uplink_finish(o->uplink, DS_DELIVERY_FINISH_MS);
    struct ds_uplink_stats s;
    ds_uplink_read_stats(o->uplink, &s);
    if (s.acknowledged == s.accepted)
        return 0;
    return ds_error(err, DS_NETWORK,
                    "%" PRIu64 " of %" PRIu64 " windows were not delivered (%" PRIu64
                    " dropped, %" PRIu64 " refused, %" PRIu64
                    " unanswered); check that darkscope-aggregator runs and read the file again",
                    s.accepted - s.acknowledged, s.accepted, s.dropped, s.refused, s.waiting);
}

void ds_delivery_destroy(struct ds_delivery *o)
{
    ds_uplink_destroy(o->uplink);
    o->uplink = NULL;
}

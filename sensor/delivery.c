/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery.h"

#include "darkscope/log.h"
#include "darkscope/window_json.h"
#include "identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int ds_delivery_init(struct ds_delivery *o, const struct ds_sensor_config *c,
                     const char *country_db, bool json, struct ds_error *err)
{
    *o = (struct ds_delivery){.sensor = c->name, .json = json, .is_file = c->file};
    if (!c->aggregator)
        return 0;
    struct ds_uplink_settings settings = {
        .endpoint = c->aggregator,
        .sensor = c->name,
        .key = c->has_keys ? &c->key : NULL,
        .aggregator_key = c->has_keys ? &c->aggregator_key : NULL,
        .monitored_digest = ds_deployment_digest(&c->deployment, c->monitor),
        .boot = c->file ? ds_identity_of_file(c, country_db) : 0,
    };
    o->is_repeatable = settings.boot != 0;
    if (!c->deployment.is_shared && !o->is_repeatable)
        ds_log(DS_LOG_INFO,
               "no deployment_key: this run makes its own, and what it tells under it, such as the "
               "digest of the monitored set, cannot be held against other runs and sensors");
    /* A file that can be read again is kept already, and must not wait for a running sensor. */
    if (!o->is_repeatable) {
        settings.spool = c->spool;
        settings.spool_bytes = c->spool_bytes;
    }
    return ds_uplink_create(&settings, &o->uplink, err);
}

static int print(struct ds_delivery *o, const struct ds_window *w, struct ds_error *err)
{
    if (!ds_window_print_json(stdout, w, o->sensor, o->json_sources) && !fflush(stdout))
        return 0;
    o->json = false;
    return ds_error(err, DS_FAILURE,
                    "cannot write to standard output: %s; see where it is redirected to",
                    strerror(errno));
}

static int undelivered(struct ds_delivery *o, struct ds_error *err)
{
    struct ds_uplink_stats s;
    ds_uplink_read_stats(o->uplink, &s);
    uint64_t all = s.found + s.accepted;
    if (s.acknowledged + s.merged == all)
        return 0;
    const char *advice = "";
    if (o->is_repeatable)
        advice = "; then read the file again with the same settings: nothing counts twice";
    else if (s.waiting > s.in_memory)
        advice = "; what the spool holds is delivered by the next run";
    return ds_error(err, DS_NETWORK,
                    "%" PRIu64 " of %" PRIu64 " windows were not delivered (%" PRIu64
                    " dropped, %" PRIu64 " refused, %" PRIu64 " unreadable, %" PRIu64
                    " unanswered, of which %" PRIu64 " in the spool); %s%s%s",
                    all - s.acknowledged - s.merged, all, s.dropped, s.refused, s.lost, s.waiting,
                    s.waiting - s.in_memory,
                    s.refusal[0] ? "the aggregator says: " : "check that darkscope-aggregator runs",
                    s.refusal, advice);
}

/* The pipeline stops the capture when this fails, and goes on putting what it has. */
static int put(void *self, struct ds_window *w, struct ds_error *err)
{
    struct ds_delivery *o = self;
    int failed = o->json ? print(o, w, err) : 0;
    bool hold_back = o->is_repeatable && atomic_load(&o->stopped);
    o->held_back += hold_back;
    if (o->uplink && !hold_back)
        ds_uplink_send(o->uplink, w); /* without memory it is counted and said there */
    else
        ds_window_finish(w);
    if (!failed && o->uplink && o->is_file && !o->gave_up &&
        !ds_uplink_await_room(o->uplink, DS_DELIVERY_ROOM_MS, &o->stopped)) {
        o->gave_up = true;
        failed = undelivered(o, err);
    }
    if (failed)
        ds_delivery_stop(o);
    return failed;
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

void ds_delivery_stop(struct ds_delivery *o)
{
    atomic_store(&o->stopped, true);
}

int ds_delivery_finish(struct ds_delivery *o, struct ds_error *err)
{
    if (!o->uplink)
        return 0;
    ds_uplink_finish(o->uplink, o->gave_up ? 0 : DS_DELIVERY_FINISH_MS);
    if (o->held_back && !o->gave_up)
        ds_log(DS_LOG_WARNING,
               "stopped before the end: read the file again with the same settings for the rest, "
               "nothing counts twice");
    return o->gave_up ? 0 : undelivered(o, err);
}

void ds_delivery_destroy(struct ds_delivery *o)
{
    ds_uplink_destroy(o->uplink);
    o->uplink = NULL;
}

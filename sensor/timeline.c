/* SPDX-License-Identifier: Apache-2.0 */
#include "timeline.h"

#define SECOND_NS   INT64_C(1000000000)
#define GAP_NS      (DS_TIMELINE_GAP_S * SECOND_NS)
#define TIME_MAX_NS DS_TIMELINE_TIME_MAX_NS

static int64_t clamp(int64_t t)
{
    return t > TIME_MAX_NS ? TIME_MAX_NS : t < -TIME_MAX_NS ? -TIME_MAX_NS : t;
}

static int64_t floor_to(int64_t t, int64_t unit)
{
    int64_t rest = t % unit;
    return t - (rest < 0 ? rest + unit : rest);
}

int64_t ds_timeline_origin_ns(int64_t start_ns)
{
    return floor_to(start_ns, DS_TIMELINE_STEP_S * SECOND_NS);
}

void ds_timeline_init(struct ds_timeline *c, int64_t length_ns, int64_t lateness_ns)
{
    *c = (struct ds_timeline){.length_ns = length_ns, .lateness_ns = lateness_ns, .oldest = 1};
}

static void begin(struct ds_timeline *c, int64_t t)
{
    c->started = true;
    c->start_ns = floor_to(t, c->length_ns ? c->length_ns : SECOND_NS);
    c->origin_ns = ds_timeline_origin_ns(c->start_ns);
    c->newest_ns = c->first_ns = t;
    c->behind = 0;
}

/* Closes the oldest open window, which was watched until seen_ns. */
static void close_oldest(struct ds_timeline *c, int64_t seen_ns, struct ds_epoch *closed)
{
    int64_t end = c->start_ns + c->length_ns;
    int64_t from = c->first_ns > c->start_ns ? c->first_ns : c->start_ns;
    int64_t to = seen_ns < end ? seen_ns : end;
    *closed = (struct ds_epoch){
        .number = c->oldest++,
        .seconds = (uint32_t)(c->length_ns / SECOND_NS),
        .start_s = c->start_ns / SECOND_NS,
        .origin_s = c->origin_ns / SECOND_NS,
        .observed_ns = to > from ? (uint64_t)(to - from) : 0,
    };
    c->start_ns = end;
    c->origin_ns = ds_timeline_origin_ns(end);
}

/* Closes one more window of a stretch that is over; false when the last was closed. */
static bool close_stretch(struct ds_timeline *c, struct ds_epoch *closed)
{
    if (!c->started || c->start_ns > c->newest_ns) {
        c->started = false;
        return false;
    }
    close_oldest(c, c->newest_ns, closed);
    return true;
}

static bool advance_whole(struct ds_timeline *c, int64_t t)
{
    if (!c->started)
        begin(c, t);
    if (t > c->newest_ns)
        c->newest_ns = t;
    if (t < c->first_ns) {
        c->first_ns = t;
        c->start_ns = floor_to(t, SECOND_NS);
    }
    return false;
}

bool ds_timeline_advance(struct ds_timeline *c, int64_t time_ns, struct ds_epoch *closed)
{
    int64_t t = clamp(time_ns);
    if (c->length_ns == 0)
        return advance_whole(c, t);
    bool restart =
        c->started && (t > c->newest_ns + GAP_NS ||
                       (t < c->start_ns - GAP_NS && c->behind + 1 >= DS_TIMELINE_BEHIND_MAX));
    if (restart && close_stretch(c, closed))
        return true;
    if (!c->started)
        begin(c, t);
    if (t >= c->start_ns + c->length_ns + c->lateness_ns) {
        close_oldest(c, t, closed);
        return true;
    }
    if (t > c->newest_ns)
        c->newest_ns = t;
    return false;
}

void ds_timeline_hold(struct ds_timeline *c, int64_t time_ns)
{
    int64_t last = c->start_ns + DS_TIMELINE_OPEN_MAX * c->length_ns - 1;
    int64_t t = time_ns < last ? time_ns : last;
    if (t > c->newest_ns)
        c->newest_ns = t;
}

uint32_t ds_timeline_assign(struct ds_timeline *c, int64_t time_ns, bool *late)
{
    int64_t t = clamp(time_ns);
    *late = t < c->start_ns && c->length_ns != 0;
    if (*late) {
        c->behind = t < c->start_ns - GAP_NS ? c->behind + 1 : 0;
        return c->oldest;
    }
    c->behind = 0;
    return c->length_ns && t >= c->start_ns + c->length_ns ? c->oldest + 1 : c->oldest;
}

static bool finish_whole(struct ds_timeline *c, struct ds_epoch *closed)
{
    if (!c->started)
        return false;
    int64_t ns = c->newest_ns - c->start_ns;
    int64_t seconds = ns / SECOND_NS + (ns % SECOND_NS != 0);
    *closed = (struct ds_epoch){
        .number = c->oldest++,
        .seconds = seconds < 1            ? 1
                   : seconds > UINT32_MAX ? UINT32_MAX
                                          : (uint32_t)seconds,
        .start_s = c->start_ns / SECOND_NS,
        .origin_s = c->origin_ns / SECOND_NS,
        .observed_ns = (uint64_t)(c->newest_ns - c->first_ns),
    };
    c->started = false;
    return true;
}

bool ds_timeline_finish(struct ds_timeline *c, struct ds_epoch *closed)
{
    return c->length_ns ? close_stretch(c, closed) : finish_whole(c, closed);
}

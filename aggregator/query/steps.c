/* SPDX-License-Identifier: Apache-2.0 */
#include "steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_S    INT64_C(86400)
#define ROOM_MIN 512 /* edges that there is room for at first */

const char *ds_step_print(struct ds_stride step, char out[static STEP_TEXT])
{
    static const char *const names[] = {
        [DS_UNIT_WEEK] = "week", [DS_UNIT_MONTH] = "month", [DS_UNIT_YEAR] = "year"};
    int64_t n = step.count;
    if (step.unit == DS_UNIT_DAY)
        snprintf(out, STEP_TEXT, n == 1 ? "day" : "%" PRId64 "d", n);
    else if (step.unit != DS_UNIT_SECOND)
        snprintf(out, STEP_TEXT, "%s", names[step.unit]);
    else if (n == 3600 || n == 60)
        snprintf(out, STEP_TEXT, n == 60 ? "minute" : "hour");
    else if (n % 3600 == 0)
        snprintf(out, STEP_TEXT, "%" PRId64 "h", n / 3600);
    else if (n % 60 == 0)
        snprintf(out, STEP_TEXT, "%" PRId64 "m", n / 60);
    else
        snprintf(out, STEP_TEXT, "%" PRId64 "s", n);
    return out;
}

struct ds_stride ds_steps_choose(const struct answer *a)
{
    const struct {
        struct ds_stride step;
        int64_t about_s;
    } usual[] = {
        {{DS_UNIT_SECOND, a->grid_s}, a->grid_s},
        {{DS_UNIT_SECOND, 60}, 60},
        {{DS_UNIT_SECOND, 300}, 300},
        {{DS_UNIT_SECOND, 3600}, 3600},
        {{DS_UNIT_DAY, 1}, DAY_S},
        {{DS_UNIT_WEEK, 1}, 7 * DAY_S},
        {{DS_UNIT_MONTH, 1}, 30 * DAY_S},
    };
    const struct ds_query *q = a->query;
    int64_t length_s = a->range.to_s - a->range.from_s;
    size_t best = 0;
    if (q->step_kind == DS_QUERY_STEP_GIVEN)
        return q->step;
    for (size_t i = 0; q->step_kind == DS_QUERY_STEP_AUTO && i < sizeof usual / sizeof usual[0];
         i++) {
        if (usual[i].about_s < a->grid_s || usual[i].about_s % a->grid_s != 0)
            continue;
        best = i;
        if (length_s / usual[i].about_s + 2 <= DS_QUERY_POINTS_AUTO)
            break;
    }
    return usual[best].step;
}

static bool add(struct steps *s, size_t edges, size_t *room, int64_t edge_s)
{
    if (edges == *room) {
        *room = *room ? *room * 2 : ROOM_MIN;
        int64_t *grown = realloc(s->edges_s, *room * sizeof *grown);
        if (!grown)
            return false;
        s->edges_s = grown;
    }
    s->edges_s[edges] = edge_s;
    return true;
}

static int too_many(struct ds_stride step, size_t most, struct ds_error *err)
{
    char text[STEP_TEXT];
    return ds_error(err, DS_USAGE,
                    "step %s gives more than the %zu points that are allowed: take a longer step "
                    "or a shorter period",
                    ds_step_print(step, text), most);
}

static int check_step(const struct answer *a, struct ds_stride step, struct ds_error *err)
{
    char text[STEP_TEXT];
    if (step.unit == DS_UNIT_SECOND && !ds_calendar_is_utc(a->calendar) && DAY_S % step.count != 0)
        return ds_error(err, DS_USAGE,
                        "step %s: in a time zone it is a part of a day (such as 6h) or whole days",
                        ds_step_print(step, text));
    if (step.unit == DS_UNIT_SECOND && step.count % a->grid_s != 0)
        return ds_error(err, DS_USAGE,
                        "step %s does not fit the stored windows: take a multiple of %" PRId64
                        " s, or step window",
                        ds_step_print(step, text), a->grid_s);
    return 0;
}

/* Zones with half hours, or history with odd seconds, and long windows. */
static int misfit(const struct answer *a, int64_t edge_s, struct ds_error *err)
{
    char time[DS_TIME_TEXT];
    return ds_error(err, DS_USAGE,
                    "a step begins at %s, inside a stored window: windows begin at multiples of "
                    "%" PRId64 " s; take another tz",
                    ds_calendar_print(a->calendar, edge_s, time), a->grid_s);
}

int ds_steps_cut(const struct answer *a, struct ds_stride step, const struct ds_range *range,
                 size_t count, size_t most, struct steps *out, struct ds_error *err)
{
    size_t edges = 0, room = 0;
    *out = (struct steps){.step = step};
    if (check_step(a, step, err) < 0)
        return -1;
    int64_t edge_s = ds_calendar_floor(a->calendar, step, range->from_s);
    for (;;) {
        if (edge_s % a->grid_s != 0)
            return misfit(a, edge_s, err);
        if (!add(out, edges++, &room, edge_s))
            return ds_error(err, DS_FAILURE, "out of memory");
        if (count ? edges == count + 1 : edges > 1 && edge_s >= range->to_s)
            break;
        if (edges > most)
            return too_many(step, most, err);
        edge_s = ds_calendar_next(a->calendar, step, edge_s);
    }
    out->count = edges - 1;
    return 0;
}

int64_t ds_steps_before(const struct answer *a, const struct steps *s)
{
    int64_t edge_s = s->edges_s[0], end_s = s->edges_s[s->count];
    if (s->step.unit ==
        DS_UNIT_SECOND) { /* days on which clocks change have more of them, or less */
        int64_t local_s = edge_s + ds_calendar_offset_s(a->calendar, edge_s);
        return ds_calendar_utc(a->calendar,
                               2 * local_s - end_s - ds_calendar_offset_s(a->calendar, end_s));
    }
    for (size_t i = 0; i < s->count; i++)
        edge_s = ds_calendar_floor(a->calendar, s->step, edge_s - 1);
    return edge_s;
}

void ds_steps_finish(struct steps *s)
{
    free(s->edges_s);
    s->edges_s = NULL;
}

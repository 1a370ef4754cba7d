/* SPDX-License-Identifier: Apache-2.0 */
#include "observe.h"

#include <string.h>

/* NULL where there is no place. */
static struct ds_observed *find(struct ds_observe *o, const char *sensor)
{
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->sensors[i].sensor, sensor) == 0)
            return &o->sensors[i];
    if (o->count == DS_OBSERVE_MAX || strlen(sensor) > DS_NAME_MAX)
        return NULL;
    struct ds_observed *s = &o->sensors[o->count++];
    strcpy(s->sensor, sensor);
    return s;
}

void ds_observe_know(struct ds_observe *o, const char *sensor, int64_t end_s)
{
    struct ds_observed *s = find(o, sensor);
    if (s && end_s > s->end_s)
        s->end_s = end_s;
}

void ds_observe_note(struct ds_observe *o, const char *sensor, enum ds_outcome outcome,
                     const struct ds_window *w, int64_t now_s)
{
    struct ds_observed *s = find(o, sensor);
    if (!s) {
        o->beyond++;
        return;
    }
    s->outcomes[outcome]++;
    if (outcome != DS_OUTCOME_COMMITTED)
        return;
    int64_t end_s = w->start_s + w->seconds;
    s->end_s = end_s > s->end_s ? end_s : s->end_s;
    s->delay_s = now_s - end_s;
    s->has_delay = true;
    s->observed_ns += w->observed_ns;
    for (size_t i = 0; i < DS_BOOK_COUNT; i++)
        s->books[i] += w->books[i];
    for (size_t i = 0; i < DS_OVERFLOW_COUNT; i++)
        s->overflow[i] += w->overflow[i];
}

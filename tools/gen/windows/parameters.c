/* SPDX-License-Identifier: Apache-2.0 */
#include "parameters.h"

#include "darkscope/text.h"

#include <jansson.h>

char *ds_gen_plan_json(const struct ds_gen_plan *p)
{
    char start[DS_TIME_TEXT], end[DS_TIME_TEXT];
    json_t *j =
        json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:[I,I], s:f, s:I, s:I, s:I, s:I, s:I, s:s?}",
                  "seed", (json_int_t)p->seed, "start", ds_time_print(p->start_s, start), "end",
                  ds_time_print(p->end_s, end), "window", (json_int_t)p->window_s, "utc_offset",
                  (json_int_t)p->utc_offset_s, "sensors", (json_int_t)p->sensors, "addresses",
                  (json_int_t)p->addresses_first, (json_int_t)p->addresses_last, "packets",
                  p->packets, "listed", (json_int_t)p->listed, "surges", (json_int_t)p->surges,
                  "gaps", (json_int_t)p->gaps, "late", (json_int_t)p->late, "repeated",
                  (json_int_t)p->repeated, "history", p->history ? p->history->name : NULL);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    return text;
}

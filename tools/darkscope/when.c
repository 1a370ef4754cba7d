/* SPDX-License-Identifier: Apache-2.0
 *
 * Times as people say them.
 */
#include "when.h"

#include "darkscope/clock.h"

#include <string.h>

bool when_resolve(const char *text, int64_t now_s, const struct ds_calendar *calendar,
                  char out[static DS_TIME_TEXT])
{
    const struct ds_stride day = {DS_UNIT_DAY, 1};
    int64_t today_s = ds_calendar_floor(calendar, day, now_s), ago_ns, time_s;
    if (strcmp(text, "now") == 0)
        time_s = now_s;
    else if (strcmp(text, "today") == 0)
        time_s = today_s;
    else if (strcmp(text, "yesterday") == 0)
        time_s = ds_calendar_floor(calendar, day, today_s - 1);
    else if (text[0] == '-' && ds_duration_parse(text + 1, &ago_ns))
        time_s = now_s - ago_ns / DS_NS_PER_S;
    else
        return false;
    ds_time_print(time_s > 0 ? time_s : 0, out);
    return true;
}

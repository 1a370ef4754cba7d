/* SPDX-License-Identifier: Apache-2.0
 *
 * Times as people say them.
 */
#include "when.h"

#include "darkscope/clock.h"

#include <string.h>

#define DAY_S 86400

bool when_resolve(const char *text, int64_t now_s, char out[static DS_TIME_TEXT])
{
    int64_t midnight_s = now_s - now_s % DAY_S, ago_ns, time_s;
    if (strcmp(text, "now") == 0)
        time_s = now_s;
    else if (strcmp(text, "today") == 0)
        time_s = midnight_s;
    else if (strcmp(text, "yesterday") == 0)
        time_s = midnight_s - DAY_S;
    else if (text[0] == '-' && ds_duration_parse(text + 1, &ago_ns))
        time_s = now_s - ago_ns / DS_NS_PER_S;
    else
        return false;
    ds_time_print(time_s > 0 ? time_s : 0, out);
    return true;
}

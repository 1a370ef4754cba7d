/* SPDX-License-Identifier: Apache-2.0
 *
 * Times as people say them. Questions carry absolute ones only, so that an answer can be repeated.
 */
#ifndef DARKSCOPE_WHEN_H
#define DARKSCOPE_WHEN_H

#include "calendar.h"

/* "now", "today" and "yesterday" (when that day of the calendar began), "-6h" (so long before now)
 * as an absolute time. False where text is none of these, and then out is as it was. */
bool when_resolve(const char *text, int64_t now_s, const struct ds_calendar *calendar,
                  char out[static DS_TIME_TEXT]);

#endif

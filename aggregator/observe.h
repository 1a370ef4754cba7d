/* SPDX-License-Identifier: Apache-2.0
 *
 * What each sensor delivered since the start, for the operator. Plain state of one thread.
 */
#ifndef DARKSCOPE_OBSERVE_H
#define DARKSCOPE_OBSERVE_H

#include "darkscope/window.h"
#include "session.h"

#define DS_OBSERVE_MAX DS_SESSIONS_MAX /* sensors that are told apart */

struct ds_observed {
    char sensor[DS_NAME_MAX + 1];
    int64_t end_s;   /* of its latest window, UTC; 0: none is known */
    int64_t delay_s; /* from the end of its last committed window until it was; may be negative */
    bool has_delay;
    uint64_t outcomes[DS_OUTCOME_COUNT]; /* windows */
    /* Of committed windows. */
    uint64_t books[DS_BOOK_COUNT];
    uint64_t overflow[DS_OVERFLOW_COUNT];
    uint64_t observed_ns;
};

struct ds_observe {
    size_t count;
    uint64_t beyond; /* windows of sensors that found no place */
    struct ds_observed sensors[DS_OBSERVE_MAX];
};

/* A sensor that the store knows: it is told of although it delivers nothing. */
void ds_observe_know(struct ds_observe *o, const char *sensor, int64_t end_s);

/* What became of a window. */
void ds_observe_note(struct ds_observe *o, const char *sensor, enum ds_outcome outcome,
                     const struct ds_window *window, int64_t now_s);

#endif

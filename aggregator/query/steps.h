/* SPDX-License-Identifier: Apache-2.0
 *
 * How a period is cut into the steps of a series. Nothing outside this folder includes it.
 */
#ifndef DARKSCOPE_QUERY_STEPS_H
#define DARKSCOPE_QUERY_STEPS_H

#include "answer.h"

/* count steps between count + 1 edges. All zero: none. */
struct steps {
    struct ds_stride step;
    int64_t *edges_s;
    size_t count;
};

/* The question's step, or the finest usual one that gives few points. */
struct ds_stride ds_steps_choose(const struct answer *a);

/* The steps that from_s to to_s touch, at most most; or (count above 0) so many from there on. 0,
 * or -1 with err: DS_USAGE where they are more, or do not begin where windows do. */
int ds_steps_cut(const struct answer *a, struct ds_stride step, const struct ds_range *range,
                 size_t count, size_t most, struct steps *out, struct ds_error *err);
/* Where the time before begins that they are compared with: as many days, months, ..., and of
 * shorter steps as long a time by the zone's clocks. */
int64_t ds_steps_before(const struct answer *a, const struct steps *s);
void ds_steps_finish(struct steps *s);

/* "5m", "hour", "month": what step= takes. */
#define STEP_TEXT 24
const char *ds_step_print(struct ds_stride step, char out[static STEP_TEXT]);

#endif

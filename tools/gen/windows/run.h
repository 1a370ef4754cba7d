/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole run of --windows: window after window, sensor after sensor, with what goes wrong: sensors
 * that are down, messages that come late, out of order or twice.
 */
#ifndef DARKSCOPE_GEN_RUN_H
#define DARKSCOPE_GEN_RUN_H

#include "gaps.h"
#include "sink.h"

#include <signal.h>

struct ds_gen_run {
    const struct ds_gen_plan *plan; /* borrowed */
    struct ds_gen_model *model;
    struct ds_gen_pace pace;
    struct ds_gen_maker maker;
    struct ds_gen_ledger *ledger; /* NULL: none */
    struct ds_gen_gap *gaps;
    size_t gap_count;
    uint64_t made; /* messages, without those sent again */
};

/* 0, or -1 with err; must be given to finish in any case. plan must outlive it. */
int ds_gen_run_init(struct ds_gen_run *r, const struct ds_gen_plan *plan, bool with_truth,
                    struct ds_error *err);
void ds_gen_run_finish(struct ds_gen_run *r);

/* Makes all windows, until *stopped. 0, or -1 with err. */
int ds_gen_run_send(struct ds_gen_run *r, struct ds_gen_sink *sink,
                    const volatile sig_atomic_t *stopped, struct ds_error *err);

/* After send: the truth about what was sent. 0, or -1 with errno. */
int ds_gen_run_write_truth(struct ds_gen_run *r, FILE *to, const char *parameters);

#endif

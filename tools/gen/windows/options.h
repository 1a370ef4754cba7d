/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the command line that is about --windows.
 */
#ifndef DARKSCOPE_GEN_WINDOWS_OPTIONS_H
#define DARKSCOPE_GEN_WINDOWS_OPTIONS_H

#include "plan.h"

#include "darkscope/error.h"

#include <argp.h>

struct ds_gen_windows_options {
    bool wanted;            /* --windows */
    const char *given;      /* the last option that needs it, without dashes; NULL: none */
    const char *store;      /* directory or NULL */
    const char *aggregator; /* endpoint or NULL */
    const struct ds_gen_history *history;
    int64_t utc_offset_s;
    uint32_t sensors, addresses_first, addresses_last;
    uint32_t listed, surges, gaps, late, repeated;
    bool surges_given;
    bool prunes; /* the store */
};

/* What main's own argp reads and hands down. */
struct ds_gen_windows_input {
    struct ds_gen_windows_options *o;
    struct ds_error *err;
};

/* A child for the argp of the whole command line; its input is a struct ds_gen_windows_input. */
extern const struct argp ds_gen_windows_argp;

void ds_gen_windows_defaults(struct ds_gen_windows_options *o);

/* The general options as far as they matter here; 0 where one was not given. */
struct ds_gen_windows_frame {
    uint64_t seed;
    int64_t start_s, duration_ns; /* start_s: -1 where it was not given */
    uint32_t window_s, rate;
};

/* 0, or -1 with err. */
int ds_gen_windows_plan(const struct ds_gen_windows_options *o,
                        const struct ds_gen_windows_frame *f, struct ds_gen_plan *out,
                        struct ds_error *err);

#endif

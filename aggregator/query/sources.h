/* SPDX-License-Identifier: Apache-2.0
 *
 * The listed sources of a period, added up by address. Nothing outside this folder includes it.
 */
#ifndef DARKSCOPE_QUERY_SOURCES_H
#define DARKSCOPE_QUERY_SOURCES_H

#include "answer.h"

/* A source of the whole period; the arrays are borrowed. */
struct source_total {
    uint64_t rank;
    uint64_t packets, all_packets; /* its own; of all sources */
    uint64_t observed_ns, sensors; /* of the windows that still have their lists; of all */
    uint32_t address, asn, ports_peak, windows;
    uint32_t seen, confirmed; /* bits of marks */
    uint8_t classes;          /* bits of enum ds_class */
    uint8_t device;
    bool survey;
    ds_country country;
    int64_t first_s, last_s;
    const char (*marks)[DS_SIGNATURE_ID_MAX + 1];
    unsigned mark_count;
};

/* Any return but 0 ends the walk. */
typedef int source_fn(void *arg, const struct source_total *source);

/* Walks the first limit of them, most packets first; of DS_QUERY_SOURCES_MAX at most. 0, what each
 * returned, or -1. */
int ds_sources_walk(struct answer *a, uint64_t limit, source_fn *each, void *arg,
                    struct ds_error *err);

#endif

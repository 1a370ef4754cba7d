/* SPDX-License-Identifier: Apache-2.0
 *
 * The aggregator's own state in Prometheus' text format (version 0.0.4), for its operator. Network
 * thread.
 */
#ifndef DARKSCOPE_METRICS_H
#define DARKSCOPE_METRICS_H

#include "receive.h"
#include "serve.h"

#define DS_METRICS_STORE_S   15     /* the store's directory is looked at so often, at most */
#define DS_METRICS_FILES_MAX 100000 /* files of it that are counted */
#define DS_METRICS_KINDS     5

/* Files of the store's directory by kind, and the room beside them. */
struct ds_metrics_store {
    int64_t looked_ns; /* steady; 0: never */
    uint64_t bytes[DS_METRICS_KINDS], files[DS_METRICS_KINDS];
    uint64_t free_bytes, size_bytes; /* of the file system */
    bool is_readable;
};

struct ds_metrics {
    const struct ds_receive *receive;
    struct ds_ingest *ingest;
    const struct ds_answerer *answerer;
    const struct ds_serve *serve;
    const char *directory; /* of the store */
    int64_t started_s;     /* UTC */
    struct ds_metrics_store store;
};

/* The text, to be freed; NULL without memory. */
char *ds_metrics_print(struct ds_metrics *m, int64_t now_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking after the files of a store, for `darkscope store`: what there is, whether it is sound,
 * packing it anew.
 */
#ifndef DARKSCOPE_STORE_CARE_H
#define DARKSCOPE_STORE_CARE_H

#include "store.h"

struct ds_store_file {
    const char *name;
    uint64_t bytes;       /* on disk, with its log */
    int64_t from_s, to_s; /* its period */
    uint64_t windows;     /* in it, or summed up in it */
    uint64_t sensors, cells;
    int64_t generation; /* of minutes */
    const char *fault;  /* NULL: it can be read, the figures are its */
};

typedef int ds_store_file_fn(void *arg, const struct ds_store_file *file);
typedef int ds_store_fault_fn(void *arg, const char *name, const char *what);

/* Walks the files, minutes, hours, days, each by time. 0, what each returned, or -1. */
int ds_store_info(struct ds_store *store, ds_store_file_fn *each, void *arg, struct ds_error *err);

/* Reads everything: pages, checksums, whether the books balance and the levels agree. Calls each
 * for a fault. A store may be in use meanwhile. 0 with *faults, or -1. */
int ds_store_check(struct ds_store *store, ds_store_fault_fn *each, void *arg, uint64_t *faults,
                   struct ds_error *err);

/* On a writer: puts the cells of each month that ended before now_s in order of port, so that a
 * port's year lies together on disk, and gives back free space; those done before are left as they
 * are. one: at most one file. 1 if something was done, 0, -1. */
int ds_store_repack(struct ds_store *store, int64_t now_s, bool one, struct ds_error *err);

#endif

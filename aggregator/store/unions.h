/* SPDX-License-Identifier: Apache-2.0
 *
 * Sketches of several times that become those of all of them; and those of the hours that are still
 * open, which a writer keeps as their windows come, so that they need not be read again. What is
 * kept is a convenience: it is forgotten where it may not be what the file has.
 */
#ifndef DARKSCOPE_STORE_UNIONS_H
#define DARKSCOPE_STORE_UNIONS_H

#include "darkscope/window.h"

struct union_of {
    bool has_begun;
    bool is_unknown; /* a time had none, or of another secret */
    struct ds_sketches all;
};

/* Takes the next, of a time in which something was counted; it is emptied. 0, or -1 without memory.
 */
int ds_union_add(struct union_of *u, struct ds_sketches *next);
/* In the form in which they are kept: of the 1,024 ports with most sources. */
void ds_union_close(struct union_of *u);
void ds_union_finish(struct union_of *u);

/* Keeps the ports with most sources. */
void ds_union_keep_ports(struct ds_sketches *s, size_t ports);

/* ---- open hours ---- */

#define UNIONS_MAX       32u                 /* hours of sensors: those that come first */
#define UNION_BYTES_MAX  ((size_t)64 << 20)  /* of one */
#define UNIONS_BYTES_MAX ((size_t)256 << 20) /* of all */
#define UNION_EVERY      16u                 /* windows between two looks at that */

struct open_union {
    bool is_used;
    int64_t hour_s, sensor, generation;
    uint64_t windows; /* in which something was counted */
    size_t bytes;     /* at the last look */
    struct union_of united;
};

struct unions {
    struct open_union open[UNIONS_MAX];
};

/* A window was committed, the first with its start. */
void ds_unions_note(struct unions *u, int64_t sensor, int64_t generation,
                    const struct ds_window *w);
/* An hour is no longer what it was. */
void ds_unions_forget(struct unions *u, int64_t hour_s, int64_t sensor);
/* Hands over that of the hour, of so many windows, which the caller finishes. False: it must be
 * read. */
bool ds_unions_take(struct unions *u, int64_t hour_s, int64_t sensor, int64_t generation,
                    uint64_t windows, struct union_of *out);
void ds_unions_finish(struct unions *u);

#endif

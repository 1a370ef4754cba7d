/* SPDX-License-Identifier: Apache-2.0
 *
 * What a capture did to an interface with rights that the sensor has given up since, undone in the
 * end: by a process of its own, which keeps them and does nothing but wait for the sensor's end,
 * however that comes. It reads no packet.
 */
#ifndef DARKSCOPE_UNDO_H
#define DARKSCOPE_UNDO_H

#include <sys/types.h>

struct ds_undo {
    pid_t process;
    int end; /* closed by us or by our end */
};

/* Starts it: it has a copy of all that is there now, and calls undo(arg) on that. While there is no
 * other thread. 0, or -1 with errno. */
int ds_undo_start(struct ds_undo *u, void (*undo)(void *), void *arg);

/* Has it undone, and waits for that. */
void ds_undo_finish(struct ds_undo *u);

#endif

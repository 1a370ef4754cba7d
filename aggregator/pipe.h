/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer on its way from the thread that makes it to the thread that sends it: pieces in order,
 * at most DS_PIPE_PIECES at a time. A short answer is complete before any of it is read, so its
 * size is known; of a long one the writer waits until the reader took a piece.
 */
#ifndef DARKSCOPE_PIPE_H
#define DARKSCOPE_PIPE_H

#include <stdbool.h>
#include <stddef.h>

#define DS_PIPE_PIECE_BYTES ((size_t)64 << 10)
#define DS_PIPE_PIECES      16
#define DS_PIPE_WAIT_MS     50 /* so often a waiting writer looks whether it is worth while */

struct ds_pipe;

struct ds_pipe *ds_pipe_create(void);    /* NULL without memory */
void ds_pipe_destroy(struct ds_pipe *p); /* accepts NULL */

/* Writer. Is there room for another piece? */
bool ds_pipe_has_room(struct ds_pipe *p);
/* Writer. Waits for room, at most DS_PIPE_WAIT_MS. */
void ds_pipe_wait(struct ds_pipe *p);
/* Writer, where there is room. False without memory; then nothing is appended. */
bool ds_pipe_push(struct ds_pipe *p, const void *bytes, size_t size);

/* Reader. The oldest piece, the caller's to free; NULL where there is none now. */
char *ds_pipe_pop(struct ds_pipe *p, size_t *size);

/* Any thread: bytes now inside. */
size_t ds_pipe_bytes(struct ds_pipe *p);

#endif

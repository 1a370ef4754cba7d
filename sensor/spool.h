/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory that keeps windows over a crash: files that are only appended to, with a sum over
 * every record, deleted once all their windows are done. It never says anything and never waits for
 * room: who uses it has memory to go on with where the disk does not work.
 *
 * A record survives the end of the process from the moment that it is appended, and that of the
 * host once ds_spool_sync has brought it to the disk. One thread.
 */
#ifndef DARKSCOPE_SPOOL_H
#define DARKSCOPE_SPOOL_H

#include "darkscope/error.h"
#include "spool_record.h"

#define DS_SPOOL_MIB_DEFAULT 1024 /* about 2 days of a /16 */
#define DS_SPOOL_MIB_MIN     64   /* more than a few of the largest windows */
#define DS_SPOOL_MIB_MAX     (1 << 20)
/* The bound is kept by deleting whole files, so there are many, of at most so many bytes. */
#define DS_SPOOL_FILES       16
#define DS_SPOOL_FILE_MAX    ((uint64_t)16 << 20)

/* Where a window is; file 0: nowhere. */
struct ds_spool_place {
    uint64_t file, offset;
};

struct ds_spool;

/* What was found in the directory: a window, or that one found before is done. */
typedef void ds_spool_found_fn(void *arg, const struct ds_spool_record *record,
                               struct ds_spool_place place);

/* Opens the directory, or makes it, for this process alone. 0, or -1 with err: it is in use, others
 * may enter it, or it cannot be had. */
int ds_spool_open(const char *directory, uint64_t bytes_max, struct ds_spool **out,
                  struct ds_error *err);
/* Gives all that earlier runs left there to found, in the order in which it was written; to be
 * called before anything is appended. 0, or -1 with err. */
int ds_spool_find(struct ds_spool *s, ds_spool_found_fn *found, void *arg, struct ds_error *err);
/* Places that ds_spool_find could not read, together of so many bytes. */
uint64_t ds_spool_damages(const struct ds_spool *s, uint64_t *damaged_bytes);
/* Brings what was appended to the disk. Accepts NULL. */
void ds_spool_close(struct ds_spool *s);

/* Would a body of so many bytes pass the bound? Then the oldest file is to be dropped, whose
 * windows may be written anew before, in not more than ds_spool_spare bytes. */
bool ds_spool_is_full(const struct ds_spool *s, size_t size);
size_t ds_spool_spare(const struct ds_spool *s);
/* 0: there is none. */
uint64_t ds_spool_oldest(const struct ds_spool *s);
/* Deletes the oldest file with all that it holds; *file says which. -1 with errno. */
int ds_spool_drop_oldest(struct ds_spool *s, uint64_t *file);

/* Appends a window. 0, or -1 with errno; then nothing is appended. */
int ds_spool_append(struct ds_spool *s, const struct ds_spool_record *window,
                    struct ds_spool_place *place);
/* Reads a window of so many bytes back; *out is the caller's to free. 0, or -1 with errno, which
 * is EBADMSG where it is damaged. */
int ds_spool_read(const struct ds_spool *s, struct ds_spool_place place, size_t size,
                  uint8_t **out);
/* The window there is done: says so in the spool (where that fails it is found again at the next
 * start), and deletes files that nobody needs. Of the file with the latest window the deletion
 * waits until the next one is done: it tells a later run who this one was. */
void ds_spool_done(struct ds_spool *s, struct ds_spool_place place,
                   const struct ds_spool_record *window);
/* The window there was found to be done before. */
void ds_spool_release(struct ds_spool *s, struct ds_spool_place place);

/* Brings what was appended to the disk. 0, 1 where there is nothing to do or the last time is less
 * than DS_SPOOL_SYNC_NS ago, or -1 with errno. */
#define DS_SPOOL_SYNC_NS (1 * DS_NS_PER_S)
int ds_spool_sync(struct ds_spool *s, int64_t now_ns);
/* The same at once: 0, or -1 with errno. */
int ds_spool_flush(struct ds_spool *s);

/* Nothing is needed any more: deletes all files. */
void ds_spool_clear(struct ds_spool *s);

/* Of all files together. */
uint64_t ds_spool_bytes(const struct ds_spool *s);

#endif

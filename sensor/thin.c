/* SPDX-License-Identifier: Apache-2.0 */
#include "thin.h"

#include "coarsen.h"

#include <stdlib.h>

/* Windows in the spool's oldest file, entries[from] to entries[to], as one. */
struct rewritten {
    size_t from, to;
    uint8_t *bytes;
    size_t size;
};

/* A file's windows, in order, and what is to stand for them, the latest first. */
struct thinning {
    struct ds_backlog *backlog;
    struct ds_backlog_entry **entries;
    size_t count;
    struct rewritten *out;
    size_t out_count, bytes;
    struct ds_coarse coarse; /* of entries[from] to entries[to] */
    size_t from, to;
    uint8_t *only; /* its message, while it is one */
};

static int list_windows(struct thinning *t, uint64_t file)
{
    struct ds_backlog_entry *e;
    t->entries = calloc(t->backlog->count, sizeof *t->entries);
    t->out = calloc(t->backlog->count, sizeof *t->out);
    if (!t->entries || !t->out)
        return -1;
    STAILQ_FOREACH(e, &t->backlog->entries, next)
    {
        if (!e->bytes && e->place.file == file)
            t->entries[t->count++] = e;
    }
    return 0;
}

/* What was merged so far is complete. */
static int end_window(struct thinning *t)
{
    struct rewritten r = {.from = t->from, .to = t->to, .bytes = t->only};
    if (t->coarse.count == 0)
        return 0;
    r.size = t->entries[t->to]->size;
    if (t->coarse.count > 1 && ds_coarsen_encode(&t->coarse, &r.bytes, &r.size) < 0)
        return -1;
    ds_coarsen_finish(&t->coarse);
    t->only = NULL;
    t->bytes += DS_SPOOL_HEAD_BYTES + r.size;
    t->out[t->out_count++] = r;
    return 0;
}

/* May entries[i] become part of the window that entries[i + 1] begins? */
static bool goes_on(const struct thinning *t, size_t i)
{
    const struct ds_backlog_entry *e = t->entries[i], *later = t->entries[i + 1];
    return e->is_of_this_run && !e->was_sent && !later->was_sent && later->is_of_this_run &&
           e->sequence + 1 == later->first;
}

/* Adds entries[i] to those behind it, or begins a window with it. Takes its bytes. */
static int add_bytes(struct thinning *t, size_t i, uint8_t *bytes)
{
    size_t size = t->entries[i]->size;
    enum ds_coarsen result = ds_coarsen_add(&t->coarse, bytes, size);
    if (result == DS_COARSEN_OTHER && end_window(t) == 0)
        result = ds_coarsen_add(&t->coarse, bytes, size);
    t->from = i;
    if (t->coarse.count > 1 || result != DS_COARSEN_OK) {
        free(bytes);
        bytes = NULL;
    }
    free(t->only);
    t->only = bytes;
    if (bytes)
        t->to = i;
    return result == DS_COARSEN_OK ? 0 : -1;
}

static int add_window(struct thinning *t, size_t i)
{
    uint8_t *bytes;
    const struct ds_backlog_entry *e = t->entries[i];
    if (t->coarse.count && !goes_on(t, i) && end_window(t) < 0)
        return -1;
    if (ds_spool_read(t->backlog->spool, e->place, e->size, &bytes) < 0)
        return -1;
    return add_bytes(t, i, bytes);
}

/* Writes one of the new windows. */
static int write_anew(struct thinning *t, const struct rewritten *r)
{
    struct ds_backlog_entry *last = t->entries[r->to];
    struct ds_spool_place place;
    struct ds_spool_record record = ds_backlog_record(t->backlog, last);
    record.first = t->entries[r->from]->first;
    record.body = r->bytes;
    record.size = (uint32_t)r->size;
    if (ds_spool_append(t->backlog->spool, &record, &place) < 0)
        return -1;
    ds_spool_release(t->backlog->spool, last->place);
    last->place = place;
    last->size = r->size;
    last->first = record.first;
    for (size_t i = r->from; i < r->to; i++)
        ds_backlog_replace(t->backlog, t->entries[i]);
    t->backlog->merged += r->to - r->from;
    return 0;
}

/* Also where one fails are those before it brought to the disk: the file they came from goes. */
static int write_all(struct thinning *t)
{
    int failed = 0;
    for (size_t i = t->out_count; i-- > 0 && !failed;)
        failed = write_anew(t, &t->out[i]);
    return ds_spool_flush(t->backlog->spool) < 0 ? -1 : failed;
}

static void finish_thinning(struct thinning *t)
{
    for (size_t i = 0; i < t->out_count; i++)
        free(t->out[i].bytes);
    ds_coarsen_finish(&t->coarse);
    free(t->only);
    free(t->out);
    free(t->entries);
}

int ds_thin_oldest_file(struct ds_backlog *b)
{
    struct thinning t = {.backlog = b};
    int failed = list_windows(&t, ds_spool_oldest(b->spool));
    for (size_t i = t.count; i-- > 0 && !failed;)
        failed = add_window(&t, i);
    if (!failed)
        failed = end_window(&t);
    if (!failed)
        failed = t.bytes > ds_spool_spare(b->spool) ? -1 : write_all(&t);
    finish_thinning(&t);
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a capture file whole and notes what came, for the tests of the capture.
 */
#ifndef DARKSCOPE_TEST_CAPTURE_OUTCOME_H
#define DARKSCOPE_TEST_CAPTURE_OUTCOME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture-files.h"
#include "capture.h"

#include <stdio.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Most packets whose details a test looks at. */
#define SEEN_MAX 16

struct seen {
    uint8_t first; /* data[0], or 0 */
    uint32_t captured, wire;
    int64_t time_ns;
    uint16_t link;
};

struct outcome {
    bool opened;
    int end; /* what the last read returned */
    struct ds_error err;
    size_t packets;
    uint64_t digest; /* of all fields and data of all packets */
    struct seen seen[SEEN_MAX];
};

static inline void mix(uint64_t *digest, const void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *digest = (*digest ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
}

static inline void note(struct outcome *o, const struct ds_frame *f)
{
    struct seen s = {f->captured ? f->data[0] : 0, f->captured, f->wire, f->time_ns, f->link};
    if (o->packets < SEEN_MAX)
        o->seen[o->packets] = s;
    o->packets++;
    mix(&o->digest, &f->captured, sizeof f->captured);
    mix(&o->digest, &f->wire, sizeof f->wire);
    mix(&o->digest, &f->time_ns, sizeof f->time_ns);
    mix(&o->digest, &f->link, sizeof f->link);
    mix(&o->digest, f->data, f->captured);
}

static inline struct outcome read_by(const char *path, size_t most)
{
    struct outcome o = {.digest = 0xcbf29ce484222325u};
    struct ds_capture *c = NULL;
    struct ds_frame frames[DS_CAPTURE_BATCH];
    if (ds_capture_open_file(path, &c, &o.err) < 0) {
        assert_null(c);
        return o;
    }
    o.opened = true;
    assert_false(c->ops->is_live);
    while ((o.end = c->ops->read(c, frames, most, &o.err)) > 0) {
        assert_true((size_t)o.end <= most);
        for (int i = 0; i < o.end; i++)
            note(&o, &frames[i]);
    }
    /* The end is final. */
    struct ds_error again;
    assert_int_equal(c->ops->read(c, frames, most, &again), o.end);
    struct ds_capture_loss loss;
    c->ops->loss(c, &loss);
    assert_true(loss.kernel == 0 && loss.interface == 0);
    c->ops->destroy(c);
    return o;
}

struct place {
    char dir[64], path[96];
};

static inline int make_place(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    strcpy(p->dir, "/tmp/test-capture-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->path, sizeof p->path, "%s/file", p->dir);
    *state = p;
    return 0;
}

static inline int remove_place(void **state)
{
    struct place *p = *state;
    unlink(p->path);
    rmdir(p->dir);
    free(p);
    return 0;
}

static inline void write_file(const struct place *p, const void *data, size_t bytes)
{
    FILE *f = fopen(p->path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static inline struct outcome read_bytes(const struct place *p, const void *data, size_t bytes)
{
    write_file(p, data, bytes);
    return read_by(p->path, DS_CAPTURE_BATCH);
}

/* Reads what was built, and frees it. */
static inline struct outcome read_built(const struct place *p, struct build *b)
{
    struct outcome o = read_bytes(p, b->data, b->bytes);
    free(b->data);
    *b = (struct build){0};
    return o;
}

static inline void assert_seen(const struct seen *s, uint8_t first, uint32_t captured,
                               uint32_t wire, int64_t time_ns, uint16_t link)
{
    assert_int_equal(s->first, first);
    assert_int_equal(s->captured, captured);
    assert_int_equal(s->wire, wire);
    assert_true(s->time_ns == time_ns);
    assert_int_equal(s->link, link);
}

static inline void assert_ended(const struct outcome *o, size_t packets)
{
    if (!o->opened || o->end != DS_CAPTURE_ENDED)
        print_message("# %s\n", o->err.text);
    assert_true(o->opened);
    assert_int_equal(o->end, DS_CAPTURE_ENDED);
    assert_int_equal(o->packets, packets);
}

static inline void assert_failed(const struct outcome *o, size_t packets, enum ds_status status,
                                 const char *text)
{
    assert_true(o->opened);
    assert_int_equal(o->end, DS_CAPTURE_FAILED);
    assert_int_equal(o->packets, packets);
    assert_int_equal(o->err.status, status);
    if (!strstr(o->err.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, o->err.text);
    assert_null(strchr(o->err.text, '\n'));
}

static inline void assert_refused(const struct outcome *o, enum ds_status status, const char *text)
{
    assert_false(o->opened);
    assert_int_equal(o->err.status, status);
    if (!strstr(o->err.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, o->err.text);
    assert_null(strchr(o->err.text, '\n'));
}

#endif

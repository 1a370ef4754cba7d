/* SPDX-License-Identifier: Apache-2.0 */
#include "merge_sources.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 256 /* of a window, see struct ds_source_record */

/* The bit of a name, added where it is new; 0 where there is no room. */
static uint32_t bit_of(struct ds_marks *m, const char *name)
{
    unsigned i = 0;
    while (i < m->count && strcmp(m->names[i], name) != 0)
        i++;
    if (i == DS_MARKS_MAX)
        return 0;
    if (i == m->count)
        strcpy(m->names[m->count++], name);
    return UINT32_C(1) << i;
}

static uint32_t translate(uint32_t bits, const uint32_t *to)
{
    uint32_t translated = 0;
    for (; bits; bits &= bits - 1)
        translated |= to[__builtin_ctz(bits)];
    return translated;
}

/* A time in w as one in span. */
static uint8_t place_in(struct ds_span span, const struct ds_window *w, uint8_t time)
{
    if (w->start_s == span.start_s && w->seconds == span.seconds)
        return time;
    int64_t steps = (w->start_s - span.start_s) * STEPS + (int64_t)time * w->seconds;
    int64_t placed = steps / span.seconds;
    return (uint8_t)(placed < STEPS ? placed : STEPS - 1);
}

int ds_marks_translate(struct ds_marks *m, const struct ds_window *w, struct ds_span span,
                       struct ds_source_record **out)
{
    uint32_t to[32] = {0};
    for (unsigned i = 0; i < w->mark_count; i++)
        to[i] = bit_of(m, w->marks[i]);
    *out = NULL;
    if (w->source_record_count == 0)
        return 0;
    struct ds_source_record *records = malloc(w->source_record_count * sizeof *records);
    if (!records)
        return -1;
    for (size_t i = 0; i < w->source_record_count; i++) {
        struct ds_source_record *r = &records[i];
        *r = w->source_records[i];
        r->seen = translate(r->seen, to);
        r->confirmed = translate(r->confirmed, to);
        r->first = place_in(span, w, r->first);
        r->last = place_in(span, w, r->last);
    }
    *out = records;
    return 0;
}

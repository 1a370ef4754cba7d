/* SPDX-License-Identifier: Apache-2.0 */
#include "coarsen.h"

#include "darkscope/merge.h"
#include "darkscope/message.h"

#include <stdlib.h>

static bool is_of_its_hour(const struct ds_coarse *c, const struct ds_window *w)
{
    int64_t hour_s = DS_WINDOW_SECONDS_MAX;
    return c->count == 0 || w->start_s / hour_s == c->window.start_s / hour_s;
}

static enum ds_coarsen add_window(struct ds_coarse *c, const struct ds_message *m)
{
    if (!is_of_its_hour(c, &m->window))
        return DS_COARSEN_OTHER;
    uint32_t merged = c->count ? c->window.merged + 1 : 0;
    int result = ds_merge_window(&c->window, &m->window, DS_MERGE_HOUR);
    if (result != 0)
        return result == DS_MERGE_FULL ? DS_COARSEN_OTHER : DS_COARSEN_FAILED;
    c->window.merged = merged + m->window.merged;
    if (c->count++ == 0)
        c->sequence = m->sequence;
    return DS_COARSEN_OK;
}

enum ds_coarsen ds_coarsen_add(struct ds_coarse *c, const uint8_t *message, size_t size)
{
    struct ds_message m;
    enum ds_coarsen result = DS_COARSEN_FAILED;
    if (ds_message_decode(&m, message, size, NULL) == DS_DECODE_OK && m.kind == DS_MESSAGE_WINDOW)
        result = add_window(c, &m);
    ds_message_finish(&m);
    return result;
}

/* Would an aggregator take it? What it refuses must not replace what it would have taken. */
static bool is_sound(const uint8_t *message, size_t size)
{
    struct ds_message m;
    if (size > DS_MESSAGE_MAX)
        return false;
    bool sound = ds_message_decode(&m, message, size, NULL) == DS_DECODE_OK &&
                 !ds_window_imbalance(&m.window);
    ds_message_finish(&m);
    return sound;
}

int ds_coarsen_encode(const struct ds_coarse *c, uint8_t **message, size_t *size)
{
    const struct ds_message m = {
        .kind = DS_MESSAGE_WINDOW, .sequence = c->sequence, .window = c->window};
    if (ds_message_encode(&m, message, size))
        return -1;
    if (is_sound(*message, *size))
        return 0;
    free(*message);
    return -1;
}

void ds_coarsen_finish(struct ds_coarse *c)
{
    ds_window_finish(&c->window);
    *c = (struct ds_coarse){.count = 0};
}

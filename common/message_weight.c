/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory a window will take when it is decoded, told by its message without taking any:
 * the large tables say at their beginning how many rows they have.
 */
#include "cursor.h"
#include "frame.h"

#include "darkscope/message.h"

/* The tables that are no columns are small. A row of theirs is longer in memory than in the
 * message by less than this, but there are not more of them than the bounds allow. */
#define SPREAD 16
static const size_t small_tables = DS_COUNTRIES_MAX * sizeof(struct ds_country_tally) +
                                   DS_DEVICES_MAX * sizeof(struct ds_device_tally) +
                                   DS_SIGNATURES_MAX * sizeof(struct ds_signature_tally) +
                                   DS_ATTACKS_MAX * sizeof(struct ds_attack);

static const struct {
    const char *key;
    size_t row_bytes;
    bool is_kept; /* the columns themselves, too */
} columns[] = {
    {"cells", sizeof(struct ds_cell), false},
    {"source_records", sizeof(struct ds_source_record), true},
};

/* Rows with their keys, of each register in use no more than an entry of a list, and the value
 * itself. */
static size_t weigh_sketches(struct ds_cursor *c)
{
    const uint8_t *begin = c->at;
    if (ds_cursor_nil(c))
        return 0;
    uint32_t values = ds_cursor_array(c, DS_MESSAGE_KEYS_MAX);
    for (int i = 0; i < 3; i++) /* secret, floor, names */
        ds_cursor_skip(c);
    struct ds_bytes rows = ds_cursor_bin(c), registers = ds_cursor_bin(c);
    for (; values > 5 && !c->failed; values--)
        ds_cursor_skip(c);
    if (c->failed)
        return 0;
    return ds_frame_count_rows(rows.data, rows.size) * sizeof(struct ds_sketch_row) +
           ds_frame_count_rows(registers.data, registers.size) * sizeof(uint32_t) +
           (size_t)(c->at - begin);
}

/* Of one table, whose value is next; it is consumed. */
static size_t weigh_value(struct ds_cursor *c, struct ds_bytes key)
{
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (!ds_bytes_equal(key, columns[i].key))
            continue;
        struct ds_bytes packed = ds_cursor_bin(c);
        if (c->failed)
            return 0;
        return ds_frame_count_rows(packed.data, packed.size) * columns[i].row_bytes +
               (columns[i].is_kept ? packed.size : 0);
    }
    if (ds_bytes_equal(key, "sketches"))
        return weigh_sketches(c);
    ds_cursor_skip(c);
    return 0;
}

static size_t weigh_window(struct ds_cursor *c)
{
    size_t bytes = 0;
    for (uint32_t pairs = ds_cursor_map(c, DS_MESSAGE_KEYS_MAX); pairs && !c->failed; pairs--) {
        struct ds_bytes key = ds_cursor_str(c);
        bytes += c->failed ? 0 : weigh_value(c, key);
    }
    return bytes;
}

size_t ds_message_weight(const void *message, size_t size)
{
    struct ds_cursor c;
    size_t bytes = 0;
    ds_cursor_init(&c, message, size);
    for (uint32_t pairs = ds_cursor_map(&c, DS_MESSAGE_KEYS_MAX); pairs && !c.failed; pairs--) {
        struct ds_bytes key = ds_cursor_str(&c);
        if (!c.failed && ds_bytes_equal(key, "window"))
            bytes += weigh_window(&c);
        else
            ds_cursor_skip(&c);
    }
    size_t spread = size < small_tables / SPREAD ? size * SPREAD : small_tables;
    return sizeof(struct ds_window) + spread + bytes;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns instead of a map for each packet: a third of the bytes, and what a drawing program wants.
 * One table says what columns there are, for writing and for checking.
 */
#include "darkscope/live.h"

#include "cursor.h"
#include "darkscope/text.h"
#include "fields.h"

#include <stdlib.h>
#include <string.h>

#define COLUMN(name, member, most)                                                                 \
    {                                                                                              \
        .key = name, .at = offsetof(struct ds_sample, member),                                     \
        .bytes = sizeof((struct ds_sample *)0)->member, .max = most                                \
    }

static const struct column {
    const char *key;
    size_t at, bytes; /* of the member */
    uint32_t max;
} columns[] = {
    COLUMN("offset_ms", offset_ms, UINT32_MAX),
    COLUMN("type", type, DS_TYPE_COUNT - 1),
    COLUMN("class", cls, DS_CLASS_COUNT - 1),
    COLUMN("device", device, DS_DEVICE_COUNT - 1),
    COLUMN("proto", proto, UINT8_MAX),
    COLUMN("port", port, UINT16_MAX),
    COLUMN("source_port", source_port, UINT16_MAX),
    COLUMN("destination_port", destination_port, UINT16_MAX),
    COLUMN("source", source, UINT32_MAX),
    COLUMN("source_id", source_id, UINT32_MAX),
    COLUMN("position", position, UINT16_MAX),
    COLUMN("signatures", signatures, UINT32_MAX),
    COLUMN("weight", weight, UINT32_MAX),
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

/* Beside the columns: kind, sensor, time_ms, rows, marks, country. */
#define SAMPLES_PAIRS (COLUMN_COUNT + 6)
#define PULSE_PAIRS   8

static uint32_t read_member(const struct ds_sample *s, const struct column *c)
{
    uint32_t wide;
    uint16_t half;
    const unsigned char *at = (const unsigned char *)s + c->at;
    if (c->bytes == sizeof wide) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    if (c->bytes == 1)
        return *at;
    memcpy(&half, at, sizeof half);
    return half;
}

static void write_member(struct ds_sample *s, const struct column *c, uint32_t value)
{
    uint16_t half = (uint16_t)value;
    unsigned char *at = (unsigned char *)s + c->at;
    if (c->bytes == sizeof value)
        memcpy(at, &value, sizeof value);
    else if (c->bytes == 1)
        *at = (unsigned char)value;
    else
        memcpy(at, &half, sizeof half);
}

static void pack_marks(msgpack_packer *pk)
{
    ds_pack_text(pk, "marks");
    msgpack_pack_array(pk, DS_SIGNATURE_COUNT);
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++)
        ds_pack_text(pk, ds_signature_name(i));
}

static void pack_countries(msgpack_packer *pk, const struct ds_sample *samples, size_t rows)
{
    char name[3];
    ds_pack_text(pk, "country");
    msgpack_pack_array(pk, rows);
    for (size_t i = 0; i < rows; i++)
        ds_pack_text(pk, ds_country_name(samples[i].country, name));
}

static void pack_head(msgpack_packer *pk, size_t pairs, const char *kind, const char *sensor)
{
    msgpack_pack_map(pk, pairs);
    ds_pack_text(pk, "kind");
    ds_pack_text(pk, kind);
    ds_pack_text(pk, "sensor");
    ds_pack_text(pk, sensor);
}

static void pack_count(msgpack_packer *pk, const char *key, uint64_t value)
{
    ds_pack_text(pk, key);
    msgpack_pack_uint64(pk, value);
}

/* Hands the bytes over. 0, or -1 where one could not be written. */
static int take(struct ds_output *output, unsigned char **out, size_t *size)
{
    if (output->failed) {
        msgpack_sbuffer_destroy(&output->buffer);
        return -1;
    }
    *size = output->buffer.size;
    *out = (unsigned char *)msgpack_sbuffer_release(&output->buffer);
    return 0;
}

int ds_live_encode_samples(const char *sensor, int64_t time_ms, const struct ds_sample *samples,
                           size_t rows, unsigned char **out, size_t *size)
{
    struct ds_output output;
    msgpack_packer *pk = &output.packer;
    ds_output_init(&output);
    pack_head(pk, SAMPLES_PAIRS, "samples", sensor);
    ds_pack_text(pk, "time_ms");
    msgpack_pack_int64(pk, time_ms);
    pack_count(pk, "rows", rows);
    pack_marks(pk);
    pack_countries(pk, samples, rows);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        ds_pack_text(pk, columns[i].key);
        msgpack_pack_array(pk, rows);
        for (size_t row = 0; row < rows; row++)
            msgpack_pack_uint32(pk, read_member(&samples[row], &columns[i]));
    }
    return take(&output, out, size);
}

int ds_live_encode_pulse(const char *sensor, const struct ds_pulse *pulse, unsigned char **out,
                         size_t *size)
{
    struct ds_output output;
    msgpack_packer *pk = &output.packer;
    uint64_t packets = 0;
    ds_output_init(&output);
    pack_head(pk, PULSE_PAIRS, "pulse", sensor);
    ds_pack_text(pk, "time_s");
    msgpack_pack_int64(pk, pulse->time_s);
    ds_pack_text(pk, "types");
    msgpack_pack_array(pk, DS_TYPE_COUNT);
    for (unsigned i = 0; i < DS_TYPE_COUNT; i++) {
        msgpack_pack_uint64(pk, pulse->counts.types[i]);
        packets += pulse->counts.types[i];
    }
    pack_count(pk, "packets", packets);
    pack_count(pk, "outside", pulse->counts.outside);
    pack_count(pk, "malformed", pulse->counts.malformed);
    pack_count(pk, "sampled", pulse->sampled);
    return take(&output, out, size);
}

/* ---- what comes from others ---- */

/* A message while it is read; each of its keys may come once. */
struct reading {
    struct ds_cursor c;
    struct ds_live_message *m;
    uint64_t seen; /* bits: columns, then those below */
};
enum {
    SEEN_SENSOR = COLUMN_COUNT,
    SEEN_TIME,
    SEEN_ROWS,
    SEEN_MARKS,
    SEEN_COUNTRY,
    SEEN_TYPES,
    SEEN_COUNTS /* and those that follow it in counts[] */
};
#define BIT(n) (UINT64_C(1) << (n))
#define SAMPLES_SEEN                                                                               \
    (BIT(COLUMN_COUNT) - 1 + BIT(SEEN_SENSOR) + BIT(SEEN_TIME) + BIT(SEEN_ROWS) +                  \
     BIT(SEEN_MARKS) + BIT(SEEN_COUNTRY))
#define PULSE_SEEN                                                                                 \
    (BIT(SEEN_SENSOR) + BIT(SEEN_TIME) + BIT(SEEN_TYPES) + (BIT(COUNTS) - 1) * BIT(SEEN_COUNTS))

static const struct {
    const char *key;
    size_t at; /* in ds_live_message */
} counts[] = {
    {"packets", offsetof(struct ds_live_message, packets)},
    {"sampled", offsetof(struct ds_live_message, sampled)},
    {"outside", offsetof(struct ds_live_message, counts.outside)},
    {"malformed", offsetof(struct ds_live_message, counts.malformed)},
};
#define COUNTS (sizeof counts / sizeof counts[0])

static void note(struct reading *r, size_t what)
{
    if (r->seen & BIT(what))
        ds_cursor_fail(&r->c, "a key comes twice");
    r->seen |= BIT(what);
}

/* As long as rows says, which must have come before. */
static uint32_t open_column(struct reading *r)
{
    uint32_t n = ds_cursor_array(&r->c, DS_LIVE_ROWS_MAX);
    if (!(r->seen & BIT(SEEN_ROWS)) || n != r->m->rows)
        ds_cursor_fail(&r->c, "a column is not as long as rows says");
    return r->c.failed ? 0 : n;
}

static void read_countries(struct reading *r)
{
    uint32_t rows = open_column(r);
    for (uint32_t i = 0; i < rows; i++) {
        struct ds_bytes code = ds_cursor_str(&r->c);
        if (code.size == 2)
            r->m->samples[i].country = DS_COUNTRY(code.data[0], code.data[1]);
        if (code.size != 2 || !ds_country_valid(r->m->samples[i].country))
            ds_cursor_fail(&r->c, "a country is none");
    }
}

static void read_marks(struct reading *r)
{
    r->m->mark_count = ds_cursor_array(&r->c, DS_LIVE_MARKS_MAX);
    for (unsigned i = 0; i < r->m->mark_count; i++) {
        ds_read_text(&r->c, r->m->marks[i], DS_SIGNATURE_ID_MAX);
        ds_text_clean(r->m->marks[i]);
    }
}

static void read_types(struct reading *r)
{
    if (ds_cursor_array(&r->c, DS_TYPE_COUNT) != DS_TYPE_COUNT)
        ds_cursor_fail(&r->c, "types are not as many as there are");
    for (unsigned i = 0; i < DS_TYPE_COUNT; i++)
        r->m->counts.types[i] = ds_cursor_uint(&r->c, DS_COUNT_MAX);
}

static bool read_column(struct reading *r, struct ds_bytes key)
{
    size_t i = 0;
    while (i < COLUMN_COUNT && !ds_bytes_equal(key, columns[i].key))
        i++;
    if (i == COLUMN_COUNT)
        return false;
    note(r, i);
    uint32_t rows = open_column(r);
    for (uint32_t row = 0; row < rows; row++)
        write_member(&r->m->samples[row], &columns[i],
                     (uint32_t)ds_cursor_uint(&r->c, columns[i].max));
    return true;
}

static bool read_count(struct reading *r, struct ds_bytes key)
{
    size_t i = 0;
    while (i < COUNTS && !ds_bytes_equal(key, counts[i].key))
        i++;
    if (i == COUNTS)
        return false;
    note(r, SEEN_COUNTS + i);
    uint64_t value = ds_cursor_uint(&r->c, DS_COUNT_MAX);
    memcpy((unsigned char *)r->m + counts[i].at, &value, sizeof value);
    return true;
}

static void read_rows(struct reading *r)
{
    r->m->rows = ds_cursor_uint(&r->c, DS_LIVE_ROWS_MAX);
}

/* Keys of one kind that are neither columns nor counts. False where the key is none of them. */
static bool read_other(struct reading *r, struct ds_bytes key)
{
    static const struct {
        const char *key;
        bool is_of_pulse;
        unsigned seen;
        void (*read)(struct reading *r);
    } others[] = {
        {"rows", false, SEEN_ROWS, read_rows},
        {"marks", false, SEEN_MARKS, read_marks},
        {"country", false, SEEN_COUNTRY, read_countries},
        {"types", true, SEEN_TYPES, read_types},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (others[i].is_of_pulse != r->m->is_pulse || !ds_bytes_equal(key, others[i].key))
            continue;
        note(r, others[i].seen);
        others[i].read(r);
        return true;
    }
    return false;
}

/* One pair behind `kind`; keys of later versions are passed over. */
static void read_pair(struct reading *r)
{
    struct ds_live_message *m = r->m;
    struct ds_bytes key = ds_cursor_str(&r->c);
    if (ds_bytes_equal(key, "sensor")) {
        note(r, SEEN_SENSOR);
        ds_read_text(&r->c, m->sensor, DS_NAME_MAX);
        if (!ds_name_valid(m->sensor))
            ds_cursor_fail(&r->c, "the sensor has no name");
    } else if (ds_bytes_equal(key, m->is_pulse ? "time_s" : "time_ms")) {
        note(r, SEEN_TIME);
        m->time = ds_cursor_int(&r->c);
        if (m->time < 0 || m->time > (m->is_pulse ? DS_TIME_MAX : DS_TIME_MAX * 1000))
            ds_cursor_fail(&r->c, "a time is before 1970 or after 9999");
    } else if (!read_other(r, key) && !(m->is_pulse ? read_count(r, key) : read_column(r, key))) {
        ds_cursor_skip(&r->c);
    }
}

const char *ds_live_decode(const void *bytes, size_t size, struct ds_live_message *out)
{
    struct reading r = {.m = out};
    memset(out, 0, sizeof *out);
    if (size > DS_LIVE_MESSAGE_MAX)
        return "too long";
    ds_cursor_init(&r.c, bytes, size);
    uint32_t pairs = ds_cursor_map(&r.c, DS_MESSAGE_KEYS_MAX);
    if (pairs == 0 || !ds_bytes_equal(ds_cursor_str(&r.c), "kind"))
        return "not a message of the live feed";
    struct ds_bytes kind = ds_cursor_str(&r.c);
    out->is_pulse = ds_bytes_equal(kind, "pulse");
    if (!out->is_pulse && !ds_bytes_equal(kind, "samples"))
        return "neither samples nor a pulse";
    for (uint32_t i = 1; i < pairs && !r.c.failed; i++)
        read_pair(&r);
    uint64_t wanted = out->is_pulse ? PULSE_SEEN : SAMPLES_SEEN;
    if (!r.c.failed && r.c.at != r.c.end)
        ds_cursor_fail(&r.c, "bytes behind its end");
    if (!r.c.failed && (r.seen & wanted) != wanted)
        ds_cursor_fail(&r.c, "a key is missing");
    return r.c.failed ? (r.c.why ? r.c.why : "a value is not what it should be") : NULL;
}

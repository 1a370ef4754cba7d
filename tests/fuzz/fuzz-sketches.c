/* SPDX-License-Identifier: Apache-2.0
 *
 * Sketches as columns. The first byte says how many names there are, the second and third how long
 * the table of rows is; the rest is that of registers, and as it stands one packed sketch. What is
 * read keeps every promise, and comes back from its own bytes.
 */
#include "fuzz.h"
#include "sketch_columns.h"

#include <math.h>
#include <zstd.h>

#define HEAD 3

static struct ds_sketch_coder coder;

static void check_sketch(const struct ds_sketch *s)
{
    uint32_t at = 0, count = 0, before = 0;
    for (uint32_t entry; (entry = ds_sketch_next(s, &at)); count++, before = entry) {
        check(entry >> 8 < UINT32_C(1) << s->precision);
        check((entry & UINT8_MAX) <= ds_sketch_rank_max(s->precision));
        check(count == 0 || entry >> 8 > before >> 8);
    }
    check(count == s->count &&
          (s->registers != NULL) == (count > UINT32_C(1) << s->precision >> 2));
    struct ds_estimate e = ds_sketch_estimate(s);
    check(isfinite(e.count) && isfinite(e.error) && e.count >= 0);
}

static void check_alone(const struct ds_sketch *s)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    struct ds_sketch back, united;
    const char *why = NULL;
    check_sketch(s);
    check(ds_sketch_pack(&coder, s, &bytes, &size) == 0);
    check(ds_sketch_unpack(&coder, bytes, size, &back, &why) == DS_DECODE_OK &&
          ds_sketch_equal(s, &back));
    check(ds_sketch_copy(s, &united) == 0 && ds_sketch_merge(&united, &back) == 0);
    check(ds_sketch_equal(s, &united));
    check(ds_sketch_fold(&united, DS_SKETCH_PRECISION_MIN) == 0);
    check_sketch(&united);
    free(bytes);
    ds_sketch_finish(&back);
    ds_sketch_finish(&united);
}

static void read_alone(const uint8_t *data, size_t size)
{
    struct ds_sketch s;
    const char *why = NULL;
    ds_sketch_init(&s, DS_SKETCH_FINE);
    enum ds_decode result = ds_sketch_unpack(&coder, data, size, &s, &why);
    check((result == DS_DECODE_MALFORMED) == (why != NULL));
    if (result == DS_DECODE_OK)
        check_alone(&s);
    ds_sketch_finish(&s);
}

static struct ds_bytes compress(const uint8_t *data, size_t size)
{
    size_t room = ZSTD_compressBound(size);
    char *frame = malloc(room);
    check(frame != NULL);
    return (struct ds_bytes){frame, ZSTD_compress(frame, room, data, size, -1)};
}

static void check_all(struct ds_sketches *s)
{
    struct ds_sketches copy;
    for (size_t i = 0; i < s->count; i++) {
        check(ds_sketch_key_valid(&s->rows[i].key));
        check(i == 0 || ds_sketch_key_compare(&s->rows[i - 1].key, &s->rows[i].key) < 0);
        check_sketch(&s->rows[i].sketch);
        check(s->rows[i].sketch.count > 0);
    }
    s->known = true;
    check(ds_sketches_copy(s, &copy) == 0 && ds_sketches_equal(s, &copy));
    check(ds_sketches_merge(&copy, s) == 0 && copy.count == s->count);
    ds_sketches_trim(&copy);
    ds_sketches_finish(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ds_sketch_name names[] = {{"a"}, {"b"}, {"mirai"}, {"zmap"}};
    if (size < HEAD)
        return 0;
    size_t name_count = data[0] % 5, rows_bytes = data[1] | (size_t)data[2] << 8;
    if (rows_bytes > size - HEAD)
        rows_bytes = size - HEAD;
    struct ds_bytes rows = compress(data + HEAD, rows_bytes);
    struct ds_bytes registers = compress(data + HEAD + rows_bytes, size - HEAD - rows_bytes);
    struct ds_sketches s = {0};
    const char *why = NULL;
    enum ds_decode result = ds_sketch_columns_unpack(rows, registers, names, name_count, &s, &why);
    check((result == DS_DECODE_MALFORMED) == (why != NULL));
    if (result == DS_DECODE_OK)
        check_all(&s);
    ds_sketches_finish(&s);
    free((char *)rows.data);
    free((char *)registers.data);
    read_alone(data, size);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Avro files by avro-c. Its writer would drop the docs and the kinds of times from the schema, so
 * the head of the file is written here; the blocks of rows behind it are avro-c's, which takes rows
 * that are encoded already.
 */
#include "exporting.h"

#include <avro.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BLOCK_BYTES ((size_t)64 << 10)
#define SYNC_BYTES  16
#define VARINT_MAX  10
#define TEXT_MAX    ((size_t)8 << 10) /* of a value; what we export has 2 kB at most */
#define CODEC       "snappy"

struct avro_output {
    avro_file_writer_t writer;
    const struct ds_export_table *table;
    char row[DS_EXPORT_COLUMNS_MAX * (1 + VARINT_MAX) + TEXT_MAX];
    size_t used;
};

int avro_output_check(struct ds_error *err)
{
    (void)err;
    return 0;
}

static size_t encode_long(int64_t value, char out[static VARINT_MAX])
{
    uint64_t zigzag = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    size_t size = 0;
    for (; zigzag > 0x7f; zigzag >>= 7)
        out[size++] = (char)(zigzag | 0x80);
    out[size++] = (char)zigzag;
    return size;
}

/* ---- the head of the file ---- */

static void put_bytes(FILE *file, const void *bytes, size_t size)
{
    char length[VARINT_MAX];
    fwrite(length, 1, encode_long((int64_t)size, length), file);
    fwrite(bytes, 1, size, file);
}

static void put_pair(FILE *file, const char *key, const char *value)
{
    put_bytes(file, key, strlen(key));
    put_bytes(file, value, strlen(value));
}

/* The file's own mark between blocks. */
static bool put_sync(FILE *file)
{
    char sync[SYNC_BYTES];
    if (getrandom(sync, sizeof sync, 0) != sizeof sync)
        return false;
    fwrite(sync, 1, sizeof sync, file);
    return true;
}

static int put_head(FILE *file, const struct ds_export_head *head, const char *options,
                    struct ds_error *err)
{
    json_t *json = avro_schema_of(head->table);
    char *schema = json ? json_dumps(json, JSON_COMPACT) : NULL;
    char count[VARINT_MAX];
    json_decref(json);
    if (!schema)
        return ds_error(err, DS_FAILURE, "out of memory");
    fwrite("Obj\1", 1, 4, file);
    fwrite(count, 1, encode_long(5, count), file);
    put_pair(file, "avro.schema", schema);
    put_pair(file, "avro.codec", CODEC);
    put_pair(file, "darkscope.version", DARKSCOPE_VERSION);
    put_pair(file, "darkscope.options", options);
    put_pair(file, "darkscope.tz", ds_calendar_zone(head->calendar));
    fputc(0, file); /* no more pairs */
    free(schema);
    bool failed = !put_sync(file);
    return fflush(file) != 0 || failed
               ? ds_error(err, DS_FAILURE,
                          "export: the head of the Avro file cannot be written: %s",
                          strerror(errno))
               : 0;
}

/* ---- rows ---- */

struct avro_output *avro_output_open(FILE *file, const char *path,
                                     const struct ds_export_head *head, const char *options,
                                     struct ds_error *err)
{
    struct avro_output *a = calloc(1, sizeof *a);
    if (!a) {
        ds_error(err, DS_FAILURE, "out of memory");
        return NULL;
    }
    a->table = head->table;
    if (put_head(file, head, options, err) < 0) {
        free(a);
        return NULL;
    }
    if (avro_file_writer_open_bs(path, &a->writer, BLOCK_BYTES) != 0) {
        ds_error(err, DS_FAILURE, "export: %s: avro-c: %s", path, avro_strerror());
        free(a);
        return NULL;
    }
    return a;
}

static void encode_text(struct avro_output *a, const char *text)
{
    char *clean = a->row + a->used;
    size_t size = strnlen(text, TEXT_MAX);
    clean += encode_long((int64_t)size, clean);
    memcpy(clean, text, size);
    clean[size] = 0;
    ds_text_clean(clean); /* same length */
    a->used = (size_t)(clean + size - a->row);
}

/* False where it does not fit. */
static bool encode(struct avro_output *a, const struct ds_export_column *c,
                   const struct ds_export_value *v)
{
    if (c->null) /* a union of null and the type */
        a->used += encode_long(v->is_null ? 0 : 1, a->row + a->used);
    if (v->is_null)
        return true;
    switch (c->type) {
    case DS_EXPORT_TEXT:
        if (sizeof a->row - a->used <
            DS_EXPORT_COLUMNS_MAX * (1 + VARINT_MAX) + strnlen(v->text, TEXT_MAX) + 1)
            return false;
        encode_text(a, v->text);
        break;
    case DS_EXPORT_COUNT:
        a->used += encode_long((int64_t)v->count, a->row + a->used);
        break;
    case DS_EXPORT_TIME:
        a->used += encode_long(v->time_ms, a->row + a->used);
        break;
    case DS_EXPORT_FLAG:
        a->row[a->used++] = v->flag;
        break;
    case DS_EXPORT_REAL: {
        uint64_t bits;
        memcpy(&bits, &v->real, sizeof bits);
        for (int i = 0; i < 8; i++)
            a->row[a->used++] = (char)(bits >> 8 * i);
    }
    }
    return true;
}

int avro_output_row(struct avro_output *a, const struct ds_export_value *values)
{
    a->used = 0;
    for (size_t i = 0; i < a->table->column_count; i++)
        if (!encode(a, ds_export_column(a->table, i), &values[i])) {
            errno = EMSGSIZE;
            return -1;
        }
    errno = 0;
    return avro_file_writer_append_encoded(a->writer, a->row, (int64_t)a->used) == 0 ? 0 : -1;
}

int avro_output_close(struct avro_output *a)
{
    if (!a)
        return 0;
    errno = 0;
    int failed = avro_file_writer_close(a->writer);
    free(a);
    return failed ? -1 : 0;
}

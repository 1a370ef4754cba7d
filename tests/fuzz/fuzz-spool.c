/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a file of the spool: what is found in them is sane and, written again, the same, and
 * all else is counted as damaged. Also with every sum mended, which gets the fuzzer behind them.
 */
#include "fuzz.h"
#include "spool_record.h"

#include <string.h>

static void check_record(const struct ds_spool_record *r, const uint8_t *at)
{
    uint8_t head[DS_SPOOL_HEAD_BYTES];
    check(r->kind == DS_SPOOL_WINDOW || r->kind == DS_SPOOL_DONE);
    check((r->size > 0) == (r->kind == DS_SPOOL_WINDOW));
    check(r->boot && r->first && r->first <= r->sequence && strlen(r->sensor) <= DS_NAME_MAX);
    check(r->body == at + sizeof head);
    ds_spool_record_head(r, head);
    /* Behind the name's end may stand anything, if its sum is right. */
    check(memcmp(head, at, 40 + strlen(r->sensor) + 1) == 0);
}

static size_t read_file(const uint8_t *bytes, size_t size)
{
    struct ds_spool_reader reader = {.bytes = bytes, .size = size};
    struct ds_spool_record r;
    size_t intact = 0, records = 0;
    while (ds_spool_record_next(&reader, &r)) {
        size_t whole = DS_SPOOL_HEAD_BYTES + r.size;
        check(reader.at >= whole && reader.at <= size);
        check_record(&r, bytes + reader.at - whole);
        intact += whole;
        records++;
    }
    check(reader.at == size && intact + reader.damaged_bytes == size);
    check(reader.damages <= records + 1 && (reader.damages > 0) == (reader.damaged_bytes > 0));
    return records;
}

/* The input as a record's name, numbers and body. */
static void read_mended(const uint8_t *data, size_t size)
{
    struct ds_spool_record r = {
        .kind = data[0], .boot = data[1], .sequence = data[2], .first = data[4]};
    size_t name = data[3] % sizeof r.sensor;
    if (size < 5 + name)
        return;
    memcpy(r.sensor, data + 5, name);
    r.body = data + 5 + name;
    r.size = (uint32_t)(size - 5 - name);
    uint8_t *file = malloc(DS_SPOOL_HEAD_BYTES + r.size);
    check(file);
    ds_spool_record_head(&r, file);
    memcpy(file + DS_SPOOL_HEAD_BYTES, r.body, r.size);
    struct ds_spool_record again;
    if (ds_spool_record_decode(file, DS_SPOOL_HEAD_BYTES + r.size, &again)) {
        check(again.size == r.size && again.boot == r.boot && again.sequence == r.sequence);
        check(strcmp(again.sensor, r.sensor) == 0);
        check_record(&again, file);
    }
    read_file(file, DS_SPOOL_HEAD_BYTES + r.size);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_file(data, size);
    if (size >= 5)
        read_mended(data, size);
    return 0;
}

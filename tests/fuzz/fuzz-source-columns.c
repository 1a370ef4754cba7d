/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of source records inside the zstd frame: what is taken keeps the promises of the
 * header, and is the same after it was packed again.
 */
#include "fuzz.h"
#include "source_columns.h"

#include <string.h>
#include <zstd.h>

static void check_record(const struct ds_source_record *r)
{
    check(r->packets > 0 && r->packets <= DS_COUNT_MAX && r->ports <= r->packets);
    check(ds_country_valid(r->country) && r->last >= r->first);
    check(r->classes >> DS_CLASS_COUNT == 0 && r->survey < DS_SURVEY_MARK_COUNT);
    check(r->seen >> DS_MARKS_MAX == 0 && (r->confirmed & ~r->seen) == 0);
}

static void check_again(const struct ds_source_record *records, size_t n)
{
    unsigned char *packed;
    size_t size, count = 0;
    struct ds_source_record *again = NULL;
    const char *why;
    check(ds_source_columns_pack(records, n, &packed, &size) == 0);
    check(ds_source_columns_unpack(packed, size, &again, &count, &why) == DS_DECODE_OK);
    check(count == n);
    for (size_t i = 0; i < n; i++)
        check(memcmp(&again[i], &records[i], offsetof(struct ds_source_record, last) + 1) == 0);
    free(again);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t room = ZSTD_compressBound(size), n = 0;
    void *frame = malloc(room);
    struct ds_source_record *records = NULL;
    const char *why = NULL;
    check(frame);
    size_t packed = ZSTD_compress(frame, room, data, size, -1);
    enum ds_decode result = ds_source_columns_unpack(frame, packed, &records, &n, &why);
    check((result == DS_DECODE_MALFORMED) == (why != NULL));
    for (size_t i = 0; i < n; i++) {
        check(i == 0 || records[i - 1].address < records[i].address);
        check_record(&records[i]);
    }
    if (result == DS_DECODE_OK)
        check_again(records, n);
    free(records);
    free(frame);
    return 0;
}

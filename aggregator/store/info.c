/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is in a store, file by file.
 */
#include "care.h"
#include "sqlite.h"

#include <stdio.h>
#include <sys/stat.h>

static uint64_t bytes_of(const struct sqlite_store *s, const char *name)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    uint64_t bytes = 0;
    for (size_t i = 0; i < 3; i++) {
        char path[STORE_PATH_BYTES];
        struct stat status;
        if ((size_t)snprintf(path, sizeof path, "%s/%s%s", s->directory, name, ends[i]) <
                sizeof path &&
            stat(path, &status) == 0)
            bytes += (uint64_t)status.st_blocks * 512;
    }
    return bytes;
}

static int read_file(struct store_file *f, struct ds_store_file *out, struct ds_error *err)
{
    static const char *const sql[STORE_KIND_COUNT][2] = {
        [STORE_MINUTES] = {"SELECT count(*) FROM window", "SELECT sum(cells) FROM minute_chunk"},
        [STORE_HOURS] = {"SELECT sum(windows) FROM hour", "SELECT sum(cells) FROM hour_chunk"},
        [STORE_DAYS] = {"SELECT sum(windows) FROM day", "SELECT sum(cells) FROM day_chunk"},
    };
    int64_t windows = 0, cells = 0, sensors = 0;
    if (ds_sqlite_number(f, sql[f->kind][0], NULL, 0, &windows, err) < 0 ||
        ds_sqlite_number(f, sql[f->kind][1], NULL, 0, &cells, err) < 0 ||
        ds_sqlite_number(f, "SELECT count(*) FROM sensor", NULL, 0, &sensors, err) < 0)
        return -1;
    out->windows = (uint64_t)windows;
    out->cells = (uint64_t)cells;
    out->sensors = (uint64_t)sensors;
    out->generation = f->generation;
    return 0;
}

int ds_store_info(struct ds_store *store, ds_store_file_fn *each, void *arg, struct ds_error *err)
{
    struct sqlite_store *s = sqlite_of(store);
    int result = ds_files_list(s, err);
    for (unsigned kind = STORE_MINUTES; kind < STORE_KIND_COUNT; kind++)
        for (size_t i = 0; i < s->lists[kind].count && result == 0; i++) {
            struct ds_error fault = {0};
            struct store_file *f;
            char name[STORE_NAME_BYTES];
            int64_t from_s = s->lists[kind].from_s[i];
            ds_file_name((enum store_kind)kind, from_s, name);
            struct ds_store_file file = {.name = name,
                                         .bytes = bytes_of(s, name),
                                         .from_s = from_s,
                                         .to_s = ds_period_end((enum store_kind)kind, from_s)};
            int there = ds_file_use(s, (enum store_kind)kind, from_s, &f, &fault);
            if (there == 0)
                there = read_file(f, &file, &fault);
            ds_files_release(s);
            if (there < 0)
                file.fault = fault.text;
            if (there <= 0)
                result = each(arg, &file);
        }
    return result;
}

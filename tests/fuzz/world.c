/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "fuzz.h"
#include "sample.h"
#include "scratch-store.h"

#include <ftw.h>

#define START INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define COUNT 6

static char directory[INPUT_PATH]; /* empty: not made yet */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_world(void)
{
    nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_world(void)
{
    struct scratch s = {.sequence = 0};
    struct ds_window w;
    struct ds_error err;
    input_directory_make(directory);
    atexit(remove_world);
    check(ds_store_open(directory, DS_STORE_WRITE, &s.store, &err) == 0);
    for (int i = 0; i < COUNT; i++) {
        sample_small(&w);
        w.start_s = START + i / 2 * 60 + (i > 3 ? 3600 : 0);
        scratch_put(&s, i % 2 ? "b" : "a", &w);
        ds_window_finish(&w);
    }
    /* Many cells, though few enough for thousands of answers a second. */
    scratch_window(&w, 1, START);
    scratch_put(&s, "c", &w);
    ds_window_finish(&w);
    ds_store_destroy(s.store);
}

struct ds_store *world_open(void)
{
    struct ds_store *reader;
    struct ds_error err;
    if (!directory[0])
        make_world();
    check(ds_store_open(directory, DS_STORE_READ, &reader, &err) == 0);
    return reader;
}

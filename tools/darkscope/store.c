/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope store: looks after the files of a store. check and info only read, also while an
 * aggregator writes; prune and repack write, and want it stopped.
 */
#include "store/care.h"

#include "darkscope/clock.h"
#include "darkscope/text.h"
#include "options.h"

#include <inttypes.h>
#include <string.h>

#define DAY_S INT64_C(86400)

static int print_fault(void *arg, const char *name, const char *what)
{
    printf("%s: %s\n", name, what);
    return 0;
}

static int check(struct ds_store *store, const struct ds_retention *keep, struct ds_error *err)
{
    uint64_t faults = 0;
    if (ds_store_check(store, print_fault, NULL, &faults, err) < 0)
        return -1;
    if (faults > 0)
        return ds_error(err, DS_DATABASE,
                        "%" PRIu64 " faults; the figures of the files not named "
                        "are sound",
                        faults);
    puts("sound");
    return 0;
}

static int print_file(void *arg, const struct ds_store_file *f)
{
    printf("%-26s %10.1f MB %9" PRIu64 " %7" PRIu64 " %12" PRIu64, f->name, (double)f->bytes / 1e6,
           f->windows, f->sensors, f->cells);
    if (f->generation > 0)
        printf("  generation %" PRId64, f->generation);
    printf("%s%s\n", f->fault ? "  cannot be read: " : "", f->fault ? f->fault : "");
    *(uint64_t *)arg += f->bytes;
    return 0;
}

static int info(struct ds_store *store, const struct ds_retention *keep, struct ds_error *err)
{
    uint64_t bytes = 0;
    printf("%-26s %13s %9s %7s %12s\n", "file", "size", "windows", "sensors", "cells");
    if (ds_store_info(store, print_file, &bytes, err) < 0)
        return -1;
    printf("%-26s %10.1f MB\n", "all", (double)bytes / 1e6);
    return 0;
}

static int prune(struct ds_store *store, const struct ds_retention *keep, struct ds_error *err)
{
    int result;
    do
        result = store->ops->tidy(store, keep, ds_clock_utc_ns() / DS_NS_PER_S, err);
    while (result > 0);
    return result;
}

static int repack(struct ds_store *store, const struct ds_retention *keep, struct ds_error *err)
{
    const struct ds_retention all = {DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    if (prune(store, &all, err) < 0) /* what is complete is summed up first */
        return -1;
    return ds_store_repack(store, ds_clock_utc_ns() / DS_NS_PER_S, false, err) < 0 ? -1 : 0;
}

static const struct {
    const char *name;
    enum ds_store_mode mode;
    int (*run)(struct ds_store *store, const struct ds_retention *keep, struct ds_error *err);
} actions[] = {
    {"check", DS_STORE_READ, check},
    {"info", DS_STORE_READ, info},
    {"prune", DS_STORE_WRITE, prune},
    {"repack", DS_STORE_WRITE, repack},
};

static bool read_time(const char *text, int64_t *seconds)
{
    int64_t ns = 0;
    bool is_forever = strcmp(text, "forever") == 0;
    if (!is_forever && !ds_duration_parse(text, &ns))
        return false;
    *seconds = is_forever ? DS_KEEP_FOR_EVER : ns / DS_NS_PER_S;
    return *seconds >= DAY_S;
}

/* "7d/400d/forever". */
static int read_keep(const char *text, struct ds_retention *out, struct ds_error *err)
{
    char minutes[16], hours[16], days[16];
    int end = 0;
    if (sscanf(text, "%15[^/]/%15[^/]/%15[^/]%n", minutes, hours, days, &end) != 3 || text[end] ||
        !read_time(minutes, &out->minutes_s) || !read_time(hours, &out->hours_s) ||
        !read_time(days, &out->days_s) || out->minutes_s > out->hours_s ||
        out->hours_s > out->days_s)
        return ds_error(
            err, DS_USAGE,
            "store: --keep is how long minutes, hours and days are kept, at least a day "
            "and none shorter than the one before, such as 7d/400d/forever");
    return 0;
}

static int run(const struct options *o, struct ds_error *err)
{
    struct ds_retention keep = {DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER, DS_KEEP_FOR_EVER};
    struct ds_store *store = NULL;
    if (o->word_count != 2)
        return ds_error(err, DS_USAGE,
                        "store: what to do, and which directory? store check|info|prune|repack "
                        "DIRECTORY");
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, o->words[0]) != 0)
            continue;
        bool is_prune = actions[i].run == prune;
        if (is_prune != (o->pair_count > 0))
            return ds_error(err, DS_USAGE,
                            is_prune ? "store: prune deletes: --keep says what stays, as keep: of "
                                       "aggregator.yaml does, such as 7d/400d/forever"
                                     : "store: --keep is for prune");
        if (is_prune && read_keep(o->pairs[0].value, &keep, err) < 0)
            return -1;
        if (ds_store_open(o->words[1], actions[i].mode, &store, err) < 0)
            return -1;
        int result = actions[i].run(store, &keep, err);
        ds_store_destroy(store);
        return result;
    }
    return ds_error(err, DS_USAGE, "store: %s is none of check, info, prune and repack",
                    o->words[0]);
}

static const char *const own_options[] = {"keep", NULL};

const struct command command_store = {
    .name = "store",
    .format = FORMAT_TABLE,
    .summary = "checks, lists, prunes or packs the files of a store",
    .help = "  darkscope store check DIRECTORY   reads everything: checksums, books, sums\n"
            "  darkscope store info DIRECTORY    what there is, file by file\n"
            "  darkscope store prune --keep 7d/400d/forever DIRECTORY\n"
            "                                    sums up what is complete, deletes what is old\n"
            "  darkscope store repack DIRECTORY  puts complete months in order on disk\n"
            "\n"
            "prune and repack need the aggregator stopped; it does both by itself.\n",
    .run = run,
    .options = own_options,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints all windows of a store, one JSON object a line, with every cell: what a test compares two
 * stores by, whatever they look like on disk.
 *
 * usage: print-store DIRECTORY [starts]     starts: only start, sensor and number of messages
 */
#include "darkscope/window_json.h"
#include "store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    int64_t start_s;
    char sensor[DS_NAME_MAX + 1];
    uint64_t parts;
};

struct list {
    struct entry *entries;
    size_t count, room;
};

static int remember(void *arg, const char *sensor, const struct ds_window *window,
                    const struct ds_origin *origin)
{
    struct list *l = arg;
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 1024;
        l->entries = realloc(l->entries, l->room * sizeof *l->entries);
        if (!l->entries)
            abort();
    }
    struct entry *e = &l->entries[l->count++];
    *e = (struct entry){.start_s = window->start_s, .parts = origin->parts};
    strncpy(e->sensor, sensor, DS_NAME_MAX);
    return 0;
}

static void print_cells(const struct ds_window *w)
{
    char country[3];
    fputs("{\"cells\":[", stdout);
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        printf("%s[\"%s\",%u,%u,\"%s\",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
               i ? "," : "", ds_class_name(c->cls), c->proto, c->port,
               ds_country_name(c->country, country), c->packets, c->bytes, c->sources,
               c->survey_packets);
    }
    puts("]}");
}

/* Three lines: where it is from, what --json would print, its cells. */
static int print_window(struct ds_store *store, const struct entry *e, struct ds_error *err)
{
    struct ds_window w;
    struct ds_origin origin;
    int result = store->ops->load(store, e->start_s, e->sensor, &w, &origin, err);
    if (result)
        return result < 0 ? -1 : ds_error(err, DS_INPUT, "a window of the list is not there");
    int failed = ds_window_print_json(stdout, &w, e->sensor, true);
    if (!failed)
        print_cells(&w);
    ds_window_finish(&w);
    return failed ? ds_error(err, DS_FAILURE, "cannot print") : 0;
}

int main(int argc, char **argv)
{
    struct ds_store *store = NULL;
    struct ds_error err = {.text = ""};
    struct list l = {0};
    const struct ds_range all = {.from_s = 0, .to_s = DS_STORE_TIME_MAX};
    bool whole = argc == 2;
    int failed = argc < 2 || ds_store_open(argv[1], DS_STORE_READ, &store, &err) ||
                 store->ops->windows(store, &all, INT64_MAX, false, remember, &l, &err);
    for (size_t i = 0; !failed && i < l.count; i++) {
        const struct entry *e = &l.entries[i];
        printf("{\"start\":%" PRId64 ",\"sensor\":\"%s\",\"parts\":%" PRIu64 "}\n", e->start_s,
               e->sensor, e->parts);
        failed = whole ? print_window(store, e, &err) : 0;
    }
    if (failed)
        fprintf(stderr, "print-store: %s\n", err.text);
    free(l.entries);
    ds_store_destroy(store);
    return failed ? 1 : 0;
}

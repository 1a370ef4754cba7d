/* SPDX-License-Identifier: Apache-2.0 */
#include "truth.h"

#include "darkscope/window_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)

/* In a silence that is longer nobody watched. */
#define UNWATCHED_NS (3600 * SECOND_NS)

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int ds_gen_truth_init(struct ds_gen_truth *t, const struct ds_gen_countries *countries,
                      uint64_t addresses, uint32_t window_s, struct ds_error *err)
{
    *t = (struct ds_gen_truth){
        .countries = countries, .addresses = addresses, .window_ns = window_s * SECOND_NS};
    t->closed = tmpfile();
    if (!t->closed)
        return ds_error(err, DS_FAILURE, "temporary file for the truth: %s; set TMPDIR",
                        strerror(errno));
    return 0;
}

static uint32_t number_of(struct ds_gen_truth *t, struct ds_gen_set *s,
                          const struct ds_gen_address *a, bool *is_new)
{
    /* IPv4 goes where ::/96 would, of which no generated IPv6 address is. */
    uint64_t words[2];
    memcpy(words, a->bytes, 16);
    if (!a->is_v6)
        words[0] = 0, words[1] = ds_gen_address4(a);
    uint32_t n = ds_gen_set_add(s, words[0], words[1], is_new);
    if (n == DS_GEN_SET_NO_MEMORY)
        t->failed = true;
    return n;
}

/* The source's number; its country is looked up once. */
static uint32_t number_source(struct ds_gen_truth *t, const struct ds_gen_address *a)
{
    bool is_new;
    uint32_t n = number_of(t, &t->sources, a, &is_new);
    if (t->failed || !is_new)
        return n;
    if (n >= t->source_room) {
        size_t room = t->source_room ? t->source_room * 2 : 4096;
        ds_country *more = realloc(t->source_country, room * sizeof *more);
        if (!more) {
            t->failed = true;
            return n;
        }
        t->source_country = more;
        t->source_room = room;
    }
    t->source_country[n] = ds_gen_country_of(t->countries, a);
    return n;
}

static void describe(const struct ds_gen_truth *t, struct ds_window *w)
{
    w->addresses_known = true;
    w->addresses = t->addresses;
    snprintf(w->country_db, sizeof w->country_db, "%s", ds_gen_countries_name(t->countries));
}

/* How long the capture was running within [start, end). */
static uint64_t observed(const struct ds_gen_truth *t, int64_t start, int64_t end)
{
    int64_t from = start > t->stretch_ns ? start : t->stretch_ns;
    int64_t to = end < t->newest_ns ? end : t->newest_ns;
    return to > from ? (uint64_t)(to - from) : 0;
}

/* Writes the oldest open window; the next one is then the oldest. */
static void close_oldest(struct ds_gen_truth *t)
{
    struct ds_gen_tally tally = t->open[0];
    struct ds_window w;
    ds_window_init(&w);
    describe(t, &w);
    int64_t start = t->oldest * t->window_ns;
    w.start_s = start / SECOND_NS;
    w.seconds = (uint32_t)(t->window_ns / SECOND_NS);
    w.observed_ns = observed(t, start, start + t->window_ns);
    if (!ds_gen_tally_window(&tally, &w) || (t->windows++ && fputc(',', t->closed) == EOF) ||
        ds_window_print_json(t->closed, &w, "truth", false) < 0)
        t->failed = true;
    ds_window_finish(&w);
    ds_gen_tally_clear(&tally);
    t->open[0] = t->open[1];
    t->open[1] = tally;
    t->oldest++;
}

/* Up to the window of the newest packet. */
static void close_stretch(struct ds_gen_truth *t)
{
    while (t->started && t->oldest <= floor_divide(t->newest_ns, t->window_ns))
        close_oldest(t);
}

/* The ordinal of the window that a packet is counted into; moves the clock. */
static int64_t window_of(struct ds_gen_truth *t, int64_t time_ns, bool *late)
{
    int64_t own = floor_divide(time_ns, t->window_ns);
    if (!t->started)
        t->first_ns = time_ns;
    if (!t->started || time_ns > t->newest_ns + UNWATCHED_NS) {
        close_stretch(t);
        t->started = true;
        t->stretch_ns = t->newest_ns = time_ns;
        t->oldest = own;
    }
    if (time_ns > t->newest_ns)
        t->newest_ns = time_ns;
    int64_t oldest = floor_divide(t->newest_ns - DS_LATENESS_DEFAULT * SECOND_NS, t->window_ns);
    while (oldest > t->oldest)
        close_oldest(t);
    *late = own < t->oldest;
    return *late ? t->oldest : own;
}

void ds_gen_truth_count(struct ds_gen_truth *t, const struct ds_gen_fact *f)
{
    bool late, is_new;
    int64_t window = window_of(t, f->time_ns, &late);
    uint32_t source = 0, dest = 0;
    ds_country country = DS_COUNTRY_UNKNOWN;
    if (f->malformed == DS_MALFORMED_COUNT && !f->outside) {
        source = number_source(t, &f->source);
        dest = number_of(t, &t->destinations, &f->dest, &is_new);
        if (t->failed)
            return;
        country = t->source_country[source];
    }
    ds_gen_tally_count(&t->open[window - t->oldest], f, source, dest, country, late);
    ds_gen_tally_count(&t->all, f, source, dest, country, false);
}

bool ds_gen_truth_all(const struct ds_gen_truth *t, struct ds_window *w)
{
    ds_window_init(w);
    describe(t, w);
    w->start_s = floor_divide(t->first_ns, SECOND_NS);
    w->seconds = (uint32_t)-floor_divide(w->start_s * SECOND_NS - t->newest_ns, SECOND_NS);
    if (w->seconds == 0)
        w->seconds = 1;
    w->observed_ns = (uint64_t)(t->newest_ns - t->first_ns);
    return !t->failed && ds_gen_tally_window(&t->all, w);
}

static int copy_closed(struct ds_gen_truth *t, FILE *to)
{
    char buffer[65536];
    size_t n;
    if (fflush(t->closed) == EOF || fseek(t->closed, 0, SEEK_SET) < 0)
        return -1;
    while ((n = fread(buffer, 1, sizeof buffer, t->closed)) > 0)
        if (fwrite(buffer, 1, n, to) != n)
            return -1;
    return ferror(t->closed) ? -1 : 0;
}

int ds_gen_truth_write(struct ds_gen_truth *t, FILE *to, const char *parameters)
{
    close_stretch(t);
    struct ds_window all;
    int r = -1;
    errno = ENOMEM;
    if (ds_gen_truth_all(t, &all) && fprintf(to, "{\"parameters\":%s,\"all\":", parameters) > 0 &&
        ds_window_print_json(to, &all, "truth", false) == 0 && fputs(",\"windows\":[", to) != EOF &&
        copy_closed(t, to) == 0 && fputs("]}\n", to) != EOF)
        r = 0;
    ds_window_finish(&all);
    return r;
}

void ds_gen_truth_finish(struct ds_gen_truth *t)
{
    ds_gen_set_finish(&t->sources);
    ds_gen_set_finish(&t->destinations);
    ds_gen_tally_finish(&t->all);
    ds_gen_tally_finish(&t->open[0]);
    ds_gen_tally_finish(&t->open[1]);
    free(t->source_country);
    t->source_country = NULL;
    if (t->closed)
        fclose(t->closed);
    t->closed = NULL;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Events: the largest surges of a port. What a surge is, docs/report.md defines; survey scanners
 * are left out, since their sweeps are no news.
 *
 * Ports are looked at day by day only where they promise something: those with most packets, and
 * of each month those that grew most against their mean.
 */
#include "gather.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SURGE_FACTOR    3 /* times the median of the days before */
#define BASELINE_DAYS   28
#define LEAD_DAYS       90 /* in which a baseline's days lie, however many nobody watched */
#define BASELINE_LEAST  7  /* watched days that a baseline wants */
#define PORTS_OF_PERIOD 12 /* looked at */
#define PORTS_OF_MONTH  4
#define CANDIDATES_MAX  80
#define EVENTS_MAX      1024
#define COUNTRIES_SHOWN 3

#define DAY_S    INT64_C(86400)
#define SERVICES (2u << 16) /* TCP and UDP */

struct event {
    uint8_t proto;
    uint16_t port;
    size_t first, last, peak; /* days of struct events */
    uint64_t peak_packets, baseline, excess;
};

struct events {
    int64_t
        *edges_s; /* of the days of the period, and of those before that baselines are made of */
    size_t day_count, lead;    /* so many are before */
    uint64_t *period, *months; /* packets of a service; of each month, one behind the other */
    uint32_t candidates[CANDIDATES_MAX];
    size_t candidate_count;
    struct event all[EVENTS_MAX];
    size_t count;
};

static uint32_t service_of(uint8_t proto, uint16_t port)
{
    return (uint32_t)(proto == DS_PROTO_UDP) << 16 | port;
}

static int add_service(void *arg, const struct ds_top_row *row)
{
    uint64_t *packets = arg;
    if (row->proto == DS_PROTO_TCP || row->proto == DS_PROTO_UDP)
        packets[service_of(row->proto, row->port)] +=
            row->figures.packets - row->figures.survey_packets;
    return 0;
}

static int read_services(struct report *r, int64_t from_s, int64_t to_s, uint64_t *packets,
                         struct ds_error *err)
{
    const struct ds_filter scan = {
        .has_class = true, .cls = DS_CLASS_SCAN, .without_sources = true};
    const struct ds_top top = {
        .range = {from_s, to_s, NULL}, .filter = &scan, .by = DS_BY_PORT, .limit = UINT64_MAX};
    struct ds_figures total;
    return r->store->ops->top(r->store, &top, add_service, packets, &total, err);
}

static void add_candidate(struct events *e, uint32_t service)
{
    for (size_t i = 0; i < e->candidate_count; i++)
        if (e->candidates[i] == service)
            return;
    if (e->candidate_count < CANDIDATES_MAX)
        e->candidates[e->candidate_count++] = service;
}

/* The services of which packets less what is expected of them is largest. */
static void add_largest(struct events *e, const uint64_t *packets, double expected, size_t most)
{
    uint32_t best[PORTS_OF_PERIOD] = {0};
    double score[PORTS_OF_PERIOD] = {0};
    for (uint32_t service = 0; service < SERVICES; service++) {
        double s = (double)packets[service] - expected * (double)e->period[service];
        size_t at = most;
        while (at > 0 && s > score[at - 1])
            at--;
        if (at == most || s <= 0)
            continue;
        memmove(score + at + 1, score + at, (most - at - 1) * sizeof *score);
        memmove(best + at + 1, best + at, (most - at - 1) * sizeof *best);
        score[at] = s;
        best[at] = service;
    }
    for (size_t i = 0; i < most && score[i] > 0; i++)
        add_candidate(e, best[i]);
}

/* Months of UTC, whose sums are kept: which ports promise something need not be known by the zone's
 * days. Edges of UTC days around the period; the caller frees. NULL without memory. */
static int64_t *month_edges(const struct report *r, size_t *count)
{
    int64_t from_s = r->range.from_s - r->range.from_s % DAY_S,
            to_s = (r->range.to_s + DAY_S - 1) / DAY_S * DAY_S;
    int64_t *edges_s = calloc((size_t)((to_s - from_s) / (28 * DAY_S)) + 3, sizeof *edges_s);
    *count = 0;
    if (!edges_s)
        return NULL;
    edges_s[0] = from_s;
    while (edges_s[*count] < to_s) {
        time_t at = edges_s[*count];
        struct tm tm = {0};
        gmtime_r(&at, &tm);
        struct tm next = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + 1, .tm_mday = 1};
        int64_t next_s = timegm(&next);
        edges_s[++*count] = next_s < to_s ? next_s : to_s;
    }
    return edges_s;
}

static int find_candidates(struct report *r, struct events *e, struct ds_error *err)
{
    size_t months = 0;
    int64_t *edges_s = month_edges(r, &months);
    e->period = calloc(SERVICES, sizeof *e->period);
    e->months = edges_s ? calloc(months * SERVICES, sizeof *e->months) : NULL;
    int result = e->period && e->months ? 0 : ds_error(err, DS_FAILURE, "out of memory");
    for (size_t i = 0; i < months && result == 0; i++) {
        uint64_t *month = e->months + i * SERVICES;
        result = read_services(r, edges_s[i], edges_s[i + 1], month, err);
        for (uint32_t service = 0; service < SERVICES && result == 0; service++)
            e->period[service] += month[service];
    }
    if (result == 0)
        add_largest(e, e->period, 0, PORTS_OF_PERIOD);
    double length = result == 0 ? (double)(edges_s[months] - edges_s[0]) : 1;
    for (size_t i = 0; i < months && months > 1 && result == 0; i++)
        add_largest(e, e->months + i * SERVICES, (double)(edges_s[i + 1] - edges_s[i]) / length,
                    PORTS_OF_MONTH);
    free(edges_s);
    return result;
}

static int compare_counts(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* The median of the watched days before that are no surge. False where they are too few. */
static bool baseline_of(const struct days *d, const bool *is_surge, size_t day, uint64_t *out)
{
    uint64_t before[BASELINE_DAYS];
    size_t count = 0;
    for (size_t i = day; i > 0 && day - i < LEAD_DAYS && count < BASELINE_DAYS; i--)
        if (d->points[i - 1].windows > 0 && !is_surge[i - 1])
            before[count++] = d->points[i - 1].figures.packets;
    if (count < BASELINE_LEAST)
        return false;
    qsort(before, count, sizeof *before, compare_counts);
    *out = before[count / 2];
    return true;
}

static void add_day(struct events *e, uint32_t service, const struct days *d, size_t day,
                    uint64_t baseline)
{
    const struct ds_figures *f = &d->points[day].figures;
    struct event *last = e->count ? &e->all[e->count - 1] : NULL;
    uint8_t proto = service >> 16 ? DS_PROTO_UDP : DS_PROTO_TCP;
    bool goes_on =
        last && last->proto == proto && last->port == (uint16_t)service && last->last + 1 == day;
    if (!goes_on) {
        if (e->count == EVENTS_MAX)
            return;
        last = &e->all[e->count++];
        *last = (struct event){
            .proto = proto, .port = (uint16_t)service, .first = day, .baseline = baseline};
    }
    last->last = day;
    last->excess += f->packets - baseline;
    if (f->packets > last->peak_packets) {
        last->peak = day;
        last->peak_packets = f->packets;
    }
}

/* Without survey scanners, as surges are looked for. */
static struct ds_filter filter_of(uint8_t proto, uint16_t port)
{
    return (struct ds_filter){.has_class = true,
                              .cls = DS_CLASS_SCAN,
                              .has_proto = true,
                              .proto = proto,
                              .has_port = true,
                              .port = port,
                              .survey = DS_SURVEY_PART_WITHOUT};
}

/* The days of the period, and as many before as a baseline may reach back. */
static int make_days(const struct report *r, struct events *e, struct ds_error *err)
{
    const struct ds_stride day = {DS_UNIT_DAY, 1};
    int64_t from_s = ds_calendar_floor(r->calendar, day, r->range.from_s - LEAD_DAYS * DAY_S);
    e->edges_s = report_day_edges(r->calendar, from_s, r->range.to_s, &e->day_count);
    if (!e->edges_s)
        return ds_error(err, DS_FAILURE, "out of memory");
    e->lead = e->day_count - r->day_count;
    return 0;
}

/* UTC days around all of them, count + 1 edges; the caller frees. NULL without memory. */
static int64_t *utc_days(const struct events *e, size_t *count)
{
    int64_t from_s = e->edges_s[0] - e->edges_s[0] % DAY_S;
    *count = (size_t)((e->edges_s[e->day_count] - from_s + DAY_S - 1) / DAY_S);
    int64_t *edges_s = calloc(*count + 1, sizeof *edges_s);
    for (size_t i = 0; edges_s && i <= *count; i++)
        edges_s[i] = from_s + (int64_t)i * DAY_S;
    return edges_s;
}

/* Reads days from, to into their places of d, where the others stay unwatched. */
static int read_days(struct report *r, const struct ds_filter *of, size_t from, size_t to,
                     struct days *d, struct ds_error *err)
{
    const struct wanted_days wanted = {
        .edges_s = d->edges_s + from, .count = to - from, .hosts = WITHOUT_HOSTS};
    struct days part;
    if (report_days_read(r, &wanted, of, &part, err) < 0)
        return -1;
    memcpy(d->points + from, part.points, (to - from) * sizeof *part.points);
    report_days_finish(&part);
    return 0;
}

/* Before the period those that the store can still make for this zone. */
static int read_lead(struct report *r, const struct ds_filter *of, size_t from, size_t to,
                     struct days *d, struct ds_error *err)
{
    int result = read_days(r, of, from, to, d, err);
    bool goes_on = result < 0 && err->status == DS_USAGE; /* not all: then day by day */
    for (size_t day = from; day < to && goes_on; day++) {
        result = read_days(r, of, day, day + 1, d, err);
        goes_on = result == 0 || err->status == DS_USAGE;
    }
    return result < 0 && err->status != DS_USAGE ? -1 : 0;
}

/* Of the days that are looked at. */
static void list_surges(struct events *e, uint32_t service, const struct days *d,
                        const bool *is_near, bool *is_surge)
{
    for (size_t day = 0; day < d->count; day++) {
        const struct ds_point *p = &d->points[day];
        uint64_t packets = p->figures.packets, baseline;
        if (!is_near[day] || p->windows == 0 || !baseline_of(d, is_surge, day, &baseline))
            continue;
        is_surge[day] = packets >= SURGE_FACTOR * baseline &&
                        packets - baseline >= p->active_addresses && packets > baseline;
        if (is_surge[day] && day >= e->lead)
            add_day(e, service, d, day, baseline);
    }
}

/* Days of a zone are made of hours, which takes long: those are looked at that share a time with a
 * day of UTC that has at least half of what a surge wants, since a surge has at most what two of
 * these have. Sets is_near of them, and is_wanted also of those that their baselines are made of.
 */
static int find_near(struct report *r, const struct events *e, const struct ds_filter *of,
                     bool *is_near, bool *is_wanted, struct ds_error *err)
{
    size_t count = 0;
    int64_t *edges_s = utc_days(e, &count);
    bool *is_large = calloc(count + 1, sizeof *is_large);
    struct days d = {0};
    uint64_t baseline;
    const struct wanted_days wanted = {.edges_s = edges_s, .count = count, .hosts = WITHOUT_HOSTS};
    int result = edges_s && is_large ? report_days_read(r, &wanted, of, &d, err)
                                     : ds_error(err, DS_FAILURE, "out of memory");
    for (size_t i = 0, day = 0; i < count && result == 0; i++) {
        is_large[i] = d.points[i].windows > 0 && baseline_of(&d, is_large, i, &baseline) &&
                      2 * d.points[i].figures.packets >= SURGE_FACTOR * baseline;
        while (e->edges_s[day + 1] <= edges_s[i])
            day++;
        for (size_t k = day; k < e->day_count && e->edges_s[k] < edges_s[i + 1] && is_large[i]; k++)
            is_near[k] = true;
    }
    for (size_t day = 0; day < e->day_count; day++)
        for (size_t k = 0; is_near[day] && k <= LEAD_DAYS && k <= day; k++)
            is_wanted[day - k] = true;
    if (result == 0)
        report_days_finish(&d);
    free(edges_s);
    free(is_large);
    return result;
}

static int find_surges(struct report *r, struct events *e, uint32_t service, struct ds_error *err)
{
    const struct ds_filter of =
        filter_of(service >> 16 ? DS_PROTO_UDP : DS_PROTO_TCP, (uint16_t)service);
    struct days d = {.edges_s = e->edges_s, .count = e->day_count};
    bool *flags = calloc(3 * e->day_count, sizeof *flags);
    bool *is_near = flags, *is_wanted = flags + e->day_count, *is_surge = is_wanted + e->day_count;
    d.points = calloc(e->day_count, sizeof *d.points);
    int result = flags && d.points ? find_near(r, e, &of, is_near, is_wanted, err)
                                   : ds_error(err, DS_FAILURE, "out of memory");
    for (size_t from = 0, to; from < e->day_count && result == 0; from = to) {
        size_t end = from < e->lead ? e->lead : e->day_count;
        for (to = from; to < end && is_wanted[to]; to++)
            ;
        if (to > from)
            result = (from < e->lead ? read_lead : read_days)(r, &of, from, to, &d, err);
        else
            to++;
    }
    if (result == 0)
        list_surges(e, service, &d, is_near, is_surge);
    report_days_finish(&d);
    free(flags);
    return result;
}

/* ---- the table ---- */

static const struct report_column columns[] = {
    {"rank", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"service", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"first_day", VALUE_DATE, NULL, CERTAIN_EXACT},
    {"last_day", VALUE_DATE, NULL, CERTAIN_EXACT},
    {"peak_day", VALUE_DATE, NULL, CERTAIN_EXACT},
    {"peak_packets", VALUE_COUNT, "packets", CERTAIN_UPPER},
    {"baseline_packets", VALUE_COUNT, "packets", CERTAIN_UPPER},
    {"excess_packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"peak_hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"peak_hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"top_countries", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

static int by_excess(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    if (a->excess != b->excess)
        return a->excess < b->excess ? 1 : -1;
    return (a->first > b->first) - (a->first < b->first);
}

/* "CN 31.0 %, VN 12.5 %": whence, from the first to the last day, survey scanners included. */
static int write_countries(struct report *r, json_t *row, const struct event *e,
                           const int64_t *edges_s, struct ds_error *err)
{
    const struct ds_filter of = {.has_class = true,
                                 .cls = DS_CLASS_SCAN,
                                 .has_proto = true,
                                 .proto = e->proto,
                                 .has_port = true,
                                 .port = e->port};
    const struct ds_range range = {edges_s[e->first], edges_s[e->last + 1], NULL};
    char text[COUNTRIES_SHOWN * 16] = "", name[3];
    size_t used = 0;
    struct top t;
    const struct wanted_top top = {&range, DS_BY_COUNTRY, &of, WITHOUT_HOSTS, 0};
    if (report_top_read(r, &top, &t, err) < 0)
        return -1;
    for (size_t i = 0; i < t.count && i < COUNTRIES_SHOWN; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s %.1f %%", i ? ", " : "",
                             ds_country_name(t.rows[i].country, name),
                             100.0 * (double)t.rows[i].figures.packets / (double)t.total.packets);
    report_set(r, row, "top_countries", used ? json_string(text) : json_null());
    report_top_finish(&t);
    return 0;
}

static int write_peak_hosts(struct report *r, json_t *row, const struct event *e,
                            const int64_t *edges_s, struct ds_error *err)
{
    const struct ds_filter of = filter_of(e->proto, e->port);
    const struct wanted_days day = {.edges_s = edges_s + e->peak, .count = 1};
    struct days d;
    if (report_days_read(r, &day, &of, &d, err) < 0)
        return -1;
    report_set_sources(r, row, "peak_hosts", &d.points[0].figures);
    report_days_finish(&d);
    return 0;
}

static void set_date(struct report *r, json_t *row, const char *key, int64_t day_s)
{
    char date[DS_TIME_TEXT];
    report_set(r, row, key, json_string(report_date(r->calendar, day_s, date)));
}

static int write_event(struct report *r, json_t *table, const struct event *e,
                       const int64_t *edges_s, size_t rank, struct ds_error *err)
{
    char service[REPORT_SERVICE];
    json_t *row = report_row(r, table);
    report_set(r, row, "rank", report_count(rank));
    report_set(r, row, "service", json_string(report_service(e->proto, e->port, service)));
    set_date(r, row, "first_day", edges_s[e->first]);
    set_date(r, row, "last_day", edges_s[e->last]);
    set_date(r, row, "peak_day", edges_s[e->peak]);
    report_set(r, row, "peak_packets", report_count(e->peak_packets));
    report_set(r, row, "baseline_packets", report_count(e->baseline));
    report_set(r, row, "excess_packets", report_count(e->excess));
    return write_peak_hosts(r, row, e, edges_s, err) < 0 ? -1
                                                         : write_countries(r, row, e, edges_s, err);
}

int report_gather_events(struct report *r, struct ds_error *err)
{
    struct events *e = calloc(1, sizeof *e);
    int result = e ? make_days(r, e, err) : ds_error(err, DS_FAILURE, "out of memory");
    if (result == 0)
        result = find_candidates(r, e, err);
    for (size_t i = 0; result == 0 && i < e->candidate_count; i++)
        result = find_surges(r, e, e->candidates[i], err);
    if (result == 0) {
        json_t *chapter = report_chapter(r, "events");
        json_t *table = report_table(r, chapter, "events", columns);
        qsort(e->all, e->count, sizeof *e->all, by_excess);
        for (size_t i = 0; i < e->count && i < REPORT_TOP && result == 0; i++)
            result = write_event(r, table, &e->all[i], e->edges_s, i + 1, err);
        report_note(r, chapter, "events");
    }
    if (e) {
        free(e->edges_s);
        free(e->period);
        free(e->months);
    }
    free(e);
    return result;
}

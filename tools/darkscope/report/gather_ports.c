/* SPDX-License-Identifier: Apache-2.0
 *
 * Service ports: with and without survey scanners, against the year before, and by unique hosts.
 */
#include "gather.h"

#include <stdlib.h>
#include <string.h>

static const struct report_column columns[] = {
    {"rank", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"service", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {"share", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"rank_before", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"share_before", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

static const struct report_column host_columns[] = {
    {"rank", VALUE_COUNT, NULL, CERTAIN_EXACT},
    {"service", VALUE_TEXT, NULL, CERTAIN_EXACT},
    {"hosts", VALUE_COUNT, "hosts", CERTAIN_ESTIMATED},
    {"hosts_error", VALUE_SHARE, NULL, CERTAIN_EXACT},
    {"packets", VALUE_COUNT, "packets", CERTAIN_EXACT},
    {NULL, 0, NULL, 0},
};

static const struct ds_filter scan = {.has_class = true, .cls = DS_CLASS_SCAN};

struct ports {
    struct top now, before;
    struct ds_top_row by_hosts[REPORT_TOP];
    size_t by_hosts_count;
    bool has_before;
    bool without; /* survey scanners are left out */
};

static uint64_t packets_of(const struct ds_top_row *row, bool without)
{
    return row->figures.packets - (without ? row->figures.survey_packets : 0);
}

static int compare_all(const void *left, const void *right)
{
    const struct ds_top_row *a = left, *b = right;
    uint64_t x = packets_of(a, false), y = packets_of(b, false);
    if (x != y)
        return x < y ? 1 : -1;
    int a_key = a->proto << 16 | a->port, b_key = b->proto << 16 | b->port;
    return (a_key > b_key) - (a_key < b_key);
}

static int compare_without(const void *left, const void *right)
{
    uint64_t x = packets_of(left, true), y = packets_of(right, true);
    return x != y ? (x < y ? 1 : -1) : compare_all(left, right);
}

static void sort(struct top *t, int (*compare)(const void *, const void *))
{
    if (t->count > 0)
        qsort(t->rows, t->count, sizeof *t->rows, compare);
}

static uint64_t whole(const struct top *t, bool without)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < t->count; i++)
        sum += packets_of(&t->rows[i], without);
    return sum;
}

/* Its place in the year before, from 0; -1: not there. */
static int64_t find_before(const struct ports *p, const struct ds_top_row *row)
{
    for (size_t i = 0; i < p->before.count; i++) {
        const struct ds_top_row *b = &p->before.rows[i];
        if (b->proto == row->proto && b->port == row->port && packets_of(b, p->without) > 0)
            return (int64_t)i;
    }
    return -1;
}

/* Hosts are asked for one by one, but for those that came with the rows. */
static int read_hosts(struct report *r, const struct ports *p, const struct ds_top_row *row,
                      struct ds_figures *out, struct ds_error *err)
{
    struct ds_filter filter = scan;
    struct ds_point point;
    *out = row->figures;
    if (!p->without && (out->sources_exact || out->sources_estimated))
        return 0;
    filter.has_proto = filter.has_port = true;
    filter.proto = row->proto;
    filter.port = row->port;
    filter.survey = p->without ? DS_SURVEY_PART_WITHOUT : DS_SURVEY_PART_ALL;
    int result = report_whole_read(r, &filter, &point, err);
    *out = point.figures;
    return result;
}

static void write_row(struct report *r, json_t *table, const struct ports *p, size_t i,
                      const struct ds_figures *hosts)
{
    char service[REPORT_SERVICE];
    const struct ds_top_row *row = &p->now.rows[i];
    json_t *out = report_row(r, table);
    int64_t before = p->has_before ? find_before(p, row) : -1;
    double total_before = p->has_before ? (double)whole(&p->before, p->without) : 0;
    report_set(r, out, "rank", report_count(i + 1));
    report_set(r, out, "service", json_string(report_service(row->proto, row->port, service)));
    report_set(r, out, "packets", report_count(packets_of(row, p->without)));
    report_set(
        r, out, "share",
        report_ratio((double)packets_of(row, p->without), (double)whole(&p->now, p->without)));
    report_set_sources(r, out, "hosts", hosts);
    report_set(r, out, "rank_before",
               before >= 0 ? report_count((uint64_t)before + 1) : json_null());
    report_set(r, out, "share_before",
               before >= 0 ? report_ratio((double)packets_of(&p->before.rows[before], p->without),
                                          total_before)
               : p->has_before ? json_real(0)
                               : json_null());
}

static uint64_t shown_part(const struct ports *p, const struct top *t)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->now.count && i < REPORT_TOP; i++)
        for (size_t j = 0; j < t->count; j++)
            if (t->rows[j].proto == p->now.rows[i].proto && t->rows[j].port == p->now.rows[i].port)
                sum += packets_of(&t->rows[j], p->without);
    return sum;
}

static void write_rest(struct report *r, json_t *table, const struct ports *p)
{
    static const struct ds_figures unknown = {0};
    uint64_t total = whole(&p->now, p->without), before = whole(&p->before, p->without);
    uint64_t rest = total - shown_part(p, &p->now);
    json_t *out = report_row(r, table);
    report_set(r, out, "rank", json_null());
    report_set(r, out, "service", json_string("other"));
    report_set(r, out, "packets", report_count(rest));
    report_set(r, out, "share", report_ratio((double)rest, (double)total));
    report_set_sources(r, out, "hosts", &unknown);
    report_set(r, out, "rank_before", json_null());
    report_set(r, out, "share_before",
               p->has_before
                   ? report_ratio((double)(before - shown_part(p, &p->before)), (double)before)
                   : json_null());
}

static int write_table(struct report *r, json_t *chapter, const char *id, struct ports *p,
                       struct ds_error *err)
{
    static const char *const share[] = {"share", "share_before", NULL};
    sort(&p->now, p->without ? compare_without : compare_all);
    sort(&p->before, p->without ? compare_without : compare_all);
    json_t *table = report_table(r, chapter, id, columns);
    if (p->without) /* what a scanner sends before it is known is not left out */
        report_set_certainty(r, table, "packets", CERTAIN_UPPER);
    for (size_t i = 0; i < p->now.count && i < REPORT_TOP; i++) {
        struct ds_figures hosts;
        if (packets_of(&p->now.rows[i], p->without) == 0)
            break;
        if (read_hosts(r, p, &p->now.rows[i], &hosts, err) < 0)
            return -1;
        write_row(r, table, p, i, &hosts);
    }
    write_rest(r, table, p);
    report_add_figure(r, chapter, &(struct report_figure){id, id, "service", "bars", share, false});
    return 0;
}

/* The rows came sorted by hosts. Where these are not known they stand by what is: among the others.
 */
static void keep_by_hosts(struct ports *p)
{
    for (size_t i = 0; i < p->now.count && p->by_hosts_count < REPORT_TOP; i++) {
        const struct ds_figures *f = &p->now.rows[i].figures;
        if (f->sources_exact || f->sources_estimated)
            p->by_hosts[p->by_hosts_count++] = p->now.rows[i];
    }
}

static void write_by_hosts(struct report *r, json_t *chapter, const struct ports *p)
{
    static const char *const hosts[] = {"hosts", NULL};
    char service[REPORT_SERVICE];
    json_t *table = report_table(r, chapter, "ports-by-hosts", host_columns);
    for (size_t i = 0; i < p->by_hosts_count; i++) {
        const struct ds_top_row *row = &p->by_hosts[i];
        json_t *out = report_row(r, table);
        report_set(r, out, "rank", report_count(i + 1));
        report_set(r, out, "service", json_string(report_service(row->proto, row->port, service)));
        report_set_sources(r, out, "hosts", &row->figures);
        report_set(r, out, "packets", report_count(row->figures.packets));
    }
    report_note(r, chapter, "ports-by-hosts");
    report_add_figure(r, chapter,
                      &(struct report_figure){"ports-by-hosts", "ports-by-hosts", "service", "bars",
                                              hosts, false});
}

int report_gather_ports(struct report *r, struct ds_error *err)
{
    struct ports p = {0};
    struct ds_range before;
    struct ds_error ignored;
    p.has_before = report_year_before(r, &before);
    const struct wanted_top now = {&r->range, DS_BY_PORT, &scan, WITH_HOSTS, REPORT_TOP};
    const struct wanted_top then = {&before, DS_BY_PORT, &scan, WITHOUT_HOSTS, 0};
    int result = report_top_read_hosts(r, &now, &p.now, err);
    if (result == 0 && p.has_before)
        p.has_before = report_top_read(r, &then, &p.before, &ignored) == 0;
    if (result == 0) {
        json_t *chapter = report_chapter(r, "ports");
        keep_by_hosts(&p);
        p.without = true;
        result = write_table(r, chapter, "ports-without-survey", &p, err);
        p.without = false;
        if (result == 0)
            result = write_table(r, chapter, "ports", &p, err);
        report_note(r, chapter, "ports");
        report_note(r, chapter, "survey");
        if (!p.has_before)
            report_note(r, chapter, "no-year-before");
        write_by_hosts(r, chapter, &p);
    }
    report_top_finish(&p.now);
    report_top_finish(&p.before);
    return result;
}

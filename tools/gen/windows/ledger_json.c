/* SPDX-License-Identifier: Apache-2.0
 *
 * The truth as JSON, with the names of the window's JSON. A write that fails is noticed at the end,
 * by the stream's error flag.
 */
#include "ledger.h"

#include "countries.h"

#include "darkscope/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define PORTS      65536u
#define DATE_CHARS 10 /* of a time's text */

static void print_date(FILE *f, const char *key, int64_t day)
{
    char text[DS_TIME_TEXT];
    ds_time_print(day * DS_GEN_DAY_S, text);
    fprintf(f, "\"%s\":\"%.*s\"", key, DATE_CHARS, text);
}

static void print_counts(FILE *f, const char *key, const uint64_t *counts,
                         const char *(*name)(unsigned))
{
    fprintf(f, ",\"%s\":{", key);
    for (unsigned i = 0; name(i); i++)
        fprintf(f, "%s\"%s\":%" PRIu64, i ? "," : "", name(i), counts[i]);
    fputc('}', f);
}

/* ---- unique hosts by what their party is ---- */

struct sources {
    uint64_t all, classes[DS_CLASS_COUNT], devices[DS_DEVICE_COUNT], marks[DS_GEN_MARKS_MAX];
    uint64_t countries[DS_GEN_PLACES_MAX];
};

static void sum_sources(const struct ds_gen_maker *m, const struct ds_gen_heads_count *c,
                        struct sources *out)
{
    *out = (struct sources){.all = c->victims};
    out->classes[DS_CLASS_BACKSCATTER] = out->devices[DS_DEVICE_NONE] = c->victims;
    for (size_t i = 0; i < ds_gen_place_count; i++)
        out->countries[i] = c->victims_of[i];
    for (size_t i = 0; i < m->model->party_count; i++) {
        const struct ds_gen_party *p = &m->model->parties[i];
        const struct ds_gen_group *g = &m->model->groups[p->group];
        out->all += c->parties[i];
        out->classes[g->cls] += c->parties[i];
        out->devices[g->device] += c->parties[i];
        out->countries[p->place] += c->parties[i];
        for (unsigned k = 0; k < m->mark_count; k++)
            if (m->marks[k] == g->signature)
                out->marks[k] += c->parties[i];
    }
}

/* ---- sums ---- */

static void print_tables(FILE *f, const struct ds_gen_maker *m, const struct ds_gen_sum *s,
                         const struct sources *sources)
{
    const char *comma = "";
    fputs(",\"classes\":{", f);
    for (unsigned i = 0; i < DS_CLASS_COUNT; i++)
        fprintf(f,
                "%s\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"sources\":%" PRIu64 "}",
                i ? "," : "", ds_class_name(i), s->classes[i].packets, s->classes[i].bytes,
                sources->classes[i]);
    fputs("},\"protocols\":{", f);
    for (unsigned i = 0; i < 256; i++)
        if (s->protocols[i]) {
            fprintf(f, "%s\"%u\":%" PRIu64, comma, i, s->protocols[i]);
            comma = ",";
        }
    comma = "";
    fputs("},\"countries\":[", f);
    for (size_t i = 0; i < ds_gen_place_count; i++) {
        size_t place = m->places_by_code[i];
        if (s->countries[place].packets == 0)
            continue;
        fprintf(f,
                "%s{\"country\":\"%s\",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
                ",\"sources\":%" PRIu64 "}",
                comma, ds_gen_places[place].code, s->countries[place].packets,
                s->countries[place].bytes, sources->countries[place]);
        comma = ",";
    }
    fputs("],\"devices\":[", f);
    for (unsigned i = 0; i < DS_DEVICE_COUNT; i++)
        fprintf(f, "%s{\"device\":\"%s\",\"packets\":%" PRIu64 ",\"sources\":%" PRIu64 "}",
                i ? "," : "", ds_device_name(i), s->devices[i], sources->devices[i]);
    fputs("],\"signatures\":[", f);
    for (unsigned i = 0; i < m->mark_count; i++)
        fprintf(f, "%s{\"id\":\"%s\",\"packets\":%" PRIu64 ",\"sources\":%" PRIu64 "}",
                i ? "," : "", ds_signature_name((unsigned)m->marks[i]), s->signatures[i],
                sources->marks[i]);
    fputc(']', f);
}

static void print_sum(FILE *f, const struct ds_gen_sum *s)
{
    fprintf(f,
            "\"windows\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"observed_ns\":%" PRIu64
            ",\"addresses\":%" PRIu64 ",\"active_addresses\":%" PRIu64 ",\"bytes\":%" PRIu64,
            s->windows, s->messages, s->observed_ns, s->addresses, s->active_addresses, s->bytes);
    print_counts(f, "packets", s->books, ds_book_name);
    print_counts(f, "malformed", s->malformed, ds_malformed_name);
    print_counts(f, "types", s->types, ds_type_name);
}

/* ---- ports ---- */

struct port_row {
    const struct ds_gen_service *service;
    uint32_t port;
    const struct ds_gen_port_sum *sum;
};

static void print_port(FILE *f, const struct port_row *r, const char *comma)
{
    char proto[8];
    fprintf(f,
            "%s{\"class\":\"%s\",\"proto\":\"%s\",\"port\":%u,\"packets\":%" PRIu64
            ",\"bytes\":%" PRIu64 ",\"survey_packets\":%" PRIu64 "}",
            comma, ds_class_name(r->service->cls), ds_proto_name(r->service->proto, proto), r->port,
            r->sum->packets, r->sum->bytes, r->sum->survey);
}

/* Keeps the rows with most packets, most first. */
static void keep_row(struct port_row *rows, size_t *count, struct port_row row)
{
    if (*count == DS_GEN_DAY_PORTS && rows[*count - 1].sum->packets >= row.sum->packets)
        return;
    size_t at = *count < DS_GEN_DAY_PORTS ? (*count)++ : *count - 1;
    for (; at > 0 && rows[at - 1].sum->packets < row.sum->packets; at--)
        rows[at] = rows[at - 1];
    rows[at] = row;
}

static void print_day_ports(struct ds_gen_ledger *l, FILE *f)
{
    struct port_row rows[DS_GEN_DAY_PORTS];
    size_t count = 0;
    for (size_t i = 0; i < l->service_count; i++)
        for (uint32_t port = 0; port < PORTS; port++)
            if (l->services[i].day[port].packets)
                keep_row(rows, &count,
                         (struct port_row){&l->services[i], port, &l->services[i].day[port]});
    fputs(",\"ports\":[", f);
    for (size_t i = 0; i < count; i++)
        print_port(f, &rows[i], i ? "," : "");
    fputs("],\"port_sources\":[", f);
    for (unsigned i = 0; i < l->maker->track_count; i++)
        fprintf(f, "%s{\"class\":\"scan\",\"proto\":\"tcp\",\"port\":%u,\"sources\":%" PRIu64 "}",
                i ? "," : "", l->maker->track_ports[i], ds_gen_uniques_of_track(&l->uniques, i));
    fputc(']', f);
}

static void print_all_ports(struct ds_gen_ledger *l, FILE *f)
{
    const char *comma = "";
    fputs(",\"ports\":[", f);
    for (size_t i = 0; i < l->service_count; i++)
        for (uint32_t port = 0; port < PORTS; port++) {
            struct port_row row = {&l->services[i], port, &l->services[i].run[port]};
            if (row.sum->packets == 0)
                continue;
            print_port(f, &row, comma);
            comma = ",\n";
        }
    fputc(']', f);
}

/* ---- days and spans ---- */

static void print_sensors(FILE *f, struct ds_gen_ledger *l, const struct ds_gen_sum *sums,
                          bool of_day)
{
    char name[DS_NAME_MAX + 1];
    fputs(",\"sensors\":[", f);
    for (unsigned i = 0; i < l->maker->model->plan->sensors; i++) {
        fprintf(f, "%s{\"sensor\":\"%s\",", i ? "," : "", ds_gen_sensor_name(i, name));
        print_sum(f, &sums[i]);
        if (of_day)
            fprintf(f, ",\"sources\":%" PRIu64, ds_gen_uniques_of_sensor(&l->uniques, i));
        fputc('}', f);
    }
    fputc(']', f);
}

void ds_gen_ledger_print_day(struct ds_gen_ledger *l)
{
    struct ds_gen_sum *sum = calloc(1, sizeof *sum);
    struct sources sources;
    FILE *f = l->days;
    if (!sum) {
        l->failed = true;
        return;
    }
    for (unsigned i = 0; i < l->maker->model->plan->sensors; i++) {
        ds_gen_sum_add(sum, &l->day[i]);
        sum->addresses += l->day[i].addresses;
        sum->active_addresses += l->day[i].active_addresses;
    }
    sum_sources(l->maker, &l->uniques.day, &sources);
    fputs(l->days_written++ ? ",\n{" : "{", f);
    print_date(f, "day", l->today);
    fprintf(f, ",\"sources\":%" PRIu64 ",", sources.all);
    print_sum(f, sum);
    print_tables(f, l->maker, sum, &sources);
    print_day_ports(l, f);
    print_sensors(f, l, l->day, true);
    fputc('}', f);
    free(sum);
}

static void print_year(struct ds_gen_ledger *l, FILE *f)
{
    const struct ds_gen_history *h = l->maker->model->plan->history;
    double counted = (double)l->year.books[DS_BOOK_COUNTED];
    int year = ds_gen_day_year(l->today);
    fprintf(f, ",\"year\":%d,\"days\":%u,\"packets_per_address\":%.9g", year, l->year_days,
            l->year_per_address);
    if (l->year.addresses && l->year_days)
        fprintf(f, ",\"naive\":%.9g,\"mean_active_addresses\":%.9g",
                counted / (double)l->year.addresses, l->year_active / l->year_days);
    for (size_t i = 0; h && i < h->count; i++)
        if (h->years[i].year == year)
            fprintf(f,
                    ",\"published\":{\"packets\":%.0f,\"addresses\":%u,"
                    "\"packets_per_address\":%.0f,\"scale\":%u}",
                    h->years[i].packets, h->years[i].addresses, h->years[i].per_address, h->scale);
    fputc(',', f);
    print_sum(f, &l->year);
}

void ds_gen_ledger_print_span(struct ds_gen_ledger *l, enum ds_gen_span span, int64_t first_day)
{
    struct sources sources;
    FILE *f = l->spans[span];
    sum_sources(l->maker, &l->uniques.spans[span], &sources);
    fputs(l->spans_written[span]++ ? ",\n{" : "{", f);
    print_date(f, "from", first_day);
    fputc(',', f);
    print_date(f, "last", l->today);
    fprintf(f, ",\"sources\":%" PRIu64, sources.all);
    if (span == DS_GEN_YEAR)
        print_year(l, f);
    if (span == DS_GEN_RUN) {
        fputc(',', f);
        print_sum(f, &l->all);
        print_tables(f, l->maker, &l->all, &sources);
        print_sensors(f, l, l->run, false);
        print_all_ports(l, f);
    } else {
        fputs(",\"countries\":[", f);
        const char *comma = "";
        for (size_t i = 0; i < ds_gen_place_count; i++) {
            size_t place = l->maker->places_by_code[i];
            if (sources.countries[place] == 0)
                continue;
            fprintf(f, "%s{\"country\":\"%s\",\"sources\":%" PRIu64 "}", comma,
                    ds_gen_places[place].code, sources.countries[place]);
            comma = ",";
        }
        fputc(']', f);
    }
    fputc('}', f);
}

/* ---- the file ---- */

static void copy(FILE *from, FILE *to)
{
    char buffer[65536];
    size_t n;
    rewind(from);
    while ((n = fread(buffer, 1, sizeof buffer, from)) > 0)
        fwrite(buffer, 1, n, to);
}

static void print_gaps(FILE *f, const struct ds_gen_gap *gaps, size_t count)
{
    char name[DS_NAME_MAX + 1], from[DS_TIME_TEXT], to[DS_TIME_TEXT];
    fputs(",\n\"gaps\":[", f);
    for (size_t i = 0; i < count; i++)
        fprintf(f, "%s{\"sensor\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"}", i ? "," : "",
                ds_gen_sensor_name(gaps[i].sensor, name), ds_time_print_ms(gaps[i].from_ms, from),
                ds_time_print_ms(gaps[i].to_ms, to));
    fputc(']', f);
}

static void print_surges(FILE *f, const struct ds_gen_model *m)
{
    char from[DS_TIME_TEXT], to[DS_TIME_TEXT];
    fputs(",\n\"surges\":[", f);
    for (size_t i = 0; i < m->surge_count; i++) {
        const struct ds_gen_surge *s = &m->surges[i];
        fprintf(f,
                "%s{\"from\":\"%s\",\"to\":\"%s\",\"class\":\"scan\",\"proto\":\"tcp\",\"port\":%u,"
                "\"countries\":[",
                i ? "," : "", ds_time_print(s->start_s, from), ds_time_print(s->end_s, to),
                s->port);
        for (const char *code = s->countries; *code; code += 2)
            fprintf(f, "%s\"%.2s\"", code == s->countries ? "" : ",", code);
        fprintf(f, "],\"packets_at_height\":%.0f}", s->packets);
    }
    fputc(']', f);
}

int ds_gen_ledger_write(struct ds_gen_ledger *l, FILE *to, const char *parameters,
                        const struct ds_gen_gap *gaps, size_t gap_count)
{
    static const char *const names[DS_GEN_SPAN_COUNT] = {"weeks", "months", "years", NULL};
    errno = ENOMEM;
    bool is_failed = l->failed || ferror(l->days);
    fprintf(to, "{\"parameters\":%s,\n\"all\":", parameters);
    if (l->spans_written[DS_GEN_RUN] == 0)
        fputs("null", to);
    copy(l->spans[DS_GEN_RUN], to);
    print_gaps(to, gaps, gap_count);
    print_surges(to, l->maker->model);
    for (int i = 0; i < DS_GEN_SPAN_COUNT; i++) {
        is_failed = is_failed || ferror(l->spans[i]);
        if (!names[i])
            continue;
        fprintf(to, ",\n\"%s\":[", names[i]);
        copy(l->spans[i], to);
        fputc(']', to);
    }
    fputs(",\n\"days\":[", to);
    copy(l->days, to);
    fputs("]}\n", to);
    return is_failed || ferror(to) ? -1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include "countries.h"

#include <stdlib.h>
#include <string.h>

#define PORTS 65536

const char *ds_gen_sensor_name(unsigned sensor, char out[static DS_NAME_MAX + 1])
{
    snprintf(out, DS_NAME_MAX + 1, "telescope-%u", sensor + 1);
    return out;
}

int ds_gen_ledger_init(struct ds_gen_ledger *l, const struct ds_gen_maker *maker)
{
    unsigned sensors = maker->model->plan->sensors;
    *l = (struct ds_gen_ledger){.maker = maker, .today = -1};
    l->day = calloc(sensors, sizeof *l->day);
    l->run = calloc(sensors, sizeof *l->run);
    l->last_start_s = calloc(sensors, sizeof *l->last_start_s);
    l->place_of = calloc(PORTS, sizeof *l->place_of);
    l->days = tmpfile();
    bool is_failed = !l->day || !l->run || !l->last_start_s || !l->place_of || !l->days;
    for (int i = 0; i < DS_GEN_SPAN_COUNT; i++)
        is_failed = !(l->spans[i] = tmpfile()) || is_failed;
    if (is_failed || ds_gen_uniques_init(&l->uniques, maker) < 0)
        return -1;
    for (unsigned i = 0; i < sensors; i++)
        l->last_start_s[i] = -1;
    for (uint16_t i = 0; i < ds_gen_place_count; i++)
        l->place_of[DS_COUNTRY(ds_gen_places[i].code[0], ds_gen_places[i].code[1])] = i;
    return 0;
}

void ds_gen_ledger_finish(struct ds_gen_ledger *l)
{
    ds_gen_uniques_finish(&l->uniques);
    for (size_t i = 0; i < l->service_count; i++) {
        free(l->services[i].day);
        free(l->services[i].run);
    }
    if (l->days)
        fclose(l->days);
    for (int i = 0; i < DS_GEN_SPAN_COUNT; i++)
        if (l->spans[i])
            fclose(l->spans[i]);
    free(l->day);
    free(l->run);
    free(l->last_start_s);
    free(l->place_of);
    *l = (struct ds_gen_ledger){0};
}

/* ---- adding ---- */

static void add_all(uint64_t *into, const uint64_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        into[i] += from[i];
}

static void add_tallies(struct ds_tally *into, const struct ds_tally *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        into[i].packets += from[i].packets;
        into[i].bytes += from[i].bytes;
    }
}

void ds_gen_sum_add(struct ds_gen_sum *into, const struct ds_gen_sum *from)
{
    into->messages += from->messages;
    into->windows += from->windows;
    into->observed_ns += from->observed_ns;
    into->bytes += from->bytes;
    add_all(into->books, from->books, DS_BOOK_COUNT);
    add_all(into->malformed, from->malformed, DS_MALFORMED_COUNT);
    add_all(into->types, from->types, DS_TYPE_COUNT);
    add_all(into->protocols, from->protocols, 256);
    add_all(into->devices, from->devices, DS_DEVICE_COUNT);
    add_all(into->signatures, from->signatures, DS_GEN_MARKS_MAX);
    add_tallies(into->classes, from->classes, DS_CLASS_COUNT);
    add_tallies(into->countries, from->countries, DS_GEN_PLACES_MAX);
}

static void raise_to(uint64_t *into, uint64_t from)
{
    *into = from > *into ? from : *into;
}

static void add_window(struct ds_gen_ledger *l, struct ds_gen_sum *s, const struct ds_window *w)
{
    s->messages++;
    s->observed_ns += w->observed_ns;
    s->bytes += w->bytes;
    add_all(s->books, w->books, DS_BOOK_COUNT);
    add_all(s->malformed, w->malformed, DS_MALFORMED_COUNT);
    add_all(s->types, w->types, DS_TYPE_COUNT);
    add_all(s->protocols, w->protocols, 256);
    add_tallies(s->classes, w->classes, DS_CLASS_COUNT);
    raise_to(&s->addresses, w->addresses);
    raise_to(&s->active_addresses, w->active_addresses);
    for (size_t i = 0; i < w->country_count; i++)
        add_tallies(&s->countries[l->place_of[w->countries[i].country]], &w->countries[i].tally, 1);
    for (size_t i = 0; i < w->device_count; i++)
        s->devices[w->devices[i].device] += w->devices[i].packets;
    for (size_t i = 0, at = 0; i < w->signature_count; i++) {
        while (strcmp(w->marks[at], w->signatures[i].id) != 0)
            at++;
        s->signatures[at] += w->signatures[i].packets;
    }
}

static struct ds_gen_service *service_of(struct ds_gen_ledger *l, uint8_t cls, uint8_t proto)
{
    uint8_t *index = &l->service_of[cls][proto];
    if (*index)
        return &l->services[*index - 1];
    if (l->service_count == DS_GEN_SERVICES_MAX)
        return NULL;
    struct ds_gen_service *s = &l->services[l->service_count];
    *s = (struct ds_gen_service){cls, proto, calloc(PORTS, sizeof *s->day),
                                 calloc(PORTS, sizeof *s->run)};
    *index = (uint8_t)++l->service_count;
    return s->day && s->run ? s : NULL;
}

static void add_cells(struct ds_gen_ledger *l, const struct ds_window *w)
{
    struct ds_gen_service *s = NULL;
    for (size_t i = 0; i < w->cell_count; i++) {
        const struct ds_cell *c = &w->cells[i];
        if (!s || s->cls != c->cls || s->proto != c->proto)
            s = service_of(l, c->cls, c->proto);
        if (!s) {
            l->failed = true;
            return;
        }
        struct ds_gen_port_sum *port = &s->day[c->port];
        port->packets += c->packets;
        port->bytes += c->bytes;
        port->survey += c->survey_packets;
    }
}

/* ---- days ---- */

static int64_t first_day(const struct ds_gen_ledger *l)
{
    const struct ds_gen_plan *plan = l->maker->model->plan;
    return ds_gen_plan_day(plan, plan->start_s);
}

/* The first day of the span that a day is in, not before the run. */
static int64_t span_start(const struct ds_gen_ledger *l, enum ds_gen_span span, int64_t day)
{
    int64_t start = first_day(l), begin = start;
    int year = ds_gen_day_year(day);
    switch (span) {
    case DS_GEN_WEEK:
        begin = day - (day + 3) % 7; /* 1970 began on a Thursday, weeks on Mondays */
        break;
    case DS_GEN_MONTH:
        begin = ds_gen_month_day(day);
        break;
    case DS_GEN_YEAR:
        begin = ds_gen_year_day(year);
        break;
    case DS_GEN_RUN:
    case DS_GEN_SPAN_COUNT:
        break;
    }
    return begin > start ? begin : start;
}

static void sum_day(struct ds_gen_ledger *l)
{
    uint64_t counted = 0, active = 0, addresses = 0;
    for (unsigned i = 0; i < l->maker->model->plan->sensors; i++) {
        counted += l->day[i].books[DS_BOOK_COUNTED];
        active += l->day[i].active_addresses;
        addresses += l->day[i].addresses;
        ds_gen_sum_add(&l->run[i], &l->day[i]);
        ds_gen_sum_add(&l->all, &l->day[i]);
        ds_gen_sum_add(&l->year, &l->day[i]);
        raise_to(&l->run[i].addresses, l->day[i].addresses);
        raise_to(&l->run[i].active_addresses, l->day[i].active_addresses);
    }
    l->all.addresses = l->year.addresses = addresses; /* those of the last day */
    l->all.active_addresses = l->year.active_addresses = active;
    if (active == 0)
        return;
    l->year_days++;
    l->year_active += (double)active;
    l->year_per_address += (double)counted / (double)active;
}

static void keep_ports(struct ds_gen_ledger *l)
{
    for (size_t i = 0; i < l->service_count; i++) {
        struct ds_gen_service *s = &l->services[i];
        for (uint32_t port = 0; port < PORTS; port++) {
            s->run[port].packets += s->day[port].packets;
            s->run[port].bytes += s->day[port].bytes;
            s->run[port].survey += s->day[port].survey;
        }
        memset(s->day, 0, PORTS * sizeof *s->day);
    }
}

/* Ends the day; next is the one that begins, -1 at the end of the run. */
static void end_day(struct ds_gen_ledger *l, int64_t next)
{
    ds_gen_uniques_count_day(&l->uniques, (uint32_t)(l->today - first_day(l)));
    ds_gen_ledger_print_day(l);
    sum_day(l);
    keep_ports(l);
    memset(l->day, 0, l->maker->model->plan->sensors * sizeof *l->day);
    for (int i = 0; i < DS_GEN_SPAN_COUNT; i++) {
        int64_t start = span_start(l, (enum ds_gen_span)i, l->today);
        if (next >= 0 && span_start(l, (enum ds_gen_span)i, next) == start)
            continue;
        ds_gen_ledger_print_span(l, (enum ds_gen_span)i, start);
        ds_gen_uniques_clear_span(&l->uniques, (enum ds_gen_span)i);
        if (i != DS_GEN_YEAR)
            continue;
        l->year = (struct ds_gen_sum){0};
        l->year_per_address = l->year_active = l->year_days = 0;
    }
    ds_gen_uniques_clear_day(&l->uniques);
}

void ds_gen_ledger_add(struct ds_gen_ledger *l, const struct ds_gen_piece *piece,
                       const struct ds_window *w)
{
    int64_t day = ds_gen_plan_day(l->maker->model->plan, w->start_s);
    if (l->today >= 0 && day != l->today)
        end_day(l, day);
    l->today = day;
    struct ds_gen_sum *s = &l->day[piece->sensor];
    s->windows += l->last_start_s[piece->sensor] != w->start_s;
    l->last_start_s[piece->sensor] = w->start_s;
    add_window(l, s, w);
    add_cells(l, w);
    ds_gen_uniques_see(&l->uniques, piece->sensor);
}

void ds_gen_ledger_close(struct ds_gen_ledger *l)
{
    if (l->today >= 0)
        end_day(l, -1);
    l->today = -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#include <string.h>

#define HALVINGS 60

/* NICT REPORT 2019, "NICTER darknet monitoring statistics". */
static const struct ds_gen_year nicter_years[] = {
    {2005, 0.31e9, 16000, 19066},    {2006, 0.81e9, 100000, 17231},
    {2007, 1.99e9, 100000, 19118},   {2008, 2.29e9, 120000, 22710},
    {2009, 3.57e9, 120000, 36190},   {2010, 5.65e9, 120000, 50128},
    {2011, 4.54e9, 120000, 40654},   {2012, 7.78e9, 190000, 53085},
    {2013, 12.88e9, 210000, 63655},  {2014, 25.66e9, 240000, 115323},
    {2015, 54.51e9, 280000, 213523}, {2016, 128.1e9, 300000, 469104},
    {2017, 150.4e9, 300000, 559125},
};

static const struct ds_gen_history histories[] = {
    {.name = "nicter",
     .scale = 1000,
     .earliest = 16000,
     .years = nicter_years,
     .count = sizeof nicter_years / sizeof nicter_years[0]},
};

const struct ds_gen_history *ds_gen_history_find(const char *name)
{
    for (size_t i = 0; i < sizeof histories / sizeof histories[0]; i++)
        if (strcmp(histories[i].name, name) == 0)
            return &histories[i];
    return NULL;
}

int64_t ds_gen_year_day(int year)
{
    int64_t before = year - 1;
    return before * 365 + before / 4 - before / 100 + before / 400 - 719162;
}

int ds_gen_day_year(int64_t day)
{
    int year = 1970 + (int)(day / 366);
    while (ds_gen_year_day(year + 1) <= day)
        year++;
    return year;
}

int64_t ds_gen_month_day(int64_t day)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = ds_gen_day_year(day);
    int64_t begin = ds_gen_year_day(year);
    bool is_leap = ds_gen_year_day(year + 1) - begin == 366;
    for (int month = 0; month < 12; month++) {
        int64_t next = begin + lengths[month] + (month == 1 && is_leap);
        if (day < next)
            break;
        begin = next;
    }
    return begin;
}

void ds_gen_history_span(const struct ds_gen_history *h, int64_t *start_s, int64_t *end_s)
{
    *start_s = ds_gen_year_day(h->years[0].year) * DS_GEN_DAY_S;
    *end_s = ds_gen_year_day(h->years[h->count - 1].year + 1) * DS_GEN_DAY_S;
}

static double packets_of_window(const struct ds_gen_history *h, const struct ds_gen_year *y,
                                uint32_t window_s)
{
    int64_t days = ds_gen_year_day(y->year + 1) - ds_gen_year_day(y->year);
    return y->packets / h->scale / (double)(days * DS_GEN_DAY_S / window_s);
}

double ds_gen_history_packets(const struct ds_gen_history *h, uint32_t window_s)
{
    double most = 0;
    for (size_t i = 0; i < h->count; i++) {
        double packets = packets_of_window(h, &h->years[i], window_s);
        most = packets > most ? packets : most;
    }
    return most;
}

static double addresses_of(const struct ds_gen_pace_year *y, int64_t day)
{
    double way = (double)(day - y->first_day) / (y->days - 1); /* 1 on 31 December */
    return way < 0.5 ? y->from + (y->middle - y->from) * 2 * way
                     : y->middle + (y->to - y->middle) * (2 * way - 1);
}

/* What the year's packets per address come out as, of one packet a day. */
static double sum_of_parts(const struct ds_gen_pace_year *y)
{
    double sum = 0;
    for (int i = 0; i < y->days; i++)
        sum += 1 / addresses_of(y, y->first_day + i);
    return sum;
}

/* More addresses in the middle make fewer packets per address. */
static void settle_middle(struct ds_gen_pace_year *y, const struct ds_gen_year *published)
{
    double wanted = published->per_address / (published->packets / y->days);
    double low = 1000, high = 10.0 * published->addresses;
    for (int i = 0; i < HALVINGS; i++) {
        y->middle = (low + high) / 2;
        if (sum_of_parts(y) > wanted)
            low = y->middle;
        else
            high = y->middle;
    }
}

void ds_gen_pace_init(struct ds_gen_pace *p, const struct ds_gen_plan *plan)
{
    *p = (struct ds_gen_pace){.plan = plan};
    const struct ds_gen_history *h = plan->history;
    double before = h ? h->earliest : 0;
    for (size_t i = 0; h && i < h->count; i++) {
        const struct ds_gen_year *published = &h->years[i];
        struct ds_gen_pace_year *y = &p->years[p->year_count++];
        y->first_day = ds_gen_year_day(published->year);
        y->days = (int)(ds_gen_year_day(published->year + 1) - y->first_day);
        y->part = packets_of_window(h, published, plan->window_s) / plan->packets;
        y->from = before;
        y->to = before = published->addresses;
        settle_middle(y, published);
    }
}

/* NULL without a history; the first or last one outside of its years. */
static const struct ds_gen_pace_year *find_year(const struct ds_gen_pace *p, int64_t day)
{
    size_t i = 0;
    while (i + 1 < p->year_count && p->years[i + 1].first_day <= day)
        i++;
    return p->year_count ? &p->years[i] : NULL;
}

double ds_gen_pace_packets(const struct ds_gen_pace *p, int64_t day)
{
    const struct ds_gen_pace_year *y = find_year(p, day);
    return y ? y->part / p->plan->sensors : 1;
}

uint32_t ds_gen_pace_addresses(const struct ds_gen_pace *p, int64_t day, unsigned sensor)
{
    const struct ds_gen_pace_year *y = find_year(p, day);
    const struct ds_gen_plan *plan = p->plan;
    if (y) {
        uint32_t all = (uint32_t)(addresses_of(y, day) + 0.5);
        return all / plan->sensors + (sensor < all % plan->sensors);
    }
    int64_t days = (int64_t)ds_gen_plan_days(plan) - 1;
    int64_t way = day - ds_gen_plan_day(plan, plan->start_s);
    int64_t grown = (int64_t)plan->addresses_last - plan->addresses_first;
    return (uint32_t)(plan->addresses_first + (days ? grown * way / days : 0));
}

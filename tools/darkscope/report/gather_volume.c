/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of hosts that send most: at least a packet per monitored address on a day. Of days of UTC,
 * as the store counts them when it sums up a day.
 */
#include "gather.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S INT64_C(86400)

static const char *const groups[] = {
    [DS_VOLUME_MALWARE] = "malware",
    [DS_VOLUME_SURVEY] = "survey",
    [DS_VOLUME_BACKSCATTER] = "backscatter",
    [DS_VOLUME_OTHER] = "other-hosts",
};

static const struct report_column columns[] = {
    {"group", VALUE_WORD, NULL, CERTAIN_EXACT},
    {"host_days", VALUE_COUNT, "hosts", CERTAIN_LOWER},
    {"hosts_per_day", VALUE_REAL, "hosts", CERTAIN_LOWER},
    {"volume_packets", VALUE_COUNT, "packets", CERTAIN_LOWER},
    {"volume_share", VALUE_SHARE, NULL, CERTAIN_LOWER},
    {"packets_per_host_day", VALUE_REAL, "packets", CERTAIN_LOWER},
    {"ports_per_host", VALUE_REAL, NULL, CERTAIN_LOWER},
    {NULL, 0, NULL, 0},
};

static const struct report_column day_columns[] = {
    {"utc_day", VALUE_DATE, NULL, CERTAIN_EXACT},
    {"volume_malware", VALUE_COUNT, "hosts", CERTAIN_LOWER},
    {"volume_survey", VALUE_COUNT, "hosts", CERTAIN_LOWER},
    {"volume_backscatter", VALUE_COUNT, "hosts", CERTAIN_LOWER},
    {"volume_other-hosts", VALUE_COUNT, "hosts", CERTAIN_LOWER},
    {NULL, 0, NULL, 0},
};

struct volume {
    uint64_t hosts, packets, ports;
};

struct volumes {
    int64_t first_day;
    size_t day_count, days_known;
    bool *is_known;
    uint64_t (*hosts)[DS_VOLUME_COUNT]; /* by day */
    struct volume sums[DS_VOLUME_COUNT];
};

static int add_row(void *arg, const struct ds_volume_row *row)
{
    struct volumes *v = arg;
    size_t day = (size_t)(row->day_s / DAY_S - v->first_day);
    if (day >= v->day_count)
        return 0;
    v->days_known += !v->is_known[day];
    v->is_known[day] = true;
    v->hosts[day][row->group] += row->hosts;
    v->sums[row->group].hosts += row->hosts;
    v->sums[row->group].packets += row->packets;
    v->sums[row->group].ports += row->ports;
    return 0;
}

static void write_groups(struct report *r, json_t *chapter, const struct volumes *v)
{
    json_t *table = report_table(r, chapter, "volume", columns);
    for (int i = 0; i < DS_VOLUME_COUNT && v->days_known > 0; i++) {
        const struct volume *sum = &v->sums[i];
        double host_days = (double)sum->hosts, packets = (double)sum->packets;
        json_t *row = report_row(r, table);
        report_set(r, row, "group", json_string(groups[i]));
        report_set(r, row, "host_days", report_count(sum->hosts));
        report_set(r, row, "hosts_per_day", json_real(host_days / (double)v->days_known));
        report_set(r, row, "volume_packets", report_count(sum->packets));
        report_set(r, row, "volume_share",
                   report_ratio(packets, (double)r->totals.sum.books[DS_BOOK_COUNTED]));
        report_set(r, row, "packets_per_host_day", report_ratio(packets, host_days));
        report_set(r, row, "ports_per_host", report_ratio((double)sum->ports, host_days));
    }
}

static void write_days(struct report *r, json_t *chapter, const struct volumes *v)
{
    static const char *const series[] = {"volume_malware", "volume_survey", "volume_backscatter",
                                         "volume_other-hosts", NULL};
    json_t *table = report_table(r, chapter, "volume-days", day_columns);
    for (size_t day = 0; day < v->day_count; day++) {
        char date[DS_TIME_TEXT], key[32];
        json_t *row = report_row(r, table);
        ds_time_print((v->first_day + (int64_t)day) * DAY_S, date);
        date[strlen("2026-01-31")] = 0;
        report_set(r, row, "utc_day", json_string(date));
        for (int i = 0; i < DS_VOLUME_COUNT; i++) {
            snprintf(key, sizeof key, "volume_%s", groups[i]);
            report_set(r, row, key,
                       v->is_known[day] ? report_count(v->hosts[day][i]) : json_null());
        }
    }
    report_add_figure(
        r, chapter,
        &(struct report_figure){"volume-days", "volume-days", "utc_day", "lines", series, true});
}

int report_gather_volume(struct report *r, struct ds_error *err)
{
    struct volumes v = {.first_day = (r->range.from_s + DAY_S - 1) / DAY_S};
    v.day_count = (size_t)((r->range.to_s + DAY_S - 1) / DAY_S - v.first_day);
    v.is_known = calloc(v.day_count + 1, sizeof *v.is_known);
    v.hosts = calloc(v.day_count + 1, sizeof *v.hosts);
    int result = v.is_known && v.hosts
                     ? r->store->ops->volumes(r->store, &r->range, add_row, &v, err)
                     : ds_error(err, DS_FAILURE, "out of memory");
    if (result == 0) {
        json_t *chapter = report_chapter(r, "volume");
        write_groups(r, chapter, &v);
        write_days(r, chapter, &v);
        report_note(r, chapter, "volume");
    }
    free(v.is_known);
    free(v.hosts);
    return result;
}

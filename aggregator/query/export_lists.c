/* SPDX-License-Identifier: Apache-2.0
 *
 * Exports without steps: windows, attacks, sources, what was first seen when, sensors.
 */
#include "export_row.h"
#include "sources.h"

#include "darkscope/text.h"

#include <string.h>

#define WORDS_BYTES 2048 /* names of the marks of a source */

/* ---- windows ---- */

static int each_window(void *arg, const char *sensor, const struct ds_window *w,
                       const struct ds_origin *origin)
{
    struct export *x = arg;
    const struct ds_figures f = {.has_bytes = true,
                                 .has_sources = true,
                                 .bytes = w->bytes,
                                 .sources = w->sources,
                                 .sources_peak = w->sources,
                                 .sources_exact = origin->sources_exact &&
                                                  w->overflow[DS_OVERFLOW_SOURCES] == 0};
    ds_export_set_time(x, C_START, w->start_s);
    ds_export_set_count(x, C_LENGTH, w->seconds);
    ds_export_set_text(x, C_SENSOR, sensor);
    ds_export_set_count(x, C_PARTS, origin->parts);
    ds_export_set_figures(x, &f, true);
    for (unsigned i = 0; i < DS_BOOK_COUNT; i++)
        ds_export_set_count(x, C_BOOKS + i, w->books[i]);
    for (unsigned i = 0; i < DS_OVERFLOW_COUNT; i++)
        ds_export_set_count(x, C_OVERFLOW + i, w->overflow[i]);
    ds_export_set_count(x, C_DESTINATIONS, w->destinations);
    ds_export_set_known(x, C_ADDRESSES, w->addresses_known, w->addresses);
    ds_export_set_count(x, C_ACTIVE_ADDRESSES, w->active_addresses);
    ds_export_set_text(x, C_COUNTRY_DB, w->country_db[0] ? w->country_db : NULL);
    ds_export_set_coverage(x, w->observed_ns, 1, w->seconds);
    return ds_export_send(x);
}

int ds_export_windows(struct export *x)
{
    struct answer *a = x->answer;
    return a->store->ops->windows(a->store, &a->range, UINT64_MAX, false, each_window, x, x->err);
}

/* ---- attacks ---- */

/* How much of the period was watched, for every row. */
static int set_period(struct export *x)
{
    struct answer *a = x->answer;
    struct ds_totals totals;
    if (a->store->ops->totals(a->store, &a->range, &totals, x->err) < 0)
        return -1;
    ds_export_set_coverage(x, totals.observed_ns, totals.sensors, a->range.to_s - a->range.from_s);
    return 0;
}

static int each_attack(void *arg, const struct ds_attack_row *row)
{
    struct export *x = arg;
    const struct ds_attack *attack = &row->attack;
    char victim[DS_ADDRESS_TEXT];
    ds_export_set_text(x, C_SENSOR, row->sensor);
    ds_export_set_text(x, C_VICTIM, ds_address_print(attack->victim, victim));
    ds_export_set_text(x, C_VICTIM_COUNTRY, ds_country_name(attack->country, x->country));
    ds_export_set_text(x, C_ATTACKED_PROTO, ds_proto_name(attack->proto, x->proto));
    ds_export_set_count(x, C_ATTACKED_PORT, attack->port);
    ds_export_set_time(x, C_ATTACK_START, 0);
    x->all[C_ATTACK_START].time_ms = attack->start_ms;
    ds_export_set_time(x, C_ATTACK_LAST, 0);
    x->all[C_ATTACK_LAST].time_ms = attack->last_ms;
    ds_export_set_real(x, C_DURATION, (double)(attack->last_ms - attack->start_ms) / 1000);
    ds_export_set_count(x, C_ATTACK_PACKETS, attack->packets);
    ds_export_set_count(x, C_ATTACK_BYTES, attack->bytes);
    ds_export_set_count(x, C_MISMATCHES, attack->mismatches);
    ds_export_set_count(x, C_MAX_PPM, attack->max_ppm);
    ds_export_set_count(x, C_ATTACK_PORTS, attack->ports);
    ds_export_set_count(x, C_ATTACK_SERVICE_PORTS, attack->attack_ports);
    ds_export_set_count(x, C_ATTACK_ADDRESSES, attack->addresses);
    ds_export_set_count(x, C_PERIOD_PACKETS, attack->window_packets);
    ds_export_set_count(x, C_PERIOD_BYTES, attack->window_bytes);
    ds_export_set_count(x, C_ATTACK_WINDOWS, row->windows);
    return ds_export_send(x);
}

int ds_export_attacks(struct export *x)
{
    struct answer *a = x->answer;
    if (set_period(x) < 0)
        return -1;
    return a->store->ops->attacks(a->store, &a->range, &a->filter, x->limit, each_attack, x,
                                  x->err);
}

/* ---- sources ---- */

/* The names of the bits, blanks between them. */
static const char *join(uint32_t bits, const char *(*name_of)(const void *, unsigned),
                        const void *of, char out[static WORDS_BYTES])
{
    size_t used = 0;
    out[0] = 0;
    for (unsigned i = 0; bits; i++, bits >>= 1) {
        const char *name = bits & 1 ? name_of(of, i) : "";
        size_t length = strlen(name);
        if (length == 0 || used + length + 2 > WORDS_BYTES)
            continue;
        if (used)
            out[used++] = ' ';
        memcpy(out + used, name, length + 1);
        used += length;
    }
    return out;
}

static const char *class_name(const void *of, unsigned i)
{
    const char *name = ds_class_name(i);
    (void)of;
    return name ? name : "";
}

static const char *mark_name(const void *of, unsigned i)
{
    const struct source_total *s = of;
    return i < s->mark_count ? s->marks[i] : "";
}

static int each_source(void *arg, const struct source_total *s)
{
    struct export *x = arg;
    char address[DS_ADDRESS_TEXT], classes[WORDS_BYTES], seen[WORDS_BYTES], confirmed[WORDS_BYTES];
    double all = (double)s->all_packets;
    const struct ds_range *range = &x->answer->range;
    ds_export_set_coverage(x, s->observed_ns, s->sensors, range->to_s - range->from_s);
    ds_export_set_count(x, C_RANK, s->rank);
    ds_export_set_text(x, C_SOURCE, ds_address_print(s->address, address));
    ds_export_set_text(x, C_COUNTRY, ds_country_name(s->country, x->country));
    ds_export_set_known(x, C_ASN, s->asn != 0, s->asn);
    ds_export_set_count(x, C_SOURCE_PACKETS, s->packets);
    ds_export_set_real(x, C_SHARE, all > 0 ? (double)s->packets / all : 0);
    ds_export_set_count(x, C_PORTS_PEAK, s->ports_peak);
    ds_export_set_flag(x, C_SURVEY, s->survey);
    ds_export_set_text(x, C_SOURCE_DEVICE, ds_device_name(s->device));
    ds_export_set_text(x, C_CLASSES, join(s->classes, class_name, NULL, classes));
    ds_export_set_text(x, C_SIGNATURES, join(s->seen, mark_name, s, seen));
    ds_export_set_text(x, C_SOURCE_CONFIRMED, join(s->confirmed, mark_name, s, confirmed));
    ds_export_set_count(x, C_SOURCE_WINDOWS, s->windows);
    ds_export_set_time(x, C_FIRST, s->first_s);
    ds_export_set_time(x, C_LAST, s->last_s);
    return ds_export_send(x);
}

int ds_export_sources(struct export *x)
{
    return ds_sources_walk(x->answer, x->limit, each_source, x, x->err);
}

/* ---- first seen ---- */

static int each_seen(void *arg, const struct ds_seen_row *row)
{
    struct export *x = arg;
    ds_export_set_text(x, C_CLASS, ds_class_name(row->cls));
    ds_export_set_text(x, C_PROTO, ds_proto_name(row->proto, x->proto));
    ds_export_set_count(x, C_PORT, row->port);
    ds_export_set_text(x, C_SIGNATURE, row->signature);
    ds_export_set_time(x, C_FIRST_SEEN, row->first_s);
    ds_export_set_time(x, C_LAST_SEEN, row->last_s);
    return ds_export_send(x);
}

int ds_export_seen(struct export *x)
{
    struct answer *a = x->answer;
    const struct ds_seen seen = {a->range, &a->filter, (enum ds_by)x->table->by, x->limit};
    return a->store->ops->first_seen(a->store, &seen, each_seen, x, x->err);
}

/* ---- sensors ---- */

static int each_sensor(void *arg, const struct ds_sensor_row *row)
{
    struct export *x = arg;
    ds_export_set_text(x, C_SENSOR, row->name);
    ds_export_set_time(x, C_FIRST_WINDOW, row->first_s);
    ds_export_set_time(x, C_LAST_WINDOW_END, row->end_s);
    ds_export_set_time(x, C_LAST_RECEIVED, row->last_received_s);
    ds_export_set_count(x, C_WINDOWS, row->windows);
    ds_export_set_count(x, C_GRID, row->grid_s);
    ds_export_set_count(x, C_BOOKS + DS_BOOK_RECEIVED, row->received);
    ds_export_set_count(x, C_BOOKS + DS_BOOK_COUNTED, row->counted);
    ds_export_set_count(x, C_DROPPED, row->dropped);
    ds_export_set_coverage(x, row->observed_ns, 1, row->end_s - row->first_s);
    return ds_export_send(x);
}

int ds_export_sensor_list(struct export *x)
{
    struct answer *a = x->answer;
    return a->store->ops->sensors(a->store, each_sensor, x, x->err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of attacks of a period. They are those of each sensor: how the views of two sensors on
 * one attack add up is known only within a window (merge.h).
 */
#include "answer.h"

struct list {
    struct answer *answer;
    json_t *array;
    uint64_t seen; /* rows of the store */
};

static void write_attack(struct answer *a, json_t *o, const struct ds_attack *attack)
{
    char victim[DS_ADDRESS_TEXT], proto[8], country[3];
    double duration_s = (double)(attack->last_ms - attack->start_ms) / 1000;
    ds_answer_set(a, o, "victim", json_string(ds_address_print(attack->victim, victim)));
    ds_answer_set(a, o, "country", json_string(ds_country_name(attack->country, country)));
    ds_answer_set(a, o, "proto", json_string(ds_proto_name(attack->proto, proto)));
    ds_answer_set(a, o, "port", json_integer(attack->port));
    ds_answer_set(a, o, "start", ds_answer_time_ms(a, attack->start_ms));
    ds_answer_set(a, o, "last", ds_answer_time_ms(a, attack->last_ms));
    ds_answer_set(a, o, "duration_seconds", json_real(duration_s));
    ds_answer_set(a, o, "packets", ds_answer_count(attack->packets));
    ds_answer_set(a, o, "bytes", ds_answer_count(attack->bytes));
    ds_answer_set(a, o, "mismatches", ds_answer_count(attack->mismatches));
    ds_answer_set(a, o, "max_ppm", ds_answer_count(attack->max_ppm));
    ds_answer_set(a, o, "ports_peak", json_integer(attack->ports));
    ds_answer_set(a, o, "attack_ports_peak", json_integer(attack->attack_ports));
    ds_answer_set(a, o, "addresses_peak", json_integer(attack->addresses));
    ds_answer_set(a, o, "period_packets", ds_answer_count(attack->window_packets));
    ds_answer_set(a, o, "period_bytes", ds_answer_count(attack->window_bytes));
}

static int each_attack(void *arg, const struct ds_attack_row *row)
{
    struct list *l = arg;
    struct answer *a = l->answer;
    uint64_t number = ++l->seen;
    if (number <= a->skip || number > a->skip + a->query->limit)
        return 0;
    json_t *o = json_object();
    ds_answer_set(a, o, "sensor", ds_answer_text(row->sensor));
    write_attack(a, o, &row->attack);
    ds_answer_set(a, o, "windows", ds_answer_count(row->windows));
    ds_answer_append(a, l->array, o);
    return 0;
}

int ds_answer_attacks(struct answer *a, struct ds_error *err)
{
    struct ds_totals totals;
    if (a->store->ops->totals(a->store, &a->range, &totals, err) < 0)
        return -1;
    ds_answer_head(a);
    ds_answer_set(a, a->root, "sensors", ds_answer_count(totals.sensors));
    ds_answer_coverage(a, a->root, totals.observed_ns, totals.sensors,
                       a->range.to_s - a->range.from_s);
    ds_answer_set(a, a->root, "overflow",
                  ds_answer_count(totals.sum.overflow[DS_OVERFLOW_ATTACKS]));
    struct list l = {.answer = a, .array = ds_answer_array(a, a->root, "attacks")};
    if (a->store->ops->attacks(a->store, &a->range, &a->filter, a->skip + a->query->limit + 1,
                               each_attack, &l, err) < 0)
        return -1;
    ds_answer_next_rows(a, l.seen > a->skip + a->query->limit);
    return 0;
}

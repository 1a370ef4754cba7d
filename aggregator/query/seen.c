/* SPDX-License-Identifier: Apache-2.0
 *
 * When ports and signatures were first seen.
 */
#include "answer.h"

struct list {
    struct answer *answer;
    json_t *array;
    uint64_t seen; /* rows of the store */
};

static int each_row(void *arg, const struct ds_seen_row *seen)
{
    struct list *l = arg;
    struct answer *a = l->answer;
    uint64_t number = ++l->seen;
    if (number <= a->skip || number > a->skip + a->query->limit)
        return 0;
    json_t *row = json_object();
    if (a->query->by == DS_BY_PORT) {
        ds_answer_set(a, row, "class", ds_answer_text(ds_class_name(seen->cls)));
        ds_answer_port(a, row, seen->proto, seen->port);
    } else {
        ds_answer_set(a, row, "id", ds_answer_text(seen->signature));
    }
    ds_answer_set(a, row, "first", ds_answer_time(a, seen->first_s));
    ds_answer_set(a, row, "last", ds_answer_time(a, seen->last_s));
    ds_answer_append(a, l->array, row);
    return 0;
}

int ds_answer_seen(struct answer *a, struct ds_error *err)
{
    ds_answer_head(a);
    ds_answer_set(a, a->root, "by", json_string(ds_by_name(a->query->by)));
    struct list l = {.answer = a, .array = ds_answer_array(a, a->root, "rows")};
    const struct ds_seen seen = {a->range, &a->filter, a->query->by, a->skip + a->query->limit + 1};
    if (a->store->ops->first_seen(a->store, &seen, each_row, &l, err) < 0)
        return -1;
    ds_answer_next_rows(a, l.seen > a->skip + a->query->limit);
    return 0;
}

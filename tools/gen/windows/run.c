/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#define HELD_MAX   16
#define HELD_AHEAD 12 /* windows that a message is late by, at most */

/* A message that is sent later, or once more. */
struct held {
    struct ds_gen_message message;
    struct ds_window window;
    uint64_t due; /* index of the window after which it is sent */
};

struct sensor {
    char name[DS_NAME_MAX + 1];
    const struct ds_gen_gap *gap, *gaps_end; /* the next one that is not over yet */
    uint64_t restarts, sequence;
};

struct sending {
    struct ds_gen_run *run;
    struct ds_gen_sink *sink;
    struct sensor *sensors;
    struct held held[HELD_MAX];
    size_t held_count;
};

/* ---- messages that come later ---- */

static void *copy_rows(const void *rows, size_t count, size_t size, bool *is_failed)
{
    void *copy = malloc(count * size + 1);
    if (copy && count)
        memcpy(copy, rows, count * size);
    *is_failed = *is_failed || !copy;
    return copy;
}

static bool copy_window(struct ds_window *to, const struct ds_window *from)
{
    bool failed = false;
    *to = *from;
    to->cells = copy_rows(from->cells, from->cell_count, sizeof *to->cells, &failed);
    to->countries = copy_rows(from->countries, from->country_count, sizeof *to->countries, &failed);
    to->devices = copy_rows(from->devices, from->device_count, sizeof *to->devices, &failed);
    to->signatures =
        copy_rows(from->signatures, from->signature_count, sizeof *to->signatures, &failed);
    to->source_records = copy_rows(from->source_records, from->source_record_count,
                                   sizeof *to->source_records, &failed);
    to->attacks = copy_rows(from->attacks, from->attack_count, sizeof *to->attacks, &failed);
    return ds_sketches_copy(&from->sketches, &to->sketches) == 0 && !failed;
}

static int hold(struct sending *s, const struct ds_gen_message *m, uint64_t due,
                struct ds_error *err)
{
    struct held *h = &s->held[s->held_count++];
    h->message = *m;
    h->due = due;
    return copy_window(&h->window, m->window) ? 0 : ds_error(err, DS_FAILURE, "out of memory");
}

/* Sends those that are due after the window of that index. */
static int release(struct sending *s, uint64_t index, struct ds_error *err)
{
    size_t kept = 0;
    int result = 0;
    for (size_t i = 0; i < s->held_count; i++) {
        struct held h = s->held[i];
        if (h.due > index) {
            s->held[kept++] = h;
            continue;
        }
        h.message.window = &h.window;
        if (result == 0)
            result = s->sink->ops->send(s->sink, &h.message, err);
        ds_window_finish(&h.window);
    }
    s->held_count = kept;
    return result;
}

/* ---- messages ---- */

static int send_message(struct sending *s, const struct ds_gen_message *m,
                        const struct ds_gen_piece *piece, struct ds_error *err)
{
    const struct ds_gen_plan *plan = s->run->plan;
    uint64_t bits = ds_gen_mix(ds_gen_piece_key(plan, piece) + 7);
    bool has_room = s->held_count < HELD_MAX;
    uint64_t due = piece->index + (bits >> 48) % (HELD_AHEAD + 1);
    if (bits % 1000 < plan->late && has_room)
        return hold(s, m, due, err);
    if (s->sink->ops->send(s->sink, m, err) < 0)
        return -1;
    return (bits >> 20) % 1000 < plan->repeated && has_room ? hold(s, m, due, err) : 0;
}

static int send_piece(struct sending *s, const struct ds_gen_piece *piece, struct ds_error *err)
{
    struct ds_gen_run *r = s->run;
    struct sensor *sensor = &s->sensors[piece->sensor];
    const struct ds_gen_message m = {
        .sensor = sensor->name,
        .number = piece->sensor,
        .boot = ds_gen_bits(r->plan->seed ^ (piece->sensor + 1) * UINT64_C(0x626f6f74),
                            sensor->restarts),
        .sequence = ++sensor->sequence,
        .window = ds_gen_maker_make(&r->maker, piece),
    };
    r->made++;
    if (r->ledger)
        ds_gen_ledger_add(r->ledger, piece, m.window);
    return send_message(s, &m, piece, err);
}

/* What of the window the sensor watched, in as many pieces as its gaps leave. */
static int send_window(struct sending *s, unsigned number, uint64_t index, struct ds_error *err)
{
    const struct ds_gen_plan *plan = s->run->plan;
    struct sensor *sensor = &s->sensors[number];
    int64_t start_s = plan->start_s + (int64_t)index * plan->window_s;
    int64_t at = start_s * 1000, end = at + plan->window_s * INT64_C(1000);
    int result = 0;
    while (result == 0 && at < end) {
        const struct ds_gen_gap *gap = sensor->gap < sensor->gaps_end ? sensor->gap : NULL;
        int64_t to = gap && gap->from_ms < end ? gap->from_ms : end;
        struct ds_gen_piece piece = {number, index, start_s, (uint32_t)(at - start_s * 1000),
                                     (uint32_t)(to - start_s * 1000)};
        if (to > at)
            result = send_piece(s, &piece, err);
        at = to;
        if (!gap || to == end)
            break;
        at = gap->to_ms;
        if (at <= end) {
            sensor->gap++;
            sensor->restarts++;
            sensor->sequence = 0;
        }
    }
    return result;
}

static struct sensor *make_sensors(const struct ds_gen_run *r)
{
    struct sensor *sensors = calloc(r->plan->sensors, sizeof *sensors);
    const struct ds_gen_gap *gap = r->gaps, *end = r->gaps + r->gap_count;
    for (unsigned i = 0; sensors && i < r->plan->sensors; i++) {
        ds_gen_sensor_name(i, sensors[i].name);
        sensors[i].gap = gap;
        while (gap < end && gap->sensor == i)
            gap++;
        sensors[i].gaps_end = gap;
    }
    return sensors;
}

int ds_gen_run_send(struct ds_gen_run *r, struct ds_gen_sink *sink,
                    const volatile sig_atomic_t *stopped, struct ds_error *err)
{
    uint64_t windows = (uint64_t)((r->plan->end_s - r->plan->start_s) / r->plan->window_s);
    struct sending s = {.run = r, .sink = sink, .sensors = make_sensors(r)};
    int result = s.sensors ? 0 : ds_error(err, DS_FAILURE, "out of memory");
    for (uint64_t i = 0; result == 0 && i < windows && !(stopped && *stopped); i++) {
        for (unsigned sensor = 0; result == 0 && sensor < r->plan->sensors; sensor++)
            result = send_window(&s, sensor, i, err);
        if (result == 0)
            result = release(&s, i, err);
    }
    if (result == 0)
        result = release(&s, UINT64_MAX, err);
    for (size_t i = 0; i < s.held_count; i++)
        ds_window_finish(&s.held[i].window);
    free(s.sensors);
    return result;
}

/* ---- the whole ---- */

int ds_gen_run_init(struct ds_gen_run *r, const struct ds_gen_plan *plan, bool with_truth,
                    struct ds_error *err)
{
    *r = (struct ds_gen_run){.plan = plan};
    ds_gen_pace_init(&r->pace, plan);
    r->model = calloc(1, sizeof *r->model);
    if (!r->model)
        return ds_error(err, DS_FAILURE, "out of memory");
    if (ds_gen_model_init(r->model, plan, err) < 0)
        return -1;
    if (ds_gen_maker_init(&r->maker, r->model, &r->pace) < 0 ||
        ds_gen_gaps_draw(r->model, &r->gaps, &r->gap_count) < 0)
        return ds_error(err, DS_FAILURE, "out of memory");
    if (r->model->hosts.count > DS_GEN_HOST_ADDRESSES)
        return ds_error(err, DS_USAGE,
                        "--duration: more hosts than addresses to give them; ask "
                        "for less time or a lower --rate");
    if (!with_truth)
        return 0;
    r->ledger = calloc(1, sizeof *r->ledger);
    if (!r->ledger || ds_gen_ledger_init(r->ledger, &r->maker) < 0)
        return ds_error(err, DS_FAILURE, "no memory, or no temporary file, for the truth");
    return 0;
}

void ds_gen_run_finish(struct ds_gen_run *r)
{
    if (r->ledger)
        ds_gen_ledger_finish(r->ledger);
    free(r->ledger);
    free(r->gaps);
    ds_gen_maker_finish(&r->maker);
    if (r->model)
        ds_gen_model_finish(r->model);
    free(r->model);
    *r = (struct ds_gen_run){0};
}

int ds_gen_run_write_truth(struct ds_gen_run *r, FILE *to, const char *parameters)
{
    ds_gen_ledger_close(r->ledger);
    return ds_gen_ledger_write(r->ledger, to, parameters, r->gaps, r->gap_count);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "maker.h"

#include "countries.h"

#include <stdlib.h>
#include <string.h>

#define COUNTRY_DB "darkscope-gen 2026-01"

/* ---- signatures, in order of their names ---- */

static void list_marks(struct ds_gen_maker *m)
{
    for (size_t i = 0; i < m->model->group_count; i++) {
        int8_t signature = m->model->groups[i].signature;
        unsigned at = 0;
        if (signature < 0)
            continue;
        const char *name = ds_signature_name((unsigned)signature);
        while (at < m->mark_count && strcmp(ds_signature_name((unsigned)m->marks[at]), name) < 0)
            at++;
        if (at < m->mark_count && m->marks[at] == signature)
            continue;
        memmove(m->marks + at + 1, m->marks + at, m->mark_count - at);
        m->marks[at] = signature;
        m->mark_count++;
    }
    for (unsigned i = 0; i < m->mark_count; i++)
        strcpy(m->window.marks[i], ds_signature_name((unsigned)m->marks[i]));
    m->window.mark_count = m->mark_count;
}

static int order_places(struct ds_gen_maker *m)
{
    m->places_by_code = calloc(ds_gen_place_count, sizeof *m->places_by_code);
    for (uint16_t i = 0; m->places_by_code && i < ds_gen_place_count; i++) {
        uint16_t at = i;
        for (; at > 0 &&
               strcmp(ds_gen_places[m->places_by_code[at - 1]].code, ds_gen_places[i].code) > 0;
             at--)
            m->places_by_code[at] = m->places_by_code[at - 1];
        m->places_by_code[at] = i;
    }
    m->rank_of_place = calloc(ds_gen_place_count, sizeof *m->rank_of_place);
    if (!m->places_by_code || !m->rank_of_place)
        return -1;
    for (uint16_t i = 0; i < ds_gen_place_count; i++)
        m->rank_of_place[m->places_by_code[i]] = i;
    return 0;
}

/* ---- tracked ports: those with most packets ---- */

static bool is_trackable(uint64_t key)
{
    return key >> 32 == ((uint64_t)DS_CLASS_SCAN << 8 | DS_PROTO_TCP);
}

static void find_track(struct ds_gen_maker *m, const double *packets)
{
    uint32_t most = 0;
    for (uint32_t port = 0; port < 65536; port++)
        if (m->tracks[port] == 0 && packets[port] > packets[most])
            most = port;
    if (packets[most] <= 0 || m->tracks[most])
        return;
    m->track_ports[m->track_count++] = (uint16_t)most;
    m->tracks[most] = (uint8_t)m->track_count;
}

static int choose_tracks(struct ds_gen_maker *m)
{
    const struct ds_gen_model *model = m->model;
    double *packets = calloc(65536, sizeof *packets);
    m->tracks = calloc(65536, 1);
    if (!packets || !m->tracks) {
        free(packets);
        return -1;
    }
    for (size_t i = 0; i < model->head_count; i++)
        if (is_trackable(model->heads[i].key))
            packets[model->heads[i].key >> 16 & 0xffff] +=
                model->heads[i].weight * model->parties[model->heads[i].party].packets;
    for (unsigned i = 0; i < DS_GEN_TRACKS_MAX; i++)
        find_track(m, packets);
    free(packets);
    /* A flow is at most two arcs; a party has at most one flow to a port. */
    m->arc_room = 2 * DS_GEN_TRACKS_MAX * model->party_count;
    m->arcs = malloc((m->arc_room + 1) * sizeof *m->arcs);
    return m->arcs ? 0 : -1;
}

/* ---- room ---- */

static int make_flow_room(struct ds_gen_maker *m)
{
    size_t tail = 0;
    for (size_t i = 0; i < m->model->tail_count; i++)
        tail = m->model->tails[i].count > tail ? m->model->tails[i].count : tail;
    m->heads.list = malloc((m->model->head_count + 1) * sizeof *m->heads.list);
    m->tails.list = malloc((tail + 1) * sizeof *m->tails.list);
    m->answers.list = malloc((m->attacks.count + 1u) * sizeof *m->answers.list);
    m->cell_room = m->model->head_count + tail + m->attacks.count;
    m->window.cells = malloc(m->cell_room * sizeof *m->window.cells);
    return m->heads.list && m->tails.list && m->answers.list && m->window.cells ? 0 : -1;
}

static int make_host_room(struct ds_gen_maker *m)
{
    const struct ds_gen_model *model = m->model;
    size_t listed = model->plan->listed + 1u;
    m->levels = calloc(model->party_count, sizeof *m->levels);
    m->acts = calloc(model->party_count, sizeof *m->acts);
    m->hosts = malloc((model->hosts.slots + model->party_count) * sizeof *m->hosts);
    m->addresses = malloc((model->hosts.slots + 1u) * sizeof *m->addresses);
    m->order = malloc(listed * sizeof *m->order);
    m->spare = malloc(listed * sizeof *m->spare);
    m->records = malloc(listed * sizeof *m->records);
    m->sorted = malloc(listed * sizeof *m->sorted);
    return m->levels && m->acts && m->hosts && m->addresses && m->order && m->spare && m->records &&
                   m->sorted
               ? 0
               : -1;
}

static int make_table_room(struct ds_gen_maker *m)
{
    struct ds_window *w = &m->window;
    w->countries = malloc(ds_gen_place_count * sizeof *w->countries);
    w->devices = malloc(ds_gen_place_count * DS_DEVICE_COUNT * sizeof *w->devices);
    w->signatures = malloc(DS_GEN_MARKS_MAX * sizeof *w->signatures);
    w->attacks = malloc(m->attacks.count * sizeof *w->attacks);
    return w->countries && w->devices && w->signatures && w->attacks ? 0 : -1;
}

int ds_gen_maker_init(struct ds_gen_maker *m, struct ds_gen_model *model,
                      const struct ds_gen_pace *pace)
{
    *m = (struct ds_gen_maker){.model = model, .pace = pace, .address_day = -1};
    list_marks(m);
    if (ds_gen_attacks_init(&m->attacks, model) < 0 || order_places(m) < 0 ||
        choose_tracks(m) < 0 || make_flow_room(m) < 0 || make_host_room(m) < 0 ||
        make_table_room(m) < 0 || ds_gen_maker_sketches_init(m, m->cell_room) < 0)
        return -1;
    strcpy(m->window.country_db, COUNTRY_DB);
    return 0;
}

void ds_gen_maker_finish(struct ds_gen_maker *m)
{
    ds_gen_maker_sketches_finish(m);
    m->window.source_records = m->sorted;
    ds_window_finish(&m->window);
    ds_gen_attacks_finish(&m->attacks);
    free(m->levels);
    free(m->acts);
    free(m->hosts);
    free(m->heads.list);
    free(m->tails.list);
    free(m->answers.list);
    free(m->tracks);
    free(m->arcs);
    free(m->places_by_code);
    free(m->rank_of_place);
    free(m->addresses);
    free(m->order);
    free(m->spare);
    free(m->records);
    *m = (struct ds_gen_maker){0};
}

/* What is counted anew in every window. */
static void clear(struct ds_window *w)
{
    memset(w->books, 0, sizeof w->books);
    memset(w->malformed, 0, sizeof w->malformed);
    memset(w->types, 0, sizeof w->types);
    memset(w->classes, 0, sizeof w->classes);
    memset(w->protocols, 0, sizeof w->protocols);
    w->bytes = w->sources = 0;
}

/* Addresses of all slots, where the day is another one. */
static void begin_day(struct ds_gen_maker *m, int64_t day)
{
    const struct ds_gen_hosts *h = &m->model->hosts;
    uint32_t of_run = (uint32_t)(day - ds_gen_plan_day(m->model->plan, m->model->plan->start_s));
    if (m->address_day == day)
        return;
    for (uint32_t slot = 0; slot < h->slots; slot++)
        m->addresses[slot] = ds_gen_host_address(h, ds_gen_host_of(h, slot, of_run));
    ds_gen_maker_hash_day(m);
    m->address_day = day;
}

const struct ds_window *ds_gen_maker_make(struct ds_gen_maker *m, const struct ds_gen_piece *piece)
{
    struct ds_window *w = &m->window;
    clear(w);
    w->start_s = piece->start_s;
    w->seconds = m->model->plan->window_s;
    w->observed_ns = (piece->to_ms - piece->from_ms) * UINT64_C(1000000);
    ds_gen_maker_draw(m, piece);
    begin_day(m, ds_gen_plan_day(m->model->plan, piece->start_s));
    ds_gen_maker_cells(m);
    ds_gen_maker_tables(m, piece);
    ds_gen_maker_records(m, piece);
    ds_gen_maker_books(m, piece);
    ds_gen_maker_sketches(m);
    return w;
}

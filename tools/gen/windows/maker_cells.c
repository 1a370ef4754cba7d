/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows into cells.
 */
#include "maker.h"

/* What has the least key of the three; NULL at the end. */
static struct ds_gen_flow *next_flow(struct ds_gen_maker *m, size_t at[static 3])
{
    struct ds_gen_flows *const lists[3] = {&m->heads, &m->tails, &m->answers};
    struct ds_gen_flow *least = NULL;
    unsigned from = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (at[i] == lists[i]->count)
            continue;
        struct ds_gen_flow *flow = &lists[i]->list[at[i]];
        if (!least || flow->key < least->key) {
            least = flow;
            from = i;
        }
    }
    at[from]++;
    return least;
}

static void open_cell(struct ds_cell *c, const struct ds_gen_flow *flow)
{
    *c = (struct ds_cell){
        .cls = (uint8_t)(flow->key >> 40),
        .proto = (uint8_t)(flow->key >> 32),
        .port = (uint16_t)(flow->key >> 16),
        .country = (ds_country)flow->key,
        .packets = flow->packets,
        .bytes = flow->bytes,
        .sources = flow->sources,
        .survey_packets = flow->survey ? flow->packets : 0,
    };
}

/* Flows of one key are of different parties (see model.own_ports), so their sources add. */
void ds_gen_maker_cells(struct ds_gen_maker *m)
{
    struct ds_window *w = &m->window;
    struct ds_gen_flow *flow;
    uint64_t last = UINT64_MAX;
    size_t at[3] = {0};
    w->cell_count = 0;
    while ((flow = next_flow(m, at))) {
        if (flow->key != last) {
            open_cell(&w->cells[w->cell_count++], flow);
            last = flow->key;
            continue;
        }
        struct ds_cell *c = &w->cells[w->cell_count - 1];
        c->packets += flow->packets;
        c->bytes += flow->bytes;
        c->sources += flow->sources;
        c->survey_packets += flow->survey ? flow->packets : 0;
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows into cells.
 */
#include "maker.h"

static inline void open_cell(struct ds_cell *c, const struct ds_gen_flow *flow)
{
    c->cls = (uint8_t)(flow->key >> 40);
    c->proto = (uint8_t)(flow->key >> 32);
    c->port = (uint16_t)(flow->key >> 16);
    c->country = (ds_country)flow->key;
    c->packets = flow->packets;
    c->bytes = flow->bytes;
    c->sources = flow->sources;
    c->survey_packets = flow->survey ? flow->packets : 0;
}

static inline void add_to_cell(struct ds_cell *c, const struct ds_gen_flow *flow)
{
    c->packets += flow->packets;
    c->bytes += flow->bytes;
    c->sources += flow->sources;
    c->survey_packets += flow->survey ? flow->packets : 0;
}

/* Behind its last flow, which no key reaches. */
static const struct ds_gen_flow *begin(struct ds_gen_flows *flows)
{
    flows->list[flows->count].key = UINT64_MAX;
    return flows->list;
}

/* Flows of one key are of different parties (see model.own_ports), so their sources add. */
void ds_gen_maker_cells(struct ds_gen_maker *m)
{
    const struct ds_gen_flow *heads = begin(&m->heads), *tails = begin(&m->tails),
                             *answers = begin(&m->answers);
    struct ds_cell *next = m->window.cells;
    uint64_t last = UINT64_MAX;
    for (;;) {
        const struct ds_gen_flow **from = heads->key <= tails->key ? &heads : &tails;
        if (answers->key < (*from)->key)
            from = &answers;
        const struct ds_gen_flow *flow = (*from)++;
        if (flow->key == UINT64_MAX)
            break;
        if (flow->key == last)
            add_to_cell(next - 1, flow);
        else
            open_cell(next++, flow);
        last = flow->key;
    }
    m->window.cell_count = (size_t)(next - m->window.cells);
}

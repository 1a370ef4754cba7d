/* SPDX-License-Identifier: Apache-2.0 */
#include "rhythm.h"

#include "countries.h"

#define HOUR_S    3600
#define WEEK_S    (7 * DS_GEN_DAY_S)
#define DRIFT_S   (5 * DS_GEN_DAY_S) /* between the points that drift goes through */
#define DRIFT     0.3
#define NOISE     0.1
#define MONDAY_S  (4 * DS_GEN_DAY_S) /* 1970 began on a Thursday */
#define RISE_PART 8

/* From -1 at 03:00 to 1 at 15:00, a parabola a half day. */
static double wave_at(int64_t local_s)
{
    double phase = (double)((local_s + DS_GEN_DAY_S - 9 * HOUR_S) % DS_GEN_DAY_S) /
                   (DS_GEN_DAY_S / 2); /* 0 at 09:00, 0..2 */
    return phase < 1 ? 4 * phase * (1 - phase) : -4 * (phase - 1) * (2 - phase);
}

static double weekday_at(const struct ds_gen_group *g, int64_t local_s)
{
    double weekend = g->weekend / 100.0;
    bool is_weekend = (local_s + WEEK_S - MONDAY_S) % WEEK_S >= 5 * DS_GEN_DAY_S;
    return (is_weekend ? weekend : 1) * 7 / (5 + 2 * weekend);
}

/* Straight lines between random points. */
static double drift_at(const struct ds_gen_model *m, uint32_t group, int64_t time_s)
{
    uint64_t point = (uint64_t)(time_s / DRIFT_S);
    uint64_t base = m->plan->seed ^ (group + 1) * 0x6472696674;
    double way = (double)(time_s % DRIFT_S) / DRIFT_S;
    double here = ds_gen_unit(ds_gen_bits(base, point));
    double next = ds_gen_unit(ds_gen_bits(base, point + 1));
    return 1 - DRIFT + 2 * DRIFT * (here + (next - here) * way);
}

/* Up in an eighth of its time, and slowly down. */
static double surge_at(const struct ds_gen_surge *s, int64_t time_s)
{
    if (time_s < s->start_s || time_s >= s->end_s)
        return 0;
    double way = (double)(time_s - s->start_s + 1) / (double)(s->end_s - s->start_s);
    return way < 1.0 / RISE_PART ? way * RISE_PART : (1 - way) * RISE_PART / (RISE_PART - 1);
}

double ds_gen_rhythm_of_sensor(const struct ds_gen_model *m, unsigned sensor)
{
    return m->plan->history
               ? 1
               : 0.8 + 0.4 * ds_gen_unit(ds_gen_bits(m->plan->seed, ~(uint64_t)sensor));
}

uint64_t ds_gen_piece_key(const struct ds_gen_plan *plan, const struct ds_gen_piece *piece)
{
    uint64_t moment = piece->index << 16 | piece->sensor << 8 | (piece->from_ms > 0);
    return ds_gen_mix(ds_gen_mix(plan->seed) ^ moment);
}

/* Of one packet: what goes for a party alone. */
static double rhythm_of_party(const struct ds_gen_model *m, const struct ds_gen_piece *piece,
                              const struct ds_gen_party *p, uint64_t bits)
{
    const struct ds_gen_group *g = &m->groups[p->group];
    int64_t local_s = piece->start_s + ds_gen_places[p->place].ahead_h * (int64_t)HOUR_S;
    double packets = 1 - NOISE + 2 * NOISE * ds_gen_unit(bits);
    packets *= 1 + g->wave / 100.0 * wave_at(local_s);
    return packets * weekday_at(g, local_s);
}

void ds_gen_rhythm(const struct ds_gen_model *m, const struct ds_gen_pace *pace,
                   const struct ds_gen_piece *piece, double *packets)
{
    uint64_t key = ds_gen_piece_key(m->plan, piece);
    double all = ds_gen_pace_packets(pace, ds_gen_plan_day(m->plan, piece->start_s)) *
                 ds_gen_rhythm_of_sensor(m, piece->sensor) * ds_gen_piece_part(m->plan, piece);
    double of_group = 0;
    for (size_t i = 0; i < m->party_count; i++) {
        const struct ds_gen_party *p = &m->parties[i];
        if (i == 0 || p->group != m->parties[i - 1].group) {
            of_group = m->plan->history ? all : all * drift_at(m, p->group, piece->start_s);
            if (p->surge)
                of_group *= surge_at(&m->surges[p->surge - 1], piece->start_s);
        }
        packets[i] = of_group > 0
                         ? p->packets * of_group * rhythm_of_party(m, piece, p, ds_gen_bits(key, i))
                         : 0;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts.h"

#include "draw.h"

#include <stdlib.h>

#define FIRST_ADDRESS 0x0b000000u
#define MASK          0x7fffffffu
#define LIFE_MAX      20000

int ds_gen_hosts_init(struct ds_gen_hosts *h, uint32_t room, size_t days, uint64_t seed,
                      struct ds_error *err)
{
    *h = (struct ds_gen_hosts){.room = room, .days = days, .key = ds_gen_mix(seed ^ 0x686f7374)};
    h->first = calloc(room + 1u, sizeof *h->first);
    h->life = calloc(room + 1u, sizeof *h->life);
    h->phase = calloc(room + 1u, sizeof *h->phase);
    if (!h->first || !h->life || !h->phase)
        return ds_error(err, DS_FAILURE, "out of memory");
    return 0;
}

void ds_gen_hosts_finish(struct ds_gen_hosts *h)
{
    free(h->first);
    free(h->life);
    free(h->phase);
    *h = (struct ds_gen_hosts){0};
}

uint32_t ds_gen_hosts_add(struct ds_gen_hosts *h, uint32_t slots, unsigned life_days)
{
    uint32_t first = h->slots;
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t slot = h->slots++;
        uint64_t bits = ds_gen_bits(h->key, slot);
        unsigned life = life_days * (2 + (bits & 3)) / 3; /* two thirds to five thirds */
        life = life < 1 ? 1 : life > LIFE_MAX ? LIFE_MAX : life;
        h->life[slot] = (uint16_t)life;
        h->phase[slot] = (uint16_t)((bits >> 8) % life);
        h->first[slot] = (uint32_t)h->count;
        h->count += (h->days - 1 + h->phase[slot]) / life + 1;
    }
    return first;
}

uint64_t ds_gen_hosts_reserve(struct ds_gen_hosts *h, uint64_t count)
{
    uint64_t first = h->count;
    h->count += count;
    return first;
}

/* Each step can be undone, so no two hosts come out the same; what falls outside of the range goes
 * round until it falls inside. */
uint32_t ds_gen_host_address(const struct ds_gen_hosts *h, uint32_t host)
{
    uint32_t x = host;
    do {
        x = (x + (uint32_t)h->key) & MASK;
        x ^= x >> 15;
        x = x * 0x2c1b3c6du & MASK;
        x ^= x >> 12;
        x = x * 0x297a2d39u & MASK;
        x ^= x >> 15;
    } while (x >= DS_GEN_HOST_ADDRESSES);
    return FIRST_ADDRESS + x;
}

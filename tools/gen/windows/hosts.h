/* SPDX-License-Identifier: Apache-2.0
 *
 * The population. Every day has the same number of places (slots), each taken by one host; after
 * some days its host is replaced by a new one with another address, as devices get new addresses
 * and are cleaned. So the host in a place on a day is known without looking at any other day, and
 * exact numbers of unique hosts are counted by place: in a day every place is one host, and over
 * days a place has as many as it had tenants.
 *
 * Hosts are numbered, and no two numbers have the same address. Addresses are of 11.0.0.0 to
 * 99.255.255.255, mixed, whatever the country: nothing looks them up.
 */
#ifndef DARKSCOPE_GEN_HOSTS_H
#define DARKSCOPE_GEN_HOSTS_H

#include "darkscope/error.h"

#include <stddef.h>
#include <stdint.h>

#define DS_GEN_HOST_ADDRESSES 0x59000000u
#define DS_GEN_SLOTS_MAX      (64u << 20)

struct ds_gen_hosts {
    uint32_t *first; /* of a slot: the number of its first host */
    uint16_t *life;  /* days that its hosts stay */
    uint16_t *phase; /* days before the run that its first one came, less than life */
    uint32_t slots, room;
    uint64_t count; /* hosts of the whole run */
    size_t days;    /* of the run */
    uint64_t key;
};

/* 0, or -1 with err; h must be given to finish in any case. */
int ds_gen_hosts_init(struct ds_gen_hosts *h, uint32_t room, size_t days, uint64_t seed,
                      struct ds_error *err);
void ds_gen_hosts_finish(struct ds_gen_hosts *h);

/* Adds slots whose hosts stay for about so many days; returns the first one. There must be room. */
uint32_t ds_gen_hosts_add(struct ds_gen_hosts *h, uint32_t slots, unsigned life_days);

/* Numbers for hosts that live a day, each its own; returns the first. */
uint64_t ds_gen_hosts_reserve(struct ds_gen_hosts *h, uint64_t count);

/* The host in a slot on a day of the run, from 0. */
static inline uint32_t ds_gen_host_of(const struct ds_gen_hosts *h, uint32_t slot, uint32_t day)
{
    return h->first[slot] + (day + h->phase[slot]) / h->life[slot];
}

/* IPv4, host order. */
uint32_t ds_gen_host_address(const struct ds_gen_hosts *h, uint32_t host);

#endif

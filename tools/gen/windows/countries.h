/* SPDX-License-Identifier: Apache-2.0
 *
 * Where hosts are, and what time it is there.
 */
#ifndef DARKSCOPE_GEN_COUNTRIES_H
#define DARKSCOPE_GEN_COUNTRIES_H

#include <stddef.h>
#include <stdint.h>

struct ds_gen_place {
    char code[3];
    int8_t ahead_h; /* of UTC, about */
};

/* Those that send most come first, by NICTER's statistics as far as they go. */
extern const struct ds_gen_place ds_gen_places[];
extern const size_t ds_gen_place_count;

/* Its index by the two letters; it must be there. */
size_t ds_gen_place_find(const char *code);

#endif

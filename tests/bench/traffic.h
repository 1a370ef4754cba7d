/* SPDX-License-Identifier: Apache-2.0
 *
 * Telescope-like traffic in memory, as a pcap file's bytes: for benchmarks, where making it must
 * cost little and every run must see the same.
 */
#ifndef DARKSCOPE_BENCH_TRAFFIC_H
#define DARKSCOPE_BENCH_TRAFFIC_H

#include "packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ds_bench_traffic {
    uint64_t packets;
    uint32_t pool;  /* source addresses drawn from */
    bool uniform;   /* each as often as any other (spoofed), else Zipf with exponent 1 */
    double seconds; /* the packets' times are spread over these */
    uint64_t seed;
};

/* The telescope of this traffic: 65,536 addresses. */
#define DS_BENCH_DARKNET "198.18.0.0/16"

/* Bytes before the first record of the image. */
#define DS_BENCH_FILE_HEADER 24

/* Allocates *image, which the caller frees. Exits without memory. Returns its bytes. */
size_t ds_bench_traffic_make(const struct ds_bench_traffic *t, uint8_t **image);

/* Points f's data and lengths into the image, at the record that begins at `record`. Returns the
 * record's bytes. */
static inline size_t ds_bench_traffic_frame(const uint8_t *record, struct ds_frame *f)
{
    const size_t header = 16;
    memcpy(&f->captured, record + 8, sizeof f->captured);
    memcpy(&f->wire, record + 12, sizeof f->wire);
    f->data = record + header;
    return header + f->captured;
}

#endif

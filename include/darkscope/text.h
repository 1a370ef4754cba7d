/* SPDX-License-Identifier: Apache-2.0
 *
 * Times, durations, prefixes and ports as text, one reader and one writer each, for configuration,
 * command lines, URLs and output.
 */
#ifndef DARKSCOPE_TEXT_H
#define DARKSCOPE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_TIME_TEXT 32

/* Seconds since 1970 as "2026-01-01T00:00:00Z"; any int64 is safe. Returns out. */
const char *ds_time_print(int64_t seconds, char out[static DS_TIME_TEXT]);

/* Milliseconds since 1970 as "2026-01-01T00:00:00.000Z"; likewise. */
const char *ds_time_print_ms(int64_t ms, char out[static DS_TIME_TEXT]);

/* ISO 8601 in UTC: "2026-01-01", "2026-01-01T10:20", "2026-01-01T10:20:30", each with or without
 * "Z". False where it is anything else. */
bool ds_time_parse(const char *text, int64_t *seconds);

/* "60s", "5m", "2h", "1d", "250ms"; a bare number has no unit and is refused. */
bool ds_duration_parse(const char *text, int64_t *nanoseconds);

/* An IPv4 or IPv6 prefix; address bytes in network order, host bits zero. IPv4 uses the first 4. */
struct ds_prefix {
    uint8_t address[16];
    uint8_t bits;
    bool is_v6;
};

/* CIDR, or an address alone for a full-length prefix. On failure returns what is wrong with it
 * ("host bits set", ...: static text), on success NULL. */
const char *ds_prefix_parse(const char *text, struct ds_prefix *out);

#define DS_ADDRESS_TEXT 16

/* An IPv4 address in host order: "192.0.2.1". Returns out. */
const char *ds_address_print(uint32_t address, char out[static DS_ADDRESS_TEXT]);

/* A sensor's name: [A-Za-z0-9][A-Za-z0-9._-]*, at most DS_NAME_MAX bytes. */
bool ds_name_valid(const char *name);

/* Makes text from outside fit for a log line, a terminal and JSON: every byte that is no part of a
 * well-formed UTF-8 character, and every control character, becomes '?'. In place; same length. */
void ds_text_clean(char *text);

/* "23/tcp", "53/udp"; ICMP as type and code "8/0/icmp", or as the service port that they make,
 * "2048/icmp". False where it is none. */
bool ds_port_parse(const char *text, uint16_t *port, uint8_t *proto);

#endif

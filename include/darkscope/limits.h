/* SPDX-License-Identifier: Apache-2.0
 *
 * Every bound of the contract between sensor and aggregator, in one place. A bound of one module
 * alone stands in that module's header.
 */
#ifndef DARKSCOPE_LIMITS_H
#define DARKSCOPE_LIMITS_H

#include <stdint.h>

/* Names and texts, bytes without the final NUL. */
#define DS_NAME_MAX         63 /* a sensor's name: [A-Za-z0-9][A-Za-z0-9._-]* */
#define DS_DATABASE_MAX     95 /* name and build date of a country database */
#define DS_SIGNATURE_ID_MAX 47
#define DS_REASON_MAX       200 /* text of a refusal */

/* Windows. */
#define DS_WINDOW_SECONDS_MIN     1
#define DS_WINDOW_SECONDS_MAX     3600 /* and a divisor of it */
#define DS_WINDOW_SECONDS_DEFAULT 60
#define DS_MERGED_MAX             (DS_WINDOW_SECONDS_MAX / DS_WINDOW_SECONDS_MIN)
#define DS_LATENESS_DEFAULT       2 /* s; always below the window's length */

/* The largest count a window may carry: every JSON reader is exact up to here, and no sum over a
 * table of 1,024 entries passes 64 bits. 9 petabytes in an hour are 20 Tbit/s. */
#define DS_COUNT_MAX (UINT64_C(1) << 53)
#define DS_TIME_MAX  INT64_C(253402300799) /* 9999-12-31T23:59:59Z, seconds since 1970 */

/* Tables of one window message. */
#define DS_CELLS_MAX      (8u << 20) /* (class, protocol, port, country) */
#define DS_COUNTRIES_MAX  1024u
#define DS_DEVICES_MAX    8192u /* (country, device) */
#define DS_SIGNATURES_MAX 1024u
#define DS_SOURCES_MAX    (1u << 20) /* records; sensors send fewer, see docs/statistics.md */
#define DS_MARKS_MAX      31u        /* signatures that a source record can tell apart */
#define DS_ATTACKS_MAX    16384u     /* at most 110 B each */

/* Sketches of one window. Each register that is used takes at most 4 bytes of memory. */
#define DS_SKETCHES_MAX              8192u
#define DS_SKETCH_REGISTERS_USED_MAX (16u << 20) /* of all of them together */
#define DS_SKETCH_PORTS_MAX          1024u       /* ports with most sources that have one */

/* Messages. A window of DS_CELLS_MAX cells at the measured ~2.5 B a cell is ~20 MB. */
#define DS_MESSAGE_MAX       (24u << 20)  /* bytes of one message */
#define DS_MESSAGE_UNPACKED  (512u << 20) /* bytes of all its columns after zstd */
#define DS_MESSAGE_KEYS_MAX  64           /* keys of one map */
#define DS_MESSAGE_DEPTH_MAX 4            /* nested maps and arrays of a value that is skipped */

/* Pieces. libzmq takes a message of any allowed size into memory before it knows whose it is, so
 * what goes over a connection is small, and longer messages go in pieces. */
#define DS_PIECE_MAX  (16u << 10) /* bytes of one ZeroMQ message */
#define DS_PIECE_HEAD 128u        /* of which at most so many are not those of the piece */

/* Liveness. A sensor says HELLO again at this interval; one that was silent for longer than
 * DS_SILENCE_S is taken for gone, and its name is free. */
#define DS_HEARTBEAT_S 10
#define DS_SILENCE_S   30

/* Clocks of sensor and aggregator that differ by more are told of. A greeting may be older by what
 * it waited behind windows. */
#define DS_SKEW_MAX_S 5

#endif

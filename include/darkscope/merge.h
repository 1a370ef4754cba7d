/* SPDX-License-Identifier: Apache-2.0
 *
 * Several windows made into one: those that several sensors made of the same time, the parts that a
 * restarted sensor sent for one window, or the windows of one hour of a run, which become the
 * hour's. Pure: no I/O, no clock, no log.
 *
 * Packets, bytes, books and overflows add. Additions saturate at UINT64_MAX.
 * Unique sources do not add, since the same source may be in both: the larger count is kept, which
 * is a lower bound of the true one. The caller must not show it as exact. Sketches unite, exactly,
 * if both windows have them under the same secret; else the result has none. The ports with most
 * sources keep theirs.
 * Attacks on the same victim by the same protocol become one: packets and bytes add, since every
 * sensor, and every part, counts packets of its own; it lasts from the earliest to the latest; the
 * highest rate and the unique counts of one of them are kept, lower bounds all; the port is that of
 * the one with most packets in the window. Below the thresholds of its sensor it is not there at
 * all, so the sums are lower bounds too.
 *
 * Of an hour's windows, an attack that goes on has its packets and bytes from its beginning on in
 * each of them, so those do not add. Several attacks on a victim become one there, too: their
 * windows are to be merged from the latest back to the earliest.
 *
 *                      of several sensors            parts, or an hour, of one sensor
 *   observed_ns        adds (sensor-seconds)         adds, at most the window's length
 *   addresses          add; unknown if one is        the larger; unknown only if both are
 *   active_addresses,  add: sensors watch            the larger: a lower bound
 *   destinations         different addresses
 *   source records     added by address: packets add, the larger number of ports is a lower bound;
 *                      no more than DS_MARKS_MAX signatures are told apart
 *   country_db         kept where equal or one is empty, else "several"
 */
#ifndef DARKSCOPE_MERGE_H
#define DARKSCOPE_MERGE_H

#include "darkscope/window.h"

enum ds_merge { DS_MERGE_SENSORS, DS_MERGE_PARTS, DS_MERGE_HOUR };

/* from does not fit: the sum of the tables would pass DS_CELLS_MAX, DS_COUNTRIES_MAX,
 * DS_SIGNATURES_MAX, DS_SOURCES_MAX or DS_ATTACKS_MAX. */
#define DS_MERGE_FULL 1

/* Adds from into into, which keeps ownership of its own arrays; from is only read. into may be
 * freshly initialised (seconds 0): it becomes a copy, and its unique counts are exact.
 * The start becomes the earlier one, the length the longer one; of an hour's windows, those of
 * the hour that from begins in.
 * 0; DS_MERGE_FULL or -1 (no memory) with into unchanged. */
int ds_merge_window(struct ds_window *into, const struct ds_window *from, enum ds_merge how);

#endif

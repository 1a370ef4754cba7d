/* SPDX-License-Identifier: Apache-2.0
 *
 * A window as one line of JSON, the form of docs/statistics.md; the API uses the same.
 */
#ifndef DARKSCOPE_WINDOW_JSON_H
#define DARKSCOPE_WINDOW_JSON_H

#include "darkscope/window.h"

#include <stdbool.h>
#include <stdio.h>

/* Writes w as one object and a newline. ports and countries are complete, sorted by packets
 * (most first), then key. With sources, its source records, too, in the same order. 0, or -1 with
 * errno where writing failed or memory ran out. */
int ds_window_print_json(FILE *to, const struct ds_window *w, const char *sensor, bool sources);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Getting the answer, from a store or over HTTP.
 */
#ifndef DARKSCOPE_FETCH_H
#define DARKSCOPE_FETCH_H

#include "options.h"

/* 0 and a new reference in *out, or -1 with err. */
int fetch_answer(const struct options *o, json_t **out, struct ds_error *err);

/* The same by HTTP: GET url/api/v1/kind?name=value... Bounded in size and time. */
int fetch_http(const struct options *o, json_t **out, struct ds_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Getting the answer, from a store or over HTTP.
 */
#ifndef DARKSCOPE_FETCH_H
#define DARKSCOPE_FETCH_H

#include "options.h"

/* 0 and a new reference in *out, or -1 with err. */
int fetch_answer(const struct options *o, json_t **out, struct ds_error *err);

/* Prints the answer as it comes, in the question's format. 0, or -1 with err; some of it may have
 * been printed then. */
int fetch_print(const struct options *o, FILE *to, struct ds_error *err);

/* Both by HTTP: GET url/api/v1/kind?name=value... To a FILE as it comes, else (NULL) bounded in
 * size and read into *out. */
int fetch_http(const struct options *o, FILE *to, json_t **out, struct ds_error *err);

#endif

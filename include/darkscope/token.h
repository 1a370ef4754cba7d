/* SPDX-License-Identifier: Apache-2.0
 *
 * Bearer tokens (RFC 6750), with which people and programs ask an aggregator over HTTP. A file
 * holds one, in its first line. No error repeats it.
 */
#ifndef DARKSCOPE_TOKEN_H
#define DARKSCOPE_TOKEN_H

#include "darkscope/error.h"

#define DS_TOKEN_MIN 32 /* characters: too many to be tried one by one */
#define DS_TOKEN_MAX 255

/* Reads a token's file. One that every user may read is refused (DS_PERMISSION). 0, or -1 with err
 * (DS_CONFIG). */
int ds_token_read(const char *path, char out[static DS_TOKEN_MAX + 1], struct ds_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The request headers that HTTP defines as lists, read as RFC 9110 and 6750 say. Pure functions of
 * text from strangers: what cannot be read counts as absent.
 */
#ifndef DARKSCOPE_HEADER_H
#define DARKSCOPE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/* Accept-Encoding: may the reply be gzip? */
bool ds_header_takes_gzip(const char *text);

/* If-None-Match: is the entity tag (with its quotes, without W/) among them, or "*"? Weak
 * comparison. */
bool ds_header_has_tag(const char *text, const char *tag);

/* Authorization: is it "Bearer " and this token? Takes the same time wherever they differ. */
bool ds_header_is_bearer(const char *text, const char *token);

/* Are these bytes the token? Likewise. */
bool ds_header_is_token(const char *text, size_t bytes, const char *token);

#endif

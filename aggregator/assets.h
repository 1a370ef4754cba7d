/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of the page, read once at the start: those that the build makes, by name, so that there
 * is nothing to traverse. Where they are not, a plain page stands in for them.
 */
#ifndef DARKSCOPE_ASSETS_H
#define DARKSCOPE_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

#define DS_ASSET_MAX ((size_t)8 << 20) /* bytes of one file */

struct ds_asset {
    const char *path; /* of the request */
    const char *type; /* of its content */
    char *text;       /* with its NUL; NULL: it is not there */
    size_t bytes;     /* without */
};

struct ds_assets;

/* Reads directory. A page that is not complete is none: then *out is the plain page alone. NULL
 * without memory. */
struct ds_assets *ds_assets_read(const char *directory);
void ds_assets_destroy(struct ds_assets *a); /* accepts NULL */

/* Is it the built page? */
bool ds_assets_is_complete(const struct ds_assets *a);

/* What is served under this path, or NULL. */
const struct ds_asset *ds_assets_find(const struct ds_assets *a, const char *path);

#endif

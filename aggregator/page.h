/* SPDX-License-Identifier: Apache-2.0
 *
 * The page at /: what this program is and what it can be asked; and the description of that for
 * programs, OpenAPI 3.1, which openapi.py makes.
 */
#ifndef DARKSCOPE_PAGE_H
#define DARKSCOPE_PAGE_H

extern const char ds_page_html[], ds_openapi_json[];

#endif

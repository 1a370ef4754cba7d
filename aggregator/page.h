/* SPDX-License-Identifier: Apache-2.0
 *
 * The page at /: what this program is and what it can be asked.
 */
#ifndef DARKSCOPE_PAGE_H
#define DARKSCOPE_PAGE_H

extern const char ds_page_html[];

#endif

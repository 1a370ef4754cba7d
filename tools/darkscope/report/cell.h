/* SPDX-License-Identifier: Apache-2.0
 *
 * A value of a table as people read it.
 */
#ifndef DARKSCOPE_REPORT_CELL_H
#define DARKSCOPE_REPORT_CELL_H

#include "document.h"

#define REPORT_CELL 512

/* "1,234", "~1,234" where it is estimated, ">=" and "<=" where it is a bound, "12.3 %", "-" for
 * null. Returns out. */
const char *report_cell(const json_t *row, const json_t *column, enum report_language language,
                        char out[static REPORT_CELL]);
/* Is it the standard error of the column before, which tables for people do not show? */
bool report_is_error(const json_t *column);
/* Is it a number, to be set right? */
bool report_is_number(const json_t *column);
/* "packets", "hosts", ... in the language; "" for none. */
const char *report_unit(const json_t *column, enum report_language language);
const char *report_text_of(const json_t *object, const char *key);

#endif

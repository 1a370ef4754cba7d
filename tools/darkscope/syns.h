/* SPDX-License-Identifier: Apache-2.0
 *
 * darkscope signatures p0f CAPTURE.
 */
#ifndef DARKSCOPE_SYNS_H
#define DARKSCOPE_SYNS_H

#include "options.h"
#include "table.h"

/* Prints the forms of the SYNs of a capture. 0, or -1 with err. */
int syns_run(const struct options *o, struct ds_error *err);

#endif

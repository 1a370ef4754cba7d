/* SPDX-License-Identifier: Apache-2.0
 *
 * Where libpcap is missing no condition can be compiled; signatures without one work.
 */
#include "filter.h"

#include <stdio.h>

static const char nothing;

struct ds_filter *ds_filter_create(void)
{
    return (struct ds_filter *)&nothing;
}

void ds_filter_destroy(struct ds_filter *f)
{
    (void)f;
}

int ds_filter_compile(struct ds_filter *f, const char *text, struct ds_rule *rule,
                      char why[static DS_FILTER_TEXT])
{
    (void)f;
    (void)text;
    (void)rule;
    snprintf(why, DS_FILTER_TEXT, "this darkscope was built without libpcap and has no conditions");
    return -1;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The values of a question's names, one reader each: false where the text is not what parse.c says
 * is allowed. Pure; the text may be hostile.
 */
#ifndef DARKSCOPE_QUERY_VALUES_H
#define DARKSCOPE_QUERY_VALUES_H

#include "answer.h"

/* The number of a name, -1 where unknown. */
int ds_name_index(const char *(*name_of)(unsigned), const char *name);

bool ds_value_port(struct ds_query *q, const char *value);
bool ds_value_proto(struct ds_query *q, const char *value);
bool ds_value_country(struct ds_query *q, const char *value);
bool ds_value_class(struct ds_query *q, const char *value);
bool ds_value_type(struct ds_query *q, const char *value);
bool ds_value_signature(struct ds_query *q, const char *value);
bool ds_value_survey(struct ds_query *q, const char *value);
bool ds_value_order(struct ds_query *q, const char *value);
bool ds_value_by(struct ds_query *q, const char *value);
bool ds_value_from(struct ds_query *q, const char *value);
bool ds_value_to(struct ds_query *q, const char *value);
bool ds_value_at(struct ds_query *q, const char *value);
bool ds_value_zone(struct ds_query *q, const char *value);
bool ds_value_step(struct ds_query *q, const char *value);
bool ds_value_compare(struct ds_query *q, const char *value);
bool ds_value_limit(struct ds_query *q, const char *value);
bool ds_value_cursor(struct ds_query *q, const char *value);
bool ds_value_name(struct ds_query *q, const char *value);
bool ds_value_format(struct ds_query *q, const char *value);
bool ds_value_table(struct ds_query *q, const char *value);

#endif

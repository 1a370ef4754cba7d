/* SPDX-License-Identifier: Apache-2.0
 *
 * Holds a YAML text against a libcyaml schema.
 */
#ifndef DARKSCOPE_CONFIG_CHECK_H
#define DARKSCOPE_CONFIG_CHECK_H

#include "darkscope/config.h"

/* 0, or -1 with err at the first fault. */
int ds_config_check(const struct ds_config_text *text, const struct cyaml_schema_value *schema,
                    const struct ds_config_rule *rules, struct ds_error *err);

#endif

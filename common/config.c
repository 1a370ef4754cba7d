/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/config.h"

#include "config_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cyaml_config_t yaml_settings = {
    .mem_fn = cyaml_mem,
    .flags = CYAML_CFG_NO_ALIAS,
};

int ds_config_read(const char *path, unsigned char **out, size_t *out_size, struct ds_error *err)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return ds_error(err, DS_CONFIG, "%s: cannot open: %s", path, strerror(errno));
    unsigned char *text = malloc(DS_CONFIG_BYTES_MAX + 1);
    size_t size = text ? fread(text, 1, DS_CONFIG_BYTES_MAX + 1, file) : 0;
    int rc = 0;
    if (!text)
        rc = ds_error(err, DS_FAILURE, "%s: no memory", path);
    else if (ferror(file))
        rc = ds_error(err, DS_CONFIG, "%s: cannot read: %s", path, strerror(errno));
    else if (size > DS_CONFIG_BYTES_MAX)
        rc = ds_error(err, DS_CONFIG, "%s: longer than %u bytes; is it a configuration file?", path,
                      DS_CONFIG_BYTES_MAX);
    fclose(file);
    if (rc) {
        free(text);
        return rc;
    }
    *out = text;
    *out_size = size;
    return 0;
}

int ds_config_load_text(const struct ds_config_text *t, const struct cyaml_schema_value *schema,
                        const struct ds_config_rule *rules, void **out, struct ds_error *err)
{
    if (ds_config_check(t, schema, rules, err))
        return -1;
    /* What passed the check can only fail here where the two disagree or memory runs out. */
    cyaml_err_t failed = cyaml_load_data(t->text, t->size, &yaml_settings, schema, out, NULL);
    if (failed == CYAML_ERR_OOM)
        return ds_error(err, DS_FAILURE, "%s: no memory", t->path);
    return failed ? ds_error(err, DS_CONFIG, "%s: %s", t->path, cyaml_strerror(failed)) : 0;
}

int ds_config_load(const char *path, const struct cyaml_schema_value *schema,
                   const struct ds_config_rule *rules, void **out, struct ds_error *err)
{
    unsigned char *text;
    size_t size;
    if (ds_config_read(path, &text, &size, err))
        return -1;
    const struct ds_config_text t = {.path = path, .text = text, .size = size};
    int rc = ds_config_load_text(&t, schema, rules, out, err);
    free(text);
    return rc;
}

void ds_config_free(const struct cyaml_schema_value *schema, void *config)
{
    if (config)
        cyaml_free(&yaml_settings, schema, config, 0);
}

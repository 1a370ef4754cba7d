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

/* The whole file in fresh memory; NULL with err. */
static unsigned char *read_file(const char *path, size_t *size, struct ds_error *err)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        ds_error(err, DS_CONFIG, "%s: cannot open: %s", path, strerror(errno));
        return NULL;
    }
    unsigned char *text = malloc(DS_CONFIG_BYTES_MAX + 1);
    *size = text ? fread(text, 1, DS_CONFIG_BYTES_MAX + 1, file) : 0;
    bool is_good = false;
    if (!text)
        ds_error(err, DS_FAILURE, "%s: no memory", path);
    else if (ferror(file))
        ds_error(err, DS_CONFIG, "%s: cannot read: %s", path, strerror(errno));
    else if (*size > DS_CONFIG_BYTES_MAX)
        ds_error(err, DS_CONFIG, "%s: longer than %u bytes; is it a configuration file?", path,
                 DS_CONFIG_BYTES_MAX);
    else
        is_good = true;
    fclose(file);
    if (!is_good) {
        free(text);
        text = NULL;
    }
    return text;
}

int ds_config_load(const char *path, const struct cyaml_schema_value *schema,
                   const struct ds_config_rule *rules, void **out, struct ds_error *err)
{
    size_t size = 0;
    unsigned char *text = read_file(path, &size, err);
    if (!text)
        return -1;
    int rc = ds_config_check(path, text, size, schema, rules, err);
    if (rc == 0) {
        /* What passed the check can only fail here where the two disagree or memory runs out. */
        cyaml_err_t failed = cyaml_load_data(text, size, &yaml_settings, schema, out, NULL);
        if (failed == CYAML_ERR_OOM)
            rc = ds_error(err, DS_FAILURE, "%s: no memory", path);
        else if (failed)
            rc = ds_error(err, DS_CONFIG, "%s: %s", path, cyaml_strerror(failed));
    }
    free(text);
    return rc;
}

void ds_config_free(const struct cyaml_schema_value *schema, void *config)
{
    if (config)
        cyaml_free(&yaml_settings, schema, config, 0);
}

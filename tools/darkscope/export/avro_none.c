/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of avro.c where avro-c is not built in.
 */
#include "exporting.h"

int avro_output_check(struct ds_error *err)
{
    return ds_error(err, DS_USAGE,
                    "export: this darkscope was built without Avro: install libavro-dev and build "
                    "it anew, or take --format csv or jsonl");
}

struct avro_output *avro_output_open(FILE *file, const char *path,
                                     const struct ds_export_head *head, const char *options,
                                     struct ds_error *err)
{
    avro_output_check(err);
    return NULL;
}

int avro_output_row(struct avro_output *avro, const struct ds_export_value *values)
{
    return -1;
}

int avro_output_close(struct avro_output *avro)
{
    return 0;
}

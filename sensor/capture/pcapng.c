/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"
int ds_pcapng_start(struct ds_reader *r, struct ds_error *err)
{
    return 1;
}
void ds_pcapng_finish(struct ds_reader *r)
{
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/error.h"

#include <stdarg.h>
#include <stdio.h>

int ds_error(struct ds_error *err, enum ds_status status, const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->status = status;
    return -1;
}

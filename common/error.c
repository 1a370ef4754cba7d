/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/error.h"

#include "darkscope/text.h"

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
    ds_text_clean(err->text);
    err->status = status;
    return -1;
}

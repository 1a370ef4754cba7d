/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/log.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 1024

static const char *program_name = "darkscope";
static enum ds_log_level lowest_level = DS_LOG_INFO;

static const char *const level_names[] = {
    [DS_LOG_DEBUG] = "debug: ",
    [DS_LOG_INFO] = "",
    [DS_LOG_WARNING] = "warning: ",
    [DS_LOG_ERROR] = "error: ",
};

void ds_log_init(const char *program, enum ds_log_level lowest)
{
    program_name = program;
    lowest_level = lowest;
}

void ds_log(enum ds_log_level level, const char *format, ...)
{
    if (level < lowest_level)
        return;
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* One call, so that lines of several threads do not mix. */
    fprintf(stderr, "%s: %s%s\n", program_name, level_names[level], text);
}

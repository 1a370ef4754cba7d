/* SPDX-License-Identifier: Apache-2.0 */
#include "darkscope/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const char *program_name = "darkscope";
static enum ds_log_level lowest_level = DS_LOG_INFO;

static const char *const level_names[] = {
    [DS_LOG_DEBUG] = "debug: ",
    [DS_LOG_INFO] = "",
    [DS_LOG_WARNING] = "warning: ",
    [DS_LOG_ERROR] = "error: ",
};

/* Whoever writes to one that is closed gets EBADF, and not the file or socket that was opened
 * next. */
static void reserve_standard_streams(void)
{
    static const int other_way[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", other_way[fd]); /* the lowest free number: fd */
}

void ds_log_init(const char *program, enum ds_log_level lowest)
{
    program_name = program;
    lowest_level = lowest;
    reserve_standard_streams();
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

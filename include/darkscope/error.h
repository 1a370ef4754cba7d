/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors that a person reads, and the exit statuses of all programs.
 *
 * A function that can fail for a reason outside the program takes a struct ds_error *, fills it
 * once and returns -1. The text says what, where and how to mend it, in one line without a final
 * full stop; main() prints it behind the program's name and exits with its status.
 */
#ifndef DARKSCOPE_ERROR_H
#define DARKSCOPE_ERROR_H

/* Exit statuses, documented in every man page. */
enum ds_status {
    DS_OK = 0,
    DS_FAILURE = 1,    /* anything without a status of its own (no memory, cannot write output) */
    DS_USAGE = 2,      /* command line */
    DS_CONFIG = 3,     /* configuration file */
    DS_INPUT = 4,      /* input missing, unreadable, not a capture, unknown link type */
    DS_DAMAGED = 5,    /* input damaged part-way: all before the damage was counted */
    DS_PERMISSION = 6, /* not allowed */
    DS_NETWORK = 7,    /* address in use, interface missing or gone, aggregator not reachable */
    DS_DATABASE = 8,   /* country database or store missing, corrupt or of the wrong kind */
};

#define DS_ERROR_TEXT 512

struct ds_error {
    enum ds_status status;
    char text[DS_ERROR_TEXT];
};

/* Fills err (which may be NULL) and returns -1, so that callers can `return ds_error(...)`. What a
 * terminal would act upon becomes '?' (ds_text_clean): names and values come from outside. */
int ds_error(struct ds_error *err, enum ds_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

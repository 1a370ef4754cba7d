/* SPDX-License-Identifier: Apache-2.0
 *
 * Where packets go: a capture file or an interface, behind one table.
 */
#ifndef DARKSCOPE_GEN_OUTPUT_H
#define DARKSCOPE_GEN_OUTPUT_H

#include "options.h"
#include "packet.h"

struct ds_gen_output;

struct ds_gen_output_ops {
    /* An interface sleeps until the packet's time. 0, or -1 with err. */
    int (*write)(struct ds_gen_output *out, const struct ds_gen_packet *p, struct ds_error *err);
    /* Flushes and frees; the only way to know that all was written. 0, or -1 with err (err may be
     * NULL). */
    int (*close)(struct ds_gen_output *out, struct ds_error *err);
};

/* The first member of every implementation. */
struct ds_gen_output {
    const struct ds_gen_output_ops *ops;
    /* Time stamps are whole multiples of this, so that the truth has what the file says. */
    int64_t resolution_ns;
};

/* *out is written last. 0, or -1 with err. */
int ds_gen_open_file(const struct ds_gen_options *o, struct ds_gen_output **out,
                     struct ds_error *err);
int ds_gen_open_interface(const struct ds_gen_options *o, struct ds_gen_output **out,
                          struct ds_error *err);

#endif

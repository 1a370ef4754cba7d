/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of a spool's files, as bytes: written whole, found again among damaged ones. Pure;
 * docs/operations.md has the form.
 *
 * A record says by itself what it is about, and its sums cover all of it, so that of a damaged file
 * every record that is intact can be used.
 */
#ifndef DARKSCOPE_SPOOL_RECORD_H
#define DARKSCOPE_SPOOL_RECORD_H

#include "darkscope/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_SPOOL_HEAD_BYTES 112

enum ds_spool_kind {
    DS_SPOOL_WINDOW = 1, /* the body is its message */
    DS_SPOOL_DONE = 2,   /* that window needs not be sent any more; no body */
};

/* (sensor, boot, sequence) name a window for ever, as in docs/protocol.md. */
struct ds_spool_record {
    enum ds_spool_kind kind;
    char sensor[DS_NAME_MAX + 1];
    uint64_t boot, sequence;
    /* A window made of several replaces those of that boot from here to sequence, where they stand
     * in the spool before it. Else its own sequence, for which the writer may say 0. */
    uint64_t first;
    const uint8_t *body; /* borrowed */
    uint32_t size;       /* of the body, at most DS_MESSAGE_MAX */
};

/* The head that goes before the body. */
void ds_spool_record_head(const struct ds_spool_record *r,
                          uint8_t head[static DS_SPOOL_HEAD_BYTES]);

/* Is there an intact record at the beginning of these bytes? */
bool ds_spool_record_decode(const uint8_t *bytes, size_t size, struct ds_spool_record *out);

/* Goes through a file's bytes, which are borrowed. All but bytes and size begins as 0. */
struct ds_spool_reader {
    const uint8_t *bytes;
    size_t size;
    size_t at;            /* behind the last record */
    size_t damaged_bytes; /* passed over so far, */
    size_t damages;       /* in so many places */
};

/* The next intact record; its body points into the file. False at the end. */
bool ds_spool_record_next(struct ds_spool_reader *reader, struct ds_spool_record *out);

#endif

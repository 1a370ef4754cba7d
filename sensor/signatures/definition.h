/* SPDX-License-Identifier: Apache-2.0
 *
 * A signature as a file has it: texts that the schema of read.c has checked one by one.
 */
#ifndef DARKSCOPE_SIGNATURES_DEFINITION_H
#define DARKSCOPE_SIGNATURES_DEFINITION_H

#include "signatures.h"

/* Bytes of an example packet. */
#define DS_EXAMPLE_BYTES_MAX  1500
/* Lists of one signature. */
#define DS_SIGNATURE_LIST_MAX 64

struct ds_signature_payload {
    char *hex, *text;
    unsigned *offset; /* NULL: anywhere */
};

struct ds_signature_example {
    char *packet; /* hex, from the IP header on */
    bool matches;
    char *note;
};

struct ds_signature_definition {
    char *id, *name, *family;
    enum ds_signature_category category;
    enum ds_signature_certainty certainty;
    bool *enabled; /* NULL: by certainty */
    char **cve, **references, **ports;
    unsigned cve_count, references_count, ports_count;
    char *proto, *tcp_flags, *filter;
    struct ds_signature_payload *payload;
    struct ds_signature_example *examples;
    unsigned examples_count;
};

/* What is told begins with the entry's place and id. line 0: that of the entry. */
void ds_signature_fault(struct ds_signature_faults *faults, const struct ds_signature_entry *e,
                        unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same of a text that says where. */
void ds_signature_tell(struct ds_signature_faults *faults, const char *text);

/* The texts of a definition. They return what is wrong (static), or NULL. */

/* "23" or "5500-5555". */
const char *ds_signature_read_range(const char *text, struct ds_rule_range *out);
/* "S/SA" as in pf.conf(5): of SYN and ACK, SYN alone; without "/" of all flags. */
const char *ds_signature_read_flags(const char *text, uint8_t *flags, uint8_t *mask);
/* Hexadecimal digits, blanks between bytes. *bytes is at most most. */
const char *ds_signature_read_hex(const char *text, uint8_t *out, size_t most, size_t *bytes);

#endif

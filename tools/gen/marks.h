/* SPDX-License-Identifier: Apache-2.0
 *
 * The signatures and the class of device of a SYN, from what its builder wrote: docs/signatures.md
 * said a second time, slowly, so that the sensor has something to be compared with.
 */
#ifndef DARKSCOPE_GEN_MARKS_H
#define DARKSCOPE_GEN_MARKS_H

#include "packet.h"

/* What is kept of a source's SYN with a tool's shape. */
struct ds_gen_session {
    bool has_nmap, has_unicornscan;
    uint32_t seq;     /* of Nmap */
    uint32_t keys[2]; /* of Unicornscan, by byte order of the address */
};

struct ds_gen_marks {
    uint32_t signatures; /* 1 << enum ds_signature */
    uint8_t device;      /* enum ds_device, by the form alone */
};

/* None for what is no SYN. last is the source's session; it becomes that of this packet. */
struct ds_gen_marks ds_gen_mark(const struct ds_gen_fact *f, struct ds_gen_session *last);

/* The class of a source whose SYNs had these signatures and, as the last in the order of the enum,
 * this form. */
enum ds_device ds_gen_device(uint32_t signatures, enum ds_device form);

#endif

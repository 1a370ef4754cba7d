/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditions in the syntax of pcap-filter(7), compiled by libpcap for raw IP packets.
 */
#ifndef DARKSCOPE_SIGNATURES_FILTER_H
#define DARKSCOPE_SIGNATURES_FILTER_H

#include "definition.h"

#define DS_FILTER_TEXT 320

struct ds_filter; /* a compiler */

struct ds_filter *ds_filter_create(void);    /* NULL without memory */
void ds_filter_destroy(struct ds_filter *f); /* accepts NULL */

/* Sets rule->program and, where it can, rule->tests, both from malloc; rule->proto is set. 0, or -1
 * where the text is no condition on raw IP packets, or one on bytes that are not kept of a packet:
 * why says so, without an address. */
int ds_filter_compile(struct ds_filter *f, const char *text, struct ds_rule *rule,
                      char why[static DS_FILTER_TEXT]);

/* The first word of a condition that is neither a number nor one of those that raw IP packets have:
 * libpcap would look it up as a name. *bytes long; NULL where there is none. */
const char *ds_filter_name(const char *text, size_t *bytes);

struct bpf_program;

/* The program as tests of ordinary packets (rules.h) of this protocol (-1: of any), from malloc,
 * and how many bytes of a packet they need. NULL where it does more than load, mask and compare, or
 * without memory. */
struct ds_rule_test *ds_filter_tests(const struct bpf_program *program, int proto, uint32_t *bytes);

#endif

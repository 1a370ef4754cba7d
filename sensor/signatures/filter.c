/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <ctype.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A libpcap handle of no capture is all that it takes. */
struct ds_filter *ds_filter_create(void)
{
    return (struct ds_filter *)pcap_open_dead(DLT_RAW, UINT16_MAX);
}

void ds_filter_destroy(struct ds_filter *f)
{
    if (f)
        pcap_close((pcap_t *)f);
}

/* Blots out what may be an address: digits with dots or colons. */
static void hide_addresses(char *text)
{
    static const char parts[] = "0123456789abcdefABCDEF.:/";
    while (*text) {
        size_t bytes = strspn(text, parts);
        bool is_address = memchr(text, '.', bytes) || memchr(text, ':', bytes);
        for (size_t i = 0; is_address && i < bytes; i++)
            text[i] = isalnum((unsigned char)text[i]) ? 'x' : text[i];
        text += bytes ? bytes : 1;
    }
}

/* How many bytes of the packet a load surely needs. An indexed one is of the transport header,
 * behind an IP header. */
static uint32_t load_end(const struct bpf_insn *i)
{
    enum { IP4 = 20 };
    uint32_t bytes = BPF_SIZE(i->code) == BPF_W ? 4 : BPF_SIZE(i->code) == BPF_H ? 2 : 1;
    if (BPF_CLASS(i->code) != BPF_LD)
        return 0;
    if (BPF_MODE(i->code) == BPF_ABS)
        return i->k + bytes;
    /* A constant as large as that goes backwards. */
    return BPF_MODE(i->code) == BPF_IND && i->k <= UINT16_MAX ? IP4 + i->k + bytes : 0;
}

static uint32_t most_bytes(const struct bpf_program *program)
{
    uint32_t most = 0;
    for (unsigned i = 0; i < program->bf_len; i++) {
        uint32_t end = load_end(&program->bf_insns[i]);
        most = end > most ? end : most;
    }
    return most;
}

static struct bpf_insn *copy_program(const struct bpf_program *program)
{
    struct bpf_insn *copy = malloc(program->bf_len * sizeof *copy);
    if (copy)
        memcpy(copy, program->bf_insns, program->bf_len * sizeof *copy);
    return copy;
}

int ds_filter_compile(struct ds_filter *f, const char *text, struct ds_rule *rule,
                      char why[static DS_FILTER_TEXT])
{
    enum { SHOWN = 40 };
    pcap_t *pcap = (pcap_t *)f;
    struct bpf_program program;
    size_t bytes;
    const char *name = ds_filter_name(text, &bytes);
    if (name) {
        snprintf(
            why, DS_FILTER_TEXT,
            "'%.*s' is neither a number nor a word of pcap-filter(7) for IP packets; names are "
            "not looked up: write the number",
            bytes < SHOWN ? (int)bytes : SHOWN, name);
        hide_addresses(why);
        return -1;
    }
    if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN)) {
        snprintf(why, DS_FILTER_TEXT, "libpcap says: %s", pcap_geterr(pcap));
        hide_addresses(why);
        return -1;
    }
    uint32_t needed = most_bytes(&program);
    if (needed > DS_SNAP_BYTES) {
        snprintf(why, DS_FILTER_TEXT, "needs %u bytes of a packet; only the first %d are kept",
                 needed, DS_SNAP_BYTES);
    } else {
        rule->program = copy_program(&program);
        if (rule->program)
            rule->tests = ds_filter_tests(&program, rule->proto, &rule->tests_bytes);
        snprintf(why, DS_FILTER_TEXT, "no memory"); /* if there is none */
    }
    pcap_freecode(&program);
    return rule->program ? 0 : -1;
}

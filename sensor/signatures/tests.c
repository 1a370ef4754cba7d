/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled condition as a list of tests. libpcap's programs first ask whether a packet is IPv4,
 * of the protocol, no later fragment, and how long its IP header is: of ordinary packets that is
 * known, and what is left is mostly a few comparisons. The programs have no loops.
 */
#include "filter.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM_MAX 4096 /* instructions that are looked at */

enum { VERSION_AT = 0, FRAGMENT_AT = 6, PROTO_AT = 9, IP4_20 = 0x45, IP4_BYTES = 20 };

struct translation {
    const struct bpf_program *program;
    int proto;
    struct ds_rule_test tests[DS_RULE_TESTS_MAX];
    unsigned count;
    uint32_t bytes; /* of a packet that they need */
    /* The test that an instruction begins, by whether X is known to be the IP header's length. */
    uint8_t seen[PROGRAM_MAX][2];
    bool failed;
};

/* Where one path through the program stands. */
struct walk {
    const struct bpf_insn *at;
    bool has_x;   /* X is 20, the IP header's length */
    bool a_known; /* A is a */
    uint32_t a;
    struct ds_rule_number loaded; /* or else A is this; no mask: neither */
};

/* A load of a byte that is the same in all ordinary packets. */
static bool load_known(const struct translation *t, struct walk *w)
{
    bool is_version = w->at->k == VERSION_AT, is_proto = w->at->k == PROTO_AT && t->proto >= 0;
    if (!is_version && !is_proto)
        return false;
    w->a = is_version ? IP4_20 : (uint32_t)t->proto;
    w->a_known = true;
    w->loaded.mask = 0;
    w->at++;
    return true;
}

/* "Is it a later fragment?" What is then in A, nobody here knows. */
static bool pass_fragment(struct walk *w)
{
    const struct bpf_insn *jump = w->at + 1;
    if (w->at->k != FRAGMENT_AT || jump->code != (BPF_JMP | BPF_JSET | BPF_K) || jump->k != 0x1fff)
        return false;
    w->a_known = false;
    w->loaded.mask = 0;
    w->at = jump + 1 + jump->jf;
    return true;
}

/* One instruction further, if it is the same for all ordinary packets. */
static bool step(const struct translation *t, struct walk *w)
{
    const struct bpf_insn *i = w->at;
    switch (i->code) {
    case BPF_LD | BPF_B | BPF_ABS:
        return load_known(t, w);
    case BPF_LD | BPF_H | BPF_ABS:
        return pass_fragment(w);
    case BPF_LDX | BPF_B | BPF_MSH:
        w->has_x = i->k == VERSION_AT;
        w->at += w->has_x;
        return w->has_x;
    case BPF_ALU | BPF_AND | BPF_K:
        w->a &= i->k;
        w->at += w->a_known;
        return w->a_known;
    case BPF_JMP | BPF_JEQ | BPF_K:
        if (w->a_known)
            w->at += 1 + (w->a == i->k ? i->jt : i->jf);
        return w->a_known;
    default:
        return false;
    }
}

/* A load into A from a place that is known. */
static bool read_load(struct translation *t, struct walk *w, struct ds_rule_number *out)
{
    const struct bpf_insn *i = w->at;
    bool is_indexed = BPF_MODE(i->code) == BPF_IND;
    if (BPF_CLASS(i->code) != BPF_LD || (BPF_MODE(i->code) != BPF_ABS && !is_indexed) ||
        (is_indexed && !w->has_x) || i->k >= DS_SNAP_BYTES)
        return false;
    uint32_t bytes = BPF_SIZE(i->code) == BPF_W ? 4 : BPF_SIZE(i->code) == BPF_H ? 2 : 1;
    uint32_t end = i->k + (is_indexed ? IP4_BYTES : 0) + bytes;
    uint32_t at = end > 4 ? end - 4 : 0;
    out->mask = UINT32_MAX >> (32 - bytes * 8);
    out->at = (uint8_t)at;
    out->shift = (uint8_t)((at + 4 - end) * 8);
    t->bytes = at + 4 > t->bytes ? at + 4 : t->bytes;
    w->at++;
    return end <= DS_SNAP_BYTES;
}

/* "A, and another number that goes by way of X": st M[m]; ld other; tax; ld M[m]. */
static bool read_other(struct translation *t, struct walk *w, struct ds_rule_number *out)
{
    const struct bpf_insn *store = w->at++;
    if (!read_load(t, w, out))
        return false;
    const struct bpf_insn *tax = w->at, *restore = w->at + 1;
    if (tax->code != (BPF_MISC | BPF_TAX) || restore->code != (BPF_LD | BPF_MEM) ||
        restore->k != store->k)
        return false;
    w->at += 2;
    w->has_x = false;
    return true;
}

static bool read_compare(const struct bpf_insn *i, struct ds_rule_test *test)
{
    bool has_other = test->other.mask;
    if (BPF_CLASS(i->code) != BPF_JMP || (BPF_SRC(i->code) == BPF_X) != has_other)
        return false;
    test->value = has_other ? 0 : i->k;
    switch (BPF_OP(i->code)) {
    case BPF_JEQ:
        test->compare = has_other ? DS_RULE_EQUAL : DS_RULE_IS_VALUE;
        return true;
    case BPF_JGT:
        test->compare = DS_RULE_GREATER;
        return true;
    case BPF_JGE:
        test->compare = DS_RULE_AT_LEAST;
        return true;
    case BPF_JSET:
        test->compare = DS_RULE_ANY_BIT;
        return true;
    default:
        return false;
    }
}

/* All of a test but what follows it. */
static bool read_test(struct translation *t, struct walk *w, struct ds_rule_test *test)
{
    if (BPF_CLASS(w->at->code) != BPF_LD)
        test->number = w->loaded; /* what is in A is asked once more */
    else if (!read_load(t, w, &test->number))
        return false;
    if (!test->number.mask)
        return false;
    while (w->at->code == (BPF_ALU | BPF_AND | BPF_K))
        test->number.mask &= w->at++->k;
    w->a_known = false;
    w->loaded = test->number;
    if (w->at->code == BPF_ST && !read_other(t, w, &test->other))
        return false;
    return read_compare(w->at, test);
}

static uint8_t translate(struct translation *t, struct walk w);

/* What w stands at as a test, and what follows it. */
static uint8_t add_test(struct translation *t, struct walk w)
{
    struct ds_rule_test test = {.value = 0};
    if (t->count == DS_RULE_TESTS_MAX || !read_test(t, &w, &test)) {
        t->failed = true;
        return DS_RULE_REJECT;
    }
    unsigned place = t->count++;
    const struct bpf_insn *jump = w.at;
    w.at = jump + 1 + jump->jt;
    test.next[true] = translate(t, w);
    w.at = jump + 1 + jump->jf;
    test.next[false] = translate(t, w);
    t->tests[place] = test;
    return (uint8_t)place;
}

/* The test or end that w leads to. */
static uint8_t translate(struct translation *t, struct walk w)
{
    if (t->failed)
        return DS_RULE_REJECT;
    while (step(t, &w))
        ;
    if (w.at->code == (BPF_RET | BPF_K))
        return w.at->k ? DS_RULE_ACCEPT : DS_RULE_REJECT;
    uint8_t *seen = &t->seen[w.at - t->program->bf_insns][w.has_x];
    bool is_fresh = BPF_CLASS(w.at->code) == BPF_LD; /* whatever is in A */
    if (is_fresh && *seen)
        return *seen - 1;
    uint8_t place = add_test(t, w);
    if (is_fresh)
        *seen = place + 1;
    return place;
}

struct ds_rule_test *ds_filter_tests(const struct bpf_program *program, int proto, uint32_t *bytes)
{
    struct ds_rule_test *tests = NULL;
    struct translation *t = calloc(1, sizeof *t);
    if (!t || program->bf_len > PROGRAM_MAX) {
        free(t);
        return NULL;
    }
    t->program = program;
    t->proto = proto;
    uint8_t first = translate(t, (struct walk){.at = program->bf_insns});
    /* The first test stands first; a condition that is an end at once is left to libpcap. */
    if (!t->failed && first == 0)
        tests = malloc(t->count * sizeof *tests);
    if (tests)
        memcpy(tests, t->tests, t->count * sizeof *tests);
    *bytes = t->bytes;
    free(t);
    return tests;
}

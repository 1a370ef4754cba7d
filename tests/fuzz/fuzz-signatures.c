/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a signature file, and behind the first zero byte a packet: what is wrong is told in
 * clean lines, what is good becomes rules, and the two ways to hold a condition against a packet,
 * libpcap's and our own, say the same.
 */
#include "fuzz.h"
#include "parse.h"
#include "signatures.h"
#include "signatures/definition.h"

#include <string.h>

static void check_told(void *arg, const char *text)
{
    (void)arg;
    check(is_clean(text));
}

static void check_list(const struct ds_signature_list *list)
{
    check(list->count <= DS_RULES_MAX);
    for (size_t i = 0; i < list->count; i++) {
        const struct ds_signature_about *about = &list->entries[i].about;
        check(about->id && *about->id && strlen(about->id) <= DS_SIGNATURE_ID_MAX && about->name);
        check(about->category < DS_CATEGORY_COUNT && about->certainty < DS_CERTAINTY_COUNT);
        for (size_t k = 0; k < i; k++)
            check(strcmp(about->id, list->entries[k].about.id) != 0);
    }
}

/* What the packet matches by the rules as they are, and without our own form of the conditions. */
static void match_both_ways(struct ds_rules *rules, const uint8_t *packet, size_t bytes)
{
    static const struct ds_hash_key key;
    uint16_t ours[DS_RULES_MAX], theirs[DS_RULES_MAX];
    uint32_t captured = bytes < DS_SNAP_BYTES ? (uint32_t)bytes : DS_SNAP_BYTES;
    struct ds_packet p;
    /* In memory of exactly that size, so that a read beyond it is noticed. */
    uint8_t *snap = malloc(captured + !captured);
    check(snap);
    memcpy(snap, packet, captured);
    if (ds_parse(snap, captured, &key, &p) == DS_MALFORMED_COUNT) {
        size_t count = ds_rules_match(rules, &p, snap, captured, ours);
        for (size_t i = 0; i < count; i++)
            check(ours[i] < rules->count && (i == 0 || ours[i - 1] < ours[i]));
        const struct ds_rule_test *tests[DS_RULES_MAX];
        for (size_t i = 0; i < rules->count; i++) {
            tests[i] = rules->rules[i].tests;
            rules->rules[i].tests = NULL;
        }
        check(ds_rules_match(rules, &p, snap, captured, theirs) == count);
        check(memcmp(ours, theirs, count * sizeof *ours) == 0);
        for (size_t i = 0; i < rules->count; i++)
            rules->rules[i].tests = tests[i];
    }
    free(snap);
}

static void match_examples(struct ds_rules *rules, const struct ds_signature_list *list)
{
    uint8_t packet[DS_EXAMPLE_BYTES_MAX];
    size_t bytes;
    for (size_t i = 0; i < list->count; i++) {
        const struct ds_signature_definition *d = list->entries[i].definition;
        for (unsigned k = 0; k < d->examples_count; k++) {
            ds_signature_read_hex(d->examples[k].packet, packet, sizeof packet, &bytes);
            match_both_ways(rules, packet, bytes);
        }
    }
}

static void read_signatures(const char *path, const uint8_t *packet, size_t bytes)
{
    /* All of them, also what is off. */
    static const char *const all[] = {"*"};
    const struct ds_signature_settings settings = {
        .paths = &path, .path_count = 1, .enable = all, .enable_count = 1};
    struct ds_signature_faults faults = {.tell = check_told};
    struct ds_signature_list *list = NULL;
    struct ds_rules *rules = NULL;
    struct ds_error err;
    check(ds_signatures_read(&settings, &faults, &list, &err) == 0);
    check_list(list);
    int *places = calloc(list->count + 1, sizeof *places);
    check(places && ds_signatures_compile(list, &faults, places, &rules, &err) == 0);
    if (rules) {
        ds_signatures_prove(list, rules, places, &faults);
        match_examples(rules, list);
        match_both_ways(rules, packet, bytes);
    }
    ds_rules_destroy(rules);
    free(places);
    ds_signatures_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_file file;
    const uint8_t *zero = size ? memchr(data, '\0', size) : NULL;
    size_t text_bytes = zero ? (size_t)(zero - data) : size;
    input_file_make(&file, data, text_bytes);
    if (zero)
        read_signatures(file.path, zero + 1, size - text_bytes - 1);
    else
        read_signatures(file.path, data, 0);
    input_file_remove(&file);
    return 0;
}

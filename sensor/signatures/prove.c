/* SPDX-License-Identifier: Apache-2.0
 *
 * A signature's examples against all rules: what a researcher's file proves before it is used.
 */
#include "definition.h"
#include "parse.h"

/* Does the packet, cut as the ring cuts it, match the rule? */
static bool example_matches(const struct ds_rules *rules, int place, const uint8_t *packet,
                            size_t bytes)
{
    static const struct ds_hash_key key; /* of IPv6 addresses: nothing here compares them */
    uint16_t matched[DS_RULES_MAX];
    struct ds_packet p;
    uint32_t captured = bytes < DS_SNAP_BYTES ? (uint32_t)bytes : DS_SNAP_BYTES;
    if (ds_parse(packet, captured, &key, &p) != DS_MALFORMED_COUNT)
        return false;
    size_t count = ds_rules_match(rules, &p, packet, captured, matched);
    for (size_t i = 0; i < count; i++)
        if (matched[i] == place)
            return true;
    return false;
}

static void prove_entry(const struct ds_signature_entry *e, const struct ds_rules *rules, int place,
                        struct ds_signature_faults *faults)
{
    const struct ds_signature_definition *d = e->definition;
    unsigned seen[2] = {0};
    for (unsigned i = 0; i < d->examples_count; i++) {
        const struct ds_signature_example *x = &d->examples[i];
        uint8_t packet[DS_EXAMPLE_BYTES_MAX];
        size_t bytes;
        ds_signature_read_hex(x->packet, packet, sizeof packet, &bytes);
        seen[x->matches]++;
        if (example_matches(rules, place, packet, bytes) != x->matches)
            ds_signature_fault(faults, e, 0, "example %u %s", i + 1,
                               x->matches ? "does not match, and should"
                                          : "matches, and should not");
    }
    if (!seen[true])
        ds_signature_fault(faults, e, 0, "no example that matches; add one");
    if (!seen[false])
        ds_signature_fault(faults, e, 0, "no example that nearly matches; add one");
}

void ds_signatures_prove(const struct ds_signature_list *list, const struct ds_rules *rules,
                         const int *places, struct ds_signature_faults *faults)
{
    for (size_t i = 0; i < list->count; i++)
        if (places[i] >= 0)
            prove_entry(&list->entries[i], rules, places[i], faults);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * From definitions to rules.
 */
#include "filter.h"

#include <stdlib.h>
#include <string.h>

struct compiling {
    struct ds_filter *filter;
    struct ds_signature_faults *faults;
    const struct ds_signature_entry *entry;
};

static int compile_filter(struct compiling *c, const char *filter, struct ds_rule *rule)
{
    char why[DS_FILTER_TEXT];
    if (ds_filter_compile(c->filter, filter, rule, why) == 0)
        return 0;
    ds_signature_fault(c->faults, c->entry, c->entry->filter_line, "filter: %s", why);
    return -1;
}

static const char *copy_text(const char *text, struct ds_rule *rule)
{
    size_t bytes = strlen(text);
    if (bytes > DS_RULE_PAYLOAD_MAX)
        return "is too long";
    memcpy(rule->payload, text, bytes);
    rule->payload_bytes = (uint8_t)bytes;
    return NULL;
}

static int compile_payload(struct compiling *c, const struct ds_signature_payload *p,
                           struct ds_rule *rule)
{
    size_t bytes = 0;
    const char *wrong = NULL;
    if (!p->hex == !p->text)
        wrong = "give hex or text, one of them";
    else if (p->text)
        wrong = copy_text(p->text, rule);
    else if (!(wrong = ds_signature_read_hex(p->hex, rule->payload, DS_RULE_PAYLOAD_MAX, &bytes)))
        rule->payload_bytes = (uint8_t)bytes;
    rule->payload_anywhere = !p->offset;
    if (!wrong && p->offset && *p->offset > DS_RULE_REACH_MAX - (unsigned)rule->payload_bytes)
        wrong = "lies behind the bytes that are kept of a packet";
    if (!wrong) {
        rule->payload_offset = (uint16_t)(p->offset ? *p->offset : 0);
        return 0;
    }
    ds_signature_fault(c->faults, c->entry, 0,
                       "payload: %s (at most %d bytes, which end within the first %d)", wrong,
                       DS_RULE_PAYLOAD_MAX, DS_RULE_REACH_MAX);
    return -1;
}

/* What packets are looked up by. */
static int compile_prefilter(struct compiling *c, const struct ds_signature_definition *d,
                             struct ds_rule *rule)
{
    rule->proto = d->proto ? ds_proto_parse(d->proto) : -1;
    if (d->tcp_flags)
        ds_signature_read_flags(d->tcp_flags, &rule->flags, &rule->flags_mask);
    for (unsigned i = 0; i < d->ports_count; i++)
        ds_signature_read_range(d->ports[i], &rule->ranges[rule->range_count++]);
    const char *wrong = NULL;
    if (d->tcp_flags && rule->proto != DS_PROTO_TCP)
        wrong = "tcp_flags need proto: tcp";
    else if (d->ports_count && rule->proto != DS_PROTO_TCP && rule->proto != DS_PROTO_UDP)
        wrong = "ports need proto: tcp or udp";
    else if (!d->proto && !d->filter && !d->payload)
        wrong = "matches everything; give proto, ports, tcp_flags, filter or payload";
    if (wrong)
        ds_signature_fault(c->faults, c->entry, 0, "%s", wrong);
    return wrong ? -1 : 0;
}

static int compile_entry(struct compiling *c, const struct ds_signature_entry *e,
                         struct ds_rule *rule)
{
    const struct ds_signature_definition *d = e->definition;
    memset(rule, 0, sizeof *rule);
    strcpy(rule->id, d->id);
    c->entry = e;
    if (compile_prefilter(c, d, rule) || (d->payload && compile_payload(c, d->payload, rule)))
        return -1;
    return d->filter ? compile_filter(c, d->filter, rule) : 0;
}

int ds_signatures_compile(const struct ds_signature_list *list, struct ds_signature_faults *faults,
                          int *places, struct ds_rules **out, struct ds_error *err)
{
    struct compiling c = {.faults = faults};
    struct ds_rule *rules = malloc((list->count + 1) * sizeof *rules);
    size_t count = 0;
    c.filter = ds_filter_create();
    if (!rules || !c.filter) {
        free(rules);
        ds_filter_destroy(c.filter);
        return ds_error(err, DS_FAILURE, "no memory for %zu signatures", list->count);
    }
    for (size_t i = 0; i < list->count; i++) {
        bool good =
            list->entries[i].enabled && compile_entry(&c, &list->entries[i], &rules[count]) == 0;
        if (places)
            places[i] = good ? (int)count : -1;
        count += good;
    }
    ds_filter_destroy(c.filter);
    if (count)
        return ds_rules_create(rules, count, out, err);
    free(rules);
    *out = NULL;
    return 0;
}

int ds_signatures_load(const struct ds_signature_settings *s, struct ds_signature_faults *faults,
                       struct ds_rules **out, struct ds_error *err)
{
    struct ds_signature_list *list;
    if (ds_signatures_read(s, faults, &list, err))
        return -1;
    int failed = ds_signatures_compile(list, faults, NULL, out, err);
    ds_signatures_free(list);
    return failed;
}

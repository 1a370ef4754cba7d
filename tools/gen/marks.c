/* SPDX-License-Identifier: Apache-2.0 */
#include "marks.h"

#include <string.h>

#define ZMAP_ID      54321
#define ETHERNET_MSS 1460

#define BIT(name) (UINT32_C(1) << DS_SIGNATURE_##name)

/* The options one by one, as p0f writes them: "mss,nop,ws". */
static void name_options(const struct ds_gen_bytes *options, char out[static 200])
{
    static const char *const names[] = {"eol", "nop", "mss", "ws", "sok", "sack", NULL, NULL, "ts"};
    out[0] = 0;
    for (size_t i = 0; i < options->size;) {
        uint8_t kind = options->at[i];
        strcat(out, i ? "," : "");
        strcat(out, kind < 9 && names[kind] ? names[kind] : "?");
        if (kind == 0)
            break;
        i += kind == 1 ? 1 : options->at[i + 1];
    }
}

static bool is(const char *options, const char *wanted)
{
    return strcmp(options, wanted) == 0;
}

/* What is known of a SYN. */
struct syn {
    const struct ds_gen_fact *fact;
    char options[200]; /* "cut" where the capture lacks some */
    unsigned initial_ttl, mss, window;
    bool bare, raw;
};

static void describe(const struct ds_gen_fact *f, struct syn *s)
{
    const struct ds_gen_bytes *o = &f->options;
    size_t end = f->transport + 20u + o->size;
    *s = (struct syn){
        .fact = f,
        .initial_ttl = f->ttl <= 64    ? 64
                       : f->ttl <= 128 ? 128
                                       : 255,
        .mss = o->size >= 4 && o->at[0] == 2 ? o->at[2] * 256u + o->at[3] : 0,
        .window = f->has_window ? f->window : 0,
        .bare = f->transport == (f->dest.is_v6 ? 40 : 20) && end == f->bytes,
        .raw = !f->dont_fragment,
    };
    if (f->has_options)
        name_options(o, s->options);
    else
        strcpy(s->options, o->size ? "cut" : "");
}

static bool is_windows(const char *options)
{
    return is(options, "mss,nop,ws,nop,nop,sok") || is(options, "mss,nop,nop,sok");
}

static bool is_linux(const char *options)
{
    return is(options, "mss,sok,ts,nop,ws") || is(options, "mss,nop,nop,sok,nop,ws");
}

static bool is_bsd(const char *options)
{
    return is(options, "mss,nop,ws,nop,nop,ts,sok,eol") || is(options, "mss,nop,ws,sok,ts") ||
           is(options, "mss,nop,nop,sok,nop,ws,nop,nop,ts");
}

static enum ds_device form_of(const struct syn *s)
{
    if (!s->bare)
        return DS_DEVICE_UNKNOWN;
    if (s->raw) {
        if (s->initial_ttl == 255 && (is(s->options, "") || is(s->options, "mss")))
            return DS_DEVICE_TOOL;
        return s->initial_ttl == 64 && is(s->options, "") ? DS_DEVICE_EMBEDDED : DS_DEVICE_UNKNOWN;
    }
    if (s->initial_ttl == 128 && is_windows(s->options))
        return DS_DEVICE_WINDOWS;
    if (s->initial_ttl == 64 && is_bsd(s->options))
        return DS_DEVICE_BSD_MAC;
    if (s->initial_ttl == 64 && is_linux(s->options))
        return s->window == 5840 || s->window == 14600 ? DS_DEVICE_LINUX_OLD : DS_DEVICE_LINUX;
    return DS_DEVICE_UNKNOWN;
}

/* Masscan 1.0.3 to 1.3.2 and later ones, ZMap since 4.1, by what they look like. */
static uint32_t shapes_of(const struct syn *s)
{
    uint32_t found = 0;
    if (!s->raw || !s->bare)
        return 0;
    if (s->initial_ttl == 255 && s->window == 1024 && is(s->options, ""))
        found |= BIT(MASSCAN_1024);
    if (s->initial_ttl == 255 && s->window == 1025 && is(s->options, "mss") &&
        s->mss == ETHERNET_MSS)
        found |= BIT(MASSCAN_1025);
    if (s->initial_ttl != 64 || s->window != 65535)
        return found;
    if (is(s->options, "mss,nop,ws,nop,nop,sok"))
        found |= BIT(ZMAP_MODERN);
    if (is(s->options, "mss") || is(s->options, "mss,sok,ts,nop,ws") ||
        is(s->options, "mss,nop,ws,nop,nop,ts,sok,eol"))
        found |= BIT(ZMAP_MODERN_OTHER);
    return found;
}

static uint32_t mark_nmap(const struct syn *s, struct ds_gen_session *last)
{
    bool window = s->window == 1024 || s->window == 2048 || s->window == 3072 || s->window == 4096;
    if (!s->raw || !s->bare || s->initial_ttl != 64 || !window || !is(s->options, "mss") ||
        s->mss != ETHERNET_MSS)
        return 0;
    uint32_t x = s->fact->seq ^ last->seq;
    bool same = last->has_nmap && x >> 16 == (x & 0xffff);
    last->has_nmap = true;
    last->seq = s->fact->seq;
    return same ? BIT(NMAP) : 0;
}

static uint32_t mark_unicornscan(const struct syn *s, struct ds_gen_session *last)
{
    const struct ds_gen_fact *f = s->fact;
    const uint8_t *dest = f->dest.bytes;
    if (!s->raw || !s->bare || s->initial_ttl != 255 || s->window != 4128 || !is(s->options, "mss"))
        return 0;
    uint32_t swapped =
        (uint32_t)dest[3] << 24 | (uint32_t)dest[2] << 16 | (uint32_t)dest[1] << 8 | dest[0];
    uint32_t ports = ((uint32_t)f->dest_port << 16) + f->source_port;
    uint32_t keys[2] = {f->seq ^ ds_gen_address4(&f->dest) ^ ports, f->seq ^ swapped ^ ports};
    bool same = last->has_unicornscan && (keys[0] == last->keys[0] || keys[1] == last->keys[1]);
    last->has_unicornscan = true;
    memcpy(last->keys, keys, sizeof keys);
    return same ? BIT(UNICORNSCAN) : 0;
}

static uint32_t irregular(const struct ds_gen_fact *f)
{
    uint32_t reasons = 0;
    if (f->ttl > 200)
        reasons |= BIT(IRREGULAR_TTL);
    if (f->options.size == 0)
        reasons |= BIT(IRREGULAR_NO_OPTIONS);
    if (!f->dest.is_v6 && f->ip_id == ZMAP_ID)
        reasons |= BIT(IRREGULAR_ID);
    return reasons ? reasons | BIT(IRREGULAR) : 0;
}

struct ds_gen_marks ds_gen_mark(const struct ds_gen_fact *f, struct ds_gen_session *last)
{
    if (f->type != DS_TYPE_TCP_SYN)
        return (struct ds_gen_marks){0, DS_DEVICE_NONE};
    struct syn s;
    describe(f, &s);
    struct ds_gen_marks m = {irregular(f), (uint8_t)form_of(&s)};
    if (f->dest.is_v6)
        return m;
    uint32_t dest = ds_gen_address4(&f->dest);
    if (f->seq == dest)
        m.signatures |= BIT(MIRAI);
    if (f->ip_id == ((dest ^ f->dest_port ^ f->seq) & 0xffff))
        m.signatures |= BIT(MASSCAN);
    if (f->ip_id == ZMAP_ID)
        m.signatures |= BIT(ZMAP);
    m.signatures |= shapes_of(&s) | mark_nmap(&s, last) | mark_unicornscan(&s, last);
    return m;
}

enum ds_device ds_gen_device(uint32_t signatures, enum ds_device form)
{
    const uint32_t tools = BIT(MASSCAN_1024) | BIT(MASSCAN_1025) | BIT(ZMAP_MODERN) |
                           BIT(ZMAP_MODERN_OTHER) | BIT(NMAP) | BIT(UNICORNSCAN);
    if (signatures & BIT(MIRAI))
        return DS_DEVICE_EMBEDDED;
    return signatures & tools ? DS_DEVICE_TOOL : form;
}

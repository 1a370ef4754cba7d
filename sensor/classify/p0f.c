/* SPDX-License-Identifier: Apache-2.0
 *
 * After p0f 3.09: process.c (what is read), fp_tcp.c (what is written).
 */
#include "classify/p0f.h"

#include "bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    TCP_HEADER = 20,
    MIN_TCP4 = 40, /* both headers */
    MIN_TCP6 = 60,
    ETHERNET_MTU = 1500,
    MSS_LEAST = 100, /* below, the window is not taken for a multiple */
    SCALE_MOST = 14, /* RFC 7323 */
};

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, URG = 0x20, ECE_CWR = 0xc0 };

/* In the order in which they are written. */
enum quirk {
    QUIRK_DF,
    QUIRK_ID,        /* not 0, with DF */
    QUIRK_NO_ID,     /* 0, without DF */
    QUIRK_ECN,       /* explicit congestion notification */
    QUIRK_RESERVED,  /* the reserved bit beside DF */
    QUIRK_FLOW,      /* IPv6 flow label */
    QUIRK_NO_SEQ,    /* sequence number 0 */
    QUIRK_ACK,       /* acknowledgement number without the flag */
    QUIRK_POINTER,   /* urgent pointer without the flag */
    QUIRK_URGENT,    /* URG */
    QUIRK_PUSH,      /* PSH */
    QUIRK_NO_TIME,   /* own time stamp 0 */
    QUIRK_PEER_TIME, /* the peer's not 0 */
    QUIRK_PADDING,   /* not zero behind the end of options */
    QUIRK_SCALE,     /* above SCALE_MOST */
    QUIRK_BAD,       /* options that do not add up */
    QUIRK_COUNT
};

static const char *const quirk_names[QUIRK_COUNT] = {
    "df",    "id+",   "id-",    "ecn",  "0+",   "flow", "seq-", "ack+",
    "uptr+", "urgf+", "pushf+", "ts1-", "ts2+", "opt+", "exws", "bad",
};

enum option { END = 0, NOP = 1, MSS = 2, SCALE = 3, SACK_OK = 4, SACK = 5, TIMES = 8 };

/* What the options say. */
struct options {
    uint8_t kinds[DS_P0F_OPTIONS_MAX];
    unsigned count;
    unsigned padding; /* bytes behind the end of options */
    uint16_t mss;
    uint8_t scale;
    uint32_t own_time;
    uint32_t quirks; /* 1 << enum quirk */
};

static uint32_t quirk_if(bool holds, enum quirk quirk)
{
    return holds ? UINT32_C(1) << quirk : 0;
}

/* The bytes that an option should have; 1 for those without a length, 0 where its length byte is
 * believed. */
static unsigned expected_bytes(uint8_t kind)
{
    switch (kind) {
    case END:
    case NOP:
        return 1;
    case MSS:
        return 4;
    case SCALE:
        return 3;
    case SACK_OK:
        return 2;
    case TIMES:
        return 10;
    default:
        return 0;
    }
}

static void read_end(struct options *o, const uint8_t *at, const uint8_t *end)
{
    o->padding = (unsigned)(end - at);
    while (at < end)
        o->quirks |= quirk_if(*at++ != 0, QUIRK_PADDING);
}

static void read_value(struct options *o, const uint8_t *at)
{
    switch (at[0]) {
    case MSS:
        o->mss = ds_load16_be(at + 2);
        break;
    case SCALE:
        o->scale = at[2];
        o->quirks |= quirk_if(o->scale > SCALE_MOST, QUIRK_SCALE);
        break;
    case TIMES:
        o->own_time = ds_load32_be(at + 2);
        o->quirks |= quirk_if(o->own_time == 0, QUIRK_NO_TIME) |
                     quirk_if(ds_load32_be(at + 6) != 0, QUIRK_PEER_TIME);
        break;
    default:
        break;
    }
}

/* The bytes of the option at `at`, 0 where it cannot be one. */
static unsigned option_bytes(const uint8_t *at, const uint8_t *end)
{
    unsigned expected = expected_bytes(at[0]), left = (unsigned)(end - at);
    if (expected)
        return expected <= left ? expected : 0;
    unsigned least = at[0] == SACK ? 10 : 2, most = at[0] == SACK ? 34 : 40;
    if (left < 2 || at[1] < least || at[1] > most || at[1] > left)
        return 0;
    return at[1];
}

static struct options read_options(const uint8_t *tcp, unsigned header)
{
    struct options o = {.count = 0};
    const uint8_t *at = tcp + TCP_HEADER, *end = tcp + header;
    while (at < end && o.count < DS_P0F_OPTIONS_MAX) {
        o.kinds[o.count++] = at[0];
        unsigned bytes = option_bytes(at, end);
        if (bytes == 0)
            break;
        if (at[0] == END) {
            read_end(&o, at + 1, end);
            return o;
        }
        o.quirks |= quirk_if(bytes > 1 && at[1] != bytes, QUIRK_BAD);
        read_value(&o, at);
        at += bytes;
    }
    o.quirks |= quirk_if(at != end, QUIRK_BAD);
    return o;
}

static uint32_t ip_quirks(const uint8_t *ip, const struct ds_packet *p)
{
    if (p->is_v6) {
        uint32_t first = ds_load32_be(ip);
        return quirk_if(first & 0xfffff, QUIRK_FLOW) | quirk_if(first >> 20 & 3, QUIRK_ECN);
    }
    return quirk_if(p->dont_fragment, QUIRK_DF) | quirk_if(p->dont_fragment && p->ip_id, QUIRK_ID) |
           quirk_if(!p->dont_fragment && !p->ip_id, QUIRK_NO_ID) | quirk_if(ip[1] & 3, QUIRK_ECN) |
           quirk_if(ip[6] & 0x80, QUIRK_RESERVED);
}

static uint32_t tcp_quirks(const struct ds_packet *p)
{
    return quirk_if(p->tcp_flags & ECE_CWR || p->transport[12] & 0x0f, QUIRK_ECN) |
           quirk_if(p->seq == 0, QUIRK_NO_SEQ) |
           quirk_if(ds_load32_be(p->transport + 8), QUIRK_ACK) |
           quirk_if(!(p->tcp_flags & URG) && ds_load16_be(p->transport + 18), QUIRK_POINTER) |
           quirk_if(p->tcp_flags & URG, QUIRK_URGENT) | quirk_if(p->tcp_flags & PSH, QUIRK_PUSH);
}

/* Text of which more is refused than there is room for. */
struct text {
    char *at;
    size_t left;
};

static void __attribute__((format(printf, 2, 3))) put(struct text *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int bytes = vsnprintf(t->at, t->left, format, list);
    va_end(list);
    assert(bytes >= 0 && (size_t)bytes < t->left);
    t->at += bytes;
    t->left -= (size_t)bytes;
}

static unsigned initial_ttl(uint8_t ttl)
{
    return ttl <= 32 ? 32 : ttl <= 64 ? 64 : ttl <= 128 ? 128 : 255;
}

/* As a multiple of the segment or of the packet, if it is one of those that systems count in. */
static void put_window(struct text *t, const struct ds_packet *p, const struct options *o,
                       unsigned headers)
{
    const struct {
        bool asked;
        unsigned unit;
        const char *name;
    } units[] = {
        {true, o->mss, "mss"},
        {o->own_time != 0, o->mss - 12u, "mss"},
        {true, ETHERNET_MTU - MIN_TCP4, "mss"},
        {true, ETHERNET_MTU - MIN_TCP4 - 12, "mss"},
        {p->is_v6, ETHERNET_MTU - MIN_TCP6, "mss"},
        {p->is_v6, ETHERNET_MTU - MIN_TCP6 - 12, "mss"},
        {true, o->mss + MIN_TCP4, "mtu"},
        {true, o->mss + headers, "mtu"},
        {p->is_v6, o->mss + MIN_TCP6, "mtu"},
        {true, ETHERNET_MTU, "mtu"},
    };
    for (size_t i = 0; o->mss >= MSS_LEAST && p->window && i < sizeof units / sizeof *units; i++)
        if (units[i].asked && p->window % units[i].unit == 0) {
            put(t, "%s*%u", units[i].name, p->window / units[i].unit);
            return;
        }
    put(t, "%u", p->window);
}

static void put_options(struct text *t, const struct options *o)
{
    static const char *const names[] = {
        [NOP] = "nop",     [MSS] = "mss",   [SCALE] = "ws",
        [SACK_OK] = "sok", [SACK] = "sack", [TIMES] = "ts",
    };
    for (unsigned i = 0; i < o->count; i++) {
        uint8_t kind = o->kinds[i];
        put(t, "%s", i ? "," : "");
        if (kind == END)
            put(t, "eol+%u", o->padding);
        else if (kind < sizeof names / sizeof *names && names[kind])
            put(t, "%s", names[kind]);
        else
            put(t, "?%u", kind);
    }
}

static void put_quirks(struct text *t, uint32_t quirks)
{
    for (uint32_t left = quirks; left; left &= left - 1)
        put(t, "%s%s", left == quirks ? "" : ",", quirk_names[__builtin_ctz(left)]);
}

bool ds_p0f_print(const uint8_t *ip, const struct ds_packet *p, char out[static DS_P0F_TEXT])
{
    out[0] = 0;
    if (p->proto != DS_PROTO_TCP || !p->transport ||
        (p->tcp_flags & (SYN | ACK | FIN | RST)) != SYN)
        return false;
    struct options o = read_options(p->transport, p->tcp_header);
    struct text t = {out, DS_P0F_TEXT};
    unsigned ip_options = p->is_v6 ? 0 : (ip[0] & 0x0fu) * 4 - 20;
    unsigned headers = (unsigned)(p->transport - ip) + p->tcp_header;
    put(&t, "%u:%u:%u:%u:", p->is_v6 ? 6 : 4, initial_ttl(p->ttl), ip_options, o.mss);
    put_window(&t, p, &o, headers);
    put(&t, ",%u:", o.scale);
    put_options(&t, &o);
    put(&t, ":");
    put_quirks(&t, o.quirks | ip_quirks(ip, p) | tcp_quirks(p));
    put(&t, ":%s", headers < p->total_bytes ? "+" : "0");
    return true;
}

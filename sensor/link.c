/* SPDX-License-Identifier: Apache-2.0
 *
 * Link layers, read as a small state machine: every header says what the next one is. Link type
 * numbers: https://www.tcpdump.org/linktypes.html; EtherTypes and PPP protocols: IANA.
 */
#include "link.h"

#include "bytes.h"
#include "tunnel.h"

enum linktype {
    LINK_NULL = 0,
    LINK_PPP = 9,
    LINK_PPP_HDLC = 50,
    LINK_PPP_ETHER = 51,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
};

enum ethertype {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_VLAN = 0x8100,
    ETHER_QINQ = 0x88a8,
    ETHER_QINQ_OLD = 0x9100,
    ETHER_MPLS = 0x8847,
    ETHER_MPLS_UPSTREAM = 0x8848,
    ETHER_PPPOE_SESSION = 0x8864,
};

enum {
    PPP_IPV4 = 0x0021,
    PPP_IPV6 = 0x0057,
    PPP_MPLS = 0x0281,
    SLL_HEADER = 16,
    SLL2_HEADER = 20,
    PPPOE_HEADER = 6,
    TAG = 4,
};

/* What the bytes at the cursor are. */
enum next { NEXT_ETHERNET, NEXT_ETHERTYPE, NEXT_PPP, NEXT_PPPOE, NEXT_MPLS, NEXT_IP, NEXT_DONE };

struct walk {
    struct ds_network at;
    enum next next;
    uint16_t ethertype;       /* for NEXT_ETHERTYPE */
    uint8_t ip_version;       /* what the link says: 4, 6, or 0 for either */
    uint8_t depth;            /* tags, labels and tunnels so far */
    enum ds_malformed reason; /* for a failed step */
};

static bool skip(struct walk *w, uint32_t bytes)
{
    if (w->at.captured < bytes) {
        w->reason = DS_MALFORMED_LINK_SHORT;
        return false;
    }
    w->at.data += bytes;
    w->at.captured -= bytes;
    return true;
}

static bool fail(struct walk *w, enum ds_malformed reason)
{
    w->reason = reason;
    return false;
}

/* One more tag, label or tunnel. */
static bool nest(struct walk *w)
{
    return w->depth++ < DS_LINK_DEPTH_MAX || fail(w, DS_MALFORMED_LINK_DEEP);
}

static bool expect_ip(struct walk *w, uint8_t version)
{
    w->next = NEXT_IP;
    w->ip_version = version;
    return true;
}

/* A header of `header` bytes whose EtherType stands at `offset`. */
static bool step_typed(struct walk *w, uint32_t header, uint32_t offset)
{
    if (w->at.captured < header)
        return fail(w, DS_MALFORMED_LINK_SHORT);
    w->ethertype = ds_load16_be(w->at.data + offset);
    w->next = NEXT_ETHERTYPE;
    return skip(w, header);
}

static bool step_ethertype(struct walk *w)
{
    switch (w->ethertype) {
    case ETHER_IPV4:
        return expect_ip(w, 4);
    case ETHER_IPV6:
        return expect_ip(w, 6);
    case ETHER_VLAN:
    case ETHER_QINQ:
    case ETHER_QINQ_OLD:
        return nest(w) && step_typed(w, TAG, 2);
    case ETHER_MPLS:
    case ETHER_MPLS_UPSTREAM:
        w->next = NEXT_MPLS;
        return true;
    case ETHER_PPPOE_SESSION:
        w->next = NEXT_PPPOE;
        return true;
    default:
        return fail(w, DS_MALFORMED_NOT_IP);
    }
}

/* One label; below the bottom of the stack the IP version tells what follows (RFC 4928). */
static bool step_mpls(struct walk *w)
{
    if (w->at.captured < TAG)
        return fail(w, DS_MALFORMED_LINK_SHORT);
    bool bottom = w->at.data[2] & 1;
    return nest(w) && skip(w, TAG) && (!bottom || expect_ip(w, 0));
}

static bool step_pppoe(struct walk *w)
{
    if (w->at.captured < PPPOE_HEADER)
        return fail(w, DS_MALFORMED_LINK_SHORT);
    if (w->at.data[0] != 0x11 || w->at.data[1] != 0) /* version 1, type 1, session data */
        return fail(w, DS_MALFORMED_NOT_IP);
    w->next = NEXT_PPP;
    return skip(w, PPPOE_HEADER);
}

/* The protocol field is one byte where its first byte is odd (RFC 1661, 6.5), and ff 03 before it
 * is HDLC's address and control. */
static bool step_ppp(struct walk *w)
{
    if (w->at.captured >= 2 && w->at.data[0] == 0xff && w->at.data[1] == 0x03)
        skip(w, 2);
    if (w->at.captured < 2)
        return fail(w, DS_MALFORMED_LINK_SHORT);
    bool is_short = w->at.data[0] & 1;
    uint16_t protocol = is_short ? w->at.data[0] : ds_load16_be(w->at.data);
    skip(w, is_short ? 1 : 2);
    switch (protocol) {
    case PPP_IPV4:
        return expect_ip(w, 4);
    case PPP_IPV6:
        return expect_ip(w, 6);
    case PPP_MPLS:
        w->next = NEXT_MPLS;
        return true;
    default:
        return fail(w, DS_MALFORMED_NOT_IP);
    }
}

/* BSD loopback: the address family, in the byte order of whoever captured (NULL) or the
 * network's (LOOP). 2 is IPv4 everywhere; IPv6 is 24, 28 or 30 on the BSDs and 10 on Linux. */
static bool begin_loopback(struct walk *w)
{
    if (w->at.captured < 4)
        return fail(w, DS_MALFORMED_LINK_SHORT);
    uint32_t family = ds_load32_be(w->at.data);
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    skip(w, 4);
    switch (family) {
    case 2:
        return expect_ip(w, 4);
    case 10:
    case 24:
    case 28:
    case 30:
        return expect_ip(w, 6);
    default:
        return fail(w, DS_MALFORMED_NOT_IP);
    }
}

static bool begin(struct walk *w, uint16_t link)
{
    switch (link) {
    case DS_LINK_ETHERNET:
        w->next = NEXT_ETHERNET;
        return true;
    case LINK_RAW:
        return expect_ip(w, 0);
    case LINK_IPV4:
        return expect_ip(w, 4);
    case LINK_IPV6:
        return expect_ip(w, 6);
    case LINK_SLL:
        return step_typed(w, SLL_HEADER, 14);
    case LINK_SLL2:
        return step_typed(w, SLL2_HEADER, 0);
    case LINK_PPP:
    case LINK_PPP_HDLC:
        w->next = NEXT_PPP;
        return true;
    case LINK_PPP_ETHER:
        w->next = NEXT_PPPOE;
        return true;
    case LINK_NULL:
    case LINK_LOOP:
        return begin_loopback(w);
    default:
        return fail(w, DS_MALFORMED_NOT_IP);
    }
}

/* The IP header is reached: into a tunnel, or done. */
static bool step_ip(struct walk *w, unsigned tunnels)
{
    if (w->at.captured == 0)
        return fail(w, DS_MALFORMED_IP_SHORT);
    uint8_t version = w->at.data[0] >> 4;
    if ((version != 4 && version != 6) || (w->ip_version && version != w->ip_version))
        return fail(w, DS_MALFORMED_IP_VERSION);
    w->next = NEXT_DONE;
    if (!tunnels)
        return true;
    switch (ds_tunnel_enter(&w->at, tunnels)) {
    case DS_TUNNEL_ENTERED_IP:
        return nest(w) && expect_ip(w, 0);
    case DS_TUNNEL_ENTERED_ETHERNET:
        w->next = NEXT_ETHERNET;
        return nest(w);
    case DS_TUNNEL_NONE:
        return true;
    }
    return true;
}

static bool step(struct walk *w, unsigned tunnels)
{
    switch (w->next) {
    case NEXT_ETHERNET:
        return step_typed(w, DS_LINK_ETHERNET_BYTES, 12);
    case NEXT_ETHERTYPE:
        return step_ethertype(w);
    case NEXT_PPP:
        return step_ppp(w);
    case NEXT_PPPOE:
        return step_pppoe(w);
    case NEXT_MPLS:
        return step_mpls(w);
    case NEXT_IP:
        return step_ip(w, tunnels);
    case NEXT_DONE:
        break;
    }
    return true;
}

enum ds_malformed ds_link_strip(const struct ds_frame *frame, unsigned tunnels,
                                struct ds_network *out)
{
    struct walk w = {.at = {frame->data, frame->captured}};
    bool ok = begin(&w, frame->link);
    while (ok && w.next != NEXT_DONE)
        ok = step(&w, tunnels);
    if (!ok)
        return w.reason;
    *out = w.at;
    return DS_MALFORMED_COUNT;
}

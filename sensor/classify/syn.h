/* SPDX-License-Identifier: Apache-2.0
 *
 * Who sent a SYN: the built-in signatures and the class of device, from the fields of one packet.
 * Rules and their sources are in docs/signatures.md. Pure.
 *
 * It is done for nearly every packet and what comes next is anybody's guess, so there is no branch
 * in it: three loads recognise the layout of the options, two small tables say what layout, TTL and
 * window together mean.
 */
#ifndef DARKSCOPE_SYN_H
#define DARKSCOPE_SYN_H

#include "bytes.h"
#include "packet.h"

#include <stddef.h>

/* Layouts of options that somebody is known by. */
enum ds_syn_layout {
    DS_LAYOUT_OTHER,
    DS_LAYOUT_NONE,
    DS_LAYOUT_MSS,
    DS_LAYOUT_LINUX,
    DS_LAYOUT_LINUX_PLAIN, /* without time stamps */
    DS_LAYOUT_WINDOWS,
    DS_LAYOUT_WINDOWS_PLAIN, /* without window scale */
    DS_LAYOUT_MAC,
    DS_LAYOUT_FREEBSD,
    DS_LAYOUT_OPENBSD,
    DS_LAYOUT_COUNT
};

/* A layout, as what three stretches of 8 bytes of the TCP header must be: the first of the options,
 * the last of the header and the one before that. Where the options are shorter than a stretch, it
 * begins before them. */
struct ds_syn_row {
    _Alignas(64) uint64_t want[3];
    uint64_t mask[3];
    uint32_t layout; /* enum ds_syn_layout */
};

/* By two bits that tell those apart that have the same header length (in the first stretch), and
 * words of TCP header. */
extern const struct ds_syn_row ds_syn_rows[4][16];

/* The received TTL tells the initial one, which is the next of 64, 128 and 255 (nothing of today
 * begins with 32), and whether it is one that no kernel of today gives. */
enum ds_syn_ttl { DS_SYN_TTL_64, DS_SYN_TTL_128, DS_SYN_TTL_255, DS_SYN_TTL_IRREGULAR };
extern const uint8_t ds_syn_ttls[256];

/* What layout, the flag against fragments, the initial TTL, and that a packet is bare (nothing but
 * the two headers) mean together. */
struct ds_syn_form {
    _Alignas(16) uint32_t signatures;
    uint32_t tools; /* signatures if the window fits, too */
    uint32_t device;
};
/* By layout, bare * 2 + flag, initial TTL. */
extern const struct ds_syn_form ds_syn_forms[DS_LAYOUT_COUNT][4][4];

/* The windows that tools are known by, by a hash without collisions. */
struct ds_syn_window {
    uint32_t window;
    uint32_t tools;
};
extern const struct ds_syn_window ds_syn_windows[16];

static inline unsigned ds_syn_window_hash(uint16_t window)
{
    enum { FACTOR = 1051, BITS = 4 };
    return (uint16_t)(window * FACTOR) >> (16 - BITS);
}

/* Beside the signatures: an old kernel's window. */
#define DS_SYN_OLD_KERNEL (UINT32_C(1) << 31)

static inline unsigned ds_syn_layout_of(const uint8_t *tcp, unsigned header, uint64_t first)
{
    enum { STRETCH = 8 };
    const struct ds_syn_row *row = &ds_syn_rows[first >> 16 & 3][header / 4];
    uint64_t last = ds_load64_be(tcp + header - STRETCH);
    uint64_t before = ds_load64_be(tcp + header - 2 * STRETCH);
    uint64_t wrong = ((first ^ row->want[0]) & row->mask[0]) |
                     ((before ^ row->want[1]) & row->mask[1]) |
                     ((last ^ row->want[2]) & row->mask[2]);
    return wrong ? DS_LAYOUT_OTHER : row->layout;
}

/* Signatures that follow from layout, TTL and window, with DS_SYN_OLD_KERNEL. */
static inline uint32_t ds_syn_shape(const struct ds_packet *p, uint8_t *device)
{
    enum { ETHERNET_MSS = 1460, PLAIN = 20, FIRST = 20, STRETCH = 8 };
    const uint32_t of_ethernet = DS_SIGNATURE_BIT(NMAP) | DS_SIGNATURE_BIT(MASSCAN_1025);
    unsigned header = p->tcp_header, layout = header == PLAIN ? DS_LAYOUT_NONE : DS_LAYOUT_OTHER;
    uint64_t first = 0;
    if (p->transport) {
        first = ds_load64_be(p->transport + (header < FIRST + STRETCH ? header - STRETCH : FIRST));
        layout = ds_syn_layout_of(p->transport, header, first);
    }
    const struct ds_syn_form *form =
        &ds_syn_forms[layout][p->bare * 2 + p->dont_fragment][ds_syn_ttls[p->ttl]];
    const struct ds_syn_window *window = &ds_syn_windows[ds_syn_window_hash(p->window)];
    uint32_t tools = window->window == p->window ? window->tools : 0;
    /* An MSS that stands alone is the end of the first stretch. */
    tools &= (uint16_t)first == ETHERNET_MSS ? ~UINT32_C(0) : ~of_ethernet;
    *device = (uint8_t)form->device;
    return form->signatures | (form->tools & tools);
}

/* The signatures of a TCP SYN as bits of enum ds_signature, but for the experimental ones; and the
 * class of device. A 16-bit field fits once in 65,536 packets by chance: a source is confirmed by
 * its second packet (count.h). The formulas are on IPv4 addresses and the IPv4 id.
 *
 * Mirai: its scanner.c and all known descendants send the destination as sequence number.
 * Masscan, every version: the id is a fold of destination, port and sequence number.
 * ZMap up to 4.0 writes 54321 into every id (probe_modules/packet.h).
 * Irregular: Spoki (Hiesgen et al., USENIX Security 2022). */
static inline uint32_t ds_syn_classify(const struct ds_packet *p, uint8_t *device)
{
    enum { ZMAP_IP_ID = 54321 };
    const uint32_t of_id =
        DS_SIGNATURE_BIT(ZMAP) | DS_SIGNATURE_BIT(IRREGULAR_ID) | DS_SIGNATURE_BIT(IRREGULAR);
    uint32_t signatures = ds_syn_shape(p, device);
    *device = (uint8_t)(*device + (signatures >> 31));
    signatures &= ~DS_SYN_OLD_KERNEL;
    if (p->is_v6)
        return signatures;
    uint16_t masscan_id = (uint16_t)(p->dest4 ^ p->dest_port ^ p->seq);
    signatures |= p->seq == p->dest4 ? DS_SIGNATURE_BIT(MIRAI) : 0;
    signatures |= p->ip_id == masscan_id ? DS_SIGNATURE_BIT(MASSCAN) : 0;
    return signatures | (p->ip_id == ZMAP_IP_ID ? of_id : 0);
}

/* Equal numbers give equal ones; others do once in 65,536. 0 is none. */
static inline uint16_t ds_syn_fold(uint32_t number)
{
    uint16_t folded = (uint16_t)(number >> 16 ^ number);
    return (uint16_t)(folded + !folded);
}

/* What the related signatures compare. Nmap: all sequence numbers of a session are one mask
 * exclusive-ored with a number that has equal halves (scan_engine_raw.cc). Unicornscan: sequence
 * number ^ address ^ (destination port << 16) + source port is the session's key (TCPHASHTRACK), in
 * which the address has the byte order of the machine. */
static inline struct ds_relation ds_syn_relation(const struct ds_packet *p, uint32_t signatures)
{
    uint32_t ports = ((uint32_t)p->dest_port << 16) + p->source_port;
    uint32_t key = p->seq ^ ports ^ p->dest4;
    uint32_t swapped = p->seq ^ ports ^ __builtin_bswap32(p->dest4);
    uint32_t first = signatures & DS_SIGNATURE_BIT(NMAP) ? p->seq : key;
    return (struct ds_relation){ds_syn_fold(first), ds_syn_fold(swapped)};
}

/* The experimental signatures of a SYN that has these others: recalled, not verified; only where
 * asked for. Hajime; ADB.miner and Satori, which have Mirai's scanner for ports of their own. */
static inline uint32_t ds_syn_experimental(const struct ds_packet *p, uint32_t signatures)
{
    enum { HAJIME_WINDOW = 14600, ADB = 5555, HUAWEI = 37215, REALTEK = 52869 };
    bool mirai = signatures & DS_SIGNATURE_BIT(MIRAI);
    bool adb = mirai && p->dest_port == ADB;
    bool satori = mirai && (p->dest_port == HUAWEI || p->dest_port == REALTEK);
    bool hajime =
        !p->is_v6 && p->window == HAJIME_WINDOW && (p->seq >> 16 == 0 || (p->seq & 0xffff) == 0);
    return (uint32_t)hajime << DS_SIGNATURE_HAJIME | (uint32_t)adb << DS_SIGNATURE_ADB_MINER |
           (uint32_t)satori << DS_SIGNATURE_SATORI;
}

#endif

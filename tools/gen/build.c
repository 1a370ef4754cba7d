/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers and checksums: RFC 791, 8200, 9293, 768, 792, 4443.
 */
#include "build.h"

#include <assert.h>
#include <string.h>

uint32_t ds_gen_sum(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    if (size % 2)
        sum += (uint32_t)bytes[size - 1] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static size_t address_bytes(const struct ds_gen_ip *ip)
{
    return ip->source.is_v6 ? 16 : 4;
}

static uint16_t transport_checksum(const struct ds_gen_ip *ip, const uint8_t *segment, size_t size)
{
    uint32_t sum = ip->proto + (uint32_t)size;
    sum = ds_gen_sum(sum, ip->source.bytes, address_bytes(ip));
    sum = ds_gen_sum(sum, ip->dest.bytes, address_bytes(ip));
    return fold(ds_gen_sum(sum, segment, size));
}

void ds_gen_ip_checksum(struct ds_gen_packet *p)
{
    uint8_t *h = ds_gen_ip_bytes(p);
    ds_gen_put16(h + 10, 0);
    ds_gen_put16(h + 10, fold(ds_gen_sum(0, h, p->fact.header_bytes)));
}

static void write_ip4(uint8_t *h, const struct ds_gen_ip *ip, uint32_t total)
{
    h[0] = (uint8_t)(0x40 | (20 + ip->extra.size) / 4);
    h[1] = ip->tos;
    ds_gen_put16(h + 2, (uint16_t)total);
    ds_gen_put16(h + 4, ip->id);
    ds_gen_put16(h + 6, ip->flags_offset);
    h[8] = ip->ttl;
    h[9] = ip->proto;
    memcpy(h + 12, ip->source.bytes, 4);
    memcpy(h + 16, ip->dest.bytes, 4);
    if (ip->extra.size)
        memcpy(h + 20, ip->extra.at, ip->extra.size);
}

static void write_ip6(uint8_t *h, const struct ds_gen_ip *ip, uint32_t total)
{
    ds_gen_put32(h, 0x60000000u | (uint32_t)ip->tos << 20);
    ds_gen_put16(h + 4, (uint16_t)(total - 40));
    h[6] = ip->extra.size ? ip->extra_first : ip->proto;
    h[7] = ip->ttl;
    memcpy(h + 8, ip->source.bytes, 16);
    memcpy(h + 24, ip->dest.bytes, 16);
    if (ip->extra.size)
        memcpy(h + 40, ip->extra.at, ip->extra.size);
}

static void list_extensions(struct ds_gen_fact *f, const struct ds_gen_ip *ip)
{
    assert(ip->extra.size <= 8 * DS_GEN_EXTENSIONS_MAX);
    uint8_t next = ip->extra_first;
    for (size_t at = 0; at < ip->extra.size; at += 8) {
        f->extensions[f->extension_count++] = next;
        next = ip->extra.at[at];
    }
}

/* Writes the IP header for a transport of size bytes that needs the first `needed` of them to be
 * counted, and resets the facts. Returns where the transport goes. */
static uint8_t *begin(struct ds_gen_packet *p, const struct ds_gen_ip *ip, size_t size,
                      size_t needed)
{
    bool is_v6 = ip->source.is_v6;
    size_t header = is_v6 ? 40 : 20 + ip->extra.size;
    size_t transport = is_v6 ? 40 + ip->extra.size : header;
    assert(transport + size <= DS_GEN_IP_MAX);

    p->ip_bytes = (uint32_t)(transport + size);
    p->ether_type = 0;
    p->encapsulation = DS_GEN_PLAIN;
    p->exact = false;
    p->cut = p->link_cut = UINT32_MAX;
    p->delay_ns = 0;
    p->fact = (struct ds_gen_fact){
        .source = ip->source,
        .dest = ip->dest,
        .type = DS_TYPE_OTHER,
        .cls = DS_CLASS_OTHER,
        .proto = ip->proto,
        .service = ip->proto,
        .bytes = p->ip_bytes,
        .malformed = DS_MALFORMED_COUNT,
        .ip_id = is_v6 ? 0 : ip->id,
        .ttl = ip->ttl,
        .dont_fragment = is_v6 || ip->flags_offset & DS_GEN_DF,
        .fixed_bytes = is_v6 ? 40 : 20,
        .header_bytes = (uint16_t)header,
        .needed = (uint16_t)(transport + needed),
    };
    if (is_v6) {
        write_ip6(ds_gen_ip_bytes(p), ip, p->ip_bytes);
        list_extensions(&p->fact, ip);
    } else {
        write_ip4(ds_gen_ip_bytes(p), ip, p->ip_bytes);
        ds_gen_ip_checksum(p);
    }
    return ds_gen_ip_bytes(p) + transport;
}

static void append(uint8_t *at, struct ds_gen_bytes bytes)
{
    if (bytes.size)
        memcpy(at, bytes.at, bytes.size);
}

void ds_gen_build_tcp(struct ds_gen_packet *p, struct ds_gen_ip *ip, const struct ds_gen_tcp *tcp)
{
    ip->proto = DS_PROTO_TCP;
    size_t header = 20 + tcp->options.size, size = header + tcp->payload.size;
    uint8_t *t = begin(p, ip, size, DS_GEN_TCP_NEEDED);
    ds_gen_put16(t, tcp->source_port);
    ds_gen_put16(t + 2, tcp->dest_port);
    ds_gen_put32(t + 4, tcp->seq);
    ds_gen_put32(t + 8, tcp->ack);
    t[12] = (uint8_t)(header / 4 << 4);
    t[13] = tcp->flags;
    ds_gen_put16(t + 14, tcp->window);
    ds_gen_put32(t + 16, 0);
    append(t + 20, tcp->options);
    append(t + header, tcp->payload);
    ds_gen_put16(t + 16, transport_checksum(ip, t, size));
    p->fact.seq = tcp->seq;
    p->fact.source_port = tcp->source_port;
    p->fact.dest_port = tcp->dest_port;
    p->fact.window = tcp->window;
    p->fact.options = tcp->options;
    p->fact.transport = (uint16_t)(t - ds_gen_ip_bytes(p));
    p->fact.has_window = p->fact.has_options = true;
}

void ds_gen_build_udp(struct ds_gen_packet *p, struct ds_gen_ip *ip, uint16_t source_port,
                      uint16_t dest_port, struct ds_gen_bytes payload)
{
    ip->proto = DS_PROTO_UDP;
    size_t size = 8 + payload.size;
    uint8_t *t = begin(p, ip, size, DS_GEN_UDP_NEEDED);
    ds_gen_put16(t, source_port);
    ds_gen_put16(t + 2, dest_port);
    ds_gen_put16(t + 4, (uint16_t)size);
    ds_gen_put16(t + 6, 0);
    append(t + 8, payload);
    uint16_t sum = transport_checksum(ip, t, size);
    ds_gen_put16(t + 6, sum ? sum : 0xffff); /* zero would say "none" */
    p->fact.dest_port = dest_port;
}

void ds_gen_build_icmp(struct ds_gen_packet *p, struct ds_gen_ip *ip,
                       const struct ds_gen_icmp *icmp)
{
    bool is_v6 = ip->source.is_v6;
    ip->proto = is_v6 ? DS_PROTO_ICMP6 : DS_PROTO_ICMP;
    size_t size = 8 + icmp->body.size;
    uint8_t *t = begin(p, ip, size, DS_GEN_ICMP_NEEDED);
    t[0] = icmp->type;
    t[1] = icmp->code;
    ds_gen_put16(t + 2, 0);
    ds_gen_put32(t + 4, icmp->rest);
    append(t + 8, icmp->body);
    ds_gen_put16(t + 2, is_v6 ? transport_checksum(ip, t, size) : fold(ds_gen_sum(0, t, size)));
    p->fact.icmp_port = (uint16_t)(icmp->type << 8 | icmp->code);
}

void ds_gen_build_raw(struct ds_gen_packet *p, const struct ds_gen_ip *ip, struct ds_gen_bytes body)
{
    append(begin(p, ip, body.size, 0), body);
}

void ds_gen_claim(struct ds_gen_packet *p, enum ds_type type, enum ds_class cls, uint16_t port)
{
    p->fact.type = (uint8_t)type;
    p->fact.cls = (uint8_t)cls;
    p->fact.port = port;
}

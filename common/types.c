/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of types, classes, books and reasons: the one place that spells them.
 */
#include "darkscope/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[DS_TYPE_COUNT] = {
    [DS_TYPE_TCP_SYN] = "tcp_syn",     [DS_TYPE_TCP_SYNACK] = "tcp_synack",
    [DS_TYPE_TCP_ACK] = "tcp_ack",     [DS_TYPE_TCP_PUSH] = "tcp_push",
    [DS_TYPE_TCP_FIN] = "tcp_fin",     [DS_TYPE_TCP_RST] = "tcp_rst",
    [DS_TYPE_TCP_OTHER] = "tcp_other", [DS_TYPE_UDP] = "udp",
    [DS_TYPE_ICMP] = "icmp",           [DS_TYPE_OTHER] = "other",
};

static const char *const class_names[DS_CLASS_COUNT] = {
    [DS_CLASS_SCAN] = "scan",
    [DS_CLASS_BACKSCATTER] = "backscatter",
    [DS_CLASS_OTHER] = "other",
};

static const char *const book_names[DS_BOOK_COUNT] = {
    [DS_BOOK_RECEIVED] = "received",
    [DS_BOOK_COUNTED] = "counted",
    [DS_BOOK_OUTSIDE] = "outside",
    [DS_BOOK_MALFORMED] = "malformed",
    [DS_BOOK_LATE] = "late",
    [DS_BOOK_FRAGMENT] = "fragment",
    [DS_BOOK_TRUNCATED] = "truncated",
    [DS_BOOK_DROPPED_KERNEL] = "dropped_kernel",
    [DS_BOOK_DROPPED_INTERFACE] = "dropped_interface",
    [DS_BOOK_DROPPED_RING] = "dropped_ring",
};

static const char *const malformed_names[DS_MALFORMED_COUNT] = {
    [DS_MALFORMED_LINK_SHORT] = "link_short",
    [DS_MALFORMED_LINK_DEEP] = "link_deep",
    [DS_MALFORMED_NOT_IP] = "not_ip",
    [DS_MALFORMED_IP_SHORT] = "ip_short",
    [DS_MALFORMED_IP_VERSION] = "ip_version",
    [DS_MALFORMED_IP_HEADER_LENGTH] = "ip_header_length",
    [DS_MALFORMED_IP_TOTAL_LENGTH] = "ip_total_length",
    [DS_MALFORMED_IP6_EXTENSION] = "ip6_extension",
    [DS_MALFORMED_TCP_SHORT] = "tcp_short",
    [DS_MALFORMED_TCP_OFFSET] = "tcp_offset",
    [DS_MALFORMED_UDP_SHORT] = "udp_short",
    [DS_MALFORMED_UDP_LENGTH] = "udp_length",
    [DS_MALFORMED_ICMP_SHORT] = "icmp_short",
    [DS_MALFORMED_OTHER] = "other",
};

static const char *const overflow_names[DS_OVERFLOW_COUNT] = {
    [DS_OVERFLOW_CELLS] = "cells",           [DS_OVERFLOW_PAIRS] = "pairs",
    [DS_OVERFLOW_SOURCES] = "sources",       [DS_OVERFLOW_DESTINATIONS] = "destinations",
    [DS_OVERFLOW_SIGNATURES] = "signatures", [DS_OVERFLOW_ATTACKS] = "attacks",
};

static const char *const signature_names[DS_SIGNATURE_COUNT] = {
    [DS_SIGNATURE_MIRAI] = "mirai",
    [DS_SIGNATURE_MASSCAN] = "masscan",
    [DS_SIGNATURE_MASSCAN_1024] = "masscan-1024",
    [DS_SIGNATURE_MASSCAN_1025] = "masscan-1025",
    [DS_SIGNATURE_ZMAP] = "zmap",
    [DS_SIGNATURE_ZMAP_MODERN] = "zmap-modern",
    [DS_SIGNATURE_ZMAP_MODERN_OTHER] = "zmap-modern-other",
    [DS_SIGNATURE_NMAP] = "nmap",
    [DS_SIGNATURE_UNICORNSCAN] = "unicornscan",
    [DS_SIGNATURE_IRREGULAR] = "irregular",
    [DS_SIGNATURE_IRREGULAR_TTL] = "irregular-ttl",
    [DS_SIGNATURE_IRREGULAR_NO_OPTIONS] = "irregular-no-options",
    [DS_SIGNATURE_IRREGULAR_ID] = "irregular-id",
    [DS_SIGNATURE_HAJIME] = "hajime",
    [DS_SIGNATURE_ADB_MINER] = "adb-miner",
    [DS_SIGNATURE_SATORI] = "satori",
};

static const char *const device_names[DS_DEVICE_COUNT] = {
    [DS_DEVICE_NONE] = "none",         [DS_DEVICE_UNKNOWN] = "unknown",
    [DS_DEVICE_LINUX] = "linux",       [DS_DEVICE_LINUX_OLD] = "linux-old",
    [DS_DEVICE_BSD_MAC] = "bsd-mac",   [DS_DEVICE_WINDOWS] = "windows",
    [DS_DEVICE_EMBEDDED] = "embedded", [DS_DEVICE_TOOL] = "tool",
};

static const char *const survey_mark_names[DS_SURVEY_MARK_COUNT] = {
    [DS_SURVEY_NO] = "no",
    [DS_SURVEY_YES] = "yes",
    [DS_SURVEY_FOUND] = "found",
};

static const char *name_of(const char *const *names, unsigned count, unsigned i)
{
    return i < count ? names[i] : NULL;
}

const char *ds_type_name(unsigned type)
{
    return name_of(type_names, DS_TYPE_COUNT, type);
}

const char *ds_class_name(unsigned cls)
{
    return name_of(class_names, DS_CLASS_COUNT, cls);
}

const char *ds_book_name(unsigned book)
{
    return name_of(book_names, DS_BOOK_COUNT, book);
}

const char *ds_malformed_name(unsigned reason)
{
    return name_of(malformed_names, DS_MALFORMED_COUNT, reason);
}

const char *ds_overflow_name(unsigned table)
{
    return name_of(overflow_names, DS_OVERFLOW_COUNT, table);
}

const char *ds_signature_name(unsigned signature)
{
    return name_of(signature_names, DS_SIGNATURE_COUNT, signature);
}

const char *ds_device_name(unsigned device)
{
    return name_of(device_names, DS_DEVICE_COUNT, device);
}

const char *ds_survey_mark_name(unsigned mark)
{
    return name_of(survey_mark_names, DS_SURVEY_MARK_COUNT, mark);
}

static const struct {
    uint8_t number;
    const char *name;
} protos[] = {
    {DS_PROTO_TCP, "tcp"},
    {DS_PROTO_UDP, "udp"},
    {DS_PROTO_ICMP, "icmp"},
    {DS_PROTO_ICMP6, "icmp6"},
};

const char *ds_proto_name(uint8_t proto, char out[static 8])
{
    for (size_t i = 0; i < sizeof protos / sizeof protos[0]; i++)
        if (protos[i].number == proto)
            return strcpy(out, protos[i].name);
    snprintf(out, 8, "%u", proto);
    return out;
}

int ds_proto_parse(const char *name)
{
    for (size_t i = 0; i < sizeof protos / sizeof protos[0]; i++)
        if (strcmp(protos[i].name, name) == 0)
            return protos[i].number;
    size_t digits = strspn(name, "0123456789");
    if (digits == 0 || digits > 3 || name[digits])
        return -1;
    int number = atoi(name);
    return number <= UINT8_MAX ? number : -1;
}

static int index_of(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

int ds_class_parse(const char *name)
{
    return index_of(class_names, DS_CLASS_COUNT, name);
}

int ds_device_parse(const char *name)
{
    return index_of(device_names, DS_DEVICE_COUNT, name);
}

const char *ds_country_name(ds_country country, char out[static 3])
{
    out[0] = (char)(country >> 8);
    out[1] = (char)(country & 0xff);
    out[2] = 0;
    return out;
}

static bool is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool ds_country_valid(ds_country country)
{
    return (is_letter((char)(country >> 8)) && is_letter((char)(country & 0xff))) ||
           country == DS_COUNTRY_UNKNOWN || country == DS_COUNTRY_REST;
}

bool ds_country_parse(const char *text, ds_country *out)
{
    if (strlen(text) != 2)
        return false;
    char a = text[0], b = text[1];
    a = (char)(a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a);
    b = (char)(b >= 'a' && b <= 'z' ? b - 'a' + 'A' : b);
    ds_country country = DS_COUNTRY(a, b);
    if (!ds_country_valid(country))
        return false;
    *out = country;
    return true;
}

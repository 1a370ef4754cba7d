/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a condition. Of a word that is none of its own libpcap asks the resolver for the
 * address of a host, and waits: what is in a file, and with a slip of the pen an address of the
 * telescope, would go out to name servers. So only numbers and words of pcap-filter(7) pass.
 */
#include "filter.h"

#include <arpa/inet.h>
#include <string.h>

#define DOTS_MAX 3
#define DIGITS   "0123456789"
#define HEX      DIGITS "abcdefABCDEF"
#define WORD_BYTES                                                                                 \
    DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"                                  \
           "._-:"

/* Those that mean something of a raw IP packet. */
static const char *const words[] = {
    "ah", "and", "broadcast", "carp", "dst", "esp", "gateway", "greater", "host", "icmp", "icmp6",
    "icmp6code", "icmp6type", "icmpcode", "icmptype", "icmpv6", "igmp", "igrp", "ip", "ip6", "ipv6",
    "len", "length", "less", "mask", "multicast", "net", "not", "or", "pim", "port", "portrange",
    "proto", "protochain", "sctp", "src", "tcp", "tcpflags", "udp", "vrrp",
    /* Numbers that have a name. */
    "icmp-echo", "icmp-echoreply", "icmp-ireq", "icmp-ireqreply", "icmp-maskreply", "icmp-maskreq",
    "icmp-paramprob", "icmp-redirect", "icmp-routeradvert", "icmp-routersolicit",
    "icmp-sourcequench", "icmp-timxceed", "icmp-tstamp", "icmp-tstampreply", "icmp-unreach",
    "icmp6-destinationunreach", "icmp6-echo", "icmp6-echoreply", "icmp6-homeagentdiscoveryreply",
    "icmp6-homeagentdiscoveryrequest", "icmp6-inversediscoveryadvert",
    "icmp6-inversediscoverysolicit", "icmp6-mobileprefixadvert", "icmp6-mobileprefixsolicit",
    "icmp6-multicastlistenerdone", "icmp6-multicastlistenerquery",
    "icmp6-multicastlistenerreportv1", "icmp6-multicastlistenerreportv2",
    "icmp6-multicastrouteradvert", "icmp6-multicastrouterrenum", "icmp6-multicastroutersolicit",
    "icmp6-neighboradvert", "icmp6-neighborsolicit", "icmp6-nodeinformationquery",
    "icmp6-nodeinformationresponse", "icmp6-packettoobig", "icmp6-parameterproblem",
    "icmp6-redirect", "icmp6-routeradvert", "icmp6-routerrenum", "icmp6-routersolicit",
    "icmp6-timeexceeded", "tcp-ack", "tcp-cwr", "tcp-ece", "tcp-fin", "tcp-push", "tcp-rst",
    "tcp-syn", "tcp-urg"};

struct word {
    const char *text;
    size_t bytes;
};

static bool is(struct word w, const char *word)
{
    return strlen(word) == w.bytes && memcmp(w.text, word, w.bytes) == 0;
}

/* 23, 0x17, 192.0.2, 192.0.2.1. More parts are a name to libpcap. */
static bool is_number(struct word w)
{
    size_t at = 0;
    if (w.bytes > 2 && w.text[0] == '0' && strchr("xX", w.text[1]))
        return strspn(w.text + 2, HEX) >= w.bytes - 2;
    for (unsigned dots = 0; dots <= DOTS_MAX; dots++) {
        size_t digits = strspn(w.text + at, DIGITS);
        at += digits;
        if (digits == 0 || at > w.bytes)
            return false;
        if (at == w.bytes)
            return true;
        if (w.text[at++] != '.')
            return false;
    }
    return false;
}

/* 5500-5555 */
static bool is_range(struct word w)
{
    size_t first = strspn(w.text, DIGITS);
    return first && first + 1 < w.bytes && w.text[first] == '-' &&
           strspn(w.text + first + 1, DIGITS) >= w.bytes - first - 1;
}

static bool is_ip6(struct word w)
{
    char address[INET6_ADDRSTRLEN];
    uint8_t out[16];
    if (w.bytes >= sizeof address)
        return false;
    memcpy(address, w.text, w.bytes);
    address[w.bytes] = '\0';
    return inet_pton(AF_INET6, address, out) == 1;
}

static bool is_known(struct word w, struct word before)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is(w, words[i]))
            return true;
    return is_number(w) || (is(before, "portrange") && is_range(w));
}

/* The next of words that colons part, as in ip[2:4], without signs around it. */
static struct word take_part(struct word *run)
{
    const char *colon = memchr(run->text, ':', run->bytes);
    struct word part = {run->text, colon ? (size_t)(colon - run->text) : run->bytes};
    size_t used = part.bytes + (colon != NULL);
    *run = (struct word){run->text + used, run->bytes - used};
    while (part.bytes && part.text[0] == '-')
        part = (struct word){part.text + 1, part.bytes - 1};
    while (part.bytes && part.text[part.bytes - 1] == '-')
        part.bytes--;
    return part;
}

/* *before is the word before it, then its last one. */
static bool passes(struct word run, struct word *before)
{
    if (is_ip6(run)) {
        *before = run;
        return true;
    }
    while (run.bytes) {
        struct word part = take_part(&run);
        if (part.bytes && !is_known(part, *before))
            return false;
        if (part.bytes)
            *before = part;
    }
    return true;
}

const char *ds_filter_name(const char *text, size_t *bytes)
{
    struct word before = {"", 0};
    for (;;) {
        size_t between = strcspn(text, WORD_BYTES);
        /* Behind a backslash any word is a name: of a protocol, which is looked up here, or not. */
        bool is_name = between && text[between - 1] == '\\' && !is(before, "proto") &&
                       !is(before, "protochain");
        text += between;
        *bytes = strspn(text, WORD_BYTES);
        if (*bytes == 0)
            return NULL;
        if (is_name || !passes((struct word){text, *bytes}, &before))
            return text;
        text += *bytes;
    }
}

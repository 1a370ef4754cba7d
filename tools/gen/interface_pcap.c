/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends to an interface through libpcap. Each packet waits for its absolute deadline, so that a
 * late one does not delay those after it. Its time is the deadline: what the wire shows within the
 * scheduler's precision.
 */
#include "output.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct interface {
    struct ds_gen_output base;
    pcap_t *pcap;
    const char *name;
};

static int sleep_until(int64_t time_ns)
{
    const struct timespec at = {time_ns / 1000000000, time_ns % 1000000000};
    int r;
    do
        r = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
    while (r == EINTR);
    return r;
}

static int interface_write(struct ds_gen_output *out, const struct ds_gen_packet *p,
                           struct ds_error *err)
{
    struct interface *i = (struct interface *)out;
    sleep_until(p->fact.time_ns);
    for (;;) {
        if (pcap_inject(i->pcap, ds_gen_frame(p), p->captured) >= 0)
            return 0;
        /* The device's queue is full: it empties by itself. */
        if (errno != ENOBUFS && errno != EAGAIN)
            break;
        sleep_until(0);
    }
    return ds_error(err, DS_NETWORK, "%s: cannot send: %s", i->name, pcap_geterr(i->pcap));
}

static int interface_close(struct ds_gen_output *out, struct ds_error *err)
{
    struct interface *i = (struct interface *)out;
    pcap_close(i->pcap);
    free(i);
    return 0;
}

/* Only to send: nothing received is looked at, so the receive ring is as small as can be. */
static int activate(struct interface *i, struct ds_error *err)
{
    pcap_set_snaplen(i->pcap, 64);
    pcap_set_buffer_size(i->pcap, 65536);
    pcap_set_timeout(i->pcap, 1000);
    int r = pcap_activate(i->pcap);
    if (r == PCAP_ERROR_PERM_DENIED)
        return ds_error(err, DS_PERMISSION, "%s: not allowed to send; run as root", i->name);
    if (r < 0)
        return ds_error(err, DS_NETWORK, "%s: cannot open: %s; `ip link` lists interfaces", i->name,
                        r == PCAP_ERROR_NO_SUCH_DEVICE ? "no such interface"
                                                       : pcap_geterr(i->pcap));
    if (pcap_datalink(i->pcap) != DLT_EN10MB)
        return ds_error(err, DS_NETWORK, "%s: is no Ethernet interface", i->name);
    return 0;
}

int ds_gen_open_interface(const struct ds_gen_options *o, struct ds_gen_output **out,
                          struct ds_error *err)
{
    static const struct ds_gen_output_ops ops = {.write = interface_write,
                                                 .close = interface_close};
    char text[PCAP_ERRBUF_SIZE] = "";
    struct interface *i = calloc(1, sizeof *i);
    if (!i)
        return ds_error(err, DS_FAILURE, "no memory");
    *i = (struct interface){{&ops, 1000}, pcap_create(o->interface, text), o->interface};
    if (!i->pcap) {
        free(i);
        return ds_error(err, DS_NETWORK, "%s: %s", o->interface, text);
    }
    if (activate(i, err) < 0) {
        interface_close(&i->base, NULL);
        return -1;
    }
    *out = &i->base;
    return 0;
}

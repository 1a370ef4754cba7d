/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets from an interface, by libpcap. The only file that knows libpcap.
 *
 * libpcap's frames live in the kernel's ring and end with the call of pcap_dispatch that showed
 * them, as it gives blocks back to the kernel on its way: they are copied into a buffer of one
 * batch. The handle does not block: with TPACKET_V3 libpcap may wait without end for the first
 * packet whatever its timeout, so the wait is a poll() of ours, which stop can end.
 *
 * Of the kernel's ring libpcap lets the size and the timeout be chosen; blocks are always of 256
 * KiB (its MAXIMUM_SNAPLEN).
 *
 * Several captures of an interface see every packet each until they have joined a group, which
 * libpcap allows only when they run already: what came before that moment is thrown away.
 */
#include "../capture.h"
#include "darkscope/clock.h"
#include "darkscope/log.h"
#include "fanout.h"
#include "linktype.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <pcap/pcap.h>

#define INTERFACE_LIST_BYTES 256

/* Once stopped: so often it is waited for packets that the kernel counted and still keeps. A filter
 * that came after the first packets makes it count some that never come. */
#define REST_WAITS 10

struct ds_live {
    struct ds_capture capture;
    pcap_t *pcap;
    char *interface;
    int packet_fd; /* libpcap's */
    int wake_fd;   /* eventfd that ends a wait for packets */
    atomic_bool stopped;

    int timeout_ms;
    int64_t since_ns;    /* packets before are not of this capture */
    int64_t fraction_ns; /* in a unit of libpcap's tv_usec */
    uint16_t link;
    uint32_t snaplen;
    uint8_t *copies; /* [DS_CAPTURE_BATCH * snaplen] */
    size_t copied;   /* bytes used of it */
    struct ds_frame *frames;
    size_t count, most;
    uint32_t taken;             /* from the kernel; wraps as libpcap's counters */
    unsigned rest_waits;        /* of REST_WAITS */
    int64_t stop_ns;            /* when a read first saw stopped; 0: not yet */
    bool failed, settled;       /* reading failed; and the last packets had time to appear */
    char why[PCAP_ERRBUF_SIZE]; /* it failed */

    bool counts_interface;                /* one of several does */
    uint32_t last_kernel, last_interface; /* libpcap's counters wrap */
    struct ds_capture_loss loss;
};

static void take(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
    struct ds_live *l = (struct ds_live *)user;
    l->taken++;
    if (l->count == l->most)
        return; /* not expected: no more than most were asked for */
    int64_t time_ns =
        (int64_t)header->ts.tv_sec * DS_NS_PER_S + header->ts.tv_usec * l->fraction_ns;
    if (time_ns < l->since_ns)
        return;
    uint32_t captured = header->caplen < l->snaplen ? header->caplen : l->snaplen;
    uint8_t *copy = l->copies + l->copied;
    memcpy(copy, data, captured);
    l->copied += captured;
    l->frames[l->count++] = (struct ds_frame){
        .data = copy,
        .captured = captured,
        .wire = header->len > captured ? header->len : captured,
        .time_ns = time_ns,
        .link = l->link,
    };
}

/* Takes what is there. */
static size_t dispatch(struct ds_live *l)
{
    if (pcap_dispatch(l->pcap, (int)l->most, take, (u_char *)l) < 0 && !l->failed) {
        l->failed = true;
        snprintf(l->why, sizeof l->why, "%s", pcap_geterr(l->pcap));
    }
    return l->count;
}

/* The kernel hands over the block that it was filling by its timer. */
static void settle(struct ds_live *l)
{
    l->settled = true;
    poll(NULL, 0, 2 * l->timeout_ms);
}

/* Does the kernel keep packets that it counted? Its timer may be late. */
static bool has_rest(const struct ds_live *l)
{
    struct pcap_stat now;
    return pcap_stats(l->pcap, &now) == 0 && now.ps_recv - now.ps_drop != l->taken;
}

/* Once stopped: what arrived before that is still in the kernel, and not lost. */
static int read_rest(struct ds_live *l)
{
    if (l->stop_ns == 0) {
        l->stop_ns = ds_clock_utc_ns();
        settle(l);
    }
    while (dispatch(l) == 0) {
        if (!has_rest(l) || l->rest_waits++ == REST_WAITS)
            return DS_CAPTURE_ENDED;
        poll(NULL, 0, l->timeout_ms);
    }
    return l->frames[0].time_ns > l->stop_ns ? DS_CAPTURE_ENDED : (int)l->count;
}

static int live_read(struct ds_capture *c, struct ds_frame *frames, size_t most,
                     struct ds_error *err)
{
    struct ds_live *l = (struct ds_live *)c;
    struct pollfd wait[] = {{.fd = l->wake_fd, .events = POLLIN},
                            {.fd = l->packet_fd, .events = POLLIN}};
    l->frames = frames;
    l->most = most;
    l->count = 0;
    l->copied = 0;
    if (atomic_load_explicit(&l->stopped, memory_order_relaxed))
        return read_rest(l);
    if (dispatch(l))
        return (int)l->count;
    if (!l->failed) {
        poll(wait, 2, l->timeout_ms); /* interrupted: as a timeout */
        if (atomic_load_explicit(&l->stopped, memory_order_relaxed))
            return read_rest(l);
        if (dispatch(l) || !l->failed)
            return (int)l->count;
    }
    if (!l->settled) {
        settle(l);
        if (dispatch(l))
            return (int)l->count;
    }
    return ds_error(err, DS_NETWORK, "interface %s: went away: %s; start again when it is there",
                    l->interface, l->why);
}

/* Counters that fall, as when the interface is gone, count nothing. */
static void add_loss(uint64_t *total, uint32_t *last, uint32_t now)
{
    uint32_t more = now - *last;
    *last = now;
    if (more <= INT32_MAX)
        *total += more;
}

static void live_loss(struct ds_capture *c, struct ds_capture_loss *out)
{
    struct ds_live *l = (struct ds_live *)c;
    struct pcap_stat now;
    if (pcap_stats(l->pcap, &now) == 0) {
        add_loss(&l->loss.kernel, &l->last_kernel, now.ps_drop);
        if (l->counts_interface)
            add_loss(&l->loss.interface, &l->last_interface, now.ps_ifdrop);
    }
    *out = l->loss;
}

static void live_stop(struct ds_capture *c)
{
    struct ds_live *l = (struct ds_live *)c;
    int saved = errno;
    atomic_store_explicit(&l->stopped, true, memory_order_relaxed);
    /* It can only fail when the counter is full, and then the wait has ended already. */
    ssize_t ignored = write(l->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)ignored;
    errno = saved;
}

static void live_destroy(struct ds_capture *c)
{
    if (!c)
        return;
    struct ds_live *l = (struct ds_live *)c;
    if (l->pcap)
        pcap_close(l->pcap);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    free(l->copies);
    free(l->interface);
    free(l);
}

static const struct ds_capture_ops live_ops = {
    .read = live_read,
    .loss = live_loss,
    .stop = live_stop,
    .destroy = live_destroy,
    .is_live = true,
};

/* "lo eth0 ...", as much as has room. */
static void list_interfaces(char out[static INTERFACE_LIST_BYTES])
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_if_t *all = NULL;
    size_t used = 0;
    snprintf(out, INTERFACE_LIST_BYTES, "none that this user may see");
    if (pcap_findalldevs(&all, text) < 0)
        return;
    for (pcap_if_t *i = all; i; i = i->next) {
        if (!if_nametoindex(i->name))
            continue; /* libpcap's other sources: Bluetooth, USB, netfilter ... */
        size_t bytes = strlen(i->name) + (used > 0);
        if (used + bytes >= INTERFACE_LIST_BYTES)
            break;
        used += (size_t)sprintf(out + used, "%s%s", used ? " " : "", i->name);
    }
    pcap_freealldevs(all);
}

static int activate_failed(const struct ds_live *l, int rc, struct ds_error *err)
{
    char list[INTERFACE_LIST_BYTES];
    switch (rc) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        list_interfaces(list);
        return ds_error(err, DS_NETWORK, "interface %s: does not exist; there are: %s",
                        l->interface, list);
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        return ds_error(err, DS_PERMISSION,
                        "interface %s: not allowed to capture; run as root or with the "
                        "capabilities CAP_NET_RAW and CAP_NET_ADMIN",
                        l->interface);
    case PCAP_ERROR_IFACE_NOT_UP:
        return ds_error(err, DS_NETWORK,
                        "interface %s: is down; bring it up with \"ip link set %s up\"",
                        l->interface, l->interface);
    default:
        return ds_error(err, DS_NETWORK, "interface %s: cannot capture: %s %s", l->interface,
                        pcap_statustostr(rc), pcap_geterr(l->pcap));
    }
}

static int activate(struct ds_live *l, const struct ds_capture_live *o, struct ds_error *err)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    l->pcap = pcap_create(o->interface, text);
    if (!l->pcap)
        return ds_error(err, DS_NETWORK, "interface %s: cannot capture: %s", o->interface, text);
    pcap_set_snaplen(l->pcap, o->snaplen);
    pcap_set_promisc(l->pcap, o->promiscuous);
    pcap_set_timeout(l->pcap, o->timeout_ms);
    pcap_set_buffer_size(l->pcap, o->buffer_bytes);
    /* Where it is refused, times come in microseconds. */
    pcap_set_tstamp_precision(l->pcap, PCAP_TSTAMP_PRECISION_NANO);
    int rc = pcap_activate(l->pcap);
    if (rc < 0)
        return activate_failed(l, rc, err);
    if (rc > 0)
        ds_log(DS_LOG_WARNING, "interface %s: %s", o->interface, pcap_statustostr(rc));
    if (pcap_setnonblock(l->pcap, 1, text) < 0)
        return ds_error(err, DS_NETWORK, "interface %s: cannot capture: %s", o->interface, text);
    l->packet_fd = pcap_get_selectable_fd(l->pcap);
    l->fraction_ns = pcap_get_tstamp_precision(l->pcap) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
    return 0;
}

static int check_link(struct ds_live *l, struct ds_error *err)
{
    l->link = ds_linktype_normal((uint16_t)pcap_datalink(l->pcap));
    if (ds_capture_link_known(l->link))
        return 0;
    return ds_error(err, DS_INPUT,
                    "interface %s: link type %u is not read, only " DS_LINKTYPE_LIST
                    "; capture from another interface",
                    l->interface, l->link);
}

static int set_filter(struct ds_live *l, const char *filter, struct ds_error *err)
{
    struct bpf_program program;
    if (!filter)
        return 0;
    if (pcap_compile(l->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return ds_error(err, DS_CONFIG, /* libpcap's text may hold an address of the telescope */
                        "filter: is not one of pcap-filter(7); \"tcpdump -i %s -d EXPRESSION\" "
                        "says what is wrong with it",
                        l->interface);
    int rc = pcap_setfilter(l->pcap, &program);
    pcap_freecode(&program);
    if (rc < 0)
        return ds_error(err, DS_NETWORK, "interface %s: cannot set the filter: %s", l->interface,
                        pcap_geterr(l->pcap));
    return 0;
}

static int open_one(const struct ds_capture_live *o, struct ds_live **out, struct ds_error *err)
{
    struct ds_live *l = calloc(1, sizeof *l);
    if (!l)
        return ds_error(err, DS_FAILURE, "interface %s: out of memory", o->interface);
    l->capture.ops = &live_ops;
    l->snaplen = (uint32_t)o->snaplen;
    l->timeout_ms = o->timeout_ms;
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->interface = strdup(o->interface);
    l->copies = malloc((size_t)DS_CAPTURE_BATCH * l->snaplen);
    if (l->wake_fd < 0 || !l->interface || !l->copies)
        ds_error(err, DS_FAILURE, "interface %s: %s", o->interface, strerror(errno));
    else if (activate(l, o, err) == 0 && check_link(l, err) == 0 &&
             set_filter(l, o->filter, err) == 0) {
        *out = l;
        return 0;
    }
    live_destroy(&l->capture);
    return -1;
}

static int share(struct ds_live **all, unsigned count, struct ds_error *err)
{
    int sockets[DS_CAPTURE_THREADS_MAX];
    for (unsigned i = 0; i < count; i++)
        sockets[i] = pcap_fileno(all[i]->pcap);
    if (ds_fanout_join(sockets, count))
        return ds_error(err, DS_NETWORK,
                        "interface %s: cannot share it among %u capture threads: %s; set "
                        "capture.threads to 1",
                        all[0]->interface, count, strerror(errno));
    int64_t now = ds_clock_utc_ns();
    for (unsigned i = 0; i < count; i++) {
        struct ds_capture_loss before;
        live_loss(&all[i]->capture, &before);
        all[i]->loss = (struct ds_capture_loss){0};
        all[i]->since_ns = now;
    }
    return 0;
}

int ds_capture_open_live(const struct ds_capture_live *o, struct ds_capture **out,
                         struct ds_error *err)
{
    struct ds_live *all[DS_CAPTURE_THREADS_MAX];
    unsigned opened = 0;
    if (o->snaplen <= 0 || (unsigned)o->snaplen > DS_CAPTURE_RECORD_MAX)
        return ds_error(err, DS_CONFIG, "snaplen: %d is not within 1 and %u", o->snaplen,
                        DS_CAPTURE_RECORD_MAX);
    if (o->threads < 1 || o->threads > DS_CAPTURE_THREADS_MAX)
        return ds_error(err, DS_CONFIG, "threads: %u is not within 1 and %d", o->threads,
                        DS_CAPTURE_THREADS_MAX);
    while (opened < o->threads && open_one(o, &all[opened], err) == 0)
        opened++;
    if (opened == o->threads && (opened == 1 || share(all, opened, err) == 0)) {
        all[0]->counts_interface = true;
        for (unsigned i = 0; i < opened; i++)
            out[i] = &all[i]->capture;
        return 0;
    }
    while (opened > 0)
        live_destroy(&all[--opened]->capture);
    return -1;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends the packets of a capture file to an interface again and again, at a rate or as fast as it
 * goes, from one or more threads, and prints what it did as a line of JSON. Frames go past the
 * queueing discipline, many in a system call: faster than tcpreplay, which sends one in each.
 *
 *   bench-send --interface NAME [--threads N] [--rate PPS] [--seconds S] FILE
 *
 * Needs CAP_NET_RAW. "refused" are frames that the interface did not take.
 */
#include "capture.h"
#include "measure.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH       64
#define THREADS_MAX 16

struct load {
    const char *interface, *path;
    unsigned threads;
    double rate, seconds; /* rate of each thread, 0: none is kept */
    uint8_t *bytes;       /* all frames, one behind the other */
    struct iovec *frames;
    size_t count;
};

struct sender {
    pthread_t thread;
    const struct load *load;
    size_t at; /* the frame that is next */
    uint64_t sent, refused;
    double took_s;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench-send: %s: %s\n", what, why);
    exit(1);
}

static void *grow(void *memory, size_t bytes)
{
    void *larger = realloc(memory, bytes);
    if (!larger)
        fail("frames", "no memory");
    return larger;
}

/* Frames are placed by offset first: the bytes move as they grow. */
static void load_frames(struct load *l)
{
    struct ds_capture *c;
    struct ds_error err;
    struct ds_frame frames[DS_CAPTURE_BATCH];
    size_t used = 0, room = 0, places = 0;
    int n;
    if (ds_capture_open_file(l->path, &c, &err))
        fail("file", err.text);
    while ((n = c->ops->read(c, frames, DS_CAPTURE_BATCH, &err)) > 0) {
        for (int i = 0; i < n; i++) {
            if (used + frames[i].captured > room)
                l->bytes = grow(l->bytes, room = 2 * (used + frames[i].captured));
            if (l->count == places)
                l->frames = grow(l->frames, (places = 2 * places + BATCH) * sizeof *l->frames);
            memcpy(l->bytes + used, frames[i].data, frames[i].captured);
            l->frames[l->count++].iov_len = frames[i].captured;
            used += frames[i].captured;
        }
    }
    if (n == DS_CAPTURE_FAILED)
        fail("file", err.text);
    if (l->count == 0)
        fail("file", "has no packets");
    c->ops->destroy(c);
    for (size_t i = 0, at = 0; i < l->count; at += l->frames[i++].iov_len)
        l->frames[i].iov_base = l->bytes + at;
}

/* Protocol 0: it sends only. */
static int open_socket(const struct load *l)
{
    const struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                        .sll_ifindex = (int)if_nametoindex(l->interface)};
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0 || address.sll_ifindex == 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &(int){1}, sizeof(int)))
        fail(l->interface, strerror(errno));
    return fd;
}

/* The next frames, at most count; a frame that is refused is left out. */
static void send_some(struct sender *s, int fd, struct mmsghdr *messages, unsigned count)
{
    const struct load *l = s->load;
    for (unsigned i = 0; i < count; i++)
        messages[i].msg_hdr.msg_iov = &l->frames[(s->at + i) % l->count];
    int sent = sendmmsg(fd, messages, count, 0);
    if (sent < 0 && errno != ENOBUFS && errno != EINTR)
        fail(l->interface, strerror(errno));
    s->sent += sent > 0 ? (unsigned)sent : 0;
    s->refused += sent < 0 && errno == ENOBUFS;
    s->at = (s->at + (sent > 0 ? (unsigned)sent : 1)) % l->count;
}

static void sleep_until(double when_s)
{
    const struct timespec at = {.tv_sec = (time_t)when_s,
                                .tv_nsec = (long)((when_s - floor(when_s)) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL); /* interrupted: a burst, once */
}

static void *run(void *self)
{
    struct sender *s = self;
    struct mmsghdr messages[BATCH] = {0};
    for (int i = 0; i < BATCH; i++)
        messages[i].msg_hdr.msg_iovlen = 1;
    int fd = open_socket(s->load);
    double start = ds_bench_clock_s(CLOCK_MONOTONIC), rate = s->load->rate;
    uint64_t total = rate > 0 ? (uint64_t)(rate * s->load->seconds) : UINT64_MAX;
    while (s->sent + s->refused < total) {
        uint64_t done = s->sent + s->refused;
        if (rate > 0)
            sleep_until(start + (double)done / rate);
        else if (ds_bench_clock_s(CLOCK_MONOTONIC) - start >= s->load->seconds)
            break;
        send_some(s, fd, messages, total - done < BATCH ? (unsigned)(total - done) : BATCH);
    }
    s->took_s = ds_bench_clock_s(CLOCK_MONOTONIC) - start;
    return NULL;
}

static void parse_options(struct load *l, int argc, char **argv)
{
    static const struct option options[] = {{"interface", required_argument, NULL, 'i'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {0}};
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (key == 'i')
            l->interface = optarg;
        else if (key == 't')
            l->threads = (unsigned)strtoul(optarg, NULL, 10);
        else if (key == 'r')
            l->rate = strtod(optarg, NULL);
        else if (key == 's')
            l->seconds = strtod(optarg, NULL);
        else
            exit(2);
    }
    l->path = argv[optind];
    if (l->interface && l->path && l->threads >= 1 && l->threads <= THREADS_MAX && l->rate >= 0)
        return;
    fprintf(stderr,
            "usage: bench-send --interface NAME [--threads 1..%d] [--rate PPS] "
            "[--seconds S] FILE\n",
            THREADS_MAX);
    exit(2);
}

int main(int argc, char **argv)
{
    struct load l = {.threads = 1, .seconds = 2};
    struct sender senders[THREADS_MAX] = {0};
    uint64_t sent = 0, refused = 0;
    double took_s = 0;
    parse_options(&l, argc, argv);
    l.rate /= l.threads;
    load_frames(&l);
    for (unsigned i = 0; i < l.threads; i++) {
        senders[i] = (struct sender){.load = &l, .at = l.count * i / l.threads};
        if (pthread_create(&senders[i].thread, NULL, run, &senders[i]))
            fail("threads", "cannot start");
    }
    for (unsigned i = 0; i < l.threads; i++) {
        pthread_join(senders[i].thread, NULL);
        sent += senders[i].sent;
        refused += senders[i].refused;
        took_s = fmax(took_s, senders[i].took_s);
    }
    printf("{\"sent\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"seconds\": %.3f}\n", sent, refused,
           took_s);
    free(l.frames);
    free(l.bytes);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets from an interface's receive queues, by AF_XDP. The only file that knows libxdp.
 *
 * One socket a queue, with memory of its own that the driver (or, in copy mode, the kernel) fills:
 * frames are views into it, given back by the next read. An XDP program takes every packet of the
 * queue away from the kernel's network stack, so this is for a port that does nothing else. The
 * kernel decides between native and generic mode, with copies or without. There are no timestamps:
 * packets have the time at which they were read.
 */
#include "../capture.h"
#include "darkscope/clock.h"
#include "undo.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

/* A frame and the kernel's headroom of 256 bytes: packets of up to 1,792 bytes. */
#define CHUNK_BYTES  2048u
#define CHUNKS_MIN   1024u
#define LINKTYPE_ETH 1

/* The kernel frees a queue some time after the last socket on it was closed. */
#define BUSY_WAITS   100
#define BUSY_WAIT_MS 10

/* After packets, and before a wait that the next one ends: while nobody waits, the kernel need not
 * wake anybody for each packet, which costs it more than the packet does. */
#define LULL_NS 100000

struct ds_xdp {
    struct ds_capture capture;
    char *interface;
    int timeout_ms, promiscuous_fd, wake_fd;
    uint32_t snaplen, chunks; /* a power of two, as many as each ring has places */
    atomic_bool stopped;
    bool settled;  /* and what was on its way had time to come to the ring */
    uint32_t rest; /* then: packets that may still be read */
    uint8_t *memory;
    bool has_undo; /* the first queue's: takes the program off the interface */
    struct ds_undo undo;
    struct xsk_umem *umem;
    struct xsk_socket *socket;
    struct xsk_ring_prod fill;
    struct xsk_ring_cons unused, received;
    uint64_t lent[DS_CAPTURE_BATCH]; /* chunks that the last read gave out */
    uint32_t lent_count;
};

static void give_back(struct ds_xdp *x)
{
    uint32_t at;
    /* There is always room: the ring has a place for every chunk. */
    if (x->lent_count == 0 || !xsk_ring_prod__reserve(&x->fill, x->lent_count, &at))
        return;
    for (uint32_t i = 0; i < x->lent_count; i++)
        *xsk_ring_prod__fill_addr(&x->fill, at + i) = x->lent[i];
    xsk_ring_prod__submit(&x->fill, x->lent_count);
    x->lent_count = 0;
    if (xsk_ring_prod__needs_wakeup(&x->fill))
        recvfrom(xsk_socket__fd(x->socket), NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static int take(struct ds_xdp *x, struct ds_frame *frames, size_t most)
{
    uint32_t at, count = xsk_ring_cons__peek(&x->received, (uint32_t)most, &at);
    if (count == 0)
        return 0;
    int64_t now = ds_clock_utc_ns();
    for (uint32_t i = 0; i < count; i++) {
        const struct xdp_desc *d = xsk_ring_cons__rx_desc(&x->received, at + i);
        frames[i] = (struct ds_frame){
            .data = xsk_umem__get_data(x->memory, d->addr),
            .captured = d->len < x->snaplen ? d->len : x->snaplen,
            .wire = d->len,
            .time_ns = now,
            .link = LINKTYPE_ETH,
        };
        x->lent[i] = d->addr - d->addr % CHUNK_BYTES;
    }
    xsk_ring_cons__release(&x->received, count);
    x->lent_count = count;
    return (int)count;
}

/* Once stopped: what arrived before that is in the ring, or, on a busy machine, waits for the
 * processor that brings it there, and is not lost. */
static int take_rest(struct ds_xdp *x, struct ds_frame *frames, size_t most)
{
    if (!x->settled) {
        x->settled = true;
        poll(NULL, 0, 2 * x->timeout_ms);
    }
    int count = x->rest ? take(x, frames, most < x->rest ? most : x->rest) : 0;
    x->rest -= (uint32_t)count;
    return count ? count : DS_CAPTURE_ENDED;
}

static int xdp_read(struct ds_capture *c, struct ds_frame *frames, size_t most,
                    struct ds_error *err)
{
    struct ds_xdp *x = (struct ds_xdp *)c;
    struct pollfd wait[] = {{.fd = x->wake_fd, .events = POLLIN},
                            {.fd = xsk_socket__fd(x->socket), .events = POLLIN}};
    bool busy = x->lent_count > 0;
    give_back(x);
    if (atomic_load_explicit(&x->stopped, memory_order_relaxed))
        return take_rest(x, frames, most);
    int count = take(x, frames, most);
    if (count == 0 && busy) {
        nanosleep(&(struct timespec){.tv_nsec = LULL_NS}, NULL);
        count = take(x, frames, most);
    }
    if (count)
        return count;
    poll(wait, 2, x->timeout_ms); /* interrupted: as a timeout */
    if (atomic_load_explicit(&x->stopped, memory_order_relaxed))
        return take_rest(x, frames, most);
    count = take(x, frames, most);
    if (count == 0 && (wait[1].revents & (POLLERR | POLLHUP) || !if_nametoindex(x->interface)))
        return ds_error(err, DS_NETWORK, "interface %s: went away; start again when it is there",
                        x->interface);
    return count;
}

/* A packet for which there was no chunk is in rx_dropped, too. */
static void xdp_loss(struct ds_capture *c, struct ds_capture_loss *out)
{
    struct ds_xdp *x = (struct ds_xdp *)c;
    struct xdp_statistics s = {0};
    socklen_t bytes = sizeof s;
    getsockopt(xsk_socket__fd(x->socket), SOL_XDP, XDP_STATISTICS, &s, &bytes);
    *out = (struct ds_capture_loss){.kernel = s.rx_dropped + s.rx_ring_full};
}

static void xdp_stop(struct ds_capture *c)
{
    struct ds_xdp *x = (struct ds_xdp *)c;
    int saved = errno;
    atomic_store_explicit(&x->stopped, true, memory_order_relaxed);
    /* It can only fail when the counter is full, and then the wait has ended already. */
    ssize_t ignored = write(x->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)ignored;
    errno = saved;
}

static void xdp_destroy(struct ds_capture *c)
{
    if (!c)
        return;
    struct ds_xdp *x = (struct ds_xdp *)c;
    if (x->has_undo)
        ds_undo_finish(&x->undo);
    xsk_socket__delete(x->socket);
    xsk_umem__delete(x->umem);
    if (x->memory)
        munmap(x->memory, (size_t)x->chunks * CHUNK_BYTES);
    if (x->promiscuous_fd >= 0)
        close(x->promiscuous_fd);
    if (x->wake_fd >= 0)
        close(x->wake_fd);
    free(x->interface);
    free(x);
}

static const struct ds_capture_ops xdp_ops = {
    .read = xdp_read,
    .loss = xdp_loss,
    .stop = xdp_stop,
    .destroy = xdp_destroy,
    .is_live = true,
};

static int failed(const char *interface, int error, struct ds_error *err)
{
    if (error == EPERM || error == EACCES)
        return ds_error(err, DS_PERMISSION,
                        "interface %s: not allowed to capture by xdp; run as root or with the "
                        "capabilities CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF",
                        interface);
    return ds_error(err, DS_NETWORK,
                    "interface %s: cannot capture by xdp: %s; set capture.method to pcap",
                    interface, strerror(error));
}

static int make_umem(struct ds_xdp *x)
{
    const struct xsk_umem_config config = {
        .fill_size = x->chunks, .comp_size = CHUNKS_MIN, .frame_size = CHUNK_BYTES};
    size_t bytes = (size_t)x->chunks * CHUNK_BYTES;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    x->memory = memory;
    madvise(memory, bytes, MADV_DONTFORK); /* not the undoing process's */
    return xsk_umem__create(&x->umem, memory, bytes, &x->fill, &x->unused, &config);
}

/* All chunks are the kernel's at first. */
static void fill_ring(struct ds_xdp *x)
{
    uint32_t at;
    if (xsk_ring_prod__reserve(&x->fill, x->chunks, &at) != x->chunks)
        return;
    for (uint32_t i = 0; i < x->chunks; i++)
        *xsk_ring_prod__fill_addr(&x->fill, at + i) = (uint64_t)i * CHUNK_BYTES;
    xsk_ring_prod__submit(&x->fill, x->chunks);
}

/* mode is a flag of XDP_FLAGS_MODES, or 0: the driver's own way. 0, or a negative errno. */
static int open_queue(const struct ds_capture_live *o, unsigned queue, uint32_t mode,
                      struct ds_xdp **out)
{
    struct ds_xdp *x = calloc(1, sizeof *x);
    if (!x)
        return -ENOMEM;
    x->capture.ops = &xdp_ops;
    x->timeout_ms = o->timeout_ms;
    x->snaplen = (uint32_t)o->snaplen;
    x->promiscuous_fd = -1;
    x->interface = strdup(o->interface);
    x->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (x->chunks = CHUNKS_MIN; x->chunks <= (uint32_t)o->buffer_bytes / CHUNK_BYTES / 2;)
        x->chunks *= 2;
    x->rest = x->chunks;
    int error = !x->interface || x->wake_fd < 0 ? -errno : make_umem(x);
    if (!error) {
        const struct xsk_socket_config config = {
            .rx_size = x->chunks, .xdp_flags = mode, .bind_flags = XDP_USE_NEED_WAKEUP};
        fill_ring(x);
        error = xsk_socket__create(&x->socket, o->interface, queue, x->umem, &x->received, NULL,
                                   &config);
    }
    if (error)
        xdp_destroy(&x->capture);
    else
        *out = x;
    return error;
}

static void close_queues(struct ds_xdp **all, unsigned count)
{
    while (count > 0)
        xdp_destroy(&all[--count]->capture);
}

static int open_queues(const struct ds_capture_live *o, uint32_t mode, struct ds_xdp **all)
{
    unsigned waits = BUSY_WAITS;
    for (unsigned i = 0; i < o->threads; i++) {
        int error;
        while ((error = open_queue(o, i, mode, &all[i])) == -EBUSY && waits-- > 0)
            poll(NULL, 0, BUSY_WAIT_MS);
        if (error) {
            close_queues(all, i);
            return error;
        }
    }
    return 0;
}

/* The queues of an interface, or 0. */
static unsigned count_queues(const char *interface)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/sys/class/net/%s/queues", interface);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        count += strncmp(e->d_name, "rx-", 3) == 0;
    if (d)
        closedir(d);
    return count;
}

static bool is_ethernet(const char *interface)
{
    char path[64];
    unsigned type = 0;
    snprintf(path, sizeof path, "/sys/class/net/%s/type", interface);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%u", &type) != 1)
        type = 0;
    if (f)
        fclose(f);
    return type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
}

static int check_interface(const struct ds_capture_live *o, struct ds_error *err)
{
    const char *name = o->interface;
    if (strlen(name) >= IF_NAMESIZE || !if_nametoindex(name))
        return ds_error(err, DS_NETWORK, "interface %s: does not exist; \"ip link\" lists them",
                        name);
    if (!is_ethernet(name))
        return ds_error(err, DS_INPUT, "interface %s: is no Ethernet; set capture.method to pcap",
                        name);
    unsigned queues = count_queues(name);
    if (queues != o->threads)
        return ds_error(err, DS_CONFIG,
                        "interface %s: has %u receive queues, and xdp needs a thread for each; set "
                        "capture.threads to %u, or the queues by \"ethtool -L\"",
                        name, queues, queues);
    if (o->filter)
        return ds_error(err, DS_CONFIG, "capture.filter: not with xdp; set capture.method to pcap");
    return 0;
}

/* Everybody's packets, as long as the descriptor is open; -1 with errno. */
static int open_promiscuous(const char *interface)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    const struct packet_mreq wish = {.mr_ifindex = (int)if_nametoindex(interface),
                                     .mr_type = PACKET_MR_PROMISC};
    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &wish, sizeof wish) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

struct queues {
    struct ds_xdp **all;
    unsigned count;
};

/* The program stays on an interface until somebody with the right to takes it off. */
static void take_program_off(void *arg)
{
    const struct queues *q = arg;
    for (unsigned i = 0; i < q->count; i++)
        xsk_socket__delete(q->all[i]->socket);
}

static int prepare_undo(struct ds_xdp **all, unsigned count)
{
    struct queues q = {all, count};
    if (ds_undo_start(&all[0]->undo, take_program_off, &q))
        return -1;
    all[0]->has_undo = true;
    return 0;
}

int ds_capture_open_xdp(const struct ds_capture_live *o, struct ds_capture **out,
                        struct ds_error *err)
{
    struct ds_xdp *all[DS_CAPTURE_THREADS_MAX];
    if (check_interface(o, err))
        return -1;
    /* They would write to standard error; what is wrong comes back as an errno. */
    libbpf_set_print(NULL);
    libxdp_set_print(NULL);
    int error = open_queues(o, 0, all);
    if (error && error != -EPERM) /* the driver cannot, as for its MTU: the generic way */
        error = open_queues(o, XDP_FLAGS_SKB_MODE, all);
    if (error)
        return failed(o->interface, -error, err);
    if (o->promiscuous) {
        all[0]->promiscuous_fd = open_promiscuous(o->interface);
        if (all[0]->promiscuous_fd < 0) {
            failed(o->interface, errno, err);
            close_queues(all, o->threads);
            return -1;
        }
    }
    if (prepare_undo(all, o->threads)) {
        failed(o->interface, errno, err);
        close_queues(all, o->threads);
        return -1;
    }
    for (unsigned i = 0; i < o->threads; i++)
        out[i] = &all[i]->capture;
    return 0;
}

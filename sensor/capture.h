/* SPDX-License-Identifier: Apache-2.0
 *
 * Where packets come from. Each kind of capture fills one table of operations; sensor/capture/ has
 * one file a kind. A capture is used by one thread, the one that reads it; stop alone may be called
 * from any thread or a signal handler.
 */
#ifndef DARKSCOPE_CAPTURE_H
#define DARKSCOPE_CAPTURE_H

#include "darkscope/error.h"
#include "packet.h"

#include <stddef.h>

struct ds_capture;

/* Frames that one read may deliver. */
#define DS_CAPTURE_BATCH 64

/* Largest captured length that a file may claim for one packet, as libpcap's MAXIMUM_SNAPLEN. */
#define DS_CAPTURE_RECORD_MAX 262144u

/* What a capture lost, in packets since it was opened. */
struct ds_capture_loss {
    uint64_t kernel;    /* no room in the capture buffer */
    uint64_t interface; /* by the interface or its driver */
};

enum ds_capture_read {
    DS_CAPTURE_ENDED = -2,  /* file read to its end, or stop was called */
    DS_CAPTURE_FAILED = -1, /* err says why; all frames before it have been delivered */
    /* >= 0: that many frames; 0 only from a live capture, after its timeout without a packet */
};

struct ds_capture_ops {
    /* Fills frames[0..most) with borrowed views, valid until the next read; most is at most
     * DS_CAPTURE_BATCH. Returns enum ds_capture_read or a count. */
    int (*read)(struct ds_capture *c, struct ds_frame *frames, size_t most, struct ds_error *err);
    void (*loss)(struct ds_capture *c, struct ds_capture_loss *out);
    /* Makes reads return DS_CAPTURE_ENDED soon: a file's next one, a live one's after what arrived
     * before. Async-signal-safe. */
    void (*stop)(struct ds_capture *c);
    void (*destroy)(struct ds_capture *c); /* accepts NULL */
    /* Was stop called? NULL for a live one. */
    bool (*is_stopped)(const struct ds_capture *c);
    bool is_live; /* time passes without packets, and packets that find no room are lost */
};

/* The first member of every implementation. */
struct ds_capture {
    const struct ds_capture_ops *ops;
};

/* Whether a LINKTYPE_ value can be read: these stand in frames of any capture. */
bool ds_capture_link_known(uint16_t link);

/* pcap or pcapng, either byte order, micro- or nanoseconds, plain, .gz or .zst by content (not by
 * name); path "-" is standard input. *out is written last. 0, or -1 with err. Of a pipe, whose
 * first bytes may be long in coming, the first read looks at the content. */
int ds_capture_open_file(const char *path, struct ds_capture **out, struct ds_error *err);

/* The same in two steps, for one who wants to give up his rights between them: the first looks at
 * nothing that is in the file. */
int ds_capture_open_unread(const char *path, struct ds_capture **out, struct ds_error *err);
int ds_capture_begin_file(struct ds_capture *c, struct ds_error *err);

/* Not a pipe or standard input from one. */
bool ds_capture_is_regular(const struct ds_capture *c);

/* A regular file that is not compressed: reading it costs next to nothing. It must have begun. */
bool ds_capture_is_plain(const struct ds_capture *c);

/* The same file again, read from its beginning to where it ends now, as c will be from here on, so
 * that threads can read all of it side by side. For a regular one that was not read yet, which is
 * of use where it turns out to be plain; ds_capture_begin_file if c has not begun. NULL where it
 * cannot be opened again. */
struct ds_capture *ds_capture_open_again(struct ds_capture *c);

/* Most captures that share an interface. */
#define DS_CAPTURE_THREADS_MAX 16

struct ds_capture_live {
    const char *interface;
    const char *filter; /* pcap-filter(7), or NULL */
    int buffer_bytes;   /* of each capture's ring in the kernel */
    int timeout_ms;     /* how long packets may wait in the kernel, and a read for packets */
    int snaplen;
    bool promiscuous;
    unsigned threads; /* 1 .. DS_CAPTURE_THREADS_MAX captures, each for a thread of its own: every
                         packet comes to one of them */
};
/* Fills out[0 .. threads). What the interface lost is said by the first alone. */
int ds_capture_open_live(const struct ds_capture_live *o, struct ds_capture **out,
                         struct ds_error *err);

/* Likewise by AF_XDP, one thread a receive queue: threads must be the number of the interface's
 * queues. Takes every packet away from the kernel. No filter; buffer_bytes is the memory of each
 * queue. */
int ds_capture_open_xdp(const struct ds_capture_live *o, struct ds_capture **out,
                        struct ds_error *err);

/* For tests: delivers count frames from an array that outlives it, in reads of at most per_read,
 * then ends. */
int ds_capture_open_fake(const struct ds_frame *frames, size_t count, size_t per_read,
                         struct ds_capture **out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages between sensor and aggregator; docs/protocol.md is their home.
 *
 * Encoding is msgpack (one map per message) with the cells as zstd-compressed columns. Decoding is
 * bounded: every size and count is checked against the bytes that are left and against limits.h
 * before anything is allocated. Unknown keys are skipped, so a minor version may add some; another
 * major version is refused.
 */
#ifndef DARKSCOPE_MESSAGE_H
#define DARKSCOPE_MESSAGE_H

#include "darkscope/window.h"

#define DS_PROTOCOL_MAJOR 1
#define DS_PROTOCOL_MINOR 3

enum ds_message_kind {
    DS_MESSAGE_HELLO,   /* sensor: who I am */
    DS_MESSAGE_WELCOME, /* aggregator: go on */
    DS_MESSAGE_REFUSE,  /* aggregator: no, because */
    DS_MESSAGE_WINDOW,  /* sensor: a window */
    DS_MESSAGE_ACK,     /* aggregator: window is committed (or was before) */
    DS_MESSAGE_BYE,     /* sensor: I stop, nothing is outstanding */
    DS_MESSAGE_PIECE,   /* sensor: part of a message longer than DS_PIECE_MAX */
    DS_MESSAGE_KIND_COUNT
};

enum ds_refusal {
    DS_REFUSAL_VERSION,   /* other major version */
    DS_REFUSAL_NAME,      /* name not acceptable, or in use by another live sensor */
    DS_REFUSAL_MALFORMED, /* message could not be decoded or its books do not balance */
    DS_REFUSAL_ORDER,     /* window before hello */
    DS_REFUSAL_KEY,       /* the sensor's key is not listed any more */
    DS_REFUSAL_BUSY,      /* cannot commit now: keep it and try later */
    DS_REFUSAL_COUNT
};

struct ds_hello {
    uint16_t major, minor; /* set by the decoder for every kind; the encoder writes its own */
    char sensor[DS_NAME_MAX + 1];
    uint64_t boot;             /* random at every start of the sensor: (boot, sequence) is unique */
    uint64_t monitored_digest; /* keyed hash of the monitored set, 0 for none or without a
                                  deployment's key: a change is visible, the set is not */
    int64_t clock_ns;          /* sensor's clock when sent, UTC */
    char software[DS_NAME_MAX + 1]; /* "darkscope-sensor 0.1.0" */
    uint64_t windows_waiting;       /* closed and not acknowledged; since 1.1, as the next */
    uint64_t windows_lost;          /* in this run, before they could be delivered */
    uint64_t windows_merged;        /* in this run, into others, as the spool was full; since 1.2 */
};

/* Pieces of one message follow each other, without gaps and without other messages between. */
struct ds_piece {
    uint64_t at, of;      /* offset of the first byte; bytes of the whole message */
    const uint8_t *bytes; /* borrowed: of the decoded message, or of the caller */
    size_t size;
};

struct ds_message {
    enum ds_message_kind kind;
    struct ds_hello hello; /* HELLO */
    uint64_t sequence; /* WINDOW, ACK, REFUSE of a window (0: of the session); from 1 in a boot */
    enum ds_refusal refusal;        /* REFUSE */
    char reason[DS_REASON_MAX + 1]; /* REFUSE: for a person */
    int64_t clock_ns;               /* WELCOME: aggregator's clock */
    struct ds_window window;        /* WINDOW; owned by the message */
    struct ds_piece piece;          /* PIECE; not empty, and within the whole */
};

/* Why a message was not decoded. */
enum ds_decode {
    DS_DECODE_OK = 0,
    DS_DECODE_VERSION = 1,   /* another major version: see hello.major; kind may not be known */
    DS_DECODE_MALFORMED = 2, /* not such a message, or a bound was passed */
    DS_DECODE_NO_MEMORY = -1,
};

/* Encodes m, of which the window keeps the promises of window.h and limits.h, into a fresh buffer
 * that the caller frees. 0, or -1 without memory. Pure. */
int ds_message_encode(const struct ds_message *m, unsigned char **out, size_t *out_bytes);

/* Decodes size bytes into m, whatever it held; on any return m must be given to ds_message_finish.
 * A DS_DECODE_MALFORMED says where in why (static string) if why is not NULL. A window comes out
 * with sane times, sorted tables and balanced books. Texts for people come out clean
 * (ds_text_clean). Pure; safe on hostile input. */
enum ds_decode ds_message_decode(struct ds_message *m, const void *bytes, size_t size,
                                 const char **why);

/* The same of what every message begins with: only kind and hello's versions are set. Cheap,
 * whatever the message holds: what need not be read can be refused by it. */
enum ds_decode ds_message_decode_head(struct ds_message *m, const void *bytes, size_t size,
                                      const char **why);

/* At most so many bytes would the window of this message take, decoded: what to charge before
 * ds_message_decode. Whatever the bytes are it takes no more memory than a frame of zstd needs to
 * begin. Pure. */
size_t ds_message_weight(const void *message, size_t size);

void ds_message_finish(struct ds_message *m);

const char *ds_message_kind_name(unsigned kind);
const char *ds_refusal_name(unsigned refusal);

#endif

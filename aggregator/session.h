/* SPDX-License-Identifier: Apache-2.0
 *
 * Who the sensors are and what is answered to each message. Pure state: no sockets, no clock, no
 * log; time is passed in and may stand still.
 *
 * A peer is where a message came from: the ROUTER's routing id, which anybody may choose and proves
 * nothing, and with keys the name of the key that the connection has shown, which decides. A
 * session is found by both, and belongs to a sensor's name and boot. One thread uses a ds_sessions.
 */
#ifndef DARKSCOPE_SESSION_H
#define DARKSCOPE_SESSION_H

#include "darkscope/message.h"

#define DS_SESSIONS_MAX          256
#define DS_SESSION_IN_FLIGHT_MAX 8 /* windows of one sensor on their way to the store */
/* Bytes of all windows on their way, as decoded, and of messages that arrive in pieces: a bound on
 * memory, for one sensor and for all together. A single window always fits where no other is on its
 * way (DS_CELLS_MAX cells are 320 MB). */
#define DS_SESSION_HELD_MAX      ((size_t)384 << 20)
#define DS_SESSIONS_HELD_MAX     ((size_t)512 << 20)
#define DS_PEER_ID_MAX           255 /* libzmq's bound of a routing id */

struct ds_peer {
    uint8_t bytes;
    uint8_t id[DS_PEER_ID_MAX];
    char user[DS_NAME_MAX + 1]; /* whose key it has shown; empty without keys */
};

/* Travels with a window to the store and back, so that its answer finds the sensor even if that
 * has reconnected meanwhile. */
struct ds_ticket {
    char sensor[DS_NAME_MAX + 1];
    uint64_t boot;
    uint64_t sequence;
    size_t held_bytes;
};

/* What became of a window. */
enum ds_outcome {
    DS_OUTCOME_COMMITTED,
    DS_OUTCOME_DUPLICATE, /* was committed before */
    DS_OUTCOME_REFUSED,   /* can never be stored: its books do not balance, or the store says so */
    DS_OUTCOME_FAILED,    /* not now: store failing, queue full */
    DS_OUTCOME_COUNT
};

enum ds_step {
    DS_STEP_SILENT, /* nothing to do */
    DS_STEP_ANSWER, /* send the answer */
    DS_STEP_STORE,  /* hand the window to the store; then ds_sessions_settle with the ticket */
    DS_STEP_WHOLE,  /* of pieces only: the message is complete */
};

struct ds_sessions;

/* NULL without memory. */
struct ds_sessions *ds_sessions_create(void);
void ds_sessions_destroy(struct ds_sessions *s); /* accepts NULL */

/* Is more of a message of this kind worth reading than its head? If not, ds_sessions_message knows
 * its answer by the head alone. */
bool ds_sessions_wants(struct ds_sessions *s, const struct ds_peer *from,
                       enum ds_message_kind kind);

/* Is there room for a window of so many bytes in what this sensor, and all together, may hold? To
 * be asked before it is decoded, which takes that memory. */
bool ds_sessions_have_room(struct ds_sessions *s, const struct ds_peer *from, size_t bytes);

/* A message arrived: decoded says how far it could be read, m holds what could. Fills answer
 * (ANSWER; its clock_ns is the caller's to set) or ticket (STORE). now_ns is steady. */
enum ds_step ds_sessions_message(struct ds_sessions *s, const struct ds_peer *from,
                                 enum ds_decode decoded, const struct ds_message *m, int64_t now_ns,
                                 struct ds_message *answer, struct ds_ticket *ticket);

/* A piece arrived. Its whole length is charged to its sensor before memory is taken; of others
 * than greeted sensors nothing is kept. WHOLE with *bytes, for the caller to free, and *size;
 * ANSWER with a refusal; SILENT where more is to come, or the piece follows none that was taken. */
enum ds_step ds_sessions_piece(struct ds_sessions *s, const struct ds_peer *from,
                               const struct ds_piece *piece, int64_t now_ns,
                               struct ds_message *answer, unsigned char **bytes, size_t *size);

/* A window's fate is known: exactly once for each STORE. why is for a person, or NULL. ANSWER with
 * to and answer filled, or SILENT where its sensor is gone. */
enum ds_step ds_sessions_settle(struct ds_sessions *s, const struct ds_ticket *ticket,
                                enum ds_outcome outcome, const char *why, struct ds_peer *to,
                                struct ds_message *answer);

/* What the live sensors say of windows that are not here: in words of struct ds_hello. */
struct ds_backlog_report {
    uint64_t waiting, lost, merged;
};
typedef void ds_sessions_backlog_fn(void *arg, const char *sensor,
                                    const struct ds_backlog_report *report);
void ds_sessions_each_backlog(const struct ds_sessions *s, int64_t now_ns,
                              ds_sessions_backlog_fn *each, void *arg);

/* How far the clock of a welcomed sensor is ahead of ours; negative: behind. */
void ds_sessions_note_clock(struct ds_sessions *s, const struct ds_peer *from, int64_t ahead_ns);

/* Calls each for every sensor heard within DS_SILENCE_S; for those of them whose clock is off by
 * more than DS_SKEW_MAX_S. */
typedef void ds_sessions_clock_fn(void *arg, const char *sensor, int64_t ahead_ns);
void ds_sessions_each_live(const struct ds_sessions *s, int64_t now_ns, ds_sessions_clock_fn *each,
                           void *arg);
void ds_sessions_each_skewed(const struct ds_sessions *s, int64_t now_ns,
                             ds_sessions_clock_fn *each, void *arg);

/* Sensors heard within DS_SILENCE_S. */
size_t ds_sessions_count_live(const struct ds_sessions *s, int64_t now_ns);

#endif

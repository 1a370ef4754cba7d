/* SPDX-License-Identifier: Apache-2.0
 *
 * Every session was silent for some time; whether that is too long is decided only when someone
 * else wants its name or its place, so no timer is needed.
 */
#include "session.h"

#include "darkscope/clock.h"
#include "darkscope/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
    bool is_used;
    struct ds_peer peer;
    char sensor[DS_NAME_MAX + 1];
    uint64_t boot;
    int64_t heard_ns;
    int64_t ahead_ns; /* its clock, of ours */
    struct ds_backlog_report backlog;
    unsigned in_flight;
    size_t held_bytes;    /* of its windows on their way, and of what arrives */
    unsigned char *bytes; /* of a message that arrives in pieces; NULL: none */
    size_t arrived, whole;
};

struct ds_sessions {
    size_t held_bytes; /* of all sessions, also of those that ended since */
    struct session table[DS_SESSIONS_MAX];
};

struct ds_sessions *ds_sessions_create(void)
{
    return calloc(1, sizeof(struct ds_sessions));
}

void ds_sessions_destroy(struct ds_sessions *s)
{
    for (size_t i = 0; s && i < DS_SESSIONS_MAX; i++)
        free(s->table[i].bytes);
    free(s);
}

/* ---- what is held for a sensor ---- */

/* The first of a sensor's always fits, as far as the others leave room. */
static bool has_room(const struct ds_sessions *s, const struct session *session, size_t bytes)
{
    return session->in_flight < DS_SESSION_IN_FLIGHT_MAX &&
           (session->held_bytes == 0 || session->held_bytes + bytes <= DS_SESSION_HELD_MAX) &&
           (s->held_bytes == 0 || s->held_bytes + bytes <= DS_SESSIONS_HELD_MAX);
}

static bool charge(struct ds_sessions *s, struct session *session, size_t bytes)
{
    if (!has_room(s, session, bytes))
        return false;
    session->held_bytes += bytes;
    s->held_bytes += bytes;
    return true;
}

/* A session that began anew in the same boot owes nothing for the windows of before. */
static void discharge(struct ds_sessions *s, struct session *session, size_t bytes)
{
    s->held_bytes -= bytes;
    if (session)
        session->held_bytes -= bytes < session->held_bytes ? bytes : session->held_bytes;
}

/* Gives the bytes that arrived in pieces to the caller, to be freed. */
static unsigned char *release(struct ds_sessions *s, struct session *session)
{
    unsigned char *bytes = session->bytes;
    if (bytes)
        discharge(s, session, session->whole);
    session->bytes = NULL;
    return bytes;
}

static void end_session(struct ds_sessions *s, struct session *session)
{
    free(release(s, session));
    memset(session, 0, sizeof *session);
}

static enum ds_step answer_with(struct ds_message *answer, enum ds_message_kind kind,
                                uint64_t sequence)
{
    memset(answer, 0, sizeof *answer);
    answer->kind = kind;
    answer->sequence = sequence;
    return DS_STEP_ANSWER;
}

static enum ds_step refuse(struct ds_message *answer, enum ds_refusal refusal, uint64_t sequence,
                           const char *reason)
{
    answer_with(answer, DS_MESSAGE_REFUSE, sequence);
    answer->refusal = refusal;
    snprintf(answer->reason, sizeof answer->reason, "%s", reason);
    return DS_STEP_ANSWER;
}

static bool is_same_peer(const struct ds_peer *a, const struct ds_peer *b)
{
    return a->bytes == b->bytes && memcmp(a->id, b->id, a->bytes) == 0 &&
           strcmp(a->user, b->user) == 0;
}

static struct session *find_peer(struct ds_sessions *s, const struct ds_peer *peer)
{
    for (size_t i = 0; i < DS_SESSIONS_MAX; i++)
        if (s->table[i].is_used && is_same_peer(&s->table[i].peer, peer))
            return &s->table[i];
    return NULL;
}

static struct session *find_sensor(struct ds_sessions *s, const char *sensor)
{
    for (size_t i = 0; i < DS_SESSIONS_MAX; i++)
        if (s->table[i].is_used && strcmp(s->table[i].sensor, sensor) == 0)
            return &s->table[i];
    return NULL;
}

static bool is_live(const struct session *session, int64_t now_ns)
{
    return session->is_used && now_ns - session->heard_ns <= DS_SILENCE_S * DS_NS_PER_S;
}

/* A free place, else that of the sensor that was silent longest, if it is gone. */
static struct session *find_place(struct ds_sessions *s, int64_t now_ns)
{
    struct session *oldest = NULL;
    for (size_t i = 0; i < DS_SESSIONS_MAX; i++) {
        struct session *session = &s->table[i];
        if (!session->is_used)
            return session;
        if (!is_live(session, now_ns) && (!oldest || session->heard_ns < oldest->heard_ns))
            oldest = session;
    }
    return oldest;
}

static enum ds_step refuse_name(struct ds_message *answer, const char *user)
{
    refuse(answer, DS_REFUSAL_NAME, 0, "");
    snprintf(answer->reason, sizeof answer->reason,
             "this key is that of sensor %s, and good for no other name", user);
    return DS_STEP_ANSWER;
}

static enum ds_step greet(struct ds_sessions *s, const struct ds_peer *from,
                          const struct ds_hello *hello, int64_t now_ns, struct ds_message *answer)
{
    if (!ds_name_valid(hello->sensor))
        return refuse(answer, DS_REFUSAL_NAME, 0,
                      "a sensor's name is letters, digits, '.', '_' and '-'");
    if (*from->user && strcmp(hello->sensor, from->user) != 0)
        return refuse_name(answer, from->user);
    struct session *mine = find_peer(s, from);
    struct session *named = find_sensor(s, hello->sensor);
    bool is_restart = named && named->boot != hello->boot;
    /* The same connection may restart itself; another must wait until the name is free. */
    if (is_restart && named != mine && is_live(named, now_ns))
        return refuse(answer, DS_REFUSAL_NAME, 0,
                      "another running sensor has this name or key: give each sensor its own "
                      "(after a crash the name is free again in half a minute)");
    if (mine && mine != named)
        end_session(s, mine); /* it changed its name, or takes over its earlier connection */
    struct session *session = named ? named : find_place(s, now_ns);
    if (!session)
        return refuse(answer, DS_REFUSAL_BUSY, 0, "too many sensors on this aggregator");
    if (!named || is_restart) {
        end_session(s, session);
        memcpy(session->sensor, hello->sensor, sizeof session->sensor);
        session->boot = hello->boot;
        session->is_used = true;
    }
    session->peer = *from;
    session->heard_ns = now_ns;
    session->backlog = (struct ds_backlog_report){
        .waiting = hello->windows_waiting,
        .lost = hello->windows_lost,
        .merged = hello->windows_merged,
    };
    return answer_with(answer, DS_MESSAGE_WELCOME, 0);
}

static size_t window_bytes(const struct ds_window *w)
{
    return sizeof *w + w->cell_count * sizeof w->cells[0] +
           w->country_count * sizeof w->countries[0] + w->device_count * sizeof w->devices[0] +
           w->signature_count * sizeof w->signatures[0] +
           w->source_record_count * sizeof w->source_records[0] + w->source_columns_bytes +
           w->attack_count * sizeof w->attacks[0] + ds_sketches_bytes(&w->sketches);
}

static enum ds_step admit(struct ds_sessions *s, struct session *session,
                          const struct ds_message *m, struct ds_message *answer,
                          struct ds_ticket *ticket)
{
    if (m->sequence == 0)
        return refuse(answer, DS_REFUSAL_MALFORMED, 0, "sequences start at 1");
    size_t bytes = window_bytes(&m->window);
    if (!charge(s, session, bytes))
        return refuse(answer, DS_REFUSAL_BUSY, m->sequence, "too many windows wait for the store");
    session->in_flight++;
    memcpy(ticket->sensor, session->sensor, sizeof ticket->sensor);
    ticket->boot = session->boot;
    ticket->sequence = m->sequence;
    ticket->held_bytes = bytes;
    return DS_STEP_STORE;
}

bool ds_sessions_wants(struct ds_sessions *s, const struct ds_peer *from, enum ds_message_kind kind)
{
    if (kind == DS_MESSAGE_HELLO || kind == DS_MESSAGE_PIECE)
        return true;
    return (kind == DS_MESSAGE_WINDOW || kind == DS_MESSAGE_BYE) && find_peer(s, from);
}

bool ds_sessions_have_room(struct ds_sessions *s, const struct ds_peer *from, size_t bytes)
{
    const struct session *session = find_peer(s, from);
    return !session || has_room(s, session, bytes);
}

static enum ds_step begin_pieces(struct ds_sessions *s, struct session *session, size_t whole,
                                 struct ds_message *answer)
{
    free(release(s, session));
    if (!charge(s, session, whole))
        return refuse(answer, DS_REFUSAL_BUSY, 0, "too many windows wait for the store");
    session->whole = whole;
    session->arrived = 0;
    session->bytes = malloc(whole);
    if (session->bytes)
        return DS_STEP_SILENT;
    discharge(s, session, whole);
    return refuse(answer, DS_REFUSAL_BUSY, 0, "out of memory");
}

enum ds_step ds_sessions_piece(struct ds_sessions *s, const struct ds_peer *from,
                               const struct ds_piece *piece, int64_t now_ns,
                               struct ds_message *answer, unsigned char **bytes, size_t *size)
{
    struct session *session = find_peer(s, from);
    if (!session)
        return piece->at ? DS_STEP_SILENT
                         : refuse(answer, DS_REFUSAL_ORDER, 0, "window before hello");
    session->heard_ns = now_ns;
    if (piece->at == 0 && begin_pieces(s, session, piece->of, answer) == DS_STEP_ANSWER)
        return DS_STEP_ANSWER;
    if (!session->bytes || piece->at != session->arrived || piece->of != session->whole)
        return DS_STEP_SILENT;
    memcpy(session->bytes + session->arrived, piece->bytes, piece->size);
    session->arrived += piece->size;
    if (session->arrived < session->whole)
        return DS_STEP_SILENT;
    *size = session->whole;
    *bytes = release(s, session);
    return DS_STEP_WHOLE;
}

enum ds_step ds_sessions_message(struct ds_sessions *s, const struct ds_peer *from,
                                 enum ds_decode decoded, const struct ds_message *m, int64_t now_ns,
                                 struct ds_message *answer, struct ds_ticket *ticket)
{
    if (decoded == DS_DECODE_VERSION || (decoded == DS_DECODE_OK && m->kind == DS_MESSAGE_HELLO &&
                                         m->hello.major != DS_PROTOCOL_MAJOR))
        return refuse(answer, DS_REFUSAL_VERSION, 0,
                      "sensor and aggregator speak different protocol versions: "
                      "install the same release on both");
    uint64_t sequence = m->kind == DS_MESSAGE_WINDOW ? m->sequence : 0;
    if (decoded == DS_DECODE_NO_MEMORY)
        return refuse(answer, DS_REFUSAL_BUSY, sequence,
                      "no memory for it now: too many windows wait for the store");
    if (decoded != DS_DECODE_OK)
        return refuse(answer, DS_REFUSAL_MALFORMED, sequence, "message could not be decoded");
    if (m->kind == DS_MESSAGE_HELLO)
        return greet(s, from, &m->hello, now_ns, answer);

    struct session *session = find_peer(s, from);
    if (m->kind == DS_MESSAGE_BYE) {
        if (session)
            end_session(s, session);
        return DS_STEP_SILENT;
    }
    if (m->kind != DS_MESSAGE_WINDOW)
        return refuse(answer, DS_REFUSAL_ORDER, 0, "only an aggregator says that");
    if (!session)
        return refuse(answer, DS_REFUSAL_ORDER, sequence, "window before hello");
    session->heard_ns = now_ns;
    return admit(s, session, m, answer, ticket);
}

enum ds_step ds_sessions_settle(struct ds_sessions *s, const struct ds_ticket *ticket,
                                enum ds_outcome outcome, const char *why, struct ds_peer *to,
                                struct ds_message *answer)
{
    struct session *session = find_sensor(s, ticket->sensor);
    if (session && session->boot != ticket->boot)
        session = NULL;
    discharge(s, session, ticket->held_bytes);
    if (!session)
        return DS_STEP_SILENT;
    /* 0 where the sensor said BYE and came back in the same boot while its window was stored. */
    if (session->in_flight > 0)
        session->in_flight--;
    *to = session->peer;
    if (outcome == DS_OUTCOME_COMMITTED || outcome == DS_OUTCOME_DUPLICATE)
        return answer_with(answer, DS_MESSAGE_ACK, ticket->sequence);
    return refuse(answer, outcome == DS_OUTCOME_REFUSED ? DS_REFUSAL_MALFORMED : DS_REFUSAL_BUSY,
                  ticket->sequence, why ? why : "");
}

void ds_sessions_note_clock(struct ds_sessions *s, const struct ds_peer *from, int64_t ahead_ns)
{
    struct session *session = find_peer(s, from);
    if (session)
        session->ahead_ns = ahead_ns;
}

void ds_sessions_each_live(const struct ds_sessions *s, int64_t now_ns, ds_sessions_clock_fn *each,
                           void *arg)
{
    for (size_t i = 0; i < DS_SESSIONS_MAX; i++)
        if (is_live(&s->table[i], now_ns))
            each(arg, s->table[i].sensor, s->table[i].ahead_ns);
}

void ds_sessions_each_skewed(const struct ds_sessions *s, int64_t now_ns,
                             ds_sessions_clock_fn *each, void *arg)
{
    for (size_t i = 0; i < DS_SESSIONS_MAX; i++) {
        const struct session *session = &s->table[i];
        if (is_live(session, now_ns) && ds_clock_is_skewed(session->ahead_ns))
            each(arg, session->sensor, session->ahead_ns);
    }
}

void ds_sessions_each_backlog(const struct ds_sessions *s, int64_t now_ns,
                              ds_sessions_backlog_fn *each, void *arg)
{
    for (size_t i = 0; i < DS_SESSIONS_MAX; i++) {
        const struct session *session = &s->table[i];
        if (is_live(session, now_ns))
            each(arg, session->sensor, &session->backlog);
    }
}

size_t ds_sessions_count_live(const struct ds_sessions *s, int64_t now_ns)
{
    size_t count = 0;
    for (size_t i = 0; i < DS_SESSIONS_MAX; i++)
        count += is_live(&s->table[i], now_ns);
    return count;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What sensors with listed keys may say to each other's harm: nobody is greeted or stored under a
 * name that is not that of the key it has shown, and all that was held is given back.
 *
 * The input is a script of steps: who speaks, what, and the bytes of it.
 */
#include "darkscope/clock.h"
#include "fuzz.h"
#include "session.h"

#include <string.h>

#define SPEAKERS    4
#define STEP_BYTES  4
#define RAW_MAX     4096
#define TICKETS_MAX 64
#define UNIT_BYTES  16 /* pieces are so many of these */

enum say { SAY_RAW, SAY_HELLO, SAY_PIECE, SAY_WINDOW, SAY_BYE, SAY_NOTHING, SAY_STORED, SAY_COUNT };

struct script {
    const uint8_t *at, *end;
};

struct play {
    struct ds_sessions *sessions;
    int64_t now_ns;
    struct ds_ticket tickets[TICKETS_MAX];
    size_t ticket_count;
};

/* Two speak by each routing id, with keys of their own. */
static struct ds_peer speaker(uint8_t who)
{
    struct ds_peer p = {.bytes = 1, .id = {who % SPEAKERS / 2}, .user = {0}};
    p.user[0] = (char)('a' + who % SPEAKERS);
    return p;
}

static void settle(struct play *p, uint8_t outcome)
{
    struct ds_peer to;
    struct ds_message answer;
    if (p->ticket_count == 0)
        return;
    const struct ds_ticket ticket = p->tickets[--p->ticket_count];
    if (ds_sessions_settle(p->sessions, &ticket, outcome % DS_OUTCOME_COUNT, "why", &to, &answer) ==
        DS_STEP_ANSWER)
        check(strcmp(to.user, ticket.sensor) == 0);
}

static void give(struct play *p, const struct ds_peer *from, enum ds_decode decoded,
                 const struct ds_message *m)
{
    struct ds_message answer;
    struct ds_ticket ticket;
    enum ds_step step =
        ds_sessions_message(p->sessions, from, decoded, m, p->now_ns, &answer, &ticket);
    if (step == DS_STEP_ANSWER && answer.kind == DS_MESSAGE_WELCOME)
        check(strcmp(m->hello.sensor, from->user) == 0);
    if (step == DS_STEP_ANSWER && answer.kind == DS_MESSAGE_REFUSE)
        check(answer.reason[0]);
    if (step != DS_STEP_STORE)
        return;
    check(strcmp(ticket.sensor, from->user) == 0);
    if (p->ticket_count == TICKETS_MAX)
        settle(p, DS_OUTCOME_FAILED);
    p->tickets[p->ticket_count++] = ticket;
}

static void give_bytes(struct play *p, const struct ds_peer *from, const void *bytes, size_t size)
{
    struct ds_message m;
    /* As receive.c does: a window is unpacked only for who may send one, and where there is room.
     */
    enum ds_decode decoded = ds_message_decode_head(&m, bytes, size, NULL);
    if (decoded == DS_DECODE_OK && ds_sessions_wants(p->sessions, from, m.kind))
        decoded = m.kind == DS_MESSAGE_WINDOW &&
                          !ds_sessions_have_room(p->sessions, from, ds_message_weight(bytes, size))
                      ? DS_DECODE_NO_MEMORY
                      : ds_message_decode(&m, bytes, size, NULL);
    give(p, from, decoded, &m);
    ds_message_finish(&m);
}

static void give_piece(struct play *p, const struct ds_peer *from, const struct ds_piece *piece)
{
    struct ds_message answer;
    unsigned char *bytes;
    size_t size;
    if (ds_sessions_piece(p->sessions, from, piece, p->now_ns, &answer, &bytes, &size) !=
        DS_STEP_WHOLE)
        return;
    check(size == piece->of);
    give_bytes(p, from, bytes, size);
    free(bytes);
}

/* Steps over so many bytes of the script, at most those that are left. */
static struct script take(struct script *s, size_t size)
{
    size_t left = (size_t)(s->end - s->at);
    struct script part = {s->at, s->at + (size < left ? size : left)};
    s->at = part.end;
    return part;
}

static void play_step(struct play *p, struct script *s)
{
    const uint8_t *step = take(s, STEP_BYTES).at;
    struct ds_peer from = speaker(step[1]);
    struct ds_message m = {.kind = DS_MESSAGE_BYE, .sequence = 1u + step[2]};
    switch (step[0] % SAY_COUNT) {
    case SAY_RAW: {
        struct script raw = take(s, (step[2] << 8 | step[3]) % RAW_MAX);
        give_bytes(p, &from, raw.at, (size_t)(raw.end - raw.at));
        return;
    }
    case SAY_HELLO:
        m.kind = DS_MESSAGE_HELLO;
        m.hello.major = DS_PROTOCOL_MAJOR;
        m.hello.sensor[0] = (char)('a' + step[2] % SPEAKERS);
        m.hello.boot = step[3];
        break;
    case SAY_PIECE: {
        struct script part = take(s, UNIT_BYTES);
        struct ds_piece piece = {.at = (step[2] >> 4) * UNIT_BYTES,
                                 .of = ((step[2] & 15u) + 1) * UNIT_BYTES,
                                 .bytes = part.at,
                                 .size = (size_t)(part.end - part.at)};
        if (piece.size && piece.at + piece.size <= piece.of) /* as the decoder promises */
            give_piece(p, &from, &piece);
        return;
    }
    case SAY_WINDOW:
        m.kind = DS_MESSAGE_WINDOW;
        m.window.cell_count = (size_t)step[3] << 15; /* only counted, never looked at */
        break;
    case SAY_NOTHING:
        p->now_ns += step[3] * DS_NS_PER_S;
        return;
    case SAY_STORED:
        settle(p, step[3]);
        return;
    default:
        break;
    }
    give(p, &from, DS_DECODE_OK, &m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct play p = {.sessions = ds_sessions_create(), .now_ns = 1000 * DS_NS_PER_S};
    struct script s = {data, data + size};
    if (!p.sessions)
        return 0;
    while (s.end - s.at >= STEP_BYTES)
        play_step(&p, &s);
    while (p.ticket_count)
        settle(&p, DS_OUTCOME_COMMITTED);
    for (uint8_t who = 0; who < SPEAKERS; who++) {
        struct ds_peer from = speaker(who);
        give(&p, &from, DS_DECODE_OK, &(struct ds_message){.kind = DS_MESSAGE_BYE});
    }
    /* Nothing is held any more: the largest window of one sensor fits again. */
    const struct ds_peer from = speaker(0);
    struct ds_message m = {.kind = DS_MESSAGE_HELLO, .hello = {.major = DS_PROTOCOL_MAJOR}};
    p.now_ns += 2 * DS_SILENCE_S * DS_NS_PER_S;
    m.hello.sensor[0] = 'a';
    give(&p, &from, DS_DECODE_OK, &m);
    m = (struct ds_message){.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    for (int i = 0; i < DS_SESSION_IN_FLIGHT_MAX; i++)
        give(&p, &from, DS_DECODE_OK, &m);
    check(p.ticket_count == DS_SESSION_IN_FLIGHT_MAX);
    ds_sessions_destroy(p.sessions);
    return 0;
}

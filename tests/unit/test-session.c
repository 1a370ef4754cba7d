/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions, among them the orders of messages that no honest sensor sends.
 */
#include "session.h"

#include "darkscope/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND DS_NS_PER_S

struct fixture {
    struct ds_sessions *sessions;
    int64_t now_ns;
    struct ds_message answer;
    struct ds_ticket ticket;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->sessions = ds_sessions_create();
    f->now_ns = 1000 * SECOND;
    *state = f;
    return f->sessions ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ds_sessions_destroy(f->sessions);
    free(f);
    return 0;
}

static struct ds_peer peer(const char *id)
{
    struct ds_peer p = {.bytes = (uint8_t)strlen(id)};
    memcpy(p.id, id, p.bytes);
    return p;
}

static enum ds_step give(struct fixture *f, const char *from, const struct ds_message *m)
{
    struct ds_peer p = peer(from);
    return ds_sessions_message(f->sessions, &p, DS_DECODE_OK, m, f->now_ns, &f->answer, &f->ticket);
}

static enum ds_step hello(struct fixture *f, const char *from, const char *sensor, uint64_t boot)
{
    struct ds_message m = {.kind = DS_MESSAGE_HELLO, .hello = {.major = DS_PROTOCOL_MAJOR}};
    snprintf(m.hello.sensor, sizeof m.hello.sensor, "%s", sensor);
    m.hello.boot = boot;
    return give(f, from, &m);
}

static enum ds_step window(struct fixture *f, const char *from, uint64_t sequence)
{
    const struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = sequence};
    return give(f, from, &m);
}

static void assert_welcome(struct fixture *f, const char *from, const char *sensor, uint64_t boot)
{
    assert_int_equal(hello(f, from, sensor, boot), DS_STEP_ANSWER);
    assert_int_equal(f->answer.kind, DS_MESSAGE_WELCOME);
}

static void assert_refusal(const struct fixture *f, enum ds_step step, enum ds_refusal refusal,
                           uint64_t sequence)
{
    assert_int_equal(step, DS_STEP_ANSWER);
    assert_int_equal(f->answer.kind, DS_MESSAGE_REFUSE);
    assert_int_equal(f->answer.refusal, refusal);
    assert_int_equal(f->answer.sequence, sequence);
    assert_string_not_equal(f->answer.reason, "");
}

static void window_is_stored_and_acknowledged(void **state)
{
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    assert_int_equal(window(f, "p1", 1), DS_STEP_STORE);
    assert_string_equal(f->ticket.sensor, "tokyo");
    assert_int_equal(f->ticket.boot, 7);
    assert_int_equal(f->ticket.sequence, 1);
    struct ds_peer to;
    assert_int_equal(
        ds_sessions_settle(f->sessions, &f->ticket, DS_OUTCOME_COMMITTED, NULL, &to, &f->answer),
        DS_STEP_ANSWER);
    assert_int_equal(f->answer.kind, DS_MESSAGE_ACK);
    assert_int_equal(f->answer.sequence, 1);
    assert_memory_equal(to.id, "p1", 2);
}

static void every_outcome_has_its_answer(void **state)
{
    static const struct {
        enum ds_outcome outcome;
        enum ds_message_kind kind;
        enum ds_refusal refusal;
    } cases[] = {
        {DS_OUTCOME_DUPLICATE, DS_MESSAGE_ACK, 0},
        {DS_OUTCOME_REFUSED, DS_MESSAGE_REFUSE, DS_REFUSAL_MALFORMED},
        {DS_OUTCOME_FAILED, DS_MESSAGE_REFUSE, DS_REFUSAL_BUSY},
    };
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ds_peer to;
        assert_int_equal(window(f, "p1", i + 1), DS_STEP_STORE);
        ds_sessions_settle(f->sessions, &f->ticket, cases[i].outcome, "why", &to, &f->answer);
        assert_int_equal(f->answer.kind, cases[i].kind);
        assert_int_equal(f->answer.sequence, i + 1);
        if (cases[i].kind == DS_MESSAGE_REFUSE) {
            assert_int_equal(f->answer.refusal, cases[i].refusal);
            assert_string_equal(f->answer.reason, "why");
        }
    }
}

static void window_before_hello_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_refusal(f, window(f, "p1", 9), DS_REFUSAL_ORDER, 9);
    assert_welcome(f, "p2", "tokyo", 7);
    assert_refusal(f, window(f, "p1", 9), DS_REFUSAL_ORDER, 9);
}

static void window_after_bye_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct ds_message bye = {.kind = DS_MESSAGE_BYE};
    assert_int_equal(give(f, "p1", &bye), DS_STEP_SILENT); /* before any hello */
    assert_welcome(f, "p1", "tokyo", 7);
    assert_int_equal(give(f, "p1", &bye), DS_STEP_SILENT);
    assert_int_equal(give(f, "p1", &bye), DS_STEP_SILENT);
    assert_refusal(f, window(f, "p1", 1), DS_REFUSAL_ORDER, 1);
    assert_int_equal(ds_sessions_count_live(f->sessions, f->now_ns), 0);
}

static void other_version_is_refused(void **state)
{
    struct fixture *f = *state;
    struct ds_peer p = peer("p1");
    struct ds_message m = {.kind = DS_MESSAGE_KIND_COUNT};
    assert_refusal(f,
                   ds_sessions_message(f->sessions, &p, DS_DECODE_VERSION, &m, f->now_ns,
                                       &f->answer, &f->ticket),
                   DS_REFUSAL_VERSION, 0);
    m = (struct ds_message){.kind = DS_MESSAGE_HELLO,
                            .hello = {.major = DS_PROTOCOL_MAJOR + 1, .sensor = "tokyo"}};
    assert_refusal(f, give(f, "p1", &m), DS_REFUSAL_VERSION, 0);
    assert_int_equal(ds_sessions_count_live(f->sessions, f->now_ns), 0);
}

static void undecodable_message_is_refused_with_what_is_known(void **state)
{
    struct fixture *f = *state;
    struct ds_peer p = peer("p1");
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 5};
    assert_refusal(f,
                   ds_sessions_message(f->sessions, &p, DS_DECODE_MALFORMED, &m, f->now_ns,
                                       &f->answer, &f->ticket),
                   DS_REFUSAL_MALFORMED, 5);
    assert_refusal(f,
                   ds_sessions_message(f->sessions, &p, DS_DECODE_NO_MEMORY, &m, f->now_ns,
                                       &f->answer, &f->ticket),
                   DS_REFUSAL_BUSY, 5);
    m.kind = DS_MESSAGE_KIND_COUNT;
    assert_refusal(f,
                   ds_sessions_message(f->sessions, &p, DS_DECODE_MALFORMED, &m, f->now_ns,
                                       &f->answer, &f->ticket),
                   DS_REFUSAL_MALFORMED, 0);
}

static void words_of_an_aggregator_are_refused(void **state)
{
    static const enum ds_message_kind kinds[] = {DS_MESSAGE_WELCOME, DS_MESSAGE_REFUSE,
                                                 DS_MESSAGE_ACK};
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct ds_message m = {.kind = kinds[i], .sequence = 1};
        assert_refusal(f, give(f, "p1", &m), DS_REFUSAL_ORDER, 0);
    }
}

static void bad_names_are_refused(void **state)
{
    static const char *const names[] = {"",       ".tokyo",       "-",  "to kyo",
                                        "to/kyo", "t\xc3\xb8kyo", "a\n"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_refusal(f, hello(f, "p1", names[i], 7), DS_REFUSAL_NAME, 0);
    assert_int_equal(ds_sessions_count_live(f->sessions, f->now_ns), 0);
}

static void second_live_sensor_of_a_name_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    assert_refusal(f, hello(f, "p2", "tokyo", 8), DS_REFUSAL_NAME, 0);
    f->now_ns += DS_SILENCE_S * SECOND;
    assert_refusal(f, hello(f, "p2", "tokyo", 8), DS_REFUSAL_NAME, 0);
    f->now_ns += 1;
    assert_welcome(f, "p2", "tokyo", 8);
    /* The first is now the intruder. */
    assert_refusal(f, window(f, "p1", 1), DS_REFUSAL_ORDER, 1);
    assert_refusal(f, hello(f, "p1", "tokyo", 7), DS_REFUSAL_NAME, 0);
}

static void heartbeats_and_windows_keep_a_name(void **state)
{
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    for (int i = 0; i < 4; i++) {
        f->now_ns += DS_SILENCE_S * SECOND;
        if (i % 2)
            assert_welcome(f, "p1", "tokyo", 7);
        else
            assert_int_equal(window(f, "p1", (uint64_t)i + 1), DS_STEP_STORE);
        assert_refusal(f, hello(f, "p2", "tokyo", 8), DS_REFUSAL_NAME, 0);
    }
}

static void bye_frees_the_name(void **state)
{
    struct fixture *f = *state;
    const struct ds_message bye = {.kind = DS_MESSAGE_BYE};
    assert_welcome(f, "p1", "tokyo", 7);
    assert_int_equal(give(f, "p2", &bye), DS_STEP_SILENT); /* somebody else's */
    assert_refusal(f, hello(f, "p2", "tokyo", 8), DS_REFUSAL_NAME, 0);
    give(f, "p1", &bye);
    assert_welcome(f, "p2", "tokyo", 8);
}

static void same_boot_takes_over_and_gets_the_answer(void **state)
{
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    assert_int_equal(window(f, "p1", 1), DS_STEP_STORE);
    assert_welcome(f, "p2", "tokyo", 7);
    assert_refusal(f, window(f, "p1", 2), DS_REFUSAL_ORDER, 2);
    struct ds_peer to;
    assert_int_equal(
        ds_sessions_settle(f->sessions, &f->ticket, DS_OUTCOME_COMMITTED, NULL, &to, &f->answer),
        DS_STEP_ANSWER);
    assert_memory_equal(to.id, "p2", 2);
    assert_int_equal(ds_sessions_count_live(f->sessions, f->now_ns), 1);
}

static void answer_of_a_former_boot_goes_nowhere(void **state)
{
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    assert_int_equal(window(f, "p1", 1), DS_STEP_STORE);
    assert_welcome(f, "p1", "tokyo", 8); /* same connection, restarted */
    struct ds_peer to;
    assert_int_equal(
        ds_sessions_settle(f->sessions, &f->ticket, DS_OUTCOME_COMMITTED, NULL, &to, &f->answer),
        DS_STEP_SILENT);
}

static void one_connection_is_one_sensor(void **state)
{
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    assert_welcome(f, "p1", "osaka", 7);
    assert_int_equal(ds_sessions_count_live(f->sessions, f->now_ns), 1);
    assert_welcome(f, "p2", "tokyo", 8);
    /* A takeover from a connection that was another sensor leaves one session. */
    assert_welcome(f, "p2", "osaka", 7);
    assert_int_equal(ds_sessions_count_live(f->sessions, f->now_ns), 1);
}

static void windows_in_flight_are_bounded(void **state)
{
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    assert_welcome(f, "p2", "osaka", 7);
    for (uint64_t i = 1; i <= DS_SESSION_IN_FLIGHT_MAX; i++)
        assert_int_equal(window(f, "p1", i), DS_STEP_STORE);
    struct ds_ticket ticket = f->ticket;
    assert_refusal(f, window(f, "p1", 100), DS_REFUSAL_BUSY, 100);
    assert_int_equal(window(f, "p2", 1), DS_STEP_STORE); /* the other one is not held up */
    struct ds_peer to;
    ds_sessions_settle(f->sessions, &ticket, DS_OUTCOME_FAILED, NULL, &to, &f->answer);
    assert_int_equal(window(f, "p1", 100), DS_STEP_STORE);
}

static void bytes_in_flight_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct ds_message huge = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    huge.window.cell_count = DS_CELLS_MAX; /* only counted here, never looked at */
    assert_welcome(f, "p1", "tokyo", 7);
    assert_int_equal(give(f, "p1", &huge), DS_STEP_STORE);
    struct ds_ticket first = f->ticket;
    huge.sequence = 2;
    assert_refusal(f, give(f, "p1", &huge), DS_REFUSAL_BUSY, 2);
    struct ds_peer to;
    ds_sessions_settle(f->sessions, &first, DS_OUTCOME_COMMITTED, NULL, &to, &f->answer);
    assert_int_equal(give(f, "p1", &huge), DS_STEP_STORE);
}

/* Asked before a window is decoded, for its memory; all its tables count. */
static void room_is_known_before_memory_is_taken(void **state)
{
    struct fixture *f = *state;
    struct ds_peer p1 = peer("p1"), p2 = peer("p2"), to;
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    m.window.source_record_count = DS_SOURCES_MAX; /* only counted here, never looked at */
    assert_welcome(f, "p1", "tokyo", 7);
    assert_welcome(f, "p2", "osaka", 7);
    assert_true(ds_sessions_have_room(f->sessions, &p1, DS_MESSAGE_UNPACKED)); /* the first */
    assert_int_equal(give(f, "p1", &m), DS_STEP_STORE);
    size_t held = f->ticket.held_bytes;
    assert_true(held >= DS_SOURCES_MAX * sizeof *m.window.source_records);
    assert_true(ds_sessions_have_room(f->sessions, &p1, DS_SESSION_HELD_MAX - held));
    assert_false(ds_sessions_have_room(f->sessions, &p1, DS_SESSION_HELD_MAX - held + 1));
    assert_true(ds_sessions_have_room(f->sessions, &p2, DS_SESSIONS_HELD_MAX - held));
    assert_false(ds_sessions_have_room(f->sessions, &p2, DS_SESSIONS_HELD_MAX - held + 1));
    ds_sessions_settle(f->sessions, &f->ticket, DS_OUTCOME_COMMITTED, NULL, &to, &f->answer);
    for (uint64_t i = 2; i < 2 + DS_SESSION_IN_FLIGHT_MAX; i++) {
        assert_true(ds_sessions_have_room(f->sessions, &p1, 1));
        assert_int_equal(window(f, "p1", i), DS_STEP_STORE);
    }
    assert_false(ds_sessions_have_room(f->sessions, &p1, 1));
}

/* ---- pieces ---- */

/* One with so many bytes of a value; *whole is freed by the caller on WHOLE. */
static enum ds_step piece(struct fixture *f, const char *from, uint64_t at, uint64_t of,
                          unsigned char **whole)
{
    static const uint8_t bytes[64] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct ds_peer p = peer(from);
    size_t size = 0;
    const struct ds_piece given = {
        .at = at, .of = of, .bytes = bytes + at % 16, .size = of - at < 16 ? of - at : 16};
    enum ds_step step =
        ds_sessions_piece(f->sessions, &p, &given, f->now_ns, &f->answer, whole, &size);
    if (step == DS_STEP_WHOLE)
        assert_int_equal(size, of);
    return step;
}

static void pieces_become_one_message(void **state)
{
    struct fixture *f = *state;
    unsigned char *whole;
    assert_welcome(f, "p1", "tokyo", 7);
    for (int times = 0; times < 2; times++) {
        assert_int_equal(piece(f, "p1", 0, 40, &whole), DS_STEP_SILENT);
        assert_int_equal(piece(f, "p1", 16, 40, &whole), DS_STEP_SILENT);
        assert_int_equal(piece(f, "p1", 32, 40, &whole), DS_STEP_WHOLE);
        assert_memory_equal(whole, "0123456789abcdef0123456789abcdef01234567", 40);
        free(whole);
    }
}

static void pieces_that_do_not_follow_make_nothing(void **state)
{
    struct fixture *f = *state;
    unsigned char *whole;
    assert_refusal(f, piece(f, "p1", 0, 40, &whole), DS_REFUSAL_ORDER, 0);
    assert_int_equal(piece(f, "p1", 16, 40, &whole), DS_STEP_SILENT);
    assert_welcome(f, "p1", "tokyo", 7);
    assert_int_equal(piece(f, "p1", 16, 32, &whole), DS_STEP_SILENT); /* no beginning */
    assert_int_equal(piece(f, "p1", 0, 48, &whole), DS_STEP_SILENT);
    assert_int_equal(piece(f, "p1", 32, 48, &whole), DS_STEP_SILENT); /* a gap */
    assert_int_equal(piece(f, "p1", 16, 32, &whole), DS_STEP_SILENT); /* of another one */
    assert_int_equal(piece(f, "p1", 0, 32, &whole), DS_STEP_SILENT);  /* anew */
    assert_int_equal(piece(f, "p1", 16, 32, &whole), DS_STEP_WHOLE);
    free(whole);
}

/* What was begun is charged, and given back however it ends. */
static void pieces_are_charged_before_they_arrive(void **state)
{
    struct fixture *f = *state;
    unsigned char *whole;
    char name[16];
    const size_t fit = DS_SESSIONS_HELD_MAX / DS_MESSAGE_MAX;
    for (size_t i = 0; i <= fit; i++) {
        snprintf(name, sizeof name, "s%zu", i);
        assert_welcome(f, name, name, 1);
        if (i < fit)
            assert_int_equal(piece(f, name, 0, DS_MESSAGE_MAX, &whole), DS_STEP_SILENT);
        else
            assert_refusal(f, piece(f, name, 0, DS_MESSAGE_MAX, &whole), DS_REFUSAL_BUSY, 0);
    }
    assert_int_equal(piece(f, "s0", 0, DS_MESSAGE_MAX, &whole), DS_STEP_SILENT); /* in its place */
    const struct ds_message bye = {.kind = DS_MESSAGE_BYE};
    give(f, "s0", &bye);
    assert_int_equal(piece(f, name, 0, DS_MESSAGE_MAX, &whole), DS_STEP_SILENT);
    assert_welcome(f, "s0", "s0", 1);
    assert_refusal(f, piece(f, "s0", 0, DS_MESSAGE_MAX, &whole), DS_REFUSAL_BUSY, 0);
    assert_welcome(f, name, name, 2); /* restarted */
    assert_int_equal(piece(f, "s0", 0, DS_MESSAGE_MAX, &whole), DS_STEP_SILENT);
}

static void one_sensor_does_not_hold_all(void **state)
{
    struct fixture *f = *state;
    struct ds_message large = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    large.window.cell_count = DS_CELLS_MAX / 4; /* only counted here, never looked at */
    assert_welcome(f, "p1", "tokyo", 7);
    assert_welcome(f, "p2", "osaka", 7);
    size_t taken = 0;
    while (give(f, "p1", &large) == DS_STEP_STORE)
        taken++;
    assert_in_range(taken, 1, DS_SESSION_IN_FLIGHT_MAX - 1);
    assert_int_equal(f->answer.refusal, DS_REFUSAL_BUSY);
    assert_int_equal(give(f, "p2", &large), DS_STEP_STORE);
}

/* ---- keys ---- */

static struct ds_peer keyed(const char *id, const char *user)
{
    struct ds_peer p = peer(id);
    snprintf(p.user, sizeof p.user, "%s", user);
    return p;
}

static enum ds_step give_keyed(struct fixture *f, const struct ds_peer *from,
                               const struct ds_message *m)
{
    return ds_sessions_message(f->sessions, from, DS_DECODE_OK, m, f->now_ns, &f->answer,
                               &f->ticket);
}

static void key_decides_and_not_the_routing_id(void **state)
{
    struct fixture *f = *state;
    struct ds_peer tokyo = keyed("same", "tokyo"), osaka = keyed("same", "osaka");
    struct ds_message m = {.kind = DS_MESSAGE_HELLO, .hello = {.major = DS_PROTOCOL_MAJOR}};
    strcpy(m.hello.sensor, "tokyo");
    assert_refusal(f, give_keyed(f, &osaka, &m), DS_REFUSAL_NAME, 0);
    assert_non_null(strstr(f->answer.reason, "osaka"));
    assert_int_equal(give_keyed(f, &tokyo, &m), DS_STEP_ANSWER);
    assert_int_equal(f->answer.kind, DS_MESSAGE_WELCOME);
    const struct ds_message window_1 = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    assert_refusal(f, give_keyed(f, &osaka, &window_1), DS_REFUSAL_ORDER, 1);
    assert_int_equal(give_keyed(f, &osaka, &(struct ds_message){.kind = DS_MESSAGE_BYE}),
                     DS_STEP_SILENT);
    assert_int_equal(give_keyed(f, &tokyo, &window_1), DS_STEP_STORE);
    assert_string_equal(f->ticket.sensor, "tokyo");
}

struct clocks {
    size_t count;
    int64_t ahead_ns;
    char sensor[DS_NAME_MAX + 1];
};

static void take_clock(void *arg, const char *sensor, int64_t ahead_ns)
{
    struct clocks *c = arg;
    c->count++;
    c->ahead_ns = ahead_ns;
    strcpy(c->sensor, sensor);
}

static void clocks_that_are_off_are_shown_while_their_sensor_lives(void **state)
{
    struct fixture *f = *state;
    struct ds_peer tokyo = peer("p1"), osaka = peer("p2");
    struct clocks c = {0};
    assert_welcome(f, "p1", "tokyo", 7);
    assert_welcome(f, "p2", "osaka", 7);
    ds_sessions_note_clock(f->sessions, &tokyo, -DS_SKEW_MAX_S * SECOND - 1);
    ds_sessions_note_clock(f->sessions, &osaka, DS_SKEW_MAX_S * SECOND);
    ds_sessions_each_skewed(f->sessions, f->now_ns, take_clock, &c);
    assert_int_equal(c.count, 1);
    assert_string_equal(c.sensor, "tokyo");
    assert_int_equal(c.ahead_ns, -DS_SKEW_MAX_S * SECOND - 1);
    ds_sessions_each_skewed(f->sessions, f->now_ns + (DS_SILENCE_S + 1) * SECOND, take_clock, &c);
    assert_int_equal(c.count, 1);
    /* A clock may say anything. */
    assert_int_equal(ds_clock_ahead_ns(INT64_MIN, 1), INT64_MIN);
    assert_int_equal(ds_clock_ahead_ns(INT64_MAX, -1), INT64_MAX);
    assert_true(ds_clock_is_skewed(INT64_MIN));
    assert_true(ds_clock_is_skewed(INT64_MAX));
}

struct backlogs {
    unsigned count;
    struct ds_backlog_report last;
};

static void take_backlog(void *arg, const char *sensor, const struct ds_backlog_report *report)
{
    struct backlogs *b = arg;
    assert_string_equal(sensor, "tokyo");
    *b = (struct backlogs){b->count + 1, *report};
}

static void what_a_sensor_has_not_delivered_is_shown(void **state)
{
    struct fixture *f = *state;
    struct backlogs b = {0};
    struct ds_message m = {.kind = DS_MESSAGE_HELLO,
                           .hello = {.major = DS_PROTOCOL_MAJOR,
                                     .sensor = "tokyo",
                                     .boot = 7,
                                     .windows_waiting = 400,
                                     .windows_lost = 3,
                                     .windows_merged = 59}};
    give(f, "p1", &m);
    m.hello.windows_waiting = 10; /* with the next heartbeat */
    give(f, "p1", &m);
    ds_sessions_each_backlog(f->sessions, f->now_ns, take_backlog, &b);
    assert_int_equal(b.count, 1);
    assert_int_equal(b.last.waiting, 10);
    assert_int_equal(b.last.lost, 3);
    assert_int_equal(b.last.merged, 59);
    ds_sessions_each_backlog(f->sessions, f->now_ns + (DS_SILENCE_S + 1) * SECOND, take_backlog,
                             &b);
    assert_int_equal(b.count, 1);
}

static void sequence_zero_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_welcome(f, "p1", "tokyo", 7);
    assert_refusal(f, window(f, "p1", 0), DS_REFUSAL_MALFORMED, 0);
}

static void sessions_are_bounded_and_the_silent_make_room(void **state)
{
    struct fixture *f = *state;
    char name[16];
    for (int i = 0; i < DS_SESSIONS_MAX; i++) {
        snprintf(name, sizeof name, "s%d", i);
        assert_welcome(f, name, name, 1);
        f->now_ns += 1;
    }
    assert_refusal(f, hello(f, "late", "late", 1), DS_REFUSAL_BUSY, 0);
    f->now_ns += DS_SILENCE_S * SECOND;
    assert_welcome(f, "s0", "s0", 1); /* all but this one are silent for too long */
    assert_welcome(f, "late", "late", 1);
    assert_refusal(f, window(f, "s1", 1), DS_REFUSAL_ORDER, 1); /* the one silent longest */
    assert_int_equal(window(f, "s0", 1), DS_STEP_STORE);
    assert_int_equal(window(f, "s2", 1), DS_STEP_STORE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(window_is_stored_and_acknowledged),
        TEST(every_outcome_has_its_answer),
        TEST(window_before_hello_is_refused),
        TEST(window_after_bye_is_refused),
        TEST(other_version_is_refused),
        TEST(undecodable_message_is_refused_with_what_is_known),
        TEST(words_of_an_aggregator_are_refused),
        TEST(bad_names_are_refused),
        TEST(second_live_sensor_of_a_name_is_refused),
        TEST(heartbeats_and_windows_keep_a_name),
        TEST(bye_frees_the_name),
        TEST(same_boot_takes_over_and_gets_the_answer),
        TEST(answer_of_a_former_boot_goes_nowhere),
        TEST(one_connection_is_one_sensor),
        TEST(windows_in_flight_are_bounded),
        TEST(bytes_in_flight_are_bounded),
        TEST(room_is_known_before_memory_is_taken),
        TEST(pieces_become_one_message),
        TEST(pieces_that_do_not_follow_make_nothing),
        TEST(pieces_are_charged_before_they_arrive),
        TEST(one_sensor_does_not_hold_all),
        TEST(key_decides_and_not_the_routing_id),
        TEST(clocks_that_are_off_are_shown_while_their_sensor_lives),
        TEST(what_a_sensor_has_not_delivered_is_shown),
        TEST(sequence_zero_is_refused),
        TEST(sessions_are_bounded_and_the_silent_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

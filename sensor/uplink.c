/* SPDX-License-Identifier: Apache-2.0
 *
 * A small state machine:
 *
 *   RESTING --pause over--> CONNECTING --HELLO sent--> GREETING --WELCOME--> READY
 *      ^                        ^                         |                    |
 *      +---- no answer, refused, not known, busy ---------+--------------------+
 *
 * Whenever it is not certain that a window on its way has arrived (a new connection, no
 * acknowledgement in time, BUSY), all that is unacknowledged is sent again in order; the
 * aggregator recognises what it has by (boot, sequence).
 */
#include "uplink.h"

#include "backlog.h"
#include "darkscope/clock.h"
#include "darkscope/log.h"
#include "darkscope/message.h"
#include "darkscope/quiet.h"
#include "dealer.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RECEIVE_BATCH 64 /* answers taken in one go */
#define BYE_LINGER_MS 500
#define STOP_LOOK_MS  100 /* how often to look at the stop while waiting */

const struct ds_uplink_timing ds_uplink_timing_default = {
    .answer_ns = 5 * DS_NS_PER_S,
    .ack_ns = 30 * DS_NS_PER_S,
    .retry_min_ns = DS_NS_PER_S / 4,
    .retry_max_ns = 30 * DS_NS_PER_S,
    .refused_ns = 15 * DS_NS_PER_S,
    .heartbeat_ns = DS_HEARTBEAT_S * DS_NS_PER_S,
};

enum state { STATE_RESTING, STATE_CONNECTING, STATE_GREETING, STATE_READY };

/* What the log said last about the connection, so that it says only what is new. */
enum said { SAID_NOTHING, SAID_CONNECTED, SAID_SILENT, SAID_REFUSED, SAID_BUSY };

struct ds_uplink {
    struct ds_dealer dealer; /* closed while it is to be made anew */
    struct ds_hello hello;
    struct ds_uplink_timing timing;
    struct ds_backlog backlog;
    uint64_t boot; /* of this run's windows; hello has that of the session */
    /* Of an earlier run, under which the aggregator may still know this sensor; 0: none. */
    uint64_t earlier_boot;
    uint64_t last_sequence;
    unsigned in_flight_max;

    enum state state;
    int64_t since_ns;     /* when the state was entered */
    int64_t rest_ns;      /* RESTING ends then; no window is sent before */
    int64_t pause_ns;     /* length of the next pause */
    int64_t asked_ns;     /* when the HELLO was sent that is not answered yet; 0: none */
    int64_t heartbeat_ns; /* when the next one is due */
    int64_t progress_ns;  /* of the last sign that the aggregator takes windows */
    bool is_name_taken;   /* says the aggregator */
    uint64_t random;

    enum said said;
    int said_spool_error;
    struct ds_quiet dropping, refusing, reading;
    struct ds_uplink_stats stats;
};

static void say(struct ds_uplink *u, enum said what, enum ds_log_level level, const char *detail)
{
    static const char *const texts[] = {
        [SAID_CONNECTED] = "answers",
        [SAID_SILENT] = "does not answer",
        [SAID_REFUSED] = "refuses this sensor",
        [SAID_BUSY] = "cannot store windows now",
    };
    if (u->said == what)
        return;
    u->said = what;
    ds_log(level, "aggregator %s %s%s (windows kept: %zu)", u->dealer.endpoint, texts[what], detail,
           u->backlog.count);
}

static void say_silent(struct ds_uplink *u)
{
    say(u, SAID_SILENT, DS_LOG_WARNING, ": check that darkscope-aggregator runs there");
}

/* The disk's state, when it changes. */
static void say_spool(struct ds_uplink *u)
{
    int error = u->backlog.spool_error;
    if (error == u->said_spool_error)
        return;
    u->said_spool_error = error;
    if (error)
        ds_log(DS_LOG_ERROR,
               "the spool does not work: %s; windows that are not delivered are kept in memory "
               "until it does",
               strerror(error));
    else
        ds_log(DS_LOG_INFO, "the spool works again");
}

static void say_unreadable(struct ds_uplink *u, int64_t now_ns)
{
    uint64_t unsaid;
    if (ds_quiet_allows(&u->reading, now_ns, &unsaid))
        ds_log(DS_LOG_ERROR,
               "windows in the spool cannot be read: %" PRIu64 " since the start; check the disk",
               u->backlog.lost);
}

/* A refusal's reason comes from outside: it must not forge log lines. */
static const char *printable(char reason[static DS_REASON_MAX + 1])
{
    for (char *p = reason; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    return reason;
}

static void enter(struct ds_uplink *u, enum state state, int64_t now_ns)
{
    u->state = state;
    u->since_ns = now_ns;
    if (state != STATE_READY)
        ds_backlog_doubt(&u->backlog);
}

/* The next pause: half to full length at random, so that sensors do not come back in step. */
static int64_t next_pause_ns(struct ds_uplink *u)
{
    u->random = u->random * 6364136223846793005u + 1442695040888963407u;
    int64_t half = u->pause_ns / 2;
    int64_t pause = half + (int64_t)((u->random >> 33) % (uint64_t)(half + 1));
    u->pause_ns *= 2;
    if (u->pause_ns > u->timing.retry_max_ns)
        u->pause_ns = u->timing.retry_max_ns;
    return pause;
}

static void rest(struct ds_uplink *u, int64_t now_ns, int64_t length_ns)
{
    enter(u, STATE_RESTING, now_ns);
    u->rest_ns = now_ns + length_ns;
    u->asked_ns = 0;
}

/* libzmq by itself would not try again. */
static void be_locked_out(struct ds_uplink *u, int64_t now_ns)
{
    say(u, SAID_REFUSED, DS_LOG_ERROR,
        ": do they agree about keys? This sensor's .pub file belongs into its list, and the .pub "
        "file that is named here must be its own");
    ds_dealer_close(&u->dealer, 0);
    rest(u, now_ns, next_pause_ns(u));
}

static void lose_connection(struct ds_uplink *u, int64_t now_ns)
{
    say_silent(u);
    ds_dealer_close(&u->dealer, 0);
    rest(u, now_ns, next_pause_ns(u));
}

/* ---- sending ---- */

/* False where nobody takes it now. */
static bool transmit_message(struct ds_uplink *u, const struct ds_message *m)
{
    unsigned char *bytes;
    size_t size;
    if (ds_message_encode(m, &bytes, &size) < 0)
        return false;
    bool is_sent = ds_dealer_send(&u->dealer, bytes, size);
    free(bytes);
    return is_sent;
}

static bool transmit_hello(struct ds_uplink *u, int64_t now_ns)
{
    struct ds_message m = {.kind = DS_MESSAGE_HELLO, .hello = u->hello};
    m.hello.clock_ns = ds_clock_utc_ns();
    m.hello.windows_waiting = u->backlog.count;
    m.hello.windows_lost = u->stats.dropped + u->backlog.lost;
    m.hello.windows_merged = u->backlog.merged;
    if (!transmit_message(u, &m))
        return false;
    u->asked_ns = now_ns;
    u->heartbeat_ns = now_ns + u->timing.heartbeat_ns;
    return true;
}

/* The next window that may be sent now. The first of another boot needs a session of that, which is
 * asked for when no answer is outstanding that would be taken for one to it. */
static struct ds_backlog_entry *next_to_send(struct ds_uplink *u)
{
    struct ds_backlog_entry *e = ds_backlog_next(&u->backlog);
    if (!e || u->backlog.in_flight >= u->in_flight_max)
        return NULL;
    bool is_idle = u->backlog.in_flight == 0 && u->asked_ns == 0;
    return e->boot == u->hello.boot || is_idle ? e : NULL;
}

/* False where nobody takes it now. */
static bool transmit_window(struct ds_uplink *u, struct ds_backlog_entry *e, int64_t now_ns)
{
    unsigned char *owned;
    const unsigned char *bytes = ds_backlog_read(&u->backlog, e, &owned);
    if (!bytes) {
        say_unreadable(u, now_ns);
        return true;
    }
    bool is_sent = ds_dealer_send(&u->dealer, bytes, e->size);
    free(owned);
    if (is_sent) {
        u->stats.resent += e->was_sent;
        ds_backlog_mark_sent(&u->backlog, e, now_ns);
    }
    return is_sent;
}

static void transmit_windows(struct ds_uplink *u, int64_t now_ns)
{
    struct ds_backlog_entry *e;
    while ((e = next_to_send(u))) {
        bool is_of_session = e->boot == u->hello.boot;
        u->hello.boot = e->boot;
        if (!is_of_session || !transmit_window(u, e, now_ns)) {
            enter(u, STATE_CONNECTING, now_ns);
            return;
        }
    }
}

/* ---- what is due ---- */

static void act_when_ready(struct ds_uplink *u, int64_t now_ns)
{
    if (u->asked_ns && now_ns - u->asked_ns >= u->timing.answer_ns) {
        lose_connection(u, now_ns);
        return;
    }
    const struct ds_backlog_entry *oldest = ds_backlog_oldest_in_flight(&u->backlog);
    if (oldest && now_ns - oldest->sent_ns >= u->timing.ack_ns)
        ds_backlog_doubt(&u->backlog);
    if (now_ns >= u->heartbeat_ns && !u->asked_ns && !transmit_hello(u, now_ns)) {
        enter(u, STATE_CONNECTING, now_ns);
        return;
    }
    if (now_ns >= u->rest_ns)
        transmit_windows(u, now_ns);
}

static void act(struct ds_uplink *u, int64_t now_ns)
{
    if (u->state == STATE_RESTING && now_ns >= u->rest_ns) {
        if (!ds_dealer_is_open(&u->dealer) && ds_dealer_open(&u->dealer) < 0) {
            lose_connection(u, now_ns);
            return;
        }
        enter(u, STATE_CONNECTING, now_ns);
    }
    if (u->state == STATE_CONNECTING) {
        if (transmit_hello(u, now_ns))
            enter(u, STATE_GREETING, now_ns);
        else if (now_ns - u->since_ns >= u->timing.answer_ns)
            say_silent(u); /* libzmq goes on trying to connect */
    }
    if (u->state == STATE_GREETING && now_ns - u->asked_ns >= u->timing.answer_ns)
        lose_connection(u, now_ns);
    if (u->state == STATE_READY)
        act_when_ready(u, now_ns);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When act() has something to do though nothing arrives. */
static int64_t next_due_ns(struct ds_uplink *u)
{
    switch (u->state) {
    case STATE_RESTING:
        return u->rest_ns;
    case STATE_CONNECTING:
        return u->said == SAID_SILENT ? INT64_MAX : u->since_ns + u->timing.answer_ns;
    case STATE_GREETING:
        return u->asked_ns + u->timing.answer_ns;
    case STATE_READY:
        break;
    }
    int64_t due = u->asked_ns ? u->asked_ns + u->timing.answer_ns : u->heartbeat_ns;
    const struct ds_backlog_entry *oldest = ds_backlog_oldest_in_flight(&u->backlog);
    if (oldest)
        due = earlier(due, oldest->sent_ns + u->timing.ack_ns);
    if (next_to_send(u))
        due = earlier(due, u->rest_ns);
    return due;
}

/* ---- answers ---- */

static void compare_clocks(const struct ds_uplink *u, int64_t aggregator_ns)
{
    int64_t ahead_ns = ds_clock_ahead_ns(ds_clock_utc_ns(), aggregator_ns);
    if (ds_clock_is_skewed(ahead_ns))
        ds_log(DS_LOG_WARNING,
               "this clock is %.1f s %s that of aggregator %s: check that both machines run NTP",
               fabs((double)ahead_ns / DS_NS_PER_S), ahead_ns > 0 ? "ahead of" : "behind",
               u->dealer.endpoint);
}

static void take_welcome(struct ds_uplink *u, int64_t clock_ns, int64_t now_ns)
{
    u->asked_ns = 0;
    if (u->state != STATE_GREETING)
        return; /* to a heartbeat */
    if (u->is_name_taken)
        u->progress_ns = now_ns;
    u->is_name_taken = false;
    u->earlier_boot = 0;
    u->stats.refusal[0] = 0;
    enter(u, STATE_READY, now_ns);
    say(u, SAID_CONNECTED, DS_LOG_INFO, "");
    compare_clocks(u, clock_ns);
}

static void take_ack(struct ds_uplink *u, uint64_t sequence, int64_t now_ns)
{
    if (!ds_backlog_remove(&u->backlog, sequence))
        return;
    u->progress_ns = now_ns;
    u->stats.refusal[0] = 0;
    u->stats.acknowledged++;
    u->pause_ns = u->timing.retry_min_ns;
    u->in_flight_max = DS_UPLINK_IN_FLIGHT;
    say(u, SAID_CONNECTED, DS_LOG_INFO, " again");
}

/* The aggregator cannot read a window. Sent again it would be no better, so it is dropped. Where
 * the answer does not say which, windows are sent one by one until it is clear. */
static void take_malformed(struct ds_uplink *u, uint64_t sequence, const char *reason,
                           int64_t now_ns)
{
    if (sequence == 0) {
        const struct ds_backlog_entry *only = ds_backlog_oldest_in_flight(&u->backlog);
        if (!only || u->in_flight_max > 1) {
            u->in_flight_max = 1;
            rest(u, now_ns, next_pause_ns(u));
            return;
        }
        sequence = only->sequence;
    }
    if (!ds_backlog_remove(&u->backlog, sequence))
        return;
    u->progress_ns = now_ns;
    u->stats.refused++;
    uint64_t unsaid;
    if (ds_quiet_allows(&u->refusing, now_ns, &unsaid))
        ds_log(DS_LOG_ERROR,
               "aggregator %s refuses window %" PRIu64 ", it is lost: %s (%" PRIu64
               " refused since the start)",
               u->dealer.endpoint, sequence, reason, u->stats.refused);
}

/* This sensor's own name is refused to it while the aggregator takes it for that of an earlier run,
 * which is over, as the spool is ours. It ended while the session was of the last window that is
 * done, or already of the first that is not. False where all has been tried. */
static bool try_other_boot(struct ds_uplink *u)
{
    const struct ds_backlog_entry *first = ds_backlog_next(&u->backlog);
    uint64_t next = first ? first->boot : u->boot;
    if (!u->earlier_boot)
        return false;
    bool has_other = u->hello.boot == u->earlier_boot && next != u->earlier_boot;
    u->hello.boot = has_other ? next : u->earlier_boot;
    return has_other;
}

static void take_refusal(struct ds_uplink *u, struct ds_message *m, int64_t now_ns)
{
    char detail[DS_REASON_MAX + 3];
    snprintf(detail, sizeof detail, ": %s", printable(m->reason));
    if (m->refusal != DS_REFUSAL_MALFORMED && m->refusal != DS_REFUSAL_ORDER)
        strcpy(u->stats.refusal, m->reason);
    u->is_name_taken = m->refusal == DS_REFUSAL_NAME;
    switch (m->refusal) {
    case DS_REFUSAL_MALFORMED:
        take_malformed(u, m->sequence, m->reason, now_ns);
        break;
    case DS_REFUSAL_BUSY:
        say(u, SAID_BUSY, DS_LOG_WARNING, detail);
        if (m->sequence == 0) {
            rest(u, now_ns, next_pause_ns(u));
        } else if (now_ns >= u->rest_ns) { /* one pause, though several windows are refused */
            ds_backlog_doubt(&u->backlog);
            u->rest_ns = now_ns + next_pause_ns(u);
        }
        break;
    case DS_REFUSAL_ORDER: /* it forgot us, or never knew this connection */
        rest(u, now_ns, next_pause_ns(u));
        break;
    case DS_REFUSAL_KEY: /* a new connection shows the key again, which may be listed by then */
        ds_dealer_close(&u->dealer, 0);
        __attribute__((fallthrough));
    case DS_REFUSAL_VERSION:
    case DS_REFUSAL_NAME:
    case DS_REFUSAL_COUNT:
        if (m->refusal == DS_REFUSAL_NAME && u->state == STATE_GREETING && try_other_boot(u)) {
            rest(u, now_ns, next_pause_ns(u));
            break;
        }
        say(u, SAID_REFUSED, DS_LOG_ERROR, detail);
        rest(u, now_ns, u->timing.refused_ns);
        break;
    }
}

static void take_answer(void *arg, const void *bytes, size_t size)
{
    struct ds_uplink *u = arg;
    int64_t now_ns = ds_clock_steady_ns();
    struct ds_message m;
    enum ds_decode decoded = ds_message_decode(&m, bytes, size, NULL);
    /* RESTING: answers to what was sent before the doubt; only an ACK still tells something. */
    if (decoded == DS_DECODE_OK && m.kind == DS_MESSAGE_ACK) {
        take_ack(u, m.sequence, now_ns);
    } else if (decoded == DS_DECODE_VERSION && u->state >= STATE_GREETING) {
        say(u, SAID_REFUSED, DS_LOG_ERROR,
            ": it speaks another protocol version: install the same release on both");
        rest(u, now_ns, u->timing.refused_ns);
    } else if (decoded == DS_DECODE_OK && u->state >= STATE_GREETING) {
        if (m.kind == DS_MESSAGE_WELCOME)
            take_welcome(u, m.clock_ns, now_ns);
        else if (m.kind == DS_MESSAGE_REFUSE)
            take_refusal(u, &m, now_ns);
    }
    ds_message_finish(&m);
}

/* What libzmq reconnects is a stranger to the aggregator, and what was on its way may be lost. */
static void take_break(struct ds_uplink *u, int64_t now_ns)
{
    u->asked_ns = 0;
    if (u->state != STATE_RESTING)
        enter(u, STATE_CONNECTING, now_ns);
}

static void take_events(struct ds_uplink *u)
{
    enum ds_dealer_news news = ds_dealer_news(&u->dealer);
    if (news == DS_DEALER_BROKE)
        take_break(u, ds_clock_steady_ns());
    if (news == DS_DEALER_NOT_LET_IN)
        be_locked_out(u, ds_clock_steady_ns());
    for (int i = 0; i < RECEIVE_BATCH && ds_dealer_receive(&u->dealer, take_answer, u); i++)
        ;
}

/* ---- the public face ---- */

static int choose_boot(struct ds_uplink *u, uint64_t boot)
{
    if (getrandom(&u->random, sizeof u->random, 0) < 0)
        return -1;
    u->boot = u->hello.boot = boot ? boot : u->random;
    return 0;
}

static int open_dealer(struct ds_uplink *u, const struct ds_uplink_settings *settings)
{
    if (ds_dealer_init(&u->dealer, settings->endpoint, u->timing.retry_min_ns,
                       u->timing.retry_max_ns) < 0)
        return -1;
    if (settings->key)
        ds_dealer_set_keys(&u->dealer, settings->key, settings->aggregator_key);
    return ds_dealer_open(&u->dealer);
}

/* Windows of this run follow those that are left: no two of them have the same sequence, so that
 * an answer, which has no boot, is always to one alone. */
static int open_spool(struct ds_uplink *u, const struct ds_uplink_settings *settings,
                      struct ds_error *err)
{
    struct ds_backlog_left left;
    if (ds_backlog_open(&u->backlog, settings->spool, settings->spool_bytes, u->hello.sensor, &left,
                        err))
        return -1;
    const struct ds_backlog_entry *first = ds_backlog_next(&u->backlog);
    u->stats.found = u->backlog.count;
    u->last_sequence = left.last_sequence;
    u->earlier_boot = left.done_boot;
    if (left.done_boot || first)
        u->hello.boot = left.done_boot ? left.done_boot : first->boot;
    if (left.damages)
        ds_log(DS_LOG_ERROR,
               "the spool is damaged in %" PRIu64 " places (%" PRIu64
               " bytes): what was there is lost, all else is delivered",
               left.damages, left.damaged_bytes);
    if (first)
        ds_log(DS_LOG_INFO, "the spool holds %zu windows of earlier runs: they are delivered first",
               u->backlog.count);
    return 0;
}

static struct ds_uplink *begin(const struct ds_uplink_settings *settings)
{
    struct ds_uplink *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->timing = settings->timing ? *settings->timing : ds_uplink_timing_default;
    u->pause_ns = u->timing.retry_min_ns;
    u->in_flight_max = DS_UPLINK_IN_FLIGHT;
    u->hello = (struct ds_hello){.major = DS_PROTOCOL_MAJOR,
                                 .minor = DS_PROTOCOL_MINOR,
                                 .monitored_digest = settings->monitored_digest,
                                 .software = "darkscope-sensor " DARKSCOPE_VERSION};
    snprintf(u->hello.sensor, sizeof u->hello.sensor, "%s", settings->sensor);
    ds_backlog_init(&u->backlog,
                    settings->queue_bytes ? settings->queue_bytes : DS_UPLINK_QUEUE_BYTES,
                    DS_UPLINK_QUEUE_WINDOWS);
    return u;
}

int ds_uplink_create(const struct ds_uplink_settings *settings, struct ds_uplink **out,
                     struct ds_error *err)
{
    if (ds_endpoint_check("aggregator", settings->endpoint, settings->key, err) < 0)
        return -1;
    struct ds_uplink *u = begin(settings);
    if (!u)
        return ds_error(err, DS_FAILURE, "cannot start the uplink: out of memory");
    if (choose_boot(u, settings->boot) < 0 || open_dealer(u, settings) < 0) {
        ds_error(err, DS_NETWORK, "cannot connect to aggregator %s: %s", settings->endpoint,
                 strerror(errno));
        ds_uplink_destroy(u);
        return -1;
    }
    if (settings->spool && open_spool(u, settings, err) < 0) {
        ds_uplink_destroy(u);
        return -1;
    }
    enter(u, STATE_CONNECTING, ds_clock_steady_ns());
    *out = u;
    return 0;
}

void ds_uplink_destroy(struct ds_uplink *u)
{
    if (!u)
        return;
    ds_dealer_finish(&u->dealer);
    ds_backlog_finish(&u->backlog);
    free(u);
}

static void count_dropped(struct ds_uplink *u, size_t windows, const char *why)
{
    if (windows == 0)
        return;
    u->stats.dropped += windows;
    uint64_t unsaid;
    if (ds_quiet_allows(&u->dropping, ds_clock_steady_ns(), &unsaid))
        ds_log(DS_LOG_ERROR, "%s: windows are lost, %" PRIu64 " since the start", why,
               u->stats.dropped);
}

int ds_uplink_send(struct ds_uplink *u, struct ds_window *window)
{
    struct ds_message m = {
        .kind = DS_MESSAGE_WINDOW, .sequence = ++u->last_sequence, .window = *window};
    unsigned char *bytes;
    size_t size, dropped;
    u->stats.accepted++;
    int failed = ds_message_encode(&m, &bytes, &size);
    ds_window_finish(window);
    if (failed) {
        count_dropped(u, 1, "out of memory while encoding a window");
        return -1;
    }
    if (size > DS_MESSAGE_MAX) {
        free(bytes);
        count_dropped(u, 1, "a window is larger than a message may be");
        return 0;
    }
    const struct ds_backlog_window encoded = {
        .boot = u->boot, .sequence = m.sequence, .bytes = bytes, .size = size};
    failed = ds_backlog_push(&u->backlog, &encoded, &dropped);
    count_dropped(u, dropped, "too much waits for the aggregator");
    count_dropped(u, failed ? 1 : 0, "out of memory while queueing a window");
    return failed;
}

/* What is new goes to the disk before it is sent. */
static void secure(struct ds_uplink *u, int64_t now_ns)
{
    size_t dropped;
    ds_backlog_secure(&u->backlog, now_ns, &dropped);
    count_dropped(u, dropped, "the spool is full");
    say_spool(u);
}

void ds_uplink_service(struct ds_uplink *u, int timeout_ms)
{
    int64_t now_ns = ds_clock_steady_ns();
    secure(u, now_ns);
    act(u, now_ns);
    int64_t wait_ns = next_due_ns(u) - now_ns;
    if (wait_ns < 0)
        wait_ns = 0;
    wait_ns = earlier(wait_ns, timeout_ms * DS_NS_PER_MS);
    ds_dealer_wait(&u->dealer, u->state == STATE_CONNECTING, wait_ns);
    take_events(u);
    act(u, ds_clock_steady_ns());
}

/* How long to wait after the last sign of progress. */
static int64_t patience_ns(const struct ds_uplink *u, int patience_ms)
{
    int64_t name_ns = u->is_name_taken ? DS_SILENCE_S * DS_NS_PER_S + u->timing.refused_ns : 0;
    int64_t usual_ns = patience_ms * DS_NS_PER_MS;
    return name_ns > usual_ns ? name_ns : usual_ns;
}

static bool has_room(const struct ds_uplink *u)
{
    return ds_backlog_has_spool_room(&u->backlog) || (u->backlog.count <= DS_UPLINK_ROOM_WINDOWS &&
                                                      u->backlog.bytes <= u->backlog.bytes_max / 4);
}

static bool is_empty(const struct ds_uplink *u)
{
    return u->backlog.count == 0;
}

/* Delivers until that is so. False where the patience is over. */
static bool deliver(struct ds_uplink *u, bool (*until)(const struct ds_uplink *), int patience_ms,
                    const atomic_bool *stop)
{
    int64_t began_ns = ds_clock_steady_ns();
    while (!until(u)) {
        if (stop && atomic_load(stop))
            break;
        int64_t since_ns = u->progress_ns > began_ns ? u->progress_ns : began_ns;
        int64_t left_ns = since_ns + patience_ns(u, patience_ms) - ds_clock_steady_ns();
        if (left_ns <= 0)
            return false;
        left_ns = earlier(left_ns + DS_NS_PER_MS, STOP_LOOK_MS * DS_NS_PER_MS);
        ds_uplink_service(u, (int)(left_ns / DS_NS_PER_MS));
    }
    return true;
}

bool ds_uplink_await_room(struct ds_uplink *u, int patience_ms, const atomic_bool *stop)
{
    return deliver(u, has_room, patience_ms, stop);
}

uint64_t ds_uplink_finish(struct ds_uplink *u, int patience_ms)
{
    size_t dropped;
    deliver(u, is_empty, patience_ms, NULL);
    const struct ds_message bye = {.kind = DS_MESSAGE_BYE};
    if (u->backlog.count == 0 && u->state == STATE_READY)
        transmit_message(u, &bye);
    ds_dealer_close(&u->dealer, BYE_LINGER_MS);
    ds_backlog_end(&u->backlog, &dropped);
    count_dropped(u, dropped, "the spool is full");
    return u->backlog.count;
}

void ds_uplink_read_stats(const struct ds_uplink *u, struct ds_uplink_stats *out)
{
    *out = u->stats;
    out->lost = u->backlog.lost;
    out->merged = u->backlog.merged;
    out->waiting = u->backlog.count;
    out->in_memory = ds_backlog_count_in_memory(&u->backlog);
    out->is_connected = u->state == STATE_READY;
}

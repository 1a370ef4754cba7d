/* SPDX-License-Identifier: Apache-2.0
 *
 * The capture thread alone: a capture that follows a script, rings that the test reads.
 */
#include "darkscope/clock.h"
#include "dispatch.h"
#include "packets.h"

#define RINGS     3
#define READS_MAX 40

/* One answer of the capture. */
struct answer {
    const struct ds_frame *frames;
    int count;     /* or enum ds_capture_read */
    uint64_t lost; /* by the kernel until then */
};

struct script {
    struct ds_capture capture;
    const struct answer *answers;
    size_t next;
    sem_t at_end; /* posted when the last answer is given */
};

static int script_read(struct ds_capture *c, struct ds_frame *frames, size_t most,
                       struct ds_error *err)
{
    struct script *s = (struct script *)c;
    const struct answer *a = &s->answers[s->next++];
    if (a->count < 0)
        sem_post(&s->at_end);
    if (a->count == DS_CAPTURE_FAILED)
        return ds_error(err, DS_NETWORK, "the interface is gone");
    assert_true(a->count <= (int)most);
    for (int i = 0; i < a->count; i++)
        frames[i] = a->frames[i];
    return a->count;
}

static void script_loss(struct ds_capture *c, struct ds_capture_loss *out)
{
    const struct script *s = (struct script *)c;
    uint64_t lost = s->answers[s->next - 1].lost;
    *out = (struct ds_capture_loss){.kernel = lost, .interface = 2 * lost};
}

static const struct ds_capture_ops live = {
    .read = script_read, .loss = script_loss, .is_live = true};

/* What came out of the rings. */
struct outcome {
    struct ds_close closes[RINGS][400];
    size_t close_count[RINGS];
    uint64_t packets[RINGS], malformed, late;
    uint64_t ms; /* sum of the slots' times */
    uint32_t newest_epoch;
    int result;
    unsigned failures; /* told to the pipeline */
    struct ds_error error;
};

static void count_failure(void *outcome)
{
    ((struct outcome *)outcome)->failures++;
}

struct reader {
    struct script *script;
    struct ds_ring *rings;
    struct outcome *out;
    bool patient; /* reads nothing before the capture has ended */
};

/* False at the end of the ring. */
static bool take(struct outcome *o, unsigned ring, const struct ds_slot *s)
{
    switch (s->kind) {
    case DS_SLOT_MALFORMED:
        o->malformed++;
        break;
    case DS_SLOT_PACKET:
        assert_true(s->captured <= DS_SNAP_BYTES);
        o->packets[ring]++;
        break;
    case DS_SLOT_CLOSE:
        memcpy(&o->closes[ring][o->close_count[ring]++], s->bytes, sizeof(struct ds_close));
        return true;
    default:
        return false;
    }
    assert_true(s->epoch > o->close_count[ring]); /* no packet behind its window's close */
    o->late += s->late;
    o->ms += s->ms;
    return true;
}

static void *read_rings(void *arg)
{
    struct reader *r = arg;
    if (r->patient)
        while (sem_wait(&r->script->at_end))
            ;
    unsigned ended = 0;
    while (ended < RINGS)
        for (unsigned i = 0; i < RINGS; i++) {
            struct ds_slot *slots;
            size_t n = ds_ring_peek(&r->rings[i], &slots, 5);
            for (size_t k = 0; k < n; k++)
                ended += !take(r->out, i, &slots[k]);
            if (n)
                ds_ring_release(&r->rings[i], n);
        }
    return NULL;
}

static struct outcome *run(const struct answer *answers, size_t slots, bool patient)
{
    static const struct ds_hash_key key = {3, UINT64_C(0x9e3779b97f4a7c15)};
    struct script script = {.capture.ops = &live, .answers = answers};
    struct ds_ring rings[RINGS], *places[RINGS];
    struct ds_dispatch d;
    struct ds_gate data;
    struct outcome *o = calloc(1, sizeof *o);
    struct ds_schedule schedule;
    struct ds_dispatch_settings settings = {.capture = &script.capture,
                                            .schedule = &schedule,
                                            .rings = places,
                                            .workers = RINGS,
                                            .key = &key,
                                            .failed = count_failure,
                                            .failed_arg = o};
    assert_non_null(o);
    assert_int_equal(ds_schedule_init(&schedule, 1, 60 * DS_NS_PER_S, 2 * DS_NS_PER_S), 0);
    assert_int_equal(sem_init(&script.at_end, 0, 0), 0);
    assert_int_equal(ds_dispatch_init(&d, &settings), 0);
    assert_int_equal(ds_gate_init(&data), 0);
    for (unsigned i = 0; i < RINGS; i++) {
        places[i] = &rings[i];
        assert_int_equal(ds_ring_init(&rings[i], slots, &data, &d.room), 0);
    }
    struct reader reader = {&script, rings, o, patient};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_rings, &reader), 0);
    ds_dispatch_run(&d);
    pthread_join(thread, NULL);
    o->result = d.result;
    o->error = d.error;
    for (unsigned i = 0; i < RINGS; i++)
        ds_ring_finish(&rings[i]);
    ds_gate_finish(&data);
    ds_dispatch_finish(&d);
    ds_schedule_finish(&schedule);
    sem_destroy(&script.at_end);
    for (unsigned i = 1; i < RINGS; i++) {
        assert_int_equal(o->close_count[i], o->close_count[0]);
        /* All are told of the window, the first alone of its counts, which add up. */
        for (size_t k = 0; k < o->close_count[0]; k++) {
            struct ds_close told = {.epoch = o->closes[0][k].epoch};
            assert_memory_equal(&o->closes[i][k], &told, sizeof told);
        }
    }
    return o;
}

static uint64_t sum_packets(const struct outcome *o)
{
    return o->packets[0] + o->packets[1] + o->packets[2];
}

/* A SYN of its own source each, `step_ns` apart. */
struct stream {
    struct bytes bytes[DS_CAPTURE_BATCH];
    struct ds_frame frames[DS_CAPTURE_BATCH];
};

static struct stream *make_stream(int64_t first_ns, int64_t step_ns)
{
    struct stream *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (unsigned i = 0; i < DS_CAPTURE_BATCH; i++) {
        struct bytes *b = &s->bytes[i];
        *b = syn4();
        set16(b, 14, i);
        s->frames[i] = (struct ds_frame){b->data, b->count, b->count, first_ns + i * step_ns, 101};
    }
    return s;
}

/* Rings that nobody reads: what finds no room is dropped and counted, nothing waits. */
static void test_full_rings_drop(void **state)
{
    struct stream *s = make_stream(ds_clock_utc_ns(), 0);
    struct answer answers[READS_MAX + 1] = {{.count = 0}};
    for (size_t i = 0; i < READS_MAX; i++)
        answers[i] = (struct answer){s->frames, DS_CAPTURE_BATCH, 0};
    answers[READS_MAX].count = DS_CAPTURE_ENDED;
    struct outcome *o = run(answers, 16, true);
    uint64_t received = 0, dropped = 0;
    for (size_t i = 0; i < o->close_count[0]; i++) {
        received += o->closes[0][i].received;
        dropped += o->closes[0][i].dropped_ring;
    }
    assert_int_equal(o->result, 0);
    assert_int_equal(received, sum_packets(o));
    assert_int_equal(received, RINGS * 16);
    assert_int_equal(received + dropped, READS_MAX * DS_CAPTURE_BATCH);
    free(o);
    free(s);
}

/* Packets that waited in the kernel's buffer while we were busy are not late: while packets come,
 * their own time decides. */
static void test_backlog_is_not_late(void **state)
{
    int64_t minute = ds_clock_utc_ns() / (60 * DS_NS_PER_S) * 60 * DS_NS_PER_S;
    struct stream *before = make_stream(minute - 300 * DS_NS_PER_S, DS_NS_PER_MS);
    struct stream *after = make_stream(minute - 299 * DS_NS_PER_S, DS_NS_PER_MS);
    const struct answer answers[] = {{before->frames, DS_CAPTURE_BATCH, 0},
                                     {after->frames, DS_CAPTURE_BATCH, 0},
                                     {.count = DS_CAPTURE_ENDED}};
    struct outcome *o = run(answers, 1024, false);
    assert_int_equal(sum_packets(o), 2 * DS_CAPTURE_BATCH);
    assert_int_equal(o->late, 0);
    assert_int_equal(o->close_count[0], 1);
    assert_true(o->closes[0][0].epoch.start_s == minute / DS_NS_PER_S - 300);
    assert_int_equal(o->ms, DS_CAPTURE_BATCH * (DS_CAPTURE_BATCH - 1) + DS_CAPTURE_BATCH * 1000);
    free(o);
    free(before);
    free(after);
}

/* In silence the wall clock closes windows. */
static void test_silence_closes(void **state)
{
    int64_t minute = ds_clock_utc_ns() / (60 * DS_NS_PER_S) * 60 * DS_NS_PER_S;
    struct stream *s = make_stream(minute - 300 * DS_NS_PER_S, DS_NS_PER_MS);
    const struct answer answers[] = {
        {s->frames, 1, 3}, {.count = 0, .lost = 7}, {.count = DS_CAPTURE_ENDED, .lost = 9}};
    struct outcome *o = run(answers, 1024, false);
    assert_in_range(o->close_count[0], 5, 8); /* the minute may turn meanwhile */
    assert_int_equal(o->closes[0][0].received, 1);
    assert_int_equal(o->closes[0][0].dropped_kernel, 7);
    assert_int_equal(o->closes[0][0].dropped_interface, 14);
    assert_int_equal(o->closes[0][0].epoch.observed_ns, 60 * DS_NS_PER_S);
    uint64_t lost = 0;
    for (size_t i = 0; i < o->close_count[0]; i++)
        lost += o->closes[0][i].dropped_kernel;
    assert_int_equal(lost, 9);
    free(o);
    free(s);
}

static void test_failing_capture(void **state)
{
    struct stream *s = make_stream(0, 0);
    const struct answer answers[] = {{s->frames, 10, 0}, {.count = DS_CAPTURE_FAILED}};
    struct outcome *o = run(answers, 1024, false);
    assert_int_equal(o->result, -1);
    assert_int_equal(o->failures, 1);
    assert_int_equal(o->error.status, DS_NETWORK);
    assert_string_equal(o->error.text, "the interface is gone");
    assert_int_equal(o->close_count[0], 1);
    assert_int_equal(o->closes[0][0].received, 10);
    free(o);
    free(s);
}

/* Frames without an IP packet, or too short to have a source, go somewhere and are counted. */
static void test_malformed(void **state)
{
    struct stream *s = make_stream(0, 0);
    for (unsigned i = 0; i < DS_CAPTURE_BATCH; i++)
        s->frames[i].captured = i;
    const struct answer answers[] = {{s->frames, DS_CAPTURE_BATCH, 0}, {.count = DS_CAPTURE_ENDED}};
    struct outcome *o = run(answers, 1024, false);
    assert_int_equal(o->malformed, 1);
    assert_int_equal(sum_packets(o), DS_CAPTURE_BATCH - 1);
    assert_int_equal(o->closes[0][0].received, DS_CAPTURE_BATCH);
    free(o);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_rings_drop), cmocka_unit_test(test_backlog_is_not_late),
        cmocka_unit_test(test_silence_closes),  cmocka_unit_test(test_failing_capture),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

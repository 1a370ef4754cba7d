/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator.h"

#include "darkscope/clock.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_committed(const struct fake_store *s, const struct ds_store_put *put)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->committed[i].boot == put->boot && s->committed[i].sequence == put->sequence &&
            strcmp(s->committed[i].sensor, put->sensor) == 0)
            return true;
    return false;
}

/* With the mutex held. */
static int judge(struct fake_store *s, const struct ds_store_put *put, struct ds_error *err)
{
    if (s->failing > 0) {
        s->failing--;
        s->failures++;
        return ds_error(err, DS_DATABASE, "fake disk is full");
    }
    if (s->refusing > 0) {
        s->refusing--;
        ds_error(err, DS_DATABASE, "fake store does not like it");
        return DS_PUT_REFUSED;
    }
    if (is_committed(s, put)) {
        s->duplicates++;
        return DS_PUT_DUPLICATE;
    }
    if (s->count == FAKE_PUTS_MAX)
        return ds_error(err, DS_DATABASE, "fake store has no room");
    strcpy(s->committed[s->count].sensor, put->sensor);
    s->committed[s->count].boot = put->boot;
    s->committed[s->count].sequence = put->sequence;
    s->committed[s->count].merged = put->window->merged;
    s->committed[s->count].counted = put->window->books[DS_BOOK_COUNTED];
    s->committed[s->count++].start_s = put->window->start_s;
    return DS_PUT_COMMITTED;
}

/* With the mutex held. */
static void wait_unblocked(struct fake_store *s)
{
    s->blocked++;
    pthread_cond_broadcast(&s->changed);
    while (s->is_blocked)
        pthread_cond_wait(&s->changed, &s->mutex);
    s->blocked--;
}

static int fake_put(struct ds_store *store, const struct ds_store_put *put, struct ds_error *err)
{
    struct fake_store *s = (struct fake_store *)store;
    pthread_mutex_lock(&s->mutex);
    wait_unblocked(s);
    int result = judge(s, put, err);
    pthread_mutex_unlock(&s->mutex);
    return result;
}

static bool fake_put_together(struct ds_store *store, const struct ds_store_put *puts, size_t count)
{
    struct fake_store *s = (struct fake_store *)store;
    struct ds_error err;
    pthread_mutex_lock(&s->mutex);
    wait_unblocked(s);
    const size_t before = s->count;
    const unsigned duplicates = s->duplicates;
    bool is_done = s->failing == 0 && s->refusing == 0;
    for (size_t i = 0; i < count && is_done; i++)
        is_done = judge(s, &puts[i], &err) == DS_PUT_COMMITTED;
    if (is_done) {
        s->together += count;
    } else {
        s->count = before;
        s->duplicates = duplicates;
    }
    pthread_mutex_unlock(&s->mutex);
    return is_done;
}

static int fake_tidy(struct ds_store *store, const struct ds_retention *keep, int64_t now_s,
                     struct ds_error *err)
{
    return 0;
}

static const struct ds_store_ops fake_ops = {
    .put = fake_put, .put_together = fake_put_together, .tidy = fake_tidy};

void fake_store_init(struct fake_store *s)
{
    memset(s, 0, sizeof *s);
    s->base.ops = &fake_ops;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, NULL);
}

void fake_store_block(struct fake_store *s, bool is_blocked)
{
    pthread_mutex_lock(&s->mutex);
    s->is_blocked = is_blocked;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

void fake_store_await_blocked(struct fake_store *s)
{
    pthread_mutex_lock(&s->mutex);
    while (s->blocked == 0)
        pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

void fake_store_fail(struct fake_store *s, unsigned puts)
{
    pthread_mutex_lock(&s->mutex);
    s->failing = puts;
    pthread_mutex_unlock(&s->mutex);
}

void fake_store_refuse(struct fake_store *s, unsigned puts)
{
    pthread_mutex_lock(&s->mutex);
    s->refusing = puts;
    pthread_mutex_unlock(&s->mutex);
}

size_t fake_store_count(struct fake_store *s)
{
    pthread_mutex_lock(&s->mutex);
    size_t count = s->count;
    pthread_mutex_unlock(&s->mutex);
    return count;
}

static void *loop(void *arg)
{
    struct aggregator *a = arg;
    struct pollfd fds[] = {{.fd = a->stop_fd, .events = POLLIN},
                           {.fd = ds_receive_fd(a->receive), .events = POLLIN},
                           {.fd = ds_ingest_fd(a->ingest), .events = POLLIN},
                           {.fd = ds_receive_handshake_fd(a->receive), .events = POLLIN}};
    while (!(fds[0].revents & POLLIN)) {
        bool is_busy = ds_receive_service(a->receive, ds_clock_steady_ns());
        poll(fds, 4, is_busy ? 0 : -1);
    }
    return NULL;
}

void aggregator_start(struct aggregator *a, const char *endpoint, struct fake_store *store)
{
    aggregator_start_with_keys(a, endpoint, store, NULL, NULL);
}

void aggregator_start_with_keys(struct aggregator *a, const char *endpoint,
                                struct fake_store *store, const struct ds_key *key,
                                struct ds_keys *sensors)
{
    struct ds_error err = {.text = ""};
    struct ds_receive_settings settings = {.endpoint = endpoint, .key = key, .sensors = sensors};
    a->store = store;
    if (ds_ingest_start(&store->base, &(struct ds_retention){0}, &a->ingest, &err) < 0)
        fail_msg("%s", err.text);
    settings.ingest = a->ingest;
    if (ds_receive_create(&settings, &a->receive, &err) < 0)
        fail_msg("%s", err.text);
    a->stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pthread_create(&a->thread, NULL, loop, a), 0);
}

void aggregator_stop(struct aggregator *a, bool is_crash)
{
    eventfd_write(a->stop_fd, 1);
    pthread_join(a->thread, NULL);
    close(a->stop_fd);
    if (is_crash)
        fake_store_block(a->store, false);
    ds_ingest_stop(a->ingest);
    if (!is_crash)
        ds_receive_settle(a->receive);
    ds_receive_destroy(a->receive);
    ds_ingest_destroy(a->ingest);
}

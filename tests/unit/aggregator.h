/* SPDX-License-Identifier: Apache-2.0
 *
 * An aggregator in this process, without web and disk: receive and ingest on their own threads over
 * a store that does as it is told and remembers what it was given.
 */
#ifndef DARKSCOPE_TESTS_AGGREGATOR_H
#define DARKSCOPE_TESTS_AGGREGATOR_H

#include "ingest.h"
#include "receive.h"

#include <pthread.h>

#define FAKE_PUTS_MAX 4096

struct fake_store {
    struct ds_store base; /* first */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned failing;  /* so many puts fail */
    unsigned refusing; /* so many are refused */
    bool is_blocked;
    unsigned blocked; /* puts that wait now */
    size_t count;     /* committed */
    size_t together;  /* of them, with others at once */
    struct {
        char sensor[DS_NAME_MAX + 1];
        uint64_t boot, sequence;
        int64_t start_s;
        uint32_t merged;
        uint64_t counted; /* packets */
    } committed[FAKE_PUTS_MAX];
    unsigned duplicates, failures;
};

void fake_store_init(struct fake_store *s);
void fake_store_block(struct fake_store *s, bool is_blocked);
void fake_store_await_blocked(struct fake_store *s); /* until a put waits */
void fake_store_fail(struct fake_store *s, unsigned puts);
void fake_store_refuse(struct fake_store *s, unsigned puts);
size_t fake_store_count(struct fake_store *s);

struct aggregator {
    struct fake_store *store;
    struct ds_ingest *ingest;
    struct ds_receive *receive;
    pthread_t thread;
    int stop_fd;
};

void aggregator_start(struct aggregator *a, const char *endpoint, struct fake_store *store);
/* sensors are taken over. */
void aggregator_start_with_keys(struct aggregator *a, const char *endpoint,
                                struct fake_store *store, const struct ds_key *key,
                                struct ds_keys *sensors);
/* With is_crash a blocked store is unblocked and commits what it has, but nothing more is
 * answered: as if the aggregator died between commit and acknowledgement. */
void aggregator_stop(struct aggregator *a, bool is_crash);

#endif

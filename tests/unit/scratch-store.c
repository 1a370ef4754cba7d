/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch-store.h"

#include "sample.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PACKETS 400

void scratch_open(struct scratch *s)
{
    struct ds_error err = {0};
    /* In memory where there is such a place: a test need not wait for a disk. */
    *s = (struct scratch){.directory = "/dev/shm/darkscope-test-XXXXXX"};
    if (access("/dev/shm", W_OK | X_OK) < 0)
        strcpy(s->directory, "/tmp/darkscope-test-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    if (ds_store_open(s->directory, DS_STORE_WRITE, &s->store, &err) < 0)
        fail_msg("%s", err.text);
}

void scratch_close(struct scratch *s)
{
    ds_store_destroy(s->store);
    DIR *directory = opendir(s->directory);
    assert_non_null(directory);
    const struct dirent *entry;
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(directory), entry->d_name, 0), 0);
    closedir(directory);
    assert_int_equal(rmdir(s->directory), 0);
}

void scratch_put(struct scratch *s, const char *sensor, const struct ds_window *w)
{
    struct ds_error err = {0};
    struct ds_store_put put = {
        .sensor = sensor, .boot = 1, .sequence = ++s->sequence, .received_s = 5, .window = w};
    int result = s->store->ops->put(s->store, &put, &err);
    if (result != DS_PUT_COMMITTED)
        fail_msg("put returned %d: %s", result, err.text);
}

void scratch_window(struct ds_window *w, uint64_t seed, int64_t start_s)
{
    sample_traffic(w, seed, PACKETS);
    uint64_t random = seed * 77 + 1;
    w->start_s = start_s;
    w->observed_ns -= sample_random(&random) % 1000000000;
    w->addresses_known = true;
    w->addresses = 256;
    w->active_addresses = 200;
    w->sources = 100 + sample_random(&random) % 100;
    w->destinations = 150;
    for (size_t i = 0; i < DS_CLASS_COUNT; i++)
        w->classes[i].sources = w->classes[i].packets / 2;
    w->signatures = calloc(1, sizeof *w->signatures);
    assert_non_null(w->signatures);
    w->signature_count = 1;
    w->signatures[0] = (struct ds_signature_tally){"mirai", 1 + seed % 7, 1 + seed % 3, seed % 2};
    w->books[DS_BOOK_OUTSIDE] = seed % 5;
    w->books[DS_BOOK_MALFORMED] = w->malformed[DS_MALFORMED_IP_SHORT] = seed % 3;
    w->books[DS_BOOK_RECEIVED] += seed % 5 + seed % 3;
    w->books[DS_BOOK_DROPPED_RING] = seed % 4;
}

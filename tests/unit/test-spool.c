/* SPDX-License-Identifier: Apache-2.0
 *
 * The spool's files: what they keep over a restart, how they are damaged, full and taken.
 */
#include "spool.h"

#include "darkscope/clock.h"
#include "scratch-directory.h"

#include <errno.h>
#include <signal.h>

#define BOUND  65536
#define WINDOW 200 /* bytes */

struct fixture {
    struct scratch_directory directory;
    struct ds_spool *spool;
    /* What the last opening found. */
    unsigned windows, marks;
    uint64_t sequences[1000];
};

static void note(void *arg, const struct ds_spool_record *r, struct ds_spool_place place)
{
    struct fixture *f = arg;
    assert_string_equal(r->sensor, "tokyo");
    assert_true(r->boot == 7);
    f->marks += r->kind == DS_SPOOL_DONE;
    if (r->kind == DS_SPOOL_WINDOW)
        f->sequences[f->windows++] = r->sequence;
}

static void reopen(struct fixture *f)
{
    struct ds_error err;
    ds_spool_close(f->spool);
    f->windows = f->marks = 0;
    if (ds_spool_open(f->directory.path, BOUND, &f->spool, &err) ||
        ds_spool_find(f->spool, note, f, &err))
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_directory_make(&f->directory);
    reopen(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ds_spool_close(f->spool);
    scratch_directory_remove(&f->directory);
    free(f);
    return 0;
}

static struct ds_spool_record window(uint64_t sequence)
{
    static uint8_t body[WINDOW];
    memset(body, (int)sequence, sizeof body);
    return (struct ds_spool_record){.kind = DS_SPOOL_WINDOW,
                                    .sensor = "tokyo",
                                    .boot = 7,
                                    .sequence = sequence,
                                    .body = body,
                                    .size = WINDOW};
}

static struct ds_spool_place append(struct fixture *f, uint64_t sequence)
{
    struct ds_spool_place place;
    struct ds_spool_record r = window(sequence);
    assert_int_equal(ds_spool_append(f->spool, &r, &place), 0);
    return place;
}

static void done(struct fixture *f, struct ds_spool_place place, uint64_t sequence)
{
    struct ds_spool_record r = window(sequence);
    ds_spool_done(f->spool, place, &r);
}

static void assert_readable(struct fixture *f, struct ds_spool_place place, uint64_t sequence)
{
    uint8_t *bytes;
    assert_int_equal(ds_spool_read(f->spool, place, WINDOW, &bytes), 0);
    assert_memory_equal(bytes, window(sequence).body, WINDOW);
    free(bytes);
}

static void keep_largest(void *arg, const char *path)
{
    struct stat st, largest;
    char *name = arg;
    assert_int_equal(stat(path, &st), 0);
    if (!*name || (stat(name, &largest) == 0 && st.st_size > largest.st_size))
        strcpy(name, path);
}

/* The file with the records of a spool that has one. */
static void only_file(struct fixture *f, char path[static SCRATCH_ROOM])
{
    path[0] = '\0';
    assert_int_equal(scratch_directory_each(&f->directory, keep_largest, path), 2); /* and lock */
}

static void count_file(void *arg, const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    *(uint64_t *)arg += (uint64_t)st.st_size;
}

static uint64_t bytes_on_disk(struct fixture *f)
{
    uint64_t bytes = 0;
    scratch_directory_each(&f->directory, count_file, &bytes);
    return bytes;
}

static void windows_are_found_by_the_next_run(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 3; i++)
        assert_readable(f, append(f, i), i);
    reopen(f);
    assert_int_equal(f->windows, 3);
    append(f, 4);
    reopen(f);
    assert_int_equal(f->windows, 4);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(f->sequences[i], i + 1);
}

/* With one window at a time, as while the aggregator answers, nothing piles up. */
static void windows_that_are_done_leave_the_disk(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 100; i++) {
        done(f, append(f, i), i);
        assert_in_range(bytes_on_disk(f), 1, 4 * (WINDOW + DS_SPOOL_HEAD_BYTES));
    }
    reopen(f);
    assert_in_range(f->windows, 1, 2);
    assert_int_equal(f->marks, f->windows);
    assert_int_equal(ds_spool_bytes(f->spool), bytes_on_disk(f));
    ds_spool_clear(f->spool);
    assert_int_equal(bytes_on_disk(f), 0);
}

static void marks_outlive_the_run(void **state)
{
    struct fixture *f = *state;
    struct ds_spool_place places[4];
    for (uint64_t i = 0; i < 4; i++)
        places[i] = append(f, i + 1);
    done(f, places[2], 3);
    done(f, places[0], 1);
    reopen(f);
    assert_int_equal(f->windows, 4);
    assert_int_equal(f->marks, 2);
}

static void directory_is_for_one_alone(void **state)
{
    struct fixture *f = *state;
    struct ds_spool *second;
    struct ds_error err = {.text = ""};
    assert_int_equal(ds_spool_open(f->directory.path, BOUND, &second, &err), -1);
    assert_non_null(strstr(err.text, f->directory.path));
    assert_non_null(strstr(err.text, "in use by another sensor"));
    append(f, 1); /* the first is unharmed */
    ds_spool_close(f->spool);
    f->spool = NULL;
    reopen(f);
    assert_int_equal(f->windows, 1);
}

static void others_may_not_look(void **state)
{
    struct fixture *f = *state;
    struct scratch_directory inner = f->directory;
    struct ds_spool *made;
    struct ds_error err;
    struct stat st;
    append(f, 1);
    bytes_on_disk(f); /* looks at the modes */
    strcat(inner.path, "/inner");
    mode_t mask = umask(0);
    assert_int_equal(ds_spool_open(inner.path, BOUND, &made, &err), 0);
    umask(mask);
    ds_spool_close(made);
    assert_int_equal(stat(inner.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    for (mode_t bit = 1; bit < 0100; bit <<= 1) {
        assert_int_equal(chmod(inner.path, 0700 | bit), 0);
        assert_int_equal(ds_spool_open(inner.path, BOUND, &made, &err), -1);
        assert_int_equal(err.status, DS_PERMISSION);
    }
    scratch_directory_remove(&inner);
}

static void torn_tail_is_passed_over(void **state)
{
    struct fixture *f = *state;
    char path[SCRATCH_ROOM];
    uint64_t bytes;
    for (uint64_t i = 1; i <= 3; i++)
        append(f, i);
    only_file(f, path);
    off_t whole = (off_t)bytes_on_disk(f), each = whole / 3;
    for (off_t size = whole - 1; size >= 0; size--) {
        assert_int_equal(truncate(path, size), 0);
        reopen(f);
        assert_int_equal(f->windows, size / each);
        assert_int_equal(ds_spool_damages(f->spool, &bytes), size % each != 0);
        assert_int_equal(bytes, size % each);
    }
}

static void flip(const char *path, off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= (uint8_t)(1 << at % 8);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void flipped_bit_costs_one_window(void **state)
{
    struct fixture *f = *state;
    char path[SCRATCH_ROOM];
    uint64_t bytes;
    for (uint64_t i = 1; i <= 3; i++)
        append(f, i);
    only_file(f, path);
    off_t whole = (off_t)bytes_on_disk(f);
    for (off_t at = 0; at < whole; at++) {
        flip(path, at);
        reopen(f);
        assert_int_equal(f->windows, 2);
        assert_int_equal(ds_spool_damages(f->spool, &bytes), 1);
        flip(path, at);
    }
}

static void damage_after_the_start_is_seen_when_read(void **state)
{
    struct fixture *f = *state;
    char path[SCRATCH_ROOM];
    uint8_t *bytes;
    struct ds_spool_place first = append(f, 1), second = append(f, 2);
    only_file(f, path);
    flip(path, WINDOW);
    assert_int_equal(ds_spool_read(f->spool, first, WINDOW, &bytes), -1);
    assert_int_equal(errno, EBADMSG);
    assert_readable(f, second, 2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ds_spool_read(f->spool, second, WINDOW, &bytes), -1);
    assert_int_equal(errno, ENOENT);
}

static void bound_is_kept_by_dropping_the_oldest_file(void **state)
{
    struct fixture *f = *state;
    uint64_t dropped = 0, file, last = 0;
    for (uint64_t i = 1; i <= 900; i++) {
        while (ds_spool_is_full(f->spool, WINDOW)) {
            assert_int_equal(ds_spool_drop_oldest(f->spool, &file), 0);
            assert_true(file > last);
            last = file;
            dropped++;
        }
        append(f, i);
        assert_in_range(bytes_on_disk(f), 1, BOUND);
    }
    assert_true(dropped > 0);
    reopen(f);
    /* The latest are there, and most of the room is used. */
    assert_int_equal(f->sequences[f->windows - 1], 900);
    assert_int_equal(f->sequences[0], 900 - f->windows + 1);
    assert_in_range(f->windows, (BOUND - BOUND / DS_SPOOL_FILES * 2) / (WINDOW + 104),
                    BOUND / (WINDOW + 104));
}

/* A full disk, at every place of a record. */
static void nothing_is_half_appended(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes;
    struct ds_spool_place place, first = append(f, 1);
    uint64_t one = bytes_on_disk(f);
    struct ds_spool_record r = window(2);
    for (uint64_t room = one; room < 2 * one; room++) {
        scratch_limit_files(room);
        assert_int_equal(ds_spool_append(f->spool, &r, &place), -1);
        assert_int_equal(errno, EFBIG);
        scratch_limit_files(RLIM_INFINITY);
        assert_int_equal(bytes_on_disk(f), one);
    }
    assert_readable(f, append(f, 2), 2);
    assert_readable(f, first, 1);
    reopen(f);
    assert_int_equal(f->windows, 2);
    assert_int_equal(ds_spool_damages(f->spool, &bytes), 0);
}

static void disk_is_asked_once_a_while(void **state)
{
    struct fixture *f = *state;
    int64_t now_ns = 100 * DS_NS_PER_S;
    assert_int_equal(ds_spool_sync(f->spool, now_ns), 1);
    append(f, 1);
    assert_int_equal(ds_spool_sync(f->spool, now_ns), 0);
    append(f, 2);
    assert_int_equal(ds_spool_sync(f->spool, now_ns + DS_SPOOL_SYNC_NS - 1), 1);
    assert_int_equal(ds_spool_sync(f->spool, now_ns + DS_SPOOL_SYNC_NS), 0);
    assert_int_equal(ds_spool_sync(f->spool, now_ns + 9 * DS_SPOOL_SYNC_NS), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(windows_are_found_by_the_next_run),
        TEST(windows_that_are_done_leave_the_disk),
        TEST(marks_outlive_the_run),
        TEST(directory_is_for_one_alone),
        TEST(others_may_not_look),
        TEST(torn_tail_is_passed_over),
        TEST(flipped_bit_costs_one_window),
        TEST(damage_after_the_start_is_seen_when_read),
        TEST(bound_is_kept_by_dropping_the_oldest_file),
        TEST(nothing_is_half_appended),
        TEST(disk_is_asked_once_a_while),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

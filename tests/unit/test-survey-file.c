/* SPDX-License-Identifier: Apache-2.0
 *
 * The survey's state file: what comes back, and what a damaged one does; lists of prefixes.
 */
#include "darkscope/types.h"
#include "packets.h"
#include "survey_file.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 20000

static const struct ds_survey_settings rule = {.ports = 30, .packets = 256};

struct scratch {
    char directory[64], path[80];
};

static struct scratch *make_scratch(void)
{
    struct scratch *s = calloc(1, sizeof *s);
    assert_non_null(s);
    strcpy(s->directory, "/tmp/darkscope-survey-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    snprintf(s->path, sizeof s->path, "%s/state", s->directory);
    return s;
}

static void remove_scratch(struct scratch *s)
{
    unlink(s->path);
    assert_int_equal(rmdir(s->directory), 0); /* nothing else is left behind */
    free(s);
}

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static size_t read_bytes(const char *path, unsigned char *to, size_t room)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t size = fread(to, 1, room, f);
    assert_int_equal(fclose(f), 0);
    return size;
}

/* One source with 29 ports and 255 packets, one known since yesterday. */
static void make_survey(struct ds_survey *s)
{
    assert_int_equal(ds_survey_init(s, &rule), 0);
    struct ds_survey_census census = {0};
    ds_survey_begin(s, DAY, 60, &census);
    uint32_t c = ds_survey_source(s, 0x01020304, 255);
    for (uint16_t port = 0; port < 29; port++)
        ds_survey_port(s, c, DS_PROTO_UDP, port);
    assert_true(ds_survey_restore_known(s, 0x05060708, DAY - 1));
    ds_survey_end(s);
}

/* The next packet and port, after a restart, make it a scanner. */
static void test_restart(void **state)
{
    struct scratch *t = make_scratch();
    struct ds_error err;
    struct ds_survey s, again;
    make_survey(&s);
    assert_int_equal(ds_survey_save(&s, t->path, &err), 0);
    assert_int_equal(ds_survey_save(&s, t->path, &err), 0); /* over the one before */
    ds_survey_finish(&s);
    assert_int_equal(ds_survey_init(&again, &rule), 0);
    assert_int_equal(ds_survey_load(&again, t->path, &err), 0);
    assert_true(ds_survey_is_known(&again, 0x05060708));
    assert_false(ds_survey_is_known(&again, 0x01020304));
    struct ds_survey_census census = {0};
    ds_survey_begin(&again, DAY, 60, &census);
    uint32_t c = ds_survey_source(&again, 0x01020304, 1);
    assert_false(ds_survey_port(&again, c, DS_PROTO_UDP, 28));
    assert_true(ds_survey_port(&again, c, DS_PROTO_TCP, 28));
    ds_survey_end(&again);
    assert_true(ds_survey_is_known(&again, 0x01020304));
    ds_survey_begin(&again, DAY + 1, 60, &census);
    assert_false(ds_survey_is_known(&again, 0x05060708));
    assert_true(ds_survey_is_known(&again, 0x01020304));
    ds_survey_finish(&again);
    remove_scratch(t);
}

static void test_other_rule(void **state)
{
    struct scratch *t = make_scratch();
    struct ds_error err;
    struct ds_survey s, again;
    make_survey(&s);
    const struct ds_survey_settings other = {.ports = 40, .packets = 256};
    assert_int_equal(ds_survey_save(&s, t->path, &err), 0);
    ds_survey_finish(&s);
    assert_int_equal(ds_survey_init(&again, &other), 0);
    assert_int_equal(ds_survey_load(&again, t->path, &err), 0);
    assert_int_equal(again.candidate_count, 0);
    assert_true(ds_survey_is_known(&again, 0x05060708));
    ds_survey_finish(&again);
    remove_scratch(t);
}

static int load(const char *path, struct ds_error *err)
{
    struct ds_survey s;
    assert_int_equal(ds_survey_init(&s, &rule), 0);
    int result = ds_survey_load(&s, path, err);
    if (result) {
        assert_int_equal(s.candidate_count, 0);
        assert_int_equal(s.known.used, 0);
        assert_false(s.has_day);
    }
    ds_survey_finish(&s);
    return result;
}

/* Every changed byte and every cut is found, and nothing of the file is believed. */
static void test_damaged(void **state)
{
    struct scratch *t = make_scratch();
    struct ds_error err;
    unsigned char bytes[1024];
    struct ds_survey s;
    make_survey(&s);
    assert_int_equal(ds_survey_save(&s, t->path, &err), 0);
    ds_survey_finish(&s);
    size_t size = read_bytes(t->path, bytes, sizeof bytes);
    assert_true(size < sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        write_bytes(t->path, bytes, size);
        assert_int_equal(load(t->path, &err), i < 8 ? -1 : DS_SURVEY_DAMAGED);
        bytes[i] ^= 0x10;
        write_bytes(t->path, bytes, i);
        assert_int_equal(load(t->path, &err), i < 8 ? -1 : DS_SURVEY_DAMAGED);
    }
    bytes[size] = 0;
    write_bytes(t->path, bytes, size + 1);
    assert_int_equal(load(t->path, &err), DS_SURVEY_DAMAGED);
    write_bytes(t->path, bytes, size);
    assert_int_equal(load(t->path, &err), 0);
    remove_scratch(t);
}

static uint64_t fnv(const unsigned char *bytes, size_t size)
{
    uint64_t d = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        d = (d ^ bytes[i]) * UINT64_C(0x100000001b3);
    return d;
}

/* A right checksum proves nothing: counts that claim more than there is. */
static void test_lies(void **state)
{
    struct scratch *t = make_scratch();
    struct ds_error err;
    unsigned char bytes[1024];
    struct ds_survey s;
    make_survey(&s);
    assert_int_equal(ds_survey_save(&s, t->path, &err), 0);
    ds_survey_finish(&s);
    size_t size = read_bytes(t->path, bytes, sizeof bytes);
    for (size_t at = 8; at < size - 8; at++) {
        unsigned char lie[1024];
        memcpy(lie, bytes, size);
        lie[at] = 0xff;
        uint64_t digest = fnv(lie, size - 8);
        memcpy(lie + size - 8, &digest, 8);
        write_bytes(t->path, lie, size);
        int result = load(t->path, &err);
        bool is_head = at < 12 || (at > 12 && at < 16) || (at >= 20 && at < 32);
        assert_true(result == DS_SURVEY_DAMAGED || (result == 0 && !is_head));
    }
    remove_scratch(t);
}

static void test_no_state(void **state)
{
    struct scratch *t = make_scratch();
    struct ds_error err;
    assert_int_equal(load(t->path, &err), DS_SURVEY_NO_FILE);
    assert_int_equal(load(t->directory, &err), -1);
    write_bytes(t->path, "monitor: [192.0.2.0/24]\n", 24);
    assert_int_equal(load(t->path, &err), -1);
    assert_null(strstr(err.text, "192.0.2"));
    struct ds_survey s;
    make_survey(&s);
    assert_int_equal(ds_survey_save(&s, "/nowhere/state", &err), -1);
    assert_non_null(strstr(err.text, "/nowhere/state"));
    ds_survey_finish(&s);
    remove_scratch(t);
}

/* ---- lists ---- */

static int read_list(const char *text, struct ds_monitor **out, struct ds_error *err)
{
    struct scratch *t = make_scratch();
    write_bytes(t->path, text, strlen(text));
    int result = ds_survey_read_lists((const char *const[]){t->path}, 1, out, err);
    remove_scratch(t);
    return result;
}

static void test_lists(void **state)
{
    struct ds_monitor *m;
    struct ds_error err;
    assert_int_equal(read_list("# who\n\n 192.0.2.0/24 # one\r\n192.0.2.7\n2001:db8::/32\n"
                               "192.0.2.0/24\n\t198.51.100.0/25",
                               &m, &err),
                     0);
    assert_int_equal(ds_monitor_addresses(m), 256 + 128);
    assert_true(ds_monitor_index4(m, 0xc0000207) != DS_MONITOR_OUTSIDE);
    assert_true(ds_monitor_index4(m, 0xc6336480) == DS_MONITOR_OUTSIDE);
    ds_monitor_destroy(m);
    assert_int_equal(ds_survey_read_lists(NULL, 0, &m, &err), 0);
    assert_null(m);
    assert_int_equal(read_list("# nothing\n", &m, &err), 0);
    assert_null(m);
}

static void test_bad_lists(void **state)
{
    static const char *const bad[] = {"192.0.2.0/24\n192.0.2.0/33\n", "\n192.0.2.1/24", "\nabc\n"};
    struct ds_monitor *m;
    struct ds_error err;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(read_list(bad[i], &m, &err), -1);
        assert_int_equal(err.status, DS_CONFIG);
        assert_non_null(strstr(err.text, "state:2: "));
        assert_null(strstr(err.text, "192.0.2"));
    }
    const char *const missing[] = {"/nowhere/list"};
    assert_int_equal(ds_survey_read_lists(missing, 1, &m, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart),   cmocka_unit_test(test_other_rule),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_lies),
        cmocka_unit_test(test_no_state),  cmocka_unit_test(test_lists),
        cmocka_unit_test(test_bad_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

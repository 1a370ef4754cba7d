/* SPDX-License-Identifier: Apache-2.0
 *
 * Key files: what is read, and that what is wrong is told with its place and never with a key.
 */
#include "darkscope/key.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Those of RFC 26's examples. */
#define KEY_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_B "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

static int parse(const char *text, enum ds_key_kind kind, struct ds_keys *to, struct ds_error *err)
{
    /* A copy of its own size, so that a sanitizer sees a read behind its end. */
    size_t size = strlen(text);
    char *copy = malloc(size + !size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    int result = ds_keys_parse("list", copy, size, kind, to, err);
    free(copy);
    return result;
}

static void lines_become_keys(void **state)
{
    struct ds_keys keys = {0};
    const char *text = "# comment\n\npublic tokyo-1 " KEY_A "\r\n \t public\tosaka  " KEY_B " ";
    assert_int_equal(parse(text, DS_KEY_PUBLIC, &keys, NULL), 0);
    assert_int_equal(keys.count, 2);
    assert_string_equal(keys.entries[0].name, "tokyo-1");
    assert_string_equal(keys.entries[1].z85, KEY_B);
    assert_ptr_equal(ds_keys_find(&keys, KEY_B), &keys.entries[1]);
    assert_null(ds_keys_find(&keys, ""));
    ds_keys_finish(&keys);
    assert_int_equal(parse("", DS_KEY_PUBLIC, &keys, NULL), 0);
    assert_int_equal(keys.count, 0);
}

static void faults_are_told_with_their_place_and_without_keys(void **state)
{
    static const struct {
        const char *text, *place, *what;
    } cases[] = {
        {"public", "list:1:7: ", "a name is"},
        {"\npublic -x " KEY_A, "list:2:8: ", "a name is"},
        {"public x", "list:1:9: ", "40 characters"},
        {"public x " KEY_A "x", "list:1:10: ", "40 characters"},
        {"public x rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf", "list:1:10: ", "40 characters"},
        {"public x \"q:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "list:1:10: ", "40 characters"},
        {"public x #####q:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8", "list:1:10: ", "40 characters"},
        {"public x " KEY_A " y", "list:1:51: ", "nothing may follow"},
        {"  secret x " KEY_A, "list:1:3: ", "this is a secret key"},
        {"deployment x " KEY_A, "list:1:1: ", "belongs under deployment_key"},
        {"tokyo " KEY_A, "list:1:1: ", "a key's line is"},
        {KEY_A, "list:1:1: ", "a key's line is"},
        {"public x " KEY_A "\npublic x " KEY_B, "list:2:1: ", "x has a key already"},
        {"public x " KEY_A "\npublic y " KEY_A, "list:2:1: ", "the key of x already"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ds_keys keys = {0};
        struct ds_error err = {.text = ""};
        assert_int_equal(parse(cases[i].text, DS_KEY_PUBLIC, &keys, &err), -1);
        assert_int_equal(err.status, DS_CONFIG);
        if (strncmp(err.text, cases[i].place, strlen(cases[i].place)) != 0 ||
            !strstr(err.text, cases[i].what) || strstr(err.text, "q:rM"))
            fail_msg("case %zu: %s", i, err.text);
        ds_keys_finish(&keys);
    }
}

static void public_key_is_no_secret_key(void **state)
{
    struct ds_keys keys = {0};
    struct ds_error err = {.text = ""};
    assert_int_equal(parse("public x " KEY_A, DS_KEY_SECRET, &keys, &err), -1);
    assert_non_null(strstr(err.text, "list:1:1: this is a public key"));
}

static void keys_are_bounded(void **state)
{
    static char all[(DS_KEYS_MAX + 1) * 64];
    struct ds_keys keys = {0};
    struct ds_error err = {.text = ""};
    size_t used = 0;
    for (int i = 0; i <= DS_KEYS_MAX; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "public s%d %040d\n", i, i);
    assert_int_equal(parse(all, DS_KEY_PUBLIC, &keys, &err), -1);
    assert_non_null(strstr(err.text, "list:1025:1: more than 1024"));
    assert_int_equal(keys.count, DS_KEYS_MAX);
    ds_keys_finish(&keys);
}

/* ---- files ---- */

struct files {
    char directory[32], path[64];
};

static int setup(void **state)
{
    struct files *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->directory, "/tmp/darkscope-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct files *f = *state;
    static const char *const names[] = {"a.pub", "b.pub", "c.key", "README"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(f->path, sizeof f->path, "%s/%s", f->directory, names[i]);
        unlink(f->path);
    }
    rmdir(f->directory);
    free(f);
    return 0;
}

static const char *write_file(struct files *f, const char *name, const char *text)
{
    snprintf(f->path, sizeof f->path, "%s/%s", f->directory, name);
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(f->path, 0600), 0);
    return f->path;
}

static void directory_is_read_by_its_public_files(void **state)
{
    struct files *f = *state;
    struct ds_keys keys;
    struct ds_error err = {.text = ""};
    assert_int_equal(ds_keys_read(f->directory, &keys, &err), 0);
    assert_int_equal(keys.count, 0);
    write_file(f, "b.pub", "public b " KEY_B);
    write_file(f, "a.pub", "public a " KEY_A);
    write_file(f, "c.key", "secret c " KEY_A);
    write_file(f, "README", "no key");
    assert_int_equal(ds_keys_read(f->directory, &keys, &err), 0);
    assert_int_equal(keys.count, 2);
    assert_string_equal(keys.entries[0].name, "a");
    ds_keys_finish(&keys);
    write_file(f, "b.pub", "public b " KEY_A);
    assert_int_equal(ds_keys_read(f->directory, &keys, &err), -1);
    assert_non_null(strstr(err.text, "/b.pub:1:1: this is the key of a already"));
    assert_null(keys.entries);
}

static void secret_key_must_be_secret(void **state)
{
    struct files *f = *state;
    struct ds_key key;
    struct ds_error err = {.text = ""};
    const char *path = write_file(f, "c.key", "# mine\nsecret c " KEY_A "\n");
    assert_int_equal(ds_key_read(path, DS_KEY_SECRET, &key, &err), 0);
    assert_string_equal(key.name, "c");
    ds_key_wipe(&key);
    assert_string_equal(key.z85, "");
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(ds_key_read(path, DS_KEY_SECRET, &key, &err), -1);
    assert_int_equal(err.status, DS_PERMISSION);
    assert_non_null(strstr(err.text, "every user may read"));
}

static void one_key_means_one(void **state)
{
    struct files *f = *state;
    struct ds_key key;
    struct ds_error err = {.text = ""};
    const char *path = write_file(f, "a.pub", "public a " KEY_A "\npublic b " KEY_B "\n");
    assert_int_equal(ds_key_read(path, DS_KEY_PUBLIC, &key, &err), -1);
    assert_non_null(strstr(err.text, "holds 2 keys"));
    write_file(f, "a.pub", "# nothing\n");
    assert_int_equal(ds_key_read(path, DS_KEY_PUBLIC, &key, &err), -1);
    assert_non_null(strstr(err.text, "holds 0 keys"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ds_key_read(path, DS_KEY_PUBLIC, &key, &err), -1);
    assert_non_null(strstr(err.text, "cannot open"));
}

int main(void)
{
#define FILES(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_keys),
        cmocka_unit_test(faults_are_told_with_their_place_and_without_keys),
        cmocka_unit_test(public_key_is_no_secret_key),
        cmocka_unit_test(keys_are_bounded),
        FILES(directory_is_read_by_its_public_files),
        FILES(secret_key_must_be_secret),
        FILES(one_key_means_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

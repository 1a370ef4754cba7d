/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person reads who made a mistake in a configuration file.
 */
#include "darkscope/config.h"

#include "darkscope/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum source { SOURCE_LIVE, SOURCE_FILE };

struct uplink {
    char *endpoint;
    uint16_t port;
};

struct config {
    char *name;
    uint32_t workers;
    int8_t offset;
    bool promiscuous;
    double rate;
    enum source source;
    struct uplink *uplink;
    char **monitored;
    unsigned monitored_count;
    char *window;
};

static const cyaml_strval_t sources[] = {{"live", SOURCE_LIVE}, {"file", SOURCE_FILE}};
static const struct cyaml_schema_field uplink_fields[] = {
    CYAML_FIELD_STRING_PTR("endpoint", CYAML_FLAG_POINTER, struct uplink, endpoint, 1, 20),
    CYAML_FIELD_UINT("port", CYAML_FLAG_OPTIONAL, struct uplink, port),
    CYAML_FIELD_END,
};
static const struct cyaml_schema_value prefix = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};
static const struct cyaml_schema_field fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct config, name, 3, 10),
    CYAML_FIELD_UINT("workers", CYAML_FLAG_OPTIONAL, struct config, workers),
    CYAML_FIELD_INT("offset", CYAML_FLAG_OPTIONAL, struct config, offset),
    CYAML_FIELD_BOOL("promiscuous", CYAML_FLAG_OPTIONAL, struct config, promiscuous),
    CYAML_FIELD_FLOAT("rate", CYAML_FLAG_OPTIONAL, struct config, rate),
    CYAML_FIELD_ENUM("source", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct config, source,
                     sources, 2),
    CYAML_FIELD_MAPPING_PTR("uplink", CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER, struct config,
                            uplink, uplink_fields),
    CYAML_FIELD_SEQUENCE("monitored", CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER, struct config,
                         monitored, &prefix, 1, 3),
    CYAML_FIELD_STRING_PTR("window", CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER, struct config,
                           window, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const struct cyaml_schema_value schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, fields),
};

static const char *check_prefix(const char *text)
{
    struct ds_prefix p;
    return ds_prefix_parse(text, &p);
}

static const char *check_duration(const char *text)
{
    int64_t ns;
    return ds_duration_parse(text, &ns) ? NULL : "not a duration; write 60s or 5m";
}

static const struct ds_config_rule rules[] = {
    {"monitored", check_prefix, .is_secret = true},
    {"window", check_duration, false},
    {NULL, NULL, false},
};

/* Where the file under test is written; the tests' state. */
struct place {
    char directory[32], path[48];
};

static int make_place(void **state)
{
    struct place *place = malloc(sizeof *place);
    if (!place)
        return -1;
    strcpy(place->directory, "/tmp/darkscope-config-XXXXXX");
    *state = place;
    if (!mkdtemp(place->directory))
        return -1;
    snprintf(place->path, sizeof place->path, "%s/c.yaml", place->directory);
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    unlink(place->path);
    int rc = rmdir(place->directory);
    free(place);
    return rc;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The error without the path in front. */
static const char *error_of(const char *path, const void *bytes, size_t size, struct ds_error *err)
{
    write_file(path, bytes, size);
    void *config = NULL;
    if (ds_config_load(path, &schema, rules, &config, err) == 0) {
        ds_config_free(&schema, config);
        return "accepted";
    }
    assert_null(config);
    assert_int_equal(err->status, DS_CONFIG);
    assert_memory_equal(err->text, path, strlen(path));
    assert_null(strchr(err->text, '\n'));
    return err->text + strlen(path);
}

static void reads_a_configuration(void **state)
{
    static const char text[] = "# a comment\n"
                               "name: tokyo\n"
                               "workers: 4294967295\n"
                               "offset: -128\n"
                               "promiscuous: true\n"
                               "rate: 2.5e3\n"
                               "source: file\n"
                               "uplink:\n"
                               "  endpoint: 'tcp://[::1]:7100'\n"
                               "  port: 65535\n"
                               "monitored: [192.0.2.0/24, \"2001:db8::/32\"]\n"
                               "window: 60s\n";
    const char *path = ((struct place *)*state)->path;
    write_file(path, text, strlen(text));
    struct ds_error err = {0};
    void *loaded = NULL;
    assert_int_equal(ds_config_load(path, &schema, rules, &loaded, &err), 0);
    const struct config *c = loaded;
    assert_string_equal(c->name, "tokyo");
    assert_true(c->workers == UINT32_MAX);
    assert_int_equal(c->offset, -128);
    assert_true(c->promiscuous);
    assert_true(c->rate == 2500);
    assert_int_equal(c->source, SOURCE_FILE);
    assert_string_equal(c->uplink->endpoint, "tcp://[::1]:7100");
    assert_int_equal(c->uplink->port, 65535);
    assert_int_equal(c->monitored_count, 2);
    assert_string_equal(c->monitored[1], "2001:db8::/32");
    assert_string_equal(c->window, "60s");
    ds_config_free(&schema, loaded);
    ds_config_free(&schema, NULL);
}

static void takes_no_rules(void **state)
{
    const char *path = ((struct place *)*state)->path;
    write_file(path, "name: abc\nwindow: x\n", 20);
    void *loaded = NULL;
    assert_int_equal(ds_config_load(path, &schema, NULL, &loaded, NULL), 0);
    ds_config_free(&schema, loaded);
}

static const struct {
    const char *text, *error;
} mistakes[] = {
    {"name: abc\nfoo: 1\n", ":2:1: unknown key 'foo'; known here: name, workers, offset, "
                            "promiscuous, rate, source, uplink, monitored, window"},
    {"name: abc\nuplink:\n  endpoint: a\n  prt: 3\n",
     ":4:3: key 'uplink': unknown key 'prt'; known here: endpoint, port"},
    {"name: abc\nname: abd\n", ":2:1: 'name' is here a second time; keep one"},
    {"workers: 3\n", ":2:1: 'name' is missing; add it"},
    {"name: abc\nuplink:\n  port: 3\n", ":4:1: key 'uplink': 'endpoint' is missing; add it"},
    {"name: abc\nworkers: 5s\n", ":2:10: key 'workers': '5s' is not a whole number of at least 0"},
    {"name: abc\nworkers: -1\n", ":2:10: key 'workers': '-1' is not a whole number of at least 0"},
    {"name: abc\nworkers: 010\n",
     ":2:10: key 'workers': '010' is not a whole number of at least 0"},
    {"name: abc\nworkers:\n", ":2:9: key 'workers': '' is not a whole number of at least 0"},
    {"name: abc\nworkers: 4294967296\n",
     ":2:10: key 'workers': 4294967296 is out of range; at most 4294967295"},
    {"name: abc\nworkers: 99999999999999999999\n",
     ":2:10: key 'workers': 99999999999999999999 is out of range; at most 4294967295"},
    {"name: abc\noffset: 128\n",
     ":2:9: key 'offset': 128 is out of range; at least -128, at most 127"},
    {"name: abc\noffset: -129\n",
     ":2:9: key 'offset': -129 is out of range; at least -128, at most 127"},
    {"name: abc\noffset: one\n", ":2:9: key 'offset': 'one' is not a whole number"},
    {"name: abc\nuplink:\n  endpoint: a\n  port: 65536\n",
     ":4:9: key 'uplink.port': 65536 is out of range; at most 65535"},
    {"name: abc\npromiscuous: maybe\n", ":2:14: key 'promiscuous': 'maybe' is not true or false"},
    {"name: abc\nrate: fast\n", ":2:7: key 'rate': 'fast' is not a number"},
    {"name: abc\nrate: 1.5x\n", ":2:7: key 'rate': '1.5x' is not a number"},
    {"name: abc\nrate: nan\n", ":2:7: key 'rate': 'nan' is not a number"},
    {"name: abc\nsource: pipe\n", ":2:9: key 'source': 'pipe' is not one of: live, file"},
    {"name:\n", ":1:6: key 'name': is empty"},
    {"name: ab\n", ":1:7: key 'name': is too short; at least 3 bytes"},
    {"name: abcdefghijk\n", ":1:7: key 'name': is too long; at most 10 bytes"},
    {"name: [abc]\n", ":1:7: key 'name': must be a single value, not a list"},
    {"name: {a: b}\n", ":1:7: key 'name': must be a single value, not a mapping"},
    {"name: abc\nmonitored: 10.0.0.0/8\n",
     ":2:12: key 'monitored': must be a list, not a single value"},
    {"name: abc\nuplink: 3\n",
     ":2:9: key 'uplink': must be a mapping of keys and values, not a single value"},
    {"name: abc\nmonitored: []\n", ":2:13: key 'monitored': too few entries; at least 1"},
    {"name: abc\nmonitored: [10.0.0.1, 10.0.0.2, 10.0.0.3, x]\n",
     ":2:43: key 'monitored': too many entries; at most 3"},
    {"name: abc\nmonitored:\n  - 192.0.2.0/24\n  - 192.0.2.1/24\n",
     ":4:5: key 'monitored': host bits set"},
    {"name: abc\nwindow: 60\n", ":2:9: key 'window': '60': not a duration; write 60s or 5m"},
    {"- abc\n", ":1:1: must be a mapping of keys and values, not a list"},
    {"abc\n", ":1:1: must be a mapping of keys and values, not a single value"},
    {"", ": the file is empty; write at least one key"},
    {"# only\n\n", ": the file is empty; write at least one key"},
    {"name: abc\n? [x]\n: 1\n", ":2:3: a key must be a word"},
    {"name: abc\n---\nname: abd\n", ":2:1: a second document begins here; keep one"},
    {"name: abc: b\n", ":1:10: not YAML: mapping values are not allowed in this context"},
    {"name: abc\n\tworkers: 1\n",
     ":2:1: not YAML: found a tab character that violates indentation"},
    {"name: \"abc\n", ":2:1: not YAML: found unexpected end of stream"},
    {"name: \"a\\0b\"\n", ":1:7: key 'name': holds a NUL character; remove it"},
    {"name: &x abc\n",
     ":1:7: key 'name': anchors and aliases are not accepted; write the value out"},
    {"name: abc\nmonitored: [*x]\n", ":2:13: key 'monitored': anchors and aliases are not "
                                     "accepted; write the value out"},
    {"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
     ":1:1: unknown key 'a'; known here: name, workers, offset, promiscuous, rate, source, "
     "uplink, monitored, window"},
    {"monitored: &a [x, x]\n", ":1:12: key 'monitored': anchors and aliases are not "
                               "accepted; write the value out"},
    {"name: \"\xff\"\n", ":1:8: invalid leading UTF-8 octet; it must be YAML in UTF-8"},
    {"name: abc\nworkers: \xfe\n", ":2:10: invalid leading UTF-8 octet; it must be YAML in UTF-8"},
    {"\x7f"
     "ELF\x02\x01",
     ":1:1: control characters are not allowed; it must be YAML in UTF-8"},
    {"source: \"\\e[2J\"\n", ":1:9: key 'source': '?[2J' is not one of: live, file"},
    {"source: 0123456789012345678901234567890123456789012345678901234567890123\n",
     ":1:9: key 'source': "
     "'012345678901234567890123456789012345678901234567890123456789...' is not one of: live, "
     "file"},
};

static void says_what_is_wrong(void **state)
{
    const char *path = ((struct place *)*state)->path;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct ds_error err;
        const char *error = error_of(path, mistakes[i].text, strlen(mistakes[i].text), &err);
        if (strcmp(error, mistakes[i].error) != 0)
            fail_msg("for:\n%s\nexpected: %s\nfound:    %s", mistakes[i].text, mistakes[i].error,
                     error);
    }
}

static void refuses_a_file_that_is_too_long(void **state)
{
    const char *path = ((struct place *)*state)->path;
    size_t size = DS_CONFIG_BYTES_MAX + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '#', size);
    memcpy(text, "name: abc\n", 10);
    struct ds_error err;
    assert_string_equal(error_of(path, text, size - 1, &err), "accepted");
    assert_string_equal(error_of(path, text, size, &err),
                        ": longer than 1048576 bytes; is it a configuration file?");
    free(text);
}

static void stops_at_the_first_bracket_of_a_million(void **state)
{
    const char *path = ((struct place *)*state)->path;
    char *text = malloc(DS_CONFIG_BYTES_MAX);
    assert_non_null(text);
    memset(text, '[', DS_CONFIG_BYTES_MAX);
    struct ds_error err;
    assert_string_equal(error_of(path, text, DS_CONFIG_BYTES_MAX, &err),
                        ":1:1: must be a mapping of keys and values, not a list");
    free(text);
}

static void names_the_file_that_cannot_be_read(void **state)
{
    const char *directory = ((struct place *)*state)->directory;
    struct ds_error err;
    void *config = NULL;
    assert_int_equal(ds_config_load("/nonexistent/c.yaml", &schema, NULL, &config, &err), -1);
    assert_int_equal(err.status, DS_CONFIG);
    assert_string_equal(err.text, "/nonexistent/c.yaml: cannot open: No such file or directory");
    assert_int_equal(ds_config_load(directory, &schema, NULL, &config, &err), -1);
    assert_int_equal(err.status, DS_CONFIG);
    assert_string_equal(err.text + strlen(directory), ": cannot read: Is a directory");
    assert_null(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_configuration),
        cmocka_unit_test(takes_no_rules),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(refuses_a_file_that_is_too_long),
        cmocka_unit_test(stops_at_the_first_bracket_of_a_million),
        cmocka_unit_test(names_the_file_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The flattened countries against libmaxminddb at every border of a network; damaged files.
 */
#include "geo.h"
#include "packets.h"

#include <maxminddb.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATH_ROOM 4096
#define FLIPS     250

static const char *data_path(const char *name, char path[static PATH_ROOM])
{
    const char *folder = getenv("DARKSCOPE_TEST_DATA");
    assert_non_null(folder);
    snprintf(path, PATH_ROOM, "%s/%s", folder, name);
    return path;
}

static struct ds_geo *create(const char *path)
{
    struct ds_geo *g;
    struct ds_error err;
    if (ds_geo_create(path, &g, &err))
        fail_msg("%s", err.text);
    return g;
}

/* --- as libmaxminddb says ----------------------------------------------------------------------
 */

static bool code_at(MMDB_entry_s *entry, const char *first, const char *second, char out[static 3])
{
    MMDB_entry_data_s data;
    if (MMDB_get_value(entry, &data, first, second, NULL) || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
        return false;
    for (int i = 0; i < 2; i++) {
        char c = data.utf8_string[i];
        out[i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        if (out[i] < 'A' || out[i] > 'Z')
            return false;
    }
    out[2] = 0;
    return true;
}

static const char *ask(const MMDB_s *db, const char *address, unsigned *bits, char out[static 3])
{
    int gai, error;
    MMDB_lookup_result_s r = MMDB_lookup_string(db, address, &gai, &error);
    assert_int_equal(gai | error, 0);
    if (bits)
        *bits = r.netmask - (db->metadata.ip_version == 6 ? 96 : 0);
    if (r.found_entry && (code_at(&r.entry, "country", "iso_code", out) ||
                          code_at(&r.entry, "registered_country", "iso_code", out) ||
                          code_at(&r.entry, "country_code", NULL, out)))
        return out;
    return "??";
}

static const char *print4(uint32_t a, char out[static 16])
{
    snprintf(out, 16, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
    return out;
}

static void compare4(const struct ds_geo *g, const MMDB_s *db, uint32_t address)
{
    char text[16], found[3], expected[3];
    uint16_t index = ds_geo_find4(g, address);
    assert_true(index < DS_GEO_REST);
    ds_country_name(ds_geo_country(index), found);
    const char *right = ask(db, print4(address, text), NULL, expected);
    if (strcmp(found, right) != 0)
        fail_msg("%s is %s, not %s", text, found, right);
    assert_int_equal(ds_geo_ask4(g, address), index);
}

/* First and last address of every network, and the one after. Returns how many networks. */
static unsigned compare_borders(const struct ds_geo *g, const MMDB_s *db)
{
    unsigned networks = 0;
    for (uint64_t at = 0; at <= UINT32_MAX; networks++) {
        char text[16], code[3];
        unsigned bits;
        ask(db, print4((uint32_t)at, text), &bits, code);
        assert_in_range(bits, 1, 32);
        uint64_t size = UINT64_C(1) << (32 - bits);
        at &= ~(size - 1);
        compare4(g, db, (uint32_t)at);
        compare4(g, db, (uint32_t)(at + size - 1));
        at += size;
    }
    return networks;
}

static void test_every_border(void **state)
{
    static const char *const names[] = {"countries.mmdb", "countries-28.mmdb", "countries-32.mmdb",
                                        "countries-ipv4.mmdb"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[PATH_ROOM];
        MMDB_s db;
        struct ds_geo *g = create(data_path(names[i], path));
        uint64_t seed = i;
        assert_int_equal(MMDB_open(path, MMDB_MODE_MMAP, &db), MMDB_SUCCESS);
        assert_true(compare_borders(g, &db) > 100);
        for (int k = 0; k < 2000; k++)
            compare4(g, &db, (uint32_t)draw(&seed));
        assert_string_equal(g->name, "Test-Country 2026-06");
        MMDB_close(&db);
        ds_geo_destroy(g);
    }
}

/* By hand, so that not both ways of asking are wrong. */
static void test_known(void **state)
{
    static const struct {
        uint32_t address;
        const char *country;
    } known[] = {
        {0x7e050607, "JP"}, {0x0c010203, "CA"}, {0x0c010202, "PR"}, {0x0c010204, "US"},
        {0x08080808, "??"}, {0x08080404, "??"}, {0x08080900, "US"}, {0x69700001, "NG"},
        {0x64400001, "SE"}, {0x64400101, "??"}, {0, "??"},          {UINT32_MAX, "??"},
    };
    char path[PATH_ROOM], found[3];
    struct ds_geo *g = create(data_path("countries.mmdb", path));
    for (size_t i = 0; i < COUNT(known); i++)
        assert_string_equal(
            ds_country_name(ds_geo_country(ds_geo_find4(g, known[i].address)), found),
            known[i].country);
    ds_geo_destroy(g);
    assert_int_equal(ds_geo_find4(NULL, 0x7e050607), DS_GEO_UNKNOWN);
}

static void test_ip6(void **state)
{
    char path[PATH_ROOM];
    uint8_t japan[16] = {0x20, 0x01, 0x02}, mapped[16] = {[10] = 0xff, 0xff, 12, 1, 2, 3};
    struct ds_geo *g = create(data_path("countries.mmdb", path));
    assert_int_equal(ds_geo_find6(g, japan), ds_geo_index(DS_COUNTRY('J', 'P')));
    assert_int_equal(ds_geo_find6(g, mapped), ds_geo_index(DS_COUNTRY('C', 'A')));
    japan[1] = 0;
    assert_int_equal(ds_geo_find6(g, japan), DS_GEO_UNKNOWN);
    ds_geo_destroy(g);
    g = create(data_path("countries-ipv4.mmdb", path));
    assert_int_equal(ds_geo_find6(g, mapped), DS_GEO_UNKNOWN);
    ds_geo_destroy(g);
}

static void test_index(void **state)
{
    for (uint16_t i = 0; i < DS_GEO_COUNT; i++) {
        ds_country country = ds_geo_country(i);
        assert_true(ds_country_valid(country));
        assert_int_equal(ds_geo_index(country), i == DS_GEO_REST ? DS_GEO_UNKNOWN : i);
    }
    assert_int_equal(ds_geo_index(DS_COUNTRY('A', '@')), DS_GEO_UNKNOWN);
    assert_int_equal(ds_geo_index(DS_COUNTRY('[', 'Z')), DS_GEO_UNKNOWN);
    assert_int_equal(ds_geo_index(DS_COUNTRY(0xff, 0xff)), DS_GEO_UNKNOWN);
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *name, *text;
    } bad[] = {
        {"bad-asn.mmdb", "holds no country codes"},
        {"bad-beyond-data.mmdb", "is damaged"},
        {"bad-cut.mmdb", "is not a MaxMind DB file"},
        {"bad-empty.mmdb", "country_db"},
        {"bad-loop.mmdb", "is damaged"},
        {"bad-no-metadata.mmdb", "is not a MaxMind DB file"},
        {"bad-record-size.mmdb", "is not a MaxMind DB file"},
        {"bad-text.mmdb", "is not a MaxMind DB file"},
        {"no-such-file.mmdb", "No such file"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        char path[PATH_ROOM];
        struct ds_geo *g = NULL;
        struct ds_error err = {.text = ""};
        assert_int_equal(ds_geo_create(data_path(bad[i].name, path), &g, &err), -1);
        assert_null(g);
        if (err.status != DS_DATABASE || !strstr(err.text, bad[i].text) ||
            !strstr(err.text, bad[i].name))
            fail_msg("%s: %s", bad[i].name, err.text);
    }
}

/* --- damage ------------------------------------------------------------------------------------
 */

/* Opens changed bytes of a database: an error or countries, but no crash. */
static bool survive(int fd, const uint8_t *data, size_t size)
{
    char path[32];
    struct ds_geo *g;
    struct ds_error err;
    assert_int_equal(pwrite(fd, data, size, 0), (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (ds_geo_create(path, &g, &err)) {
        assert_int_equal(err.status, DS_DATABASE);
        return false;
    }
    uint64_t seed = 1;
    for (int i = 0; i < 200; i++) {
        uint8_t address6[16];
        memcpy(address6, &(uint64_t){draw(&seed)}, 8);
        memcpy(address6 + 8, &(uint64_t){draw(&seed)}, 8);
        assert_true(ds_geo_find4(g, (uint32_t)draw(&seed)) < DS_GEO_REST);
        assert_true(ds_geo_find6(g, address6) < DS_GEO_REST);
    }
    for (const char *c = g->name; *c; c++)
        assert_in_range(*c, ' ', '~');
    ds_geo_destroy(g);
    return true;
}

#define DATABASE_ROOM 65536

static size_t read_database(uint8_t whole[static DATABASE_ROOM])
{
    char path[PATH_ROOM];
    FILE *file = fopen(data_path("countries.mmdb", path), "rb");
    assert_non_null(file);
    size_t size = fread(whole, 1, DATABASE_ROOM, file);
    fclose(file);
    assert_in_range(size, 1000, DATABASE_ROOM - 1);
    return size;
}

/* Someone copies another file over the one in use. */
static void test_overwritten_in_place(void **state)
{
    uint8_t whole[DATABASE_ROOM], japan[16] = {0x20, 0x01, 0x02};
    char path[32];
    size_t size = read_database(whole);
    int fd = memfd_create("overwritten", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, whole, size), (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct ds_geo *g = create(path);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(ds_geo_find6(g, japan), ds_geo_index(DS_COUNTRY('J', 'P')));
    ds_geo_destroy(g);
    close(fd);
}

/* What is no longer data is an error, though the tree is whole: it is not unknown countries. */
static void test_lost_data(void **state)
{
    static const char marker[] = "\xab\xcd\xefMaxMind.com";
    uint8_t whole[DATABASE_ROOM];
    size_t size = read_database(whole);
    int fd = memfd_create("lost", MFD_CLOEXEC);
    assert_true(fd >= 0);
    uint8_t *end = memmem(whole, size, marker, sizeof marker - 1);
    assert_non_null(end);
    memset(end - 100, 0xff, 100);
    assert_false(survive(fd, whole, size));
    close(fd);
}

static void test_flipped_bytes(void **state)
{
    uint8_t whole[DATABASE_ROOM], damaged[DATABASE_ROOM];
    uint64_t seed = 4;
    size_t size = read_database(whole);
    int fd = memfd_create("damaged", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(survive(fd, whole, size));
    unsigned taken = 0;
    for (unsigned round = 0; round < FLIPS; round++) {
        memcpy(damaged, whole, size);
        /* A third of the damage in the metadata at the end, which rules the rest. */
        size_t from = round % 3 ? 0 : size - 250;
        for (unsigned n = 1 + draw_below(&seed, 3); n > 0; n--)
            damaged[from + draw_below(&seed, (uint32_t)(size - from))] = (uint8_t)draw(&seed);
        taken += survive(fd, damaged, size);
    }
    assert_in_range(taken, 1, FLIPS - 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_border),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_ip6),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_overwritten_in_place),
        cmocka_unit_test(test_lost_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

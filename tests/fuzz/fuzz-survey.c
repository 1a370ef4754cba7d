/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the survey's state, as they are and behind a right magic with a right sum. Of a
 * refused one nothing stays; a taken one can be counted on with, saved, and comes back the same.
 */
#include "fuzz.h"
#include "survey_file.h"

#include <string.h>

#define MAGIC     "dksurvey"
#define SUM_BYTES 8

static const struct ds_survey_settings rule = {.ports = 3, .packets = 8};

static void open_survey(struct ds_survey *s)
{
    check(ds_survey_init(s, &rule) == 0);
}

static void check_same(const struct ds_survey *a, const struct ds_survey *b)
{
    struct ds_table_walk walk = {0};
    check(a->day == b->day && a->known.used == b->known.used);
    check(a->candidate_count == b->candidate_count);
    for (uint32_t i = 0; i < a->candidate_count; i++)
        check(memcmp(ds_survey_candidate(a, i), ds_survey_candidate(b, i), a->candidate_bytes) ==
              0);
    for (const struct ds_survey_known *k; (k = ds_table_next(&a->known, &walk));)
        check(ds_survey_is_known(a, (uint32_t)k->key) == ds_survey_is_known(b, (uint32_t)k->key));
}

static void check_saved(const struct ds_survey *s)
{
    char directory[INPUT_PATH], path[INPUT_PATH + 8];
    struct ds_survey again;
    struct ds_error err;
    input_directory_make(directory);
    snprintf(path, sizeof path, "%s/state", directory);
    open_survey(&again);
    check(ds_survey_save(s, path, &err) == 0 && ds_survey_load(&again, path, &err) == 0);
    unlink(path);
    rmdir(directory);
    check_same(s, &again);
    ds_survey_finish(&again);
}

/* Another day's windows on top of what was loaded. */
static void count_on(struct ds_survey *s)
{
    struct ds_survey_census census = {0};
    struct ds_survey_ring ring;
    uint32_t first = s->candidate_count ? ds_survey_candidate(s, 0)->address : 1;
    for (int64_t day = s->day, last = day + 2; day <= last; day++) {
        ds_survey_begin(s, day, 60, &census);
        uint32_t c = ds_survey_source(s, first, rule.packets);
        for (uint16_t port = 0; c != DS_SURVEY_NOBODY && port < rule.ports; port++)
            ds_survey_port(s, c, 6, port);
        ds_survey_end(s);
        check(c == DS_SURVEY_NOBODY || ds_survey_is_known(s, first));
    }
    check(ds_survey_ring_init(&ring, s) == 0);
    check(ds_survey_has(ds_survey_ring_get(&ring, 1), first) == ds_survey_is_known(s, first));
    ds_survey_ring_finish(&ring);
}

static void load(const void *bytes, size_t size)
{
    struct input_file file;
    struct ds_survey s;
    struct ds_error err = {.text = ""};
    input_file_make(&file, bytes, size);
    open_survey(&s);
    int result = ds_survey_load(&s, file.path, &err);
    check(result == 0 || result == DS_SURVEY_DAMAGED || result == -1);
    if (result) {
        check(s.candidate_count == 0 && s.known.used == 0 && !s.has_day && is_clean(err.text));
    } else {
        check_saved(&s);
        count_on(&s);
    }
    ds_survey_finish(&s);
    input_file_remove(&file);
}

static void load_mended(const uint8_t *data, size_t size)
{
    size_t at = strlen(MAGIC), whole = at + size + SUM_BYTES;
    uint8_t *file = malloc(whole);
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    check(file);
    memcpy(file, MAGIC, at);
    memcpy(file + at, data, size);
    for (size_t i = 0; i < at + size; i++)
        sum = (sum ^ file[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < SUM_BYTES; i++)
        file[at + size + i] = (uint8_t)(sum >> (8 * i));
    load(file, whole);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    load(data, size);
    load_mended(data, size);
    return 0;
}

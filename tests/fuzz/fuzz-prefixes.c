/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as lists of prefixes, two where a zero byte parts them: a set that holds what its lines
 * say, or an error that says where, but nothing of what stands there.
 */
#include "fuzz.h"
#include "survey_file.h"

#include <ctype.h>
#include <string.h>

#define LISTS_MAX 2

/* Is no address in it, behind the names of the files? */
static void check_error(const struct ds_error *err)
{
    check(err->status == DS_CONFIG && is_clean(err->text));
    const char *at = strstr(err->text, ": ");
    while (at && (at = strpbrk(at + 1, ".:")))
        check(!isxdigit((unsigned char)at[-1]) || !isxdigit((unsigned char)at[1]));
}

static void check_set(const struct ds_monitor *m)
{
    uint64_t addresses = 0;
    for (size_t i = 0; i < m->range_count; i++) {
        const struct ds_monitor_range *r = &m->ranges[i];
        check(r->first <= r->last && (i == 0 || r[-1].last < r->first));
        check(ds_monitor_index4(m, r->first) == (int64_t)addresses);
        addresses += UINT64_C(1) + r->last - r->first;
        check(ds_monitor_index4(m, r->last) == (int64_t)addresses - 1);
        if (r->first && (i == 0 || r[-1].last < r->first - 1))
            check(ds_monitor_index4(m, r->first - 1) == DS_MONITOR_OUTSIDE);
    }
    check(ds_monitor_addresses(m) == addresses && !ds_monitor_is_everything(m));
}

/* One at a time is as good as all together. */
static void check_parts(const struct ds_monitor *all, const char *const *paths, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct ds_monitor *one = NULL;
        struct ds_error err;
        check(ds_survey_read_lists(&paths[i], 1, &one, &err) == 0);
        for (size_t k = 0; one && k < one->range_count; k++) {
            const struct ds_monitor_range *r = &one->ranges[k];
            int64_t first = ds_monitor_index4(all, r->first);
            check(first != DS_MONITOR_OUTSIDE &&
                  ds_monitor_index4(all, r->last) == first + (r->last - r->first));
        }
        ds_monitor_destroy(one);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_file files[LISTS_MAX];
    const char *paths[LISTS_MAX];
    unsigned count = 0;
    for (const uint8_t *at = data, *end = data + size, *part; at && count < LISTS_MAX;) {
        part = at;
        at = memchr(part, '\0', (size_t)(end - part));
        if (count == LISTS_MAX - 1)
            at = NULL;
        input_file_make(&files[count], part, (size_t)((at ? at++ : end) - part));
        paths[count] = files[count].path;
        count++;
    }
    struct ds_monitor *set = NULL;
    struct ds_error err = {.text = ""};
    if (ds_survey_read_lists(paths, count, &set, &err)) {
        check(set == NULL);
        check_error(&err);
    } else if (set) {
        check_set(set);
        check_parts(set, paths, count);
    }
    ds_monitor_destroy(set);
    while (count)
        input_file_remove(&files[--count]);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a window would take, told by its message: never less than decoding takes, not much more, and
 * whatever the bytes are.
 */
#include "darkscope/message.h"

#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SMALL_TABLES_MAX ((size_t)3 << 20)

static size_t size_of(const struct ds_window *w)
{
    return sizeof *w + w->cell_count * sizeof w->cells[0] +
           w->country_count * sizeof w->countries[0] + w->device_count * sizeof w->devices[0] +
           w->signature_count * sizeof w->signatures[0] +
           w->source_record_count * sizeof w->source_records[0] +
           w->attack_count * sizeof w->attacks[0] + ds_sketches_bytes(&w->sketches);
}

static unsigned char *encode(struct ds_message *m, size_t *size)
{
    unsigned char *bytes;
    assert_int_equal(ds_message_encode(m, &bytes, size), 0);
    return bytes;
}

static void check(struct ds_message *m)
{
    size_t size;
    unsigned char *bytes = encode(m, &size);
    size_t weight = ds_message_weight(bytes, size), real = size_of(&m->window);
    assert_in_range(weight, real, real + SMALL_TABLES_MAX);
    free(bytes);
}

static void weight_is_that_of_the_window(void **state)
{
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    sample_small(&m.window);
    check(&m);
    ds_message_finish(&m);
    for (size_t packets = 1000; packets <= 100000; packets *= 10) {
        sample_traffic(&m.window, 1, packets);
        sample_sketches(&m.window);
        check(&m);
        ds_message_finish(&m);
    }
}

/* Only the large tables are of interest here: one that says 1,000,000 rows in its first bytes. */
static void rows_are_charged_though_they_are_packed_small(void **state)
{
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    size_t size, count = 1000000;
    m.window.cells = calloc(count, sizeof *m.window.cells);
    assert_non_null(m.window.cells);
    for (size_t i = 0; i < count; i++)
        m.window.cells[i] = (struct ds_cell){.proto = (uint8_t)(1 + i / 65536),
                                             .port = (uint16_t)i,
                                             .country = DS_COUNTRY_UNKNOWN,
                                             .packets = 1,
                                             .sources = 1};
    m.window.cell_count = count;
    unsigned char *bytes = encode(&m, &size);
    assert_true(size < count / 10);
    assert_true(ds_message_weight(bytes, size) >= count * sizeof *m.window.cells);
    free(bytes);
    ds_message_finish(&m);
}

/* Every beginning of a message, and every byte of it changed; the sanitizers watch. */
static void any_bytes_have_a_weight(void **state)
{
    struct ds_message m = {.kind = DS_MESSAGE_WINDOW, .sequence = 1};
    size_t size;
    sample_small(&m.window);
    sample_sketches(&m.window);
    unsigned char *bytes = encode(&m, &size);
    size_t most = size_of(&m.window) + SMALL_TABLES_MAX;
    for (size_t length = 0; length < size; length++) {
        unsigned char *copy = malloc(length + !length);
        assert_non_null(copy);
        memcpy(copy, bytes, length);
        assert_in_range(ds_message_weight(copy, length), sizeof m.window, most);
        free(copy);
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0xff;
        assert_true(ds_message_weight(bytes, size) >= sizeof m.window);
        bytes[i] ^= 0xff;
    }
    free(bytes);
    ds_message_finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weight_is_that_of_the_window),
        cmocka_unit_test(rows_are_charged_though_they_are_packed_small),
        cmocka_unit_test(any_bytes_have_a_weight),
    };
    return cmocka_run_group_tests_name("message-weight", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The dumps of docs/protocol.md are what the code reads and writes. PROTOCOL_MD is the path.
 */
#include "darkscope/message.h"

#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINE_ROOM 512
#define DUMP_ROOM 2048

/* The bytes of one line of hexdump -C: offset, up to 16 bytes, text between bars. */
static size_t read_line(const char *line, unsigned char *to)
{
    size_t n = 0;
    unsigned byte;
    int length;
    assert_int_equal(sscanf(line, "%*8x%n", &length), 0);
    for (line += length; n < 16 && sscanf(line, " %2x%n", &byte, &length) == 1; line += length)
        to[n++] = (unsigned char)byte;
    return n;
}

/* The bytes of the block that begins with ```hexdump NAME. */
static size_t read_dump(const char *name, unsigned char to[static DUMP_ROOM])
{
    const char *path = getenv("PROTOCOL_MD");
    assert_non_null(path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[LINE_ROOM], fence[64];
    snprintf(fence, sizeof fence, "```hexdump %s\n", name);
    size_t n = 0;
    bool inside = false;
    while (fgets(line, sizeof line, file)) {
        if (inside && strncmp(line, "```", 3) == 0)
            break;
        if (inside && n + 16 <= DUMP_ROOM)
            n += read_line(line, to + n);
        inside |= strcmp(line, fence) == 0;
    }
    fclose(file);
    assert_true(n > 0);
    return n;
}

static void shows_a_hello(void **state)
{
    unsigned char dump[DUMP_ROOM];
    size_t size = read_dump("hello", dump);
    struct ds_message m;
    assert_int_equal(ds_message_decode(&m, dump, size, NULL), DS_DECODE_OK);
    assert_int_equal(m.kind, DS_MESSAGE_HELLO);
    assert_int_equal(m.hello.major, 1);
    assert_int_equal(m.hello.minor, 3);
    assert_string_equal(m.hello.sensor, "tokyo-1");
    assert_true(m.hello.boot == 0x1122334455667788);
    assert_true(m.hello.monitored_digest == 0xcafe);
    assert_true(m.hello.clock_ns == 1767225600250000000);
    assert_string_equal(m.hello.software, "darkscope-sensor 0.1.0");
    assert_int_equal(m.hello.windows_waiting, 2);
    assert_int_equal(m.hello.windows_lost, 0);

    unsigned char *bytes;
    size_t encoded;
    assert_int_equal(ds_message_encode(&m, &bytes, &encoded), 0);
    assert_int_equal(encoded, size);
    assert_memory_equal(bytes, dump, size);
    free(bytes);
    ds_message_finish(&m);
}

static void shows_a_window(void **state)
{
    unsigned char dump[DUMP_ROOM];
    size_t size = read_dump("window", dump);
    struct ds_message m;
    struct ds_window expected;
    assert_int_equal(ds_message_decode(&m, dump, size, NULL), DS_DECODE_OK);
    assert_int_equal(m.kind, DS_MESSAGE_WINDOW);
    assert_int_equal(m.sequence, 3);
    sample_small(&expected);
    sample_sketches(&expected);
    sample_assert_equal(&expected, &m.window);
    ds_window_finish(&expected);
    ds_message_finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_a_hello),
        cmocka_unit_test(shows_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

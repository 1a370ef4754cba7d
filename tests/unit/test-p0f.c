/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a SYN: those of p0f.fp come out as they stand there, with the values in place of the
 * wildcards; odd ones with their quirks; and whatever the bytes, it ends.
 */
#include "classify/p0f.h"
#include "syns.h"

#include <stdio.h>

static const char *text_of(const struct bytes *b, char out[static DS_P0F_TEXT])
{
    static const struct ds_hash_key key = {1, 3};
    struct ds_packet p;
    assert_int_equal(ds_parse(b->data, b->count, &key, &p), DS_MALFORMED_COUNT);
    ds_p0f_print(b->data, &p, out);
    return out;
}

/* p0f.fp, [tcp:request]. */
static void test_published(void **state)
{
    static const struct {
        struct syn syn;
        const char *text;
    } known[] = {
        {{OPTIONS_LINUX, 7, 9, DF, 29200, .ttl = 50},
         "4:64:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0"},
        {{"020405b4 0402 080a 00001234 00000000 01 030304", 7, 9, DF, 14600, .ttl = 64},
         "4:64:0:1460:mss*10,4:mss,sok,ts,nop,ws:df,id+:0"},
        {{"020405ac 0402 080a 00001234 00000000 01 030306", 7, 9, DF, 5808, .ttl = 64},
         "4:64:0:1452:mss*4,6:mss,sok,ts,nop,ws:df,id+:0"},
        {{"020405b4 0402 080a 00001234 00000000 01 030301", 7, 9, DF, 64240, .ttl = 33},
         "4:64:0:1460:mss*44,1:mss,sok,ts,nop,ws:df,id+:0"},
        {{OPTIONS_LINUX_PLAIN, 7, 9, DF, 29200, .ttl = 33},
         "4:64:0:1460:mss*20,7:mss,nop,nop,sok,nop,ws:df,id+:0"},
        {{OPTIONS_WINDOWS, 7, 9, DF, 8192, .ttl = 128},
         "4:128:0:1460:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0"},
        {{OPTIONS_WINDOWS_PLAIN, 7, 9, DF, 65535, .ttl = 110},
         "4:128:0:1460:65535,0:mss,nop,nop,sok:df,id+:0"},
        {{OPTIONS_MAC, 7, 9, DF, 65535, .ttl = 64},
         "4:64:0:1460:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0"},
        {{OPTIONS_FREEBSD, 7, 9, DF, 65535, .ttl = 64},
         "4:64:0:1460:65535,6:mss,nop,ws,sok,ts:df,id+:0"},
        {{OPTIONS_OPENBSD, 7, 9, DF, 16384, .ttl = 64},
         "4:64:0:1460:16384,3:mss,nop,nop,sok,nop,ws,nop,nop,ts:df,id+:0"},
        {{OPTIONS_MSS, 7, 9, 0, 1024, .ttl = 50}, "4:64:0:1460:1024,0:mss::0"},
        {{"020405b4 0402 080a 00001234 00000000 030300 00", 7, 9, 0, 1024, .ttl = 20},
         "4:32:0:1460:1024,0:mss,sok,ts,ws,eol+0::0"},
        {{NULL, 7, 9, 0, 1024, .ttl = 255}, "4:255:0:0:1024,0:::0"},
    };
    char text[DS_P0F_TEXT];
    for (size_t i = 0; i < COUNT(known); i++) {
        struct bytes b = syn_bytes(&known[i].syn);
        assert_string_equal(text_of(&b, text), known[i].text);
    }
}

static void test_quirks(void **state)
{
    static const struct {
        const char *hex; /* of the packet */
        const char *text;
    } known[] = {
        /* No id; ECN in both headers; reserved bit; sequence 0; ack and urgent pointer unasked. */
        {"4503 0028 0000 8000 4006 0000 01020304 0a000001"
         "0400 0050 00000000 00000001 5042 0400 0000 0001",
         "4:64:0:0:1024,0::id-,ecn,0+,seq-,ack+,uptr+:0"},
        /* URG and PSH, data, IP options. */
        {"4600 002d 0009 4000 4006 0000 01020304 0a000001 01010101"
         "0400 0050 00000007 00000000 502a 0400 0000 0001 00",
         "4:64:4:0:1024,0::df,id+,urgf+,pushf+:+"},
        /* Times 0 and of the peer; padding; scale; a bad length. */
        {"4500 003c 0009 4000 4006 0000 01020304 0a000001"
         "0400 0050 00000007 00000000 a002 0400 0000 0000"
         "080a 00000000 00000001 03030f 020505b4 00 0001",
         "4:64:0:1460:1024,15:ts,ws,mss,eol+2:df,id+,ts1-,ts2+,opt+,exws,bad:0"},
        /* An unknown option, SACK, one that ends behind the header. */
        {"4500 003c 0009 4000 4006 0000 01020304 0a000001"
         "0400 0050 00000007 00000000 a002 0400 0000 0000"
         "1e04 0000 050a 00000000 00000000 1d07 0000 0208",
         "4:64:0:0:1024,0:?30,sack,?29:df,id+,bad:0"},
        /* IPv6 with flow label: no df, no id. */
        {"6000 0001 0014 06 40 20010db8 00000000 00000000 00000001 20010db8 00000000 00000000"
         "00000002 0400 0050 00000007 00000000 5002 0400 0000 0000",
         "6:64:0:0:1024,0::flow:0"},
    };
    char text[DS_P0F_TEXT];
    for (size_t i = 0; i < COUNT(known); i++) {
        struct bytes b = {.count = 0};
        put_hex(&b, known[i].hex);
        assert_string_equal(text_of(&b, text), known[i].text);
    }
}

static void test_windows_in_units(void **state)
{
    static const struct {
        const char *mss;
        uint16_t window;
        const char *text;
    } known[] = {
        {"020405b4", 1460, "mss*1"}, {"020405b4", 4380, "mss*3"}, {"02040218", 5840, "mss*4"},
        {"02040218", 2304, "mtu*4"}, {"020405b4", 3000, "mtu*2"}, {"02040063", 990, "990"},
        {"020405b4", 0, "0"},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        const struct syn s = {known[i].mss, 7, 9, DF, known[i].window, .ttl = 64};
        struct bytes b = syn_bytes(&s);
        char text[DS_P0F_TEXT], wanted[64];
        snprintf(wanted, sizeof wanted, ":%s,0:mss:", known[i].text);
        if (!strstr(text_of(&b, text), wanted))
            fail_msg("%s has no %s", text, wanted);
    }
}

/* Nothing of what is not a SYN with its whole header; never beyond either end. */
static void test_hostile(void **state)
{
    uint64_t random = 1;
    char text[DS_P0F_TEXT];
    size_t printed = 0;
    for (int i = 0; i < 100000; i++) {
        struct bytes b = {.count = 0};
        uint32_t start = begin4(&b, 6, TEST_SOURCE, TEST_DEST);
        uint32_t words = 5 + draw_below(&random, 11);
        put_tcp(&b, 1, 2, (uint32_t)draw(&random), 0x02);
        b.data[start + 32] = (uint8_t)(words << 4 | draw_below(&random, 16));
        for (uint32_t at = 20; at < words * 4; at++)
            put_number(&b, draw_below(&random, 3) ? draw_below(&random, 9) : draw(&random), 1);
        end4(&b, start);
        uint32_t captured = b.count - draw_below(&random, 3);
        uint8_t *copy = exact_copy(b.data, captured);
        struct ds_packet p;
        assert_int_equal(ds_parse(copy, captured, NULL, &p), DS_MALFORMED_COUNT);
        bool whole = captured == b.count;
        assert_int_equal(ds_p0f_print(copy, &p, text), whole);
        assert_int_equal(text[0] != 0, whole);
        printed += whole;
        free(copy);
    }
    assert_true(printed > 10000);
    const struct syn ack = {NULL, 7, 9, 0, 1024, .ttl = 64, .flags = 0x12};
    struct bytes b = syn_bytes(&ack);
    assert_string_equal(text_of(&b, text), "");
}

/* The longest text there is fits. */
static void test_longest(void **state)
{
    const struct syn s = {"ff02 ff02 ff02 ff02 ff02 ff02 ff02 ff02 ff02 ff02"
                          "ff02 ff02 ff02 ff02 ff02 ff02 ff02 ff02 ff02 0000",
                          0,
                          9,
                          DF | 0x8000,
                          65535,
                          .ttl = 255,
                          .flags = 0xea};
    struct bytes b = syn_bytes(&s);
    char text[DS_P0F_TEXT];
    b.data[1] = 3;
    assert_true(strlen(text_of(&b, text)) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),        cmocka_unit_test(test_quirks),
        cmocka_unit_test(test_windows_in_units), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Signature files: what is wrong is told with its place, and the rest is used.
 */
#include "signature-files.h"

#define HEAD "name: a name\n  category: other\n  certainty: source\n"
#define GOOD "- id: good\n  " HEAD "  proto: tcp\n  ports: [23]\n"

/* A signature that is wrong, on lines 7 and on, and what must be told of it. */
struct wrong {
    const char *what, *text, *told;
};

static const struct wrong wrongs[] = {
    {"unknown key", "- id: bad\n  " HEAD "  prots: 23\n", ":11:3: unknown key 'prots'"},
    {"key twice", "- id: bad\n  " HEAD "  proto: tcp\n  proto: udp\n", ":12:3: 'proto' is here a"},
    {"no id", "- " HEAD "  proto: tcp\n", "'id' is missing"},
    {"id of capitals", "- id: Bad\n  " HEAD "  proto: tcp\n", ":7:7: key 'id'"},
    {"id too long",
     "- id: a23456789012345678901234567890123456789012345678\n  " HEAD "  proto: tcp\n",
     "too long; at most 47"},
    {"id of a file before", "- id: good\n  " HEAD "  proto: tcp\n", ":1 has this id"},
    {"id of a built-in one", "- id: mirai\n  " HEAD "  proto: tcp\n", "a built-in one has this id"},
    {"unknown category", "- id: bad\n  name: x\n  category: evil\n  certainty: source\n",
     ":9:13: key 'category': 'evil' is not one of: malware, scanner"},
    {"unknown certainty", "- id: bad\n  name: x\n  category: other\n  certainty: sure\n",
     "not one of: source, published, recalled"},
    {"unknown protocol", "- id: bad\n  " HEAD "  proto: tpc\n", ":11:10: key 'proto': is no"},
    {"port too high", "- id: bad\n  " HEAD "  proto: tcp\n  ports: [65536]\n", "at most 65535"},
    {"range backwards", "- id: bad\n  " HEAD "  proto: tcp\n  ports: [9-8]\n", "lower port"},
    {"unknown flag", "- id: bad\n  " HEAD "  proto: tcp\n  tcp_flags: SYN\n", "write S/SA"},
    {"flag not in mask", "- id: bad\n  " HEAD "  proto: tcp\n  tcp_flags: SF/SA\n", "among those"},
    {"flags without TCP", "- id: bad\n  " HEAD "  tcp_flags: S\n", "tcp_flags need proto: tcp"},
    {"ports of ICMP", "- id: bad\n  " HEAD "  proto: icmp\n  ports: [8]\n", "ports need proto"},
    {"matches all", "- id: bad\n  " HEAD, "matches everything"},
    {"CVE", "- id: bad\n  " HEAD "  proto: tcp\n  cve: [2017-17215]\n", "write it like CVE-2017"},
    {"filter does not parse", "- id: bad\n  " HEAD "  filter: tcp and and udp\n",
     ":11: signature 'bad': filter: libpcap says: can't parse filter expression: syntax error"},
    {"filter of a link layer", "- id: bad\n  " HEAD "  filter: ether src 00:11:22:33:44:55\n",
     ":11: signature 'bad': filter: 'ether' is neither a number nor a word of pcap-filter(7)"},
    {"filter of a tag", "- id: bad\n  " HEAD "  filter: vlan 7\n",
     "'vlan' is neither a number nor a word"},
    {"filter beyond the snap", "- id: bad\n  " HEAD "  filter: ip[175:2] = 1\n",
     "needs 177 bytes of a packet; only the first 176 are kept"},
    {"filter beyond the snap, indexed", "- id: bad\n  " HEAD "  filter: udp[156] = 1\n",
     "needs 177 bytes"},
    {"payload too long",
     "- id: bad\n  " HEAD "  proto: udp\n  payload:\n"
     "    text: \"12345678901234567890123456789012345678901234567890123456789012345\"\n",
     "payload: is too long (at most 64 bytes"},
    {"payload too far", "- id: bad\n  " HEAD "  proto: udp\n  payload: {hex: 00 01, offset: 147}\n",
     "payload: lies behind the bytes"},
    {"payload of two kinds", "- id: bad\n  " HEAD "  payload: {hex: 00, text: x}\n", "one of them"},
    {"payload of none", "- id: bad\n  " HEAD "  payload: {offset: 1}\n", "one of them"},
    {"payload of half bytes", "- id: bad\n  " HEAD "  payload: {hex: 000}\n", "two digits a byte"},
    {"quote without end", "- id: bad\n  name: \"x\n  category: other\n", "not YAML"},
    {"tab", "- id: bad\n\tname: x\n", "not YAML"},
    {"anchor", "- id: &x bad\n  " HEAD "  proto: tcp\n", "anchors"},
    {"no mapping", "- just a text\n", "must be a mapping"},
    {"second document", "- id: bad\n  " HEAD "  proto: tcp\n---\n", "second document"},
};

/* Between two good ones: neither suffers, and what is told names the file. */
static void test_one_bad_signature(void **state)
{
    static struct told told;
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        char text[4096];
        snprintf(text, sizeof text, "%s%s- id: last\n  " HEAD "  proto: udp\n", GOOD,
                 wrongs[i].text);
        struct ds_rules *rules = load_signatures(text, &told);
        if (!strstr(told.text, wrongs[i].told) || !strstr(told.text, "/test-signatures.") ||
            told.faults.count != 1)
            fail_msg("%s: told is: %s", wrongs[i].what, told.text);
        assert_non_null(rules);
        assert_int_equal(rules->count, 2);
        assert_string_equal(rules->rules[0].id, "good");
        assert_string_equal(rules->rules[1].id, "last");
        ds_rules_destroy(rules);
    }
}

/* Whatever is wrong with a file as a whole. */
static void test_bad_files(void **state)
{
    static struct told told;
    assert_null(load_signatures("", &told));
    assert_int_equal(told.faults.count, 0);
    assert_null(load_signatures("# nothing yet\n---\n", &told));
    assert_int_equal(told.faults.count, 0);
    assert_null(load_signatures("id: x\nname: y\n", &told));
    assert_non_null(strstr(told.text, ":1: not a list of signatures"));
    assert_null(load_signatures("\x7f"
                                "ELF\x01\x02",
                                &told));
    assert_non_null(strstr(told.text, ":1: not a list of signatures"));
    assert_null(load_signatures("-", &told));
    const char *const paths[] = {"/nonexistent/signatures.yaml", "/nonexistent"};
    const struct ds_signature_settings settings = {.paths = paths, .path_count = 2};
    struct ds_rules *rules;
    begin_told(&told);
    assert_int_equal(ds_signatures_load(&settings, &told.faults, &rules, NULL), 0);
    assert_null(rules);
    assert_int_equal(told.faults.count, 2);
    assert_non_null(strstr(told.text, "/nonexistent/signatures.yaml: cannot open"));
}

/* No fault shows an address, wherever it stands by mistake. */
static void test_addresses_are_hidden(void **state)
{
    static const char *const lines[] = {
        "filter: net 198.18.7.0/16",      "filter: dst 198.18.3.4 andd tcp",
        "filter: host 198.18.3.4.5",      "filter: dst net 198.18.1",
        "filter: host 2001:db8:99::1::2", "proto: 198.18.0.0/16",
        "ports: [198.18.0.0/16]",         "tcp_flags: 198.18.0.0/16",
        "cve: [CVE-198.18.3.4]",          "filter: ip host [198.18.3.4]",
        "filter: host 198.18.3.4-5",      "filter: host a:198.18.3.4",
    };
    static struct told told;
    for (size_t i = 0; i < COUNT(lines); i++) {
        char text[1024];
        snprintf(text, sizeof text, "- id: bad\n  " HEAD "  %s\n", lines[i]);
        ds_rules_destroy(load_signatures(text, &told));
        if (strstr(told.text, "198.18") || strstr(told.text, "db8"))
            fail_msg("%s: told is: %s", lines[i], told.text);
    }
}

/* libpcap asks the resolver for names, so none gets that far. */
static void test_names_are_not_looked_up(void **state)
{
    static const char *const names[] = {
        "host darkscope.invalid",
        "src net a",
        "port domain",
        "ip proto \\\\tcp and host \\\\tcp",
        "gateway x",
        "host 1.2.3.4.5",
        "host 1.2.3.",
        "host 23-24",
        "portrange 1-2 or host 3-4",
        "host 2001:db8::1::2",
        "host fe:ed",
        "tcp[a:2] = 1",
        "len-1 = 2",
        "host 0x1g",
        "TCP",
    };
    static const char *const good[] = {
        "ip proto \\\\tcp and not src net 192.0.2",
        "portrange 5500-5555 or portrange 1-2",
        "ip6 host ::ffff:192.0.2.1 or dst net 2001:db8::/32",
        "host 192.0.2.1 and port 0x17",
        "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn and len - 1 > 2",
        "ip[len:1] = 4",
        "icmp[icmptype] != icmp-echo or udp[4:2] >= 1",
    };
    static struct told told;
    char text[1024];
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(text, sizeof text, "- id: bad\n  " HEAD "  filter: \"%s\"\n", names[i]);
        assert_null(load_signatures(text, &told));
        if (!strstr(told.text, "is neither a number nor a word of pcap-filter(7)"))
            fail_msg("%s: told is: %s", names[i], told.text);
    }
    for (size_t i = 0; i < COUNT(good); i++) {
        snprintf(text, sizeof text, "- id: good\n  " HEAD "  filter: \"%s\"\n", good[i]);
        ds_rules_destroy(load_signatures(text, &told));
        if (told.faults.count)
            fail_msg("%s: told is: %s", good[i], told.text);
    }
}

/* 10,000 signatures: the first 1,000 are used, and one line says so. */
static void test_too_many(void **state)
{
    static struct told told;
    enum { WRITTEN = 10000 };
    char *text = malloc(WRITTEN * 80), *at = text;
    assert_non_null(text);
    for (int i = 0; i < WRITTEN; i++)
        at += sprintf(at, "- {id: s%d, name: x, category: other, certainty: source, proto: tcp}\n",
                      i);
    struct ds_rules *rules = load_signatures(text, &told);
    assert_non_null(rules);
    assert_int_equal(rules->count, DS_RULES_MAX);
    assert_int_equal(told.faults.count, 1);
    assert_non_null(strstr(told.text, ":1001: 1000 signatures in all files are the most"));
    ds_rules_destroy(rules);
    /* Bad ones count as well: each may cost a line. */
    for (int i = 0; i < WRITTEN; i++)
        memcpy(text + i * 4, "- x\n", 5);
    assert_null(load_signatures(text, &told));
    assert_int_equal(told.faults.count, DS_RULES_MAX + 1);
    free(text);
}

/* Of a file, by settings. */
static size_t count_enabled(const char *text, const char *enable, const char *disable)
{
    static struct told told;
    char *path = write_signatures(text);
    const char *const paths[] = {"none", path};
    const struct ds_signature_settings settings = {
        .paths = paths,
        .path_count = 2,
        .enable = &enable,
        .enable_count = enable != NULL,
        .disable = &disable,
        .disable_count = disable != NULL,
    };
    struct ds_rules *rules;
    begin_told(&told);
    assert_int_equal(ds_signatures_load(&settings, &told.faults, &rules, NULL), 0);
    assert_int_equal(told.faults.count, 0);
    size_t count = rules ? rules->count : 0;
    ds_rules_destroy(rules);
    unlink(path);
    free(path);
    return count;
}

static void test_enabling(void **state)
{
    static const char text[] =
        "- {id: sure, name: x, category: other, certainty: source, proto: tcp}\n"
        "- {id: paper, name: x, category: other, certainty: published, proto: tcp}\n"
        "- {id: recalled, name: x, category: other, certainty: recalled, proto: tcp}\n"
        "- {id: off-1, name: x, category: other, certainty: source, enabled: false, proto: tcp}\n"
        "- {id: off-2, name: x, category: other, certainty: source, enabled: false, proto: tcp}\n"
        "- {id: wish, name: x, category: other, certainty: recalled, enabled: true, proto: tcp}\n";
    assert_int_equal(count_enabled(text, NULL, NULL), 2);
    assert_int_equal(count_enabled(text, "recalled", NULL), 3);
    assert_int_equal(count_enabled(text, "off-*", NULL), 4);
    assert_int_equal(count_enabled(text, "*", NULL), 6);
    assert_int_equal(count_enabled(text, "*", "off-2"), 5);
    assert_int_equal(count_enabled(text, NULL, "*"), 0);
}

static void test_unused_pattern(void **state)
{
    static struct told told;
    const char *const enable[] = {"off-*"}, *const none[] = {"none"};
    const struct ds_signature_settings settings = {
        .paths = none, .path_count = 1, .enable = enable, .enable_count = 1};
    struct ds_rules *rules;
    begin_told(&told);
    assert_int_equal(ds_signatures_load(&settings, &told.faults, &rules, NULL), 0);
    assert_null(rules);
    assert_non_null(strstr(told.text, "entry 1 to enable fits no signature"));
}

/* All of a text proven, and what was told. */
static void prove(const char *text, struct told *told)
{
    char *path = write_signatures(text);
    const char *const paths[] = {path};
    const struct ds_signature_settings settings = {.paths = paths, .path_count = 1};
    struct ds_signature_list *list;
    struct ds_rules *rules;
    int places[DS_RULES_MAX];
    begin_told(told);
    assert_int_equal(ds_signatures_read(&settings, &told->faults, &list, NULL), 0);
    assert_int_equal(ds_signatures_compile(list, &told->faults, places, &rules, NULL), 0);
    ds_signatures_prove(list, rules, places, &told->faults);
    ds_rules_destroy(rules);
    ds_signatures_free(list);
    unlink(path);
    free(path);
}

#define SYN_23                                                                                     \
    "45000028 00010000 40060000 01020304 0a000001 9c400017 00000001 00000000 50020400 00000000"
#define SYN_24                                                                                     \
    "45000028 00010000 40060000 01020304 0a000001 9c400018 00000001 00000000 50020400 00000000"

static void test_examples(void **state)
{
    static struct told told;
    prove(GOOD "  examples:\n  - {packet: " SYN_23 ", matches: true}\n"
               "  - {packet: " SYN_24 ", matches: false}\n",
          &told);
    assert_string_equal(told.text, "");
    prove(GOOD "  examples:\n  - {packet: " SYN_24 ", matches: true}\n"
               "  - {packet: " SYN_23 ", matches: false}\n",
          &told);
    assert_non_null(strstr(told.text, ":1: signature 'good': example 1 does not match"));
    assert_non_null(strstr(told.text, "example 2 matches, and should not"));
    prove(GOOD, &told);
    assert_non_null(strstr(told.text, "no example that matches"));
    assert_non_null(strstr(told.text, "no example that nearly matches"));
    /* What is no packet that is counted matches nothing. */
    prove(GOOD "  examples:\n  - {packet: 45000028, matches: true}\n", &told);
    assert_non_null(strstr(told.text, "example 1 does not match"));
}

/* Every built-in one can be listed, under its own name. */
static void test_builtins(void **state)
{
    for (unsigned i = 0; i < DS_SIGNATURE_COUNT; i++) {
        const struct ds_signature_about *about = ds_signature_builtin(i);
        if (!about->id || strcmp(about->id, ds_signature_name(i)) != 0 || !about->name)
            fail_msg("signatures/builtin.c says nothing of %s", ds_signature_name(i));
    }
    assert_null(ds_signature_builtin(DS_SIGNATURE_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_bad_signature),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_addresses_are_hidden),
        cmocka_unit_test(test_names_are_not_looked_up),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_enabling),
        cmocka_unit_test(test_unused_pattern),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_builtins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

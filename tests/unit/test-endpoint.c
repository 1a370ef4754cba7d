/* SPDX-License-Identifier: Apache-2.0
 *
 * In the clear only this machine's own addresses pass.
 */
#include "darkscope/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void local_endpoints_pass(void **state)
{
    static const char *const good[] = {"tcp://127.0.0.1:7100", "tcp://127.0.0.1:0",
                                       "tcp://127.255.255.254:65535", "tcp://[::1]:1",
                                       "ipc:///run/darkscope.sock"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(ds_endpoint_check("listen", good[i], false, NULL), 0);
}

static void other_machines_need_keys(void **state)
{
    static const char *const elsewhere[] = {"tcp://0.0.0.0:7100",
                                            "tcp://192.0.2.1:7100",
                                            "tcp://*:7100",
                                            "tcp://[::]:7100",
                                            "tcp://[2001:db8::1]:7100",
                                            "tcp://localhost:7100",
                                            "tcp://eth0:7100",
                                            "tcp://126.255.255.255:1",
                                            "tcp://128.0.0.1:1",
                                            "tcp://[::ffff:192.0.2.1]:1",
                                            "tcp://127.0.0.1.example:1"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        struct ds_error err = {0};
        assert_int_equal(ds_endpoint_check("listen", elsewhere[i], false, &err), -1);
        assert_int_equal(err.status, DS_CONFIG);
        assert_non_null(strstr(err.text, elsewhere[i]));
        assert_non_null(strstr(err.text, "needs keys"));
        assert_int_equal(ds_endpoint_check("listen", elsewhere[i], true, NULL), 0);
    }
}

static void nonsense_is_refused(void **state)
{
    char long_path[200] = "ipc:///";
    memset(long_path + 7, 'x', sizeof long_path - 8);
    const char *const bad[] = {"",
                               "tcp",
                               "tcp://",
                               "tcp://127.0.0.1",
                               "tcp://127.0.0.1:",
                               "tcp://127.0.0.1:65536",
                               "tcp://127.0.0.1:1x",
                               "tcp://:1",
                               "tcp://127.0.0.1:-1",
                               "ipc://",
                               "ipc://relative",
                               "ipc://@abstract",
                               "ipc://*",
                               "udp://127.0.0.1:1",
                               "inproc://x",
                               "tcp://[::1:1",
                               "tcp://[]:1",
                               "tcp://127.0.0.1:000001",
                               long_path};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ds_error err = {0};
        assert_int_equal(ds_endpoint_check("listen", bad[i], i % 2, &err), -1);
        assert_int_equal(err.status, DS_CONFIG);
        assert_int_equal(strncmp(err.text, "listen: ", 8), 0);
    }
}

static void errors_are_fit_for_a_terminal(void **state)
{
    struct ds_error err = {0};
    assert_int_equal(ds_endpoint_check("listen", "tcp://\x1b[31m\n\xff", false, &err), -1);
    assert_non_null(strstr(err.text, "listen: tcp://?[31m?? is no address"));
}

static void http_addresses(void **state)
{
    struct sockaddr_storage out;
    socklen_t bytes;
    assert_int_equal(ds_endpoint_parse_http("127.0.0.1:7180", false, &out, &bytes, NULL), 0);
    assert_int_equal(out.ss_family, AF_INET);
    assert_int_equal(ds_endpoint_parse_http("[::1]:0", false, &out, &bytes, NULL), 0);
    assert_int_equal(out.ss_family, AF_INET6);
    assert_int_equal(ds_endpoint_parse_http("0.0.0.0:80", false, &out, &bytes, NULL), -1);
    assert_int_equal(ds_endpoint_parse_http("::1:80", false, &out, &bytes, NULL), -1);
    assert_int_equal(ds_endpoint_parse_http("7180", false, &out, &bytes, NULL), -1);
    assert_int_equal(ds_endpoint_parse_http("0.0.0.0:80", true, &out, &bytes, NULL), 0);
    assert_int_equal(ds_endpoint_parse_http("[2001:db8::1]:443", true, &out, &bytes, NULL), 0);
    assert_int_equal(out.ss_family, AF_INET6);
    assert_int_equal(ds_endpoint_parse_http("example.org:80", true, &out, &bytes, NULL), -1);
    assert_int_equal(ds_endpoint_parse_http("*:80", true, &out, &bytes, NULL), -1);
    assert_int_equal(ds_endpoint_parse_http("7180", true, &out, &bytes, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_endpoints_pass), cmocka_unit_test(other_machines_need_keys),
        cmocka_unit_test(nonsense_is_refused),  cmocka_unit_test(errors_are_fit_for_a_terminal),
        cmocka_unit_test(http_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

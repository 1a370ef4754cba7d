/* SPDX-License-Identifier: Apache-2.0
 *
 * An address in the clear is a literal: a name would have to be resolved, and could then lead
 * elsewhere than to this machine. With keys it does not matter where a name leads.
 */
#include "darkscope/endpoint.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define HOST_MAX 63

/* Splits "host:port" or "[host]:port". */
static bool split(const char *text, char host[static HOST_MAX + 1], uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        return false;
    const char *start = text;
    size_t length = (size_t)(colon - text);
    if (text[0] == '[') {
        if (length < 3 || colon[-1] != ']')
            return false;
        start++;
        length -= 2;
    }
    size_t digits = strspn(colon + 1, "0123456789");
    if (length > HOST_MAX || digits == 0 || digits > 5 || colon[1 + digits])
        return false;
    long number = strtol(colon + 1, NULL, 10);
    if (number > UINT16_MAX)
        return false;
    memcpy(host, start, length);
    host[length] = 0;
    *port = (uint16_t)number;
    return true;
}

enum where { WHERE_HERE, WHERE_ELSEWHERE, WHERE_UNREADABLE };

static enum where locate(const char *text, struct sockaddr_storage *out, socklen_t *out_bytes)
{
    char host[HOST_MAX + 1];
    uint16_t port;
    if (!split(text, host, &port))
        return WHERE_UNREADABLE;
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (text[0] != '[' && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *out_bytes = sizeof *v4;
        return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET ? WHERE_HERE : WHERE_ELSEWHERE;
    }
    if (text[0] == '[' && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *out_bytes = sizeof *v6;
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ? WHERE_HERE : WHERE_ELSEWHERE;
    }
    return WHERE_ELSEWHERE;
}

static int refuse(const char *what, const char *text, const char *form, struct ds_error *err)
{
    return ds_error(err, DS_CONFIG, "%s: %.200s is no address: write it as %s", what, text, form);
}

int ds_endpoint_check(const char *what, const char *text, bool has_keys, struct ds_error *err)
{
    const char *form = "tcp://127.0.0.1:7100 or ipc:///path/of/socket";
    if (strlen(text) > DS_ENDPOINT_MAX)
        return refuse(what, text, form, err);
    if (strncmp(text, "ipc://", 6) == 0) {
        size_t length = strlen(text + 6);
        /* Paths only: "@name" and "*" are other things to libzmq. */
        if (text[6] == '/' && length < sizeof((struct sockaddr_un *)0)->sun_path)
            return 0;
        return refuse(what, text, form, err);
    }
    struct sockaddr_storage address;
    socklen_t bytes;
    enum where where =
        strncmp(text, "tcp://", 6) == 0 ? locate(text + 6, &address, &bytes) : WHERE_UNREADABLE;
    if (where == WHERE_UNREADABLE)
        return refuse(what, text, form, err);
    if (where == WHERE_ELSEWHERE && !has_keys)
        return ds_error(err, DS_CONFIG,
                        "%s: %.200s is not on the loopback interface, so it needs keys: make them "
                        "with `darkscope keygen` and name them on both sides",
                        what, text);
    return 0;
}

int ds_endpoint_parse_http(const char *text, bool is_secured, struct sockaddr_storage *out,
                           socklen_t *out_bytes, struct ds_error *err)
{
    const char *what = "http.address", *form = "127.0.0.1:7180";
    enum where where = locate(text, out, out_bytes);
    if (where == WHERE_ELSEWHERE && !is_secured)
        return ds_error(err, DS_CONFIG,
                        "%s: %.200s is not on the loopback interface, so it needs TLS and a token: "
                        "set http.certificate, http.key and http.token_file; or use %s, and a "
                        "tunnel (ssh -L) between machines",
                        what, text, form);
    if (where == WHERE_UNREADABLE || out->ss_family == AF_UNSPEC)
        return refuse(what, text, form, err);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Which addresses the daemons may use: in the clear only loopback and local sockets; others only
 * where the transport is encrypted and both sides prove who they are (CURVE).
 */
#ifndef DARKSCOPE_ENDPOINT_H
#define DARKSCOPE_ENDPOINT_H

#include "darkscope/error.h"

#include <stdbool.h>
#include <sys/socket.h>

#define DS_ENDPOINT_MAX 127 /* bytes of an endpoint's text without the final NUL */

/* Is text a ZeroMQ endpoint on this machine: "tcp://127.0.0.1:7100", "tcp://[::1]:7100" or
 * "ipc:///run/darkscope.sock"? Port 0 lets the kernel choose (for binding). With has_keys other
 * addresses, names of hosts and "*" pass as well. 0, or -1 with a DS_CONFIG error that names the
 * endpoint as what, a word such as "listen". */
int ds_endpoint_check(const char *what, const char *text, bool has_keys, struct ds_error *err);

/* "127.0.0.1:7180" or "[::1]:7180" as a socket address; other literals than loopback only where the
 * connection is secured, by TLS and a token. */
int ds_endpoint_parse_http(const char *text, bool is_secured, struct sockaddr_storage *out,
                           socklen_t *out_bytes, struct ds_error *err);

#endif

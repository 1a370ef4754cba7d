#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The aggregator's web side as strangers meet it: what it answers, refuses and survives."""
import http.client
import json
import random
import unittest

import daemon
import harness

CONNECTIONS_MAX = 128  # DS_HTTP_CONNECTIONS_MAX


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.aggregator = daemon.Aggregator()

    @classmethod
    def tearDownClass(cls):
        cls.aggregator.end()

    def request(self, path, method="GET", body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.aggregator.http_port,
                                                timeout=daemon.PATIENCE_S)
        connection.request(method, path, body=body, headers=headers or {})
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply, content

    def assert_problem(self, reply, content, status):
        self.assertEqual(reply.status, status)
        self.assertEqual(reply.getheader("content-type"), "application/problem+json")
        problem = json.loads(content)
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"] and problem["detail"])

    def assert_understood(self, path):
        """Answered, or only not because this store is empty."""
        reply, content = self.request(path)
        if reply.status != 200:
            self.assert_problem(reply, content, 404)
            self.assertIn("no window yet", json.loads(content)["detail"], path)

    def assert_well(self):
        reply, content = self.request("/healthz")
        self.assertEqual((reply.status, json.loads(content)["status"]), (200, "ok"))

    def test_health_says_what_is_connected_and_stored(self):
        reply, content = self.request("/healthz")
        health = json.loads(content)
        self.assertEqual(reply.status, 200)
        self.assertEqual(health["status"], "ok")
        self.assertEqual(health["sensors_connected"], 0)
        self.assertEqual((health["clocks"], health["backlogs"]), ([], []))
        self.assertEqual(set(health["network"]), {"messages", "handshakes"})
        self.assertIsNone(health["last_commit"])
        self.assertEqual(health["queue"]["depth"], 0)
        self.assertGreaterEqual(health["uptime_s"], 0)

    def test_page_fetches_nothing_from_elsewhere(self):
        reply, content = self.request("/")
        self.assertEqual(reply.status, 200)
        self.assertIn(b"/api/v1/top", content)
        for foreign in (b"http://", b"https://", b"<script", b"<style", b"src="):
            self.assertNotIn(foreign, content)

    def test_links_of_the_page_lead_somewhere(self):
        _, content = self.request("/")
        links = [part.split('"')[0] for part in content.decode().split('href="')[1:]]
        self.assertGreater(len(links), 4)
        for link in links:
            self.assert_understood(link)

    def test_every_reply_has_security_headers(self):
        for path in ("/", "/healthz", "/nothing", "/api/v1/sensors"):
            reply, _ = self.request(path)
            self.assertIn("default-src 'none'", reply.getheader("content-security-policy"))
            self.assertEqual(reply.getheader("x-content-type-options"), "nosniff")
            self.assertIn(reply.getheader("cache-control"), ("no-store", "private, no-cache"))

    def test_questions_are_answered(self):
        for path in ("sensors", "summary", "windows", "top?by=ports", "top?by=countries&limit=5",
                     "attacks?limit=5"):
            self.assert_understood("/api/v1/" + path)

    def test_bad_questions_are_400(self):
        for path in ("top?by=nonsense", "top?nonsense=1", "top?by", "top?by=ports&by=ports",
                     "query?port=99999/tcp", "top?" + "&".join(["limit=1"] * 40),
                     "query?port=" + "9" * 1000, "sensors?from=2026-01-01"):
            self.assert_problem(*self.request("/api/v1/" + path), 400)

    def test_unknown_paths_are_404(self):
        for path in ("/nothing", "/api", "/api/v1", "/api/v1/", "/api/v1/sensorsx", "/api/v2/top",
                     "/healthz/", "/index.html", "/api/v1/window?at=2026-01-01"):
            self.assert_problem(*self.request(path), 404)

    def test_paths_do_not_climb(self):
        for path in ("/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                     "/api/v1/../../../etc/passwd", "//etc/passwd", "/./../etc/passwd"):
            reply, content = self.request(path)
            self.assertIn(reply.status, (400, 403, 404), path)
            self.assertNotIn(b"root:", content)

    def test_other_methods_are_405(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            reply, content = self.request("/healthz", method)
            self.assert_problem(reply, content, 405)
            self.assertEqual(reply.getheader("allow"), "GET, HEAD")
        self.assert_problem(*self.request("/healthz", "POST", body=b"x" * 1000), 405)

    def test_requests_with_a_body_are_413(self):
        self.assert_problem(*self.request("/healthz", body=b"x" * 100), 413)
        reply = self.aggregator.exchange(
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n0\r\n\r\n")
        self.assertTrue(reply.startswith(b"HTTP/1.1 413 "), reply)
        for length in (b"0" * 22 + b"5", b"0" * 23 + b"5", b"0" * 99 + b"5", b"0" * 99, b"x" * 30):
            reply = self.aggregator.exchange(
                b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length +
                b"\r\nConnection: close\r\n\r\nhello")
            self.assertTrue(reply.startswith(b"HTTP/1.1 413 "), (length, reply))

    def test_body_behind_another_request_ends_the_connection(self):
        first = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for path in (b"nothing", b"api/v1/sensors"):
            for method in (b"GET", b"HEAD", b"POST"):
                for body in (b"", b"hel", b"hello", b"hello and more"):
                    reply = self.aggregator.exchange(
                        first % path + method + b" / HTTP/1.1\r\nHost: localhost\r\n"
                        b"Content-Length: 5\r\n\r\n" + body)
                    self.assertLessEqual(reply.count(b"HTTP/1.1 "), 2, reply)
                    self.assert_well()

    def test_long_addresses_are_414_and_longer_ones_are_cut_off(self):
        self.assert_problem(*self.request("/" + "a" * 2100), 414)
        self.assert_problem(*self.request("/healthz?" + "a" * 2100), 414)
        for line in (b"GET /" + b"a" * 100000, b"GET / HTTP/1.1\r\nX: " + b"a" * 100000):
            reply = self.aggregator.exchange(line + b"\r\n\r\n")
            self.assertNotIn(b" 200 ", reply)
        self.assert_well()

    def test_head_has_the_headers_alone(self):
        for path in ("/", "/healthz", "/api/v1/sensors"):
            reply, content = self.request(path, "HEAD")
            self.assertEqual(reply.status, 200)
            self.assertGreater(int(reply.getheader("content-length")), 0)
            self.assertEqual(content, b"")

    def test_other_hosts_are_refused(self):
        for host in ("example.org", "127.0.0.1.example.org", "localhost.example.org:80", "",
                     "x" * 300, "192.0.2.1"):
            self.assert_problem(*self.request("/healthz", headers={"Host": host}), 421)
        for host in ("localhost", "LocalHost:1", "127.0.0.1", "127.1.2.3:80", "[::1]:7180"):
            self.assertEqual(self.request("/healthz", headers={"Host": host})[0].status, 200)

    def test_one_connection_serves_many_requests(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.aggregator.http_port,
                                                timeout=daemon.PATIENCE_S)
        connection.connect()
        sock = connection.sock
        for path in ("/healthz", "/api/v1/sensors", "/nothing", "/", "/api/v1/summary") * 4:
            connection.request("GET", path)
            connection.getresponse().read()
            self.assertIs(connection.sock, sock)
        connection.close()

    def test_upgrades_are_refused(self):
        for upgrade in (b"websocket", b"h2c"):
            with self.aggregator.connect() as s:
                s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                          b"Upgrade: " + upgrade + b"\r\nSec-WebSocket-Version: 13\r\n"
                          b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
                self.assertNotIn(b" 101 ", s.recv(65536))
        self.assert_well()

    def test_noise_harms_nobody(self):
        chance = random.Random(7)
        for size in (1, 10, 100, 1000, 10000):
            for _ in range(10):
                with self.aggregator.connect() as s:
                    s.sendall(chance.randbytes(size))
        for request in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                        b"\x16\x03\x01\x02\x00\x01\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with self.aggregator.connect() as s:
                s.sendall(request)
        for path in (b"/%00", b"/healthz%00", b"/api/v1/query?port=%00", b"/%", b"/%zz", b"*"):
            reply = self.aggregator.exchange(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
                                             b"Content-Length: 1\r\n\r\n")
            self.assertNotIn(b" 200 ", reply, path)
        self.assertNotIn(b" 200 ", self.aggregator.exchange(b"BREW / HTTP/1.1\r\n\r\n"))
        self.assert_well()

    def test_client_that_leaves_before_the_answer_harms_nobody(self):
        for _ in range(50):
            with self.aggregator.connect() as s:
                s.sendall(b"GET /api/v1/summary HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # Until the questions that nobody waits for are answered, others may be told to wait.
        harness.wait_for(lambda: self.request("/api/v1/sensors")[0].status != 503, "an answer")
        self.assert_well()

    def test_slow_clients_are_cut_off_and_others_told_to_wait(self):
        slow = [self.aggregator.connect() for _ in range(CONNECTIONS_MAX)]
        for s in slow:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
        # All places are taken: at least the last few were turned away at once.
        late = self.aggregator.exchange(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(late.startswith(b"HTTP/1.1 503 ") or late == b"", late)
        for s in slow:
            try:
                self.assertNotIn(b" 200 ", daemon.read_all(s))
            except ConnectionResetError:
                pass
            s.close()
        self.assert_well()


if __name__ == "__main__":
    daemon.main()

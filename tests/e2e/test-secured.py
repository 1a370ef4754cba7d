#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP beyond loopback: only with TLS and a token; who has none learns nothing, and no log does."""
import http.client
import os
import shutil
import ssl
import subprocess
import tempfile
import unittest
import warnings

import daemon

TOKEN = "0123456789abcdef0123456789ABCDEF-._~+/="
DARKSCOPE = os.environ["DARKSCOPE"]
CONFIG = 3
PERMISSION = 6


class Secured(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("openssl"):
            raise unittest.SkipTest("needs openssl")
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        for name in "a", "b":
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                            "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                            "-keyout", cls.path(name + ".key"), "-out", cls.path(name + ".pem")],
                           check=True, capture_output=True, timeout=daemon.PATIENCE_S)
        cls.write("token", TOKEN + "\n")
        cls.write("wrong", TOKEN[::-1] + "\n")
        cls.write("aggregator.yaml", f"http:\n  token_file: {cls.path('token')}\n  certificate: "
                  f"{cls.path('a.pem')}\n  key: {cls.path('a.key')}\n")
        # All addresses of this machine: the test itself asks by loopback only.
        cls.aggregator = daemon.Aggregator("-c", cls.path("aggregator.yaml"), "--http", "0.0.0.0:0")

    @classmethod
    def tearDownClass(cls):
        if hasattr(cls, "aggregator"):
            _, log = cls.aggregator.end()
            assert TOKEN not in log and TOKEN[::-1] not in log, log

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory, name)

    @classmethod
    def write(cls, name, text, mode=0o600):
        with open(cls.path(name), "w", encoding="ascii",
                  opener=lambda path, flags: os.open(path, flags, mode)) as file:
            file.write(text)
        os.chmod(cls.path(name), mode)
        return cls.path(name)

    def context(self):
        return ssl.create_default_context(cafile=self.path("a.pem"))

    def get(self, path, context=None, **headers):
        connection = http.client.HTTPSConnection("127.0.0.1", self.aggregator.http_port,
                                                 timeout=daemon.PATIENCE_S,
                                                 context=context or self.context())
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply, content

    def darkscope(self, *arguments, url=None, env=None):
        url = url or f"https://127.0.0.1:{self.aggregator.http_port}"
        return subprocess.run([DARKSCOPE, "sensors", "--url", url, *arguments], text=True,
                              capture_output=True, check=False, timeout=daemon.PATIENCE_S,
                              env={**os.environ, **(env or {})})

    def test_without_the_token_nothing_is_told(self):
        for path in "/healthz", "/metrics", "/api/v1/sensors", "/api/v1/openapi.json", "/live", "/x":
            for given in ({}, {"Authorization": "Bearer " + TOKEN[:-1]},
                          {"Authorization": "Bearer " + TOKEN + "x"},
                          {"Authorization": "Bearer"}, {"Authorization": TOKEN},
                          {"Authorization": "Basic " + TOKEN},
                          {"Authorization": "Bearer " + "x" * 2000}):
                reply, content = self.get(path, **given)
                self.assertEqual(reply.status, 401)
                self.assertEqual(reply.getheader("www-authenticate"), 'Bearer realm="darkscope"')
                self.assertEqual(reply.getheader("content-type"), "application/problem+json")
                self.assertNotIn(TOKEN.encode(), content)

    def test_a_browser_is_shown_where_to_give_the_token(self):
        reply, content = self.get("/")
        self.assertEqual((reply.status, reply.getheader("content-type")),
                         (200, "text/html; charset=utf-8"))
        self.assertNotIn(TOKEN.encode(), content)

    def test_with_the_token_all_is_as_ever(self):
        for path in "/", "/healthz", "/metrics", "/api/v1/sensors":
            reply, _ = self.get(path, Authorization="Bearer " + TOKEN)
            self.assertEqual(reply.status, 200, path)
        reply, _ = self.get("/healthz", Authorization="Bearer " + TOKEN, Host="telescope.example")
        self.assertEqual(reply.status, 200)

    def test_in_the_clear_and_with_old_tls_nothing_is_told(self):
        request = f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        self.assertNotIn(b" 200 ", self.aggregator.exchange(request.encode()))
        old = self.context()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.get("/healthz", context=old, Authorization="Bearer " + TOKEN)
        self.assertEqual(self.get("/healthz", Authorization="Bearer " + TOKEN)[0].status, 200)

    def test_noise_harms_nobody(self):
        for noise in b"", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", os.urandom(1000):
            with self.aggregator.connect() as s:
                s.sendall(noise)
        self.assertEqual(self.get("/healthz", Authorization="Bearer " + TOKEN)[0].status, 200)

    def test_command_line(self):
        trusted = ["--ca-file", self.path("a.pem")]
        done = self.darkscope(*trusted, "--token-file", self.path("token"), "--format", "json")
        self.assertEqual((done.returncode, done.stdout), (0, '{"query":"sensors","sensors":[]}\n'))
        done = self.darkscope("--format", "csv", env={"DARKSCOPE_CA_FILE": self.path("a.pem"),
                                                      "DARKSCOPE_TOKEN_FILE": self.path("token")})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for status, text, arguments in (
                (PERMISSION, "show the aggregator's token", trusted),
                (PERMISSION, "show the aggregator's token",
                 [*trusted, "--token-file", self.path("wrong")]),
                (7, "cannot be trusted", ["--token-file", self.path("token")]),
                (7, "cannot be trusted",
                 ["--ca-file", self.path("b.pem"), "--token-file", self.path("token")])):
            done = self.darkscope(*arguments)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(text, done.stderr)
            self.assertNotIn(TOKEN, done.stderr)
        done = self.darkscope("--token-file", self.path("token"), url="http://192.0.2.1:7180")
        self.assertEqual(done.returncode, 2)
        self.assertIn("in the clear", done.stderr)

    def test_what_is_not_secure_is_refused(self):
        token, certificate = self.path("token"), self.path("a.pem")
        key = self.path("a.key")
        for status, text, settings in (
                (CONFIG, "TLS and a token", {}),
                (CONFIG, "TLS and a token", {"token_file": token}),
                (CONFIG, "TLS and a token", {"certificate": certificate, "key": key}),
                (CONFIG, "http.key", {"token_file": token, "certificate": certificate}),
                (PERMISSION, "every user may read",
                 {"token_file": self.write("open", TOKEN, 0o644)}),
                (CONFIG, "a token, one line", {"token_file": self.write("short", "a" * 31)}),
                (CONFIG, "a token, one line", {"token_file": self.write("two", TOKEN + "\nx\n")}),
                (CONFIG, "a token, one line", {"token_file": self.write("blank", "a b" * 20)}),
                (CONFIG, "cannot be read", {"token_file": self.path("none")})):
            lines = "".join(f"  {name}: {value}\n" for name, value in settings.items())
            path = self.write("bad.yaml", f"http:\n  address: 0.0.0.0:0\n{lines}")
            done = daemon.run("--check-config", "-c", path)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(text, done.stderr)
            self.assertNotIn(TOKEN, done.stderr)

    def test_key_that_does_not_go_with_the_certificate(self):
        path = self.write("mixed.yaml", f"http:\n  certificate: {self.path('a.pem')}\n"
                          f"  key: {self.path('b.key')}\n")
        done = daemon.run("-c", path, "--http", "127.0.0.1:0", "--listen", "tcp://127.0.0.1:0",
                          "--store", self.path("store"))
        self.assertEqual(done.returncode, CONFIG)
        self.assertIn("go together", done.stderr)


if __name__ == "__main__":
    daemon.main()

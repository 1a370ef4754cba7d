#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The web side of the live view among hostile browsers: wrong frames and handshakes, too many
listeners, pages of elsewhere, paths that climb. Each is refused, and a good listener hears all.

usage: listeners.py AGGREGATOR SAMPLE_SOURCE
"""
import contextlib
import functools
import http.client
import os
import re
import socket
import sys
import threading

import view
from harness import Program, check, check_equal, folder, main, wait_for
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, SUBPROTOCOL, TEXT, Listener, unpack

AGGREGATOR, SOURCE = sys.argv[1:3]
aggregator = functools.partial(view.aggregator, AGGREGATOR)
LISTENERS_MAX = 64  # DS_LISTENERS_MAX
CROWD = 500
CLIENTS = 50
ROWS, TICKS = 100, 60  # 2,000 samples a second, for 3 seconds
FLOOD_BYTES = 64 << 20
FLOOD_FRAMES = 5000
GROWTH_MAX_MB = 48  # also under a sanitizer
PATIENCE_S = 60
HANG_UP_S = 20


def numbers(frames):
    """The samples in order; ends with the pulse that says how many they were."""
    got = []
    for frame in frames:
        for message in unpack(frame):
            check(message["kind"] != "skipped", f"{message} in a healthy listener")
            if message["kind"] == "samples":
                got += message["source_id"]
            elif message["kind"] == "pulse":
                check_equal(message["sampled"], len(got), "samples")
                return got
    raise AssertionError("the connection ended")


class Healthy(threading.Thread):
    """Takes frames as they come, up to the pulse at the end; looks into them only then."""

    def __init__(self, listener):
        super().__init__(daemon=True)
        self.listener, self.frames = listener, []
        self.start()

    def run(self):
        while (frame := self.listener.frame()) is not None:
            self.frames.append(frame)
            if b"\xa5pulse" in frame:
                return

    def check_all(self, ticks, who):
        self.join(PATIENCE_S)
        check(not self.is_alive(), f"{who} waits for ever")
        check(numbers(self.frames) == list(range(ROWS * ticks)), f"{who} misses samples")


@contextlib.contextmanager
def hears_all(where, endpoint, port, ticks=TICKS):
    """A good listener that hears every sample of a source that sends during the block."""
    with Listener(port) as listener, \
            Program(SOURCE, endpoint, ROWS, ticks, where=where, name="source") as source:
        healthy = Healthy(listener)
        yield
        healthy.check_all(ticks, "the good listener")
        source.ended()


def resident_mb(program):
    with open(f"/proc/{program.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) / 1024


def get(port, path, **headers):
    """Status, headers and body, as a request that a client of its own would not make."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    with contextlib.closing(connection):
        reply = connection.getresponse()
        return reply.status, reply, reply.read()


def is_closed(listener):
    """Waits for the end, whatever still comes."""
    listener.socket.settimeout(HANG_UP_S)
    try:
        return wait_for(lambda: listener.frame() is None, "the connection ends")
    except ConnectionError:
        return True
    except TimeoutError:
        return False


WRONG_FRAMES = {
    "a text": lambda l: l.say(TEXT, b"hello"),
    "bytes": lambda l: l.say(BINARY, b"\x80"),
    "a text that is none": lambda l: l.say(TEXT, b"\xff\xfe"),
    "without a mask": lambda l: l.say(BINARY, b"hello", masks=False),
    "reserved bit 1": lambda l: l.say(TEXT, b"hello", reserved=4),
    "reserved bit 2": lambda l: l.say(TEXT, b"hello", reserved=2),
    "reserved bit 3": lambda l: l.say(PING, b"", reserved=1),
    **{f"opcode {code}": lambda l, code=code: l.say(code, b"hello")
       for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a ping in fragments": lambda l: l.say(PING, b"hello", ends=False),
    "a ping of 126 bytes": lambda l: l.say(PING, bytes(126)),
    "a ping that says 64 KiB": lambda l: l.say(PING, b"x" * 100, size=65536),
    "a continuation of nothing": lambda l: l.say(CONTINUATION, b"hello"),
    "a fragment": lambda l: l.say(TEXT, b"hello", ends=False),
    "2^63 bytes": lambda l: l.say(BINARY, b"x" * 1000, size=1 << 63),
    "2^40 bytes": lambda l: l.say(BINARY, b"x" * 1000, size=1 << 40),
    "a close that says one byte": lambda l: l.say(CLOSE, b"\x03"),
    "a close of a code that is none": lambda l: l.say(CLOSE, b"\x00\x00"),
    "no frame at all": lambda l: l.socket.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100),
}


def test_wrong_frames():
    """Each ends its own connection, and none that of another."""
    with folder() as where, aggregator(where) as (program, endpoint, port), \
            hears_all(where, endpoint, port):
        for what, wrong in WRONG_FRAMES.items():
            with Listener(port) as hostile:
                check_equal(hostile.status, 101, what)
                wrong(hostile)
                check(is_closed(hostile), f"{what} is borne")
            check(program.runs(), f"{what} ended the aggregator")


def test_endless_frames():
    """A message without an end, and pings for ever: memory does not grow."""
    with folder() as where, aggregator(where) as (program, endpoint, port):
        with hears_all(where, endpoint, port, 1):
            before = resident_mb(program)
        with hears_all(where, endpoint, port):
            for opcode, size in (BINARY, 1 << 16), (PING, 125), (PONG, 125):
                with Listener(port) as hostile, contextlib.suppress(OSError):
                    piece = bytes(size)
                    hostile.say(opcode, piece, ends=opcode != BINARY)
                    for _ in range(min(FLOOD_BYTES // size, FLOOD_FRAMES)):
                        hostile.say(CONTINUATION if opcode == BINARY else opcode, piece,
                                    ends=opcode != BINARY)
        growth = resident_mb(program) - before
        check(growth < GROWTH_MAX_MB, f"{growth:.0f} MB more")


HANDSHAKE = ("Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
             f"Sec-WebSocket-Protocol: {SUBPROTOCOL}")


def shake(port, first="GET /live HTTP/1.1", without=None, more=(), behind=b""):
    """What is answered to a handshake; empty where the connection is cut."""
    lines = [first, *(line for line in HANDSHAKE if not (without and line.startswith(without))),
             *more, "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_UP_S) as s, \
            contextlib.suppress(ConnectionError):
        s.sendall("\r\n".join(lines).encode("latin-1") + behind)
        try:
            return s.recv(65536).split(b"\r\n")[0]
        except TimeoutError:
            raise AssertionError(f"no answer to {lines[:2]}, {more}"[:200]) from None
    return b""


WRONG_HANDSHAKES = {
    "no key": {"without": "Sec-WebSocket-Key"},
    "another version": {"without": "Sec-WebSocket-Version", "more": ["Sec-WebSocket-Version: 8"]},
    "POST": {"first": "POST /live HTTP/1.1"},
    "POST with a body": {"first": "POST /live HTTP/1.1", "more": ["Content-Length: 3"]},
    "another path": {"first": "GET /live/x HTTP/1.1"},
    "another host": {"without": "Host", "more": ["Host: darkscope.example"]},
    "another page": {"more": ["Origin: http://evil.example"]},
    "headers of 64 KiB": {"more": ["X: " + "x" * 65536]},
    "ten thousand headers": {"more": ["X: x"] * 10000},
    "a key of 20 KiB": {"without": "Sec-WebSocket-Key",
                        "more": ["Sec-WebSocket-Key: " + "A" * 20480]},
    "no subprotocol": {"without": "Sec-WebSocket-Protocol"},
    "3,000 other subprotocols": {"without": "Sec-WebSocket-Protocol",
                                 "more": ["Sec-WebSocket-Protocol: " + "x, " * 3000 + "x"]},
}


def test_wrong_handshakes():
    """Whatever stands behind them."""
    with folder() as where, aggregator(where) as (program, endpoint, port), \
            hears_all(where, endpoint, port):
        check(b" 101 " in shake(port), "the good one is refused")
        for what, arguments in WRONG_HANDSHAKES.items():
            for behind in b"", b"x", b"\x81\x00" * 500, b"GET / HTTP/1.1\r\n\r\n":
                check(b" 101 " not in shake(port, **arguments, behind=behind), f"{what} is let in")
                check(program.runs(), f"{what} ended the aggregator")
                check_equal(get(port, "/healthz")[0], 200, f"health after {what} and {behind[:5]}")


def test_crowd():
    """So many are let in and no more; the aggregator answers all along, and lets in again."""
    with folder() as where, aggregator(where) as (_, endpoint, port), \
            contextlib.ExitStack() as stack, hears_all(where, endpoint, port):
        statuses = []
        for i in range(CROWD):
            with contextlib.suppress(ConnectionError):
                statuses.append(stack.enter_context(Listener(port, buffer=4096)).status)
            if i % 50 == 0:
                check_equal(get(port, "/healthz")[0], 200, f"health among {i}")
        check_equal(statuses.count(101), LISTENERS_MAX - 1, "listeners beside the good one")
        check(set(statuses) <= {101, 503}, f"statuses {set(statuses)}")
        check_equal(get(port, "/healthz")[0], 200, "health")
        stack.close()

        def is_let_in():
            with Listener(port) as listener:
                return listener.status == 101
        wait_for(is_let_in, "a place is free again")


def test_other_pages():
    """Pages of elsewhere cannot listen, nor ask, nor show what is here."""
    with folder() as where, aggregator(where) as (_, _, port):
        here = f"http://127.0.0.1:{port}"
        for headers, status in (
                ({"Origin": here}, 200),
                ({"Origin": "http://evil.example"}, 403),
                ({"Origin": f"http://127.0.0.1:{port}.evil.example"}, 403),
                ({"Origin": f"http://127.0.0.1:{port + 1}"}, 403),
                ({"Origin": "null"}, 403),
                ({"Origin": "x" * 5000}, 403),
                ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"}, 200),
                ({"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"}, 200),
                ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, 200),
                ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, 403),
                ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"}, 403),
                ({"Sec_Fetch_Site": "cross-site"}, 403)):
            for path in "/", "/healthz", "/api/v1/sensors":
                got, reply, _ = get(port, path, **headers)
                check_equal(got, status, f"{path} with {headers}")
                check(reply.getheader("access-control-allow-origin") is None, "it is shared")
                check_equal(reply.getheader("cross-origin-resource-policy"), "same-origin", path)
                policy = reply.getheader("content-security-policy")
                check("default-src 'none'" in policy and "frame-ancestors 'none'" in policy and
                      "unsafe" not in policy, policy)


TOKEN = ("the-secret-of-the-telescope/+=~" * 9)[:255]  # as long as one may be


def is_greeted(port, first=None, opcode=TEXT, **arguments):
    """Does it hear the first message of the feed, when it has said this?"""
    with Listener(port, **arguments) as listener:
        check_equal(listener.status, 101, "status")
        if first is not None:
            listener.say(opcode, first.encode())
        listener.socket.settimeout(HANG_UP_S)
        with contextlib.suppress(ConnectionError):
            return listener.frame() is not None
    return False


def test_token():
    """Who shows the token may listen: as a header, or as a browser can. Who does not is cut off."""
    with folder() as where:
        path = os.path.join(where, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(TOKEN)
        os.chmod(path, 0o600)
        with aggregator(where, f"http:\n  token_file: {path}") as (program, endpoint, port):
            check(is_greeted(port, headers=[f"Authorization: Bearer {TOKEN}"]), "header")
            for opcode in TEXT, BINARY:
                check(is_greeted(port, TOKEN, opcode), "message")
            with Program(SOURCE, endpoint, ROWS, TICKS, where=where, name="source"):
                for wrong in "", TOKEN[:-1], TOKEN + "x", TOKEN + "\0", "x" * 5000, None:
                    check(not is_greeted(port, wrong), f"it is greeted for {wrong}")
            check(not is_greeted(port, TOKEN[1:], headers=[f"Authorization: Bearer {TOKEN[1:]}"]),
                  "a wrong header")
            check(not is_greeted(port, path=f"/live?token={TOKEN}"), "a URL")
            with Listener(port, headers=["Origin: http://evil.example"]) as listener:
                check_equal(listener.status, 403, "another page")
            check_equal(get(port, "/")[0], 200, "the page")
            check_equal(get(port, "/api/v1/sensors")[0], 401, "a question")
            check(TOKEN not in program.err(), "a log")


PAGE = {"index.html": "<p>page", "main.js": "1", "main.js.LEGAL.txt": "l", "style.css": "a{}",
        "icon.svg": "<svg/>", "map.json": "{}"}


def test_paths():
    """Only the page's own files are served, whatever else lies beside them."""
    with folder() as where:
        web = os.path.join(where, "web")
        os.makedirs(os.path.join(web, "below"))
        for name, content in {**PAGE, "secret": "SECRET", "below/secret": "SECRET",
                              "../secret": "SECRET", ".hidden": "SECRET"}.items():
            with open(os.path.join(web, name), "w", encoding="ascii") as file:
                file.write(content)
        with aggregator(where, options=("--web", web)) as (program, _, port):
            for name, content in PAGE.items():
                path = "/" if name == "index.html" else f"/{name}"
                check_equal(get(port, path)[2], content.encode(), path)
            for path in ("/secret", "/below/secret", "/../secret", "/below/../secret", "/.hidden",
                         "/%2e%2e/secret", "/..%2fsecret", "/..%5csecret", "/.%2e/secret",
                         "/map.json/../secret", "/map.json%00/../secret", "//secret", "/./secret",
                         "/main.js/../../secret", "/..;/secret", "/%c0%ae%c0%ae/secret",
                         "/" + "../" * 200 + "etc/passwd", os.path.join(where, "secret")):
                try:
                    status, _, body = get(port, path)
                except http.client.RemoteDisconnected:
                    continue  # cut off: it climbs above the root
                check(status in (400, 403, 404), f"{path}: {status}")
                check(b"SECRET" not in body and b"root:" not in body, f"{path} is shown")
            check(program.runs(), "the aggregator ended")


def test_many_listeners():
    """2,000 samples a second to 50 listeners: each hears all, though one beside them hears nothing."""
    with folder() as where, aggregator(where) as (_, endpoint, port), \
            contextlib.ExitStack() as stack:
        stalled = stack.enter_context(Listener(port, buffer=4096))
        check_equal(stalled.status, 101, "status")
        clients = [Healthy(stack.enter_context(Listener(port))) for _ in range(CLIENTS)]
        source = stack.enter_context(Program(SOURCE, endpoint, ROWS, TICKS, where=where, name="source"))
        for i, client in enumerate(clients):
            client.check_all(TICKS, f"listener {i}")
        source.ended()


if __name__ == "__main__":
    sys.exit(main([
        ("wrong frames end their connection alone", test_wrong_frames),
        ("frames without an end are bounded", test_endless_frames),
        ("wrong handshakes are refused", test_wrong_handshakes),
        ("500 listeners: so many are let in, and all else goes on", test_crowd),
        ("pages of elsewhere are refused", test_other_pages),
        ("who shows the token may listen", test_token),
        ("paths do not climb", test_paths),
        ("50 listeners hear all of 2,000 samples a second", test_many_listeners),
    ]))

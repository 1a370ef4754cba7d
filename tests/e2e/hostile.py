#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A thousand hostile connections while a good sensor delivers: it loses nothing, and the
aggregator's memory stays within its bound; to the port for sensors, and to that for HTTP, which also
answers again when they are gone. Connections that are closed are opened again.

usage: hostile.py DARKSCOPE SENSOR AGGREGATOR GENERATOR STRANGERS [SECONDS]
"""
import collections
import contextlib
import json
import os
import random
import re
import resource
import select
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

import keys
from harness import Program, check, folder, main, run, wait_for

STRANGERS = sys.argv[5]
SECONDS = int(sys.argv[6]) if len(sys.argv) > 6 else 8
CONNECTIONS = 1000
WITH_CURVE = 300  # made by STRANGERS, the rest here
GROWTH_MAX_MB = 50
SANITIZER_FACTOR = 3  # of memory, for what it lays around each allocation
HTTP_CONNECTIONS_MAX = 128  # at once, of the aggregator
SPEED = 10  # windows of a second of packets that the good sensor delivers in a second
GREETING = (b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + bytes(32))
COMMAND, LONG_COMMAND = b"\x04", b"\x06"


def noise(_):
    """No ZMTP at all."""
    yield random.randbytes(random.randrange(1, 4000))


def truncated(_):
    """A handshake that ends in the middle of a command."""
    yield GREETING
    yield COMMAND + bytes([200]) + b"\x05HELLO\x01\x00" + bytes(random.randrange(190))


def giant(number):
    """Commands of a size between what passes and what no computer has, and as much of them as is
    taken."""
    yield GREETING
    size = (16 << 10, 20 << 20, 24 << 20, (1 << 64) - 1)[number // len(SENSOR_KINDS) % 4]
    yield LONG_COMMAND + size.to_bytes(8, "big")
    for _ in range(64):
        yield bytes(min(size - 1, 1 << 20))  # as much as the connection takes at once


def slow(_):
    """A byte at a time."""
    for byte in GREETING:
        yield bytes([byte])


SENSOR_KINDS = (noise, truncated, giant, slow)

REQUEST = b"GET /api/v1/summary HTTP/1.1\r\nHost: localhost\r\n"


def http_truncated(_):
    """A request that ends within a header."""
    yield REQUEST + b"Accept"


def http_giant(number):
    """A header, an address or a body without an end."""
    yield (REQUEST + b"X: ", b"GET /", REQUEST + b"Content-Length: 99999999999\r\n\r\n")[number % 3]
    for _ in range(64):
        yield b"x" * (1 << 16)


def http_slow(_):
    """A byte at a time."""
    for byte in REQUEST:
        yield bytes([byte])


def http_greedy(_):
    """Questions one after the other, and no answer is read."""
    while True:
        yield (REQUEST + b"\r\n") * 100


HTTP_KINDS = (noise, http_truncated, http_giant, http_slow, http_greedy)


class Crowd(threading.Thread):
    """Holds so many raw connections and gives each what its kind says, a bit in each round."""

    def __init__(self, port, count, kinds, reads):
        super().__init__(daemon=True)
        self.port, self.count, self.kinds, self.reads = port, count, kinds, reads
        self.opened = 0
        self.stopped = threading.Event()
        self.full = threading.Event()
        self.connections = {}

    def open(self):
        number = self.opened
        self.opened += 1
        s = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        s.setblocking(False)
        self.connections[s] = self.kinds[number % len(self.kinds)](number)

    def close(self, s):
        del self.connections[s]
        s.close()

    def speak(self, s):
        try:
            piece = next(self.connections[s], None)
            if piece:
                s.send(piece)
        except BlockingIOError:
            pass
        except OSError:
            self.close(s)

    def drop_closed(self):
        readable, _, _ = select_all(list(self.connections))
        for s in readable:
            try:
                if not s.recv(4096, 0 if self.reads else socket.MSG_PEEK):
                    self.close(s)
            except BlockingIOError:
                pass
            except OSError:
                self.close(s)

    def run(self):
        while not self.stopped.is_set():
            while len(self.connections) < self.count and not self.stopped.is_set():
                self.open()
            self.full.set()
            for s in list(self.connections):
                self.speak(s)
            self.drop_closed()
            self.stopped.wait(0.01)
        for s in list(self.connections):
            self.close(s)


def select_all(sockets):
    """select() for descriptors above 1023."""
    poll = select.poll()
    by_fd = {s.fileno(): s for s in sockets}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    return [by_fd[fd] for fd, _ in poll.poll(0)], [], []


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) / 1024


def connections_to(port):
    """Those that the program holds: established, or closed by the other side alone."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        fields = [line.split() for line in file]
    return sum(f[1].endswith(f":{port:04X}") and f[3] in ("01", "08") for f in fields[1:])


class Watch(threading.Thread):
    """The most memory that a process has held, and the most connections to its port."""

    def __init__(self, pid, port):
        super().__init__(daemon=True)
        self.pid, self.port, self.peak_mb, self.peak_sockets = pid, port, 0, 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(0.05):
            self.peak_mb = max(self.peak_mb, resident_mb(self.pid))
            self.peak_sockets = max(self.peak_sockets, connections_to(self.port))


def warm_up(where, daemon, endpoint, url):
    """A capture, and the memory of an aggregator that has taken it once: what one sensor needs is no
    growth."""
    path = keys.capture(where, SECONDS * SPEED)
    run(*keys.sensor_words(where, endpoint, "warm", path))
    check(keys.stored(url) == SECONDS * SPEED, f"{keys.stored(url)} windows of {SECONDS * SPEED}")
    return path, resident_mb(daemon.process.pid)


def growth_max_mb(daemon):
    with open(f"/proc/{daemon.process.pid}/maps", encoding="utf-8") as file:
        return GROWTH_MAX_MB * (SANITIZER_FACTOR if "libasan" in file.read() else 1)


def check_growth(daemon, crowd, watch, base_mb, took_s, least_sockets):
    growth_mb = watch.peak_mb - base_mb
    print(f"# {SECONDS * SPEED} windows in {took_s:.1f} s; {crowd.opened} raw connections, "
          f"{watch.peak_sockets} connections at once; memory {base_mb:.1f} MB, at most {growth_mb:.1f} MB "
          "more", flush=True)
    check(growth_mb < growth_max_mb(daemon), f"memory grew by {growth_mb:.1f} MB")
    check(watch.peak_sockets >= least_sockets, f"only {watch.peak_sockets} connections at once")


def deliver(where, endpoint, path):
    began = time.monotonic()
    run(*keys.sensor_words(where, endpoint, "good", path, "--speed", str(SPEED)))
    return time.monotonic() - began


def deliver_among_strangers(where, daemon, endpoint, url):
    port = int(endpoint.rsplit(":", 1)[1])
    path, base_mb = warm_up(where, daemon, endpoint, url)
    crowd = Crowd(port, CONNECTIONS - WITH_CURVE, SENSOR_KINDS, True)
    watch = Watch(daemon.process.pid, port)
    with Program(STRANGERS, f"tcp://127.0.0.1:{port}", where + "/aggregator.pub",
                 where + "/insider.key", WITH_CURVE, where=where, name="strangers") as strangers:
        wait_for(lambda: "ready" in strangers.out(), "strangers connect")
        crowd.start()
        wait_for(crowd.full.is_set, "the crowd connects")
        watch.start()
        took_s = deliver(where, endpoint, path)
        network = keys.network(url)
        check(strangers.runs(), f"the strangers ended: {strangers.err()}")
        for thread in crowd, watch:
            thread.stopped.set()
            thread.join(30)
    print(f"# {network}")
    check(keys.stored(url) == 2 * SECONDS * SPEED, f"{keys.stored(url)} windows, of both sensors")
    check_growth(daemon, crowd, watch, base_mb, took_s, CONNECTIONS / 4)
    check(network["handshakes"]["refused"] > 0, "no key was refused")
    check(network["messages"]["malformed"] > 0, "the insider was not heard")


def ask(url):
    """Its answer's status, or None where it is turned away."""
    try:
        with urllib.request.urlopen(url + "/api/v1/summary", timeout=30) as reply:
            json.load(reply)
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def deliver_beside_http(where, daemon, endpoint, url):
    path, base_mb = warm_up(where, daemon, endpoint, url)
    port = int(url.rsplit(":", 1)[1])
    crowd, watch = Crowd(port, CONNECTIONS, HTTP_KINDS, False), Watch(daemon.process.pid, port)
    crowd.start()
    wait_for(crowd.full.is_set, "the crowd connects")
    watch.start()
    took_s = deliver(where, endpoint, path)
    asked = collections.Counter(ask(url) for _ in range(50))
    for thread in crowd, watch:
        thread.stopped.set()
        thread.join(30)
    wait_for(lambda: ask(url) == 200, "an answer, when they are gone")
    print(f"# of 50 questions among them: {dict(asked)}")
    check(keys.stored(url) == 2 * SECONDS * SPEED, f"{keys.stored(url)} windows, of both sensors")
    check_growth(daemon, crowd, watch, base_mb, took_s, HTTP_CONNECTIONS_MAX / 2)
    check(daemon.runs(), f"the aggregator ended: {daemon.err()}")


@contextlib.contextmanager
def aggregator_to_attack():
    """Folder, program, endpoint and URL."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    # What a sanitizer keeps, freed memory and frames that have returned, is none of the aggregator's.
    os.environ["ASAN_OPTIONS"] = (os.environ.get("ASAN_OPTIONS", "") +
                                  ":quarantine_size_mb=1:detect_stack_use_after_return=0")
    os.environ.pop("MALLOC_PERTURB_", None)  # meson's: it would touch memory that nobody has used
    with folder() as where:
        keys.keygen(where, "aggregator", "good", "warm", "insider")
        for name in "good", "warm", "insider":
            keys.enlist(where, name)
        with keys.aggregator(where) as (daemon, endpoint, url):
            yield where, daemon, endpoint, url


def test_good_sensor_among_a_thousand_others():
    with aggregator_to_attack() as attacked:
        deliver_among_strangers(*attacked)


def test_good_sensor_beside_a_thousand_http_clients():
    with aggregator_to_attack() as attacked:
        deliver_beside_http(*attacked)


TESTS = [
    ("good sensor among a thousand others", test_good_sensor_among_a_thousand_others),
    ("good sensor beside a thousand HTTP clients", test_good_sensor_beside_a_thousand_http_clients),
]

if __name__ == "__main__":
    sys.exit(main(TESTS))

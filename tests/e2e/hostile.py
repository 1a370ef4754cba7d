#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A thousand hostile connections while a good sensor delivers: it loses nothing, and the
aggregator's memory stays within its bound. Connections that are closed are opened again.

usage: hostile.py DARKSCOPE SENSOR AGGREGATOR GENERATOR STRANGERS [SECONDS]
"""
import os
import random
import re
import resource
import select
import socket
import sys
import threading
import time

import keys
from harness import Program, check, folder, main, run, wait_for

STRANGERS = sys.argv[5]
SECONDS = int(sys.argv[6]) if len(sys.argv) > 6 else 8
CONNECTIONS = 1000
WITH_CURVE = 300  # made by STRANGERS, the rest here
GROWTH_MAX_MB = 50
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
    size = (16 << 10, 20 << 20, 24 << 20, (1 << 64) - 1)[number // len(KINDS) % 4]
    yield LONG_COMMAND + size.to_bytes(8, "big")
    for _ in range(64):
        yield bytes(min(size - 1, 1 << 20))  # as much as the connection takes at once


def slow(_):
    """A byte at a time."""
    for byte in GREETING:
        yield bytes([byte])


KINDS = (noise, truncated, giant, slow)


class Crowd(threading.Thread):
    """Holds so many raw connections and gives each what its kind says, a bit in each round."""

    def __init__(self, port, count):
        super().__init__(daemon=True)
        self.port, self.count = port, count
        self.opened = 0
        self.stopped = threading.Event()
        self.full = threading.Event()
        self.connections = {}

    def open(self):
        number = self.opened
        self.opened += 1
        s = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        s.setblocking(False)
        self.connections[s] = KINDS[number % len(KINDS)](number)

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
                if not s.recv(4096):
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


def connections_of(pid):
    return sum(os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
               for fd in os.listdir(f"/proc/{pid}/fd"))


class Watch(threading.Thread):
    """The most memory that a process has held, and the most sockets."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak_mb, self.peak_sockets = pid, 0, 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(0.05):
            try:
                self.peak_mb = max(self.peak_mb, resident_mb(self.pid))
                self.peak_sockets = max(self.peak_sockets, connections_of(self.pid))
            except OSError:
                pass  # a descriptor that has gone meanwhile


def allow_descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))


def deliver_among_strangers(where, daemon, endpoint, url):
    path = keys.capture(where, SECONDS * SPEED)
    port = int(endpoint.rsplit(":", 1)[1])
    before = keys.stored(url)
    run(*keys.sensor_words(where, endpoint, "warm", path))  # what one sensor needs is no growth
    warmed = keys.stored(url) - before
    base_mb = resident_mb(daemon.process.pid)
    crowd, watch = Crowd(port, CONNECTIONS - WITH_CURVE), Watch(daemon.process.pid)
    with Program(STRANGERS, f"tcp://127.0.0.1:{port}", where + "/aggregator.pub",
                 where + "/insider.key", WITH_CURVE, where=where, name="strangers") as strangers:
        wait_for(lambda: "ready" in strangers.out(), "strangers connect")
        crowd.start()
        wait_for(crowd.full.is_set, "the crowd connects")
        watch.start()
        began = time.monotonic()
        run(*keys.sensor_words(where, endpoint, "good", path, "--speed", str(SPEED)))
        took_s = time.monotonic() - began
        network = keys.network(url)
        check(strangers.runs(), f"the strangers ended: {strangers.err()}")
        for thread in crowd, watch:
            thread.stopped.set()
            thread.join(30)
    delivered = keys.stored(url) - before - warmed
    growth_mb = watch.peak_mb - base_mb
    print(f"# {delivered} windows of {SECONDS * SPEED} in {took_s:.1f} s; {crowd.opened} raw "
          f"connections, {watch.peak_sockets} sockets at once; memory {base_mb:.1f} MB, "
          f"at most {growth_mb:.1f} MB more")
    print(f"# {network}", flush=True)
    check(delivered == warmed == SECONDS * SPEED, f"{delivered} windows of {SECONDS * SPEED}")
    check(growth_mb < GROWTH_MAX_MB, f"memory grew by {growth_mb:.1f} MB")
    check(watch.peak_sockets >= CONNECTIONS / 2, f"only {watch.peak_sockets} sockets at once")
    check(network["handshakes"]["refused"] > 0, "no key was refused")
    check(network["messages"]["malformed"] > 0, "the insider was not heard")


def test_good_sensor_among_a_thousand_others():
    allow_descriptors()
    # Freed memory that a sanitizer keeps is no memory that the aggregator holds.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    with folder() as where:
        keys.keygen(where, "aggregator", "good", "warm", "insider")
        for name in "good", "warm", "insider":
            keys.enlist(where, name)
        with keys.aggregator(where) as (daemon, endpoint, url):
            deliver_among_strangers(where, daemon, endpoint, url)


TESTS = [("good sensor among a thousand others", test_good_sensor_among_a_thousand_others)]

if __name__ == "__main__":
    sys.exit(main(TESTS))

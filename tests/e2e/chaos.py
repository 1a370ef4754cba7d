#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of sensor, aggregator or both at random moments, and a connection that is disturbed, while a
paced stream is counted: at the end the store equals, cell for cell, that of an undisturbed run. For
every four kills the connection is disturbed once more: over a `cable`, which is loopback, in the clear,
it is cut, torn, stalled and slowed down; over a `wire` between two network namespaces, with keys, its
packets are lost, late, doubled and in another order, or a route is a black hole.

What a killed sensor loses by nature is its open windows. The stream therefore goes on, after each
kill, with the first window that was not closed, as if the packets of that time came once more. What
is closed is read where docs/operations.md says it is: in the spool's files, by a reader of their
form that is not the sensor's, or in the store. That a sensor closed a window before it went on to
the next is known from what it prints.

usage: chaos.py cable|wire DARKSCOPE-GEN DARKSCOPE-SENSOR DARKSCOPE-AGGREGATOR DARKSCOPE PRINT-STORE
                [KILLS [SEED]]
"""
import collections
import contextlib
import os
import random
import struct
import subprocess
import sys
import time

from cable import Cable
from delivery import Aggregator, Spool
from harness import PATIENCE_S, Failure, check, check_equal, comment, folder, main, run, wait_for
from wire import ENDS, Wire

WAY, GEN, SENSOR, AGGREGATOR, DARKSCOPE, PRINT_STORE = sys.argv[1:7]
KILLS = int(sys.argv[7]) if len(sys.argv) > 7 else 20
SEED = int(sys.argv[8]) if len(sys.argv) > 8 else time.time_ns() % 1_000_000
CUTS = max(5, KILLS // 4)
ROUNDS = KILLS + CUTS
WINDOWS_A_ROUND, PACKETS_A_WINDOW = 15, 40
PACE_S = 0.02       # real time of a window
KILL_AFTER_S = 0.5  # at most, since the kill before
START = 1767225600  # of the generated stream
OPTIONS = ["-n", "tokyo", "-w", "1s", "-m", "198.18.0.0/16"]


class Stream:
    """The capture as windows: the packets' records of each second, the first of which is moved to the
    second's beginning, since a sensor has watched from its first packet on."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        self.header, at, last = data[:24], 24, 0
        self.windows = []
        while at < len(data):
            second, micro, length = struct.unpack_from("<III", data, at)
            check(second * 1_000_000 + micro >= last, "the stream is not in order of time")
            last = second * 1_000_000 + micro
            while len(self.windows) <= second - START:
                self.windows.append(b"")
                micro = 0
            self.windows[-1] += struct.pack("<II", second, micro) + data[at + 8:at + 16 + length]
            at += 16 + length


class Sensor:
    """One run of it; words are the program and what leads it to the aggregator."""

    def __init__(self, where, number, words):
        self.spool = os.path.join(where, "spool")
        self.printed, self.log = (os.path.join(where, f"sensor-{number}.{kind}")
                                  for kind in ("out", "err"))
        with open(self.printed, "wb") as out, open(self.log, "wb") as err:
            self.process = subprocess.Popen(
                [*words, "-r", "-", "--json", "--spool", self.spool, *OPTIONS],
                stdin=subprocess.PIPE, stdout=out, stderr=err)

    def feed(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"the sensor ended: {self.err()}") from None

    def err(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def kill(self):
        """Ends it; the windows that it had closed for certain: all that it printed but the last."""
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with open(self.printed, encoding="utf-8") as file:
            lines = [line for line in file.readlines() if line.endswith("\n")]
        return len(lines[:-1])

    def end(self):
        self.process.stdin.close()
        try:
            status = self.process.wait(PATIENCE_S * 4)
        except subprocess.TimeoutExpired:
            raise Failure(f"the sensor does not end: {self.err()}") from None
        check(status == 0, f"the sensor ended with {status}: {self.err()}")


def undisturbed(where, stream):
    with Aggregator([AGGREGATOR], PRINT_STORE, where) as aggregator:
        sensor = Sensor(where, "undisturbed", [SENSOR, "-a", aggregator.endpoint])
        sensor.feed(stream.header + b"".join(stream.windows))
        sensor.end()
        check(not [name for name in os.listdir(sensor.spool) if name.endswith(".spool")],
              "all is delivered, and the spool is not empty")
        return list(aggregator.windows())


class OverCable:
    """An aggregator, and the words of a sensor that reaches it over a cable."""

    def __init__(self, where):
        self.aggregator = Aggregator([AGGREGATOR], PRINT_STORE, where)
        self.connection = Cable(int(self.aggregator.endpoint.rsplit(":", 1)[1]))
        self.sensor = [SENSOR, "-a", self.connection.endpoint]


class OverWire:
    """The same over a wire, as between two machines."""

    def __init__(self, where):
        self.connection = Wire()
        key = {name: os.path.join(where, name) for name in ("tokyo", "aggregator")}
        for path in key.values():
            run(DARKSCOPE, "keygen", path)
        self.aggregator = Aggregator(
            ["ip", "netns", "exec", self.connection.far, AGGREGATOR, "--key",
             key["aggregator"] + ".key", "--sensors", key["tokyo"] + ".pub"],
            PRINT_STORE, where, f"tcp://{ENDS[1]}:0")
        self.sensor = ["ip", "netns", "exec", self.connection.near, SENSOR, "-a",
                       self.aggregator.endpoint, "--key", key["tokyo"] + ".key",
                       "--aggregator-key", key["aggregator"] + ".pub"]


class Chaos:
    """Feeds, kills and goes on where what is closed ends."""

    def __init__(self, where, stream):
        self.where, self.stream = where, stream
        self.random = random.Random(SEED)
        way = {"cable": OverCable, "wire": OverWire}[WAY](where)
        self.aggregator, self.connection, self.words = way.aggregator, way.connection, way.sensor
        self.spool = Spool(os.path.join(where, "spool"))
        self.runs = self.next = 0
        self.killed = {"sensor": 0, "aggregator": 0, "both": 0}
        self.disturbed = collections.Counter()
        self.sensor = None
        self.start_sensor()

    def start_sensor(self):
        self.sensor = Sensor(self.where, self.runs, self.words)
        self.sensor.feed(self.stream.header)
        self.first = self.next
        self.runs += 1

    def closed(self):
        """How many windows from the beginning are closed; there is no gap among them."""
        spooled = set(self.spool.windows())  # first: what leaves it is in the store
        starts = spooled | set(self.aggregator.starts())
        count = len(starts)
        check(starts == set(range(START, START + count)), f"seed {SEED}: closed windows are lost")
        return count

    def kill_sensor(self):
        least = self.first + self.sensor.kill()
        self.next = self.closed()
        check(self.next >= least, f"seed {SEED}: the sensor had closed {least} windows, and "
                                  f"{self.next} are kept")

    def is_connected(self):
        self.feed_until(time.monotonic())
        return " answers " in self.sensor.err()

    def feed_until(self, deadline):
        most = len(self.stream.windows) * 9 // 10  # the rest is for the end
        while True:
            if self.next < most:
                self.sensor.feed(self.stream.windows[self.next])
                self.next += 1
            if time.monotonic() >= deadline:
                break
            time.sleep(min(PACE_S, max(0, deadline - time.monotonic())))

    def disturb(self):
        self.feed_until(time.monotonic() + self.random.uniform(0, KILL_AFTER_S))
        self.disturbed[self.connection.disturb(self.random)] += 1

    def round(self):
        if self.random.random() < 0.5:  # at any moment, or at one while windows are delivered
            wait_for(self.is_connected, "a connection")
        self.feed_until(time.monotonic() + self.random.uniform(0, KILL_AFTER_S))
        who = self.random.choice(sorted(self.killed))
        self.killed[who] += 1
        if who in ("aggregator", "both"):
            self.aggregator.kill()
        if who in ("sensor", "both"):
            self.kill_sensor()
            self.start_sensor()
        if who in ("aggregator", "both"):
            self.feed_until(time.monotonic() + self.random.uniform(0, KILL_AFTER_S / 2))
            self.aggregator.start()

    def end(self):
        for window in self.stream.windows[self.next:]:
            self.sensor.feed(window)
        self.sensor.end()


def no_kill_changes_a_figure():
    with folder() as where, folder() as reference:
        capture = os.path.join(where, "capture.pcap")
        run(GEN, "--output", capture, "--link", "raw", "--rate", PACKETS_A_WINDOW, "--duration",
            f"{ROUNDS * WINDOWS_A_ROUND}s", "--seed", "5", "--prefix", "198.18.0.0/16", "--mix",
            "mirai=4,bot=4,masscan-old=1,zmap-old=1,backscatter-rst=2,amplification=2,icmp-echo=1")
        stream = Stream(capture)
        expected = undisturbed(reference, stream)
        began, chaos = time.monotonic(), Chaos(where, stream)
        try:
            rounds = [chaos.round] * KILLS + [chaos.disturb] * CUTS
            chaos.random.shuffle(rounds)
            for a_round in rounds:
                a_round()
            chaos.end()
            starts = chaos.aggregator.starts()
            found = list(chaos.aggregator.windows())
        finally:
            chaos.sensor.process.kill()
            chaos.sensor.process.wait()
            chaos.aggregator.kill()
            chaos.connection.__exit__()
        windows = len(stream.windows)
        comment(f"seed {SEED}: {KILLS} kills {chaos.killed}, {CUTS} cuts {dict(chaos.disturbed)}, "
                f"{chaos.connection}, {chaos.runs} runs of the sensor, "
                f"{windows} windows in {time.monotonic() - began:.1f} s")
        check(windows == ROUNDS * WINDOWS_A_ROUND and len(set(starts)) == windows,
              f"{len(set(starts))} windows of {windows} are stored")
        check(len(starts) == windows, f"{len(starts) - windows} windows are doubled")
        check_equal(found, expected, f"seed {SEED}: the stores differ")


if __name__ == "__main__":
    sys.exit(main([("no kill changes a figure", no_kill_changes_a_figure)]))

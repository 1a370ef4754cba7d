#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong times: captures whose clock stands in 1970 or 2106, jumps, or has no order at all, from the file to
the store; and sensors whose clock is not that of the aggregator.

usage: clocks.py DARKSCOPE-GEN DARKSCOPE-SENSOR DARKSCOPE-AGGREGATOR PRINT-STORE SHIFT-CLOCK
"""
import json
import os
import random
import struct
import sys
import urllib.request

import packets
from delivery import Aggregator
from harness import PATIENCE_S, Program, check, check_equal, folder, main, run, wait_for

GEN, SENSOR, AGGREGATOR, PRINT_STORE, SHIFT_CLOCK = sys.argv[1:6]
NOW, LAST = 1767225600, 2**32 - 1
COUNT, SPAN_S = 2000, 300  # packets of a stretch of time, that of five windows
NS_PER_S = 1_000_000_000
SYN = packets.ip4("203.0.113.9", "198.18.0.1", 6, packets.tcp(40000, 23, packets.SYN))


def capture(where, times):
    """A packet at each of these times, in seconds."""
    path = os.path.join(where, "capture.pcap")
    with open(path, "wb") as file:
        file.write(packets.pcap([], packets.RAW))
        for time in times:
            second = min(int(time), LAST)
            file.write(struct.pack("<IIII", second, int(time % 1 * 1e6), len(SYN), len(SYN)) + SYN)
    return path


def steady(start, seconds=SPAN_S):
    return [start + i * seconds / COUNT for i in range(COUNT)]


def leap_second():
    """The second before midnight comes twice."""
    times = steady(NOW - SPAN_S / 2)
    return [t for t in times if t < NOW] + [t for t in times if NOW - 1 <= t < NOW] + \
        [t for t in times if t >= NOW]


CHANCE = random.Random(3)
# Name, times, the most windows that may come of them, and the most late packets.
CASES = [
    ("1970", steady(0), 5, 0),
    ("2106", steady(LAST - SPAN_S), 6, 0),
    ("1970, then 2106", steady(0) + steady(LAST - SPAN_S), 11, 63),
    ("2106, then 1970", steady(LAST - SPAN_S) + steady(0), 11, 63),
    ("an hour forward", steady(NOW) + steady(NOW + 3600), 65, 63),
    ("a day forward", steady(NOW) + steady(NOW + 86400), 11, 63),
    ("five minutes back", steady(NOW) + steady(NOW), 5, COUNT),
    ("a day back", steady(NOW) + steady(NOW - 86400), 11, 63),
    ("a leap second", leap_second(), 6, 0),
    ("one of 2106 among good ones", [*steady(NOW), LAST, *steady(NOW + SPAN_S)], 11, 64),
    ("shuffled within an hour", CHANCE.sample(steady(NOW, 3600), COUNT), 61, COUNT),
    ("no order at all", [CHANCE.uniform(0, LAST) for _ in range(COUNT)], COUNT, COUNT),
]


def test_times(times, most_windows, most_late):
    def test():
        with folder() as where, Aggregator([AGGREGATOR], PRINT_STORE, where) as aggregator:
            result = run(SENSOR, "-r", capture(where, times), "--json", "-n", "tokyo",
                         "-m", "198.18.0.0/16", "-a", aggregator.endpoint)
            windows = result.windows()
            check_equal(sum(w["packets"]["counted"] for w in windows), len(times), "counted")
            check(len(windows) <= most_windows, f"{len(windows)} windows of {most_windows}")
            late = sum(w["packets"]["late"] for w in windows)
            check(late <= most_late, f"{late} packets are late, of at most {most_late}")
            stored = list(aggregator.windows())
            # A time that is left and comes again gives two messages for a window.
            check_equal(sum(w["packets"]["counted"] for w in stored), len(times), "stored")
            check_equal(sum(w["parts"] for w in stored), len(windows), "windows and parts")
    return test


class Clock:
    """A clock that is off; words start a program that has it."""

    def __init__(self, where):
        self.path = os.path.join(where, "clock")
        self.be_off(0)
        options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.words = ["env", "LD_PRELOAD=" + SHIFT_CLOCK, "ASAN_OPTIONS=" + options,
                      "DARKSCOPE_CLOCK=" + self.path]

    def be_off(self, seconds):
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(descriptor, struct.pack("=q", seconds * NS_PER_S), 0)
        os.close(descriptor)


def skewed(aggregator):
    with urllib.request.urlopen(aggregator.url + "/healthz", timeout=PATIENCE_S) as reply:
        return json.load(reply)["clocks"]


def test_skew(seconds, word):
    """Told on both sides and shown, until it is over; windows arrive all the same."""
    def test():
        with folder() as where, Aggregator([AGGREGATOR], PRINT_STORE, where) as aggregator:
            clock = Clock(where)
            clock.be_off(seconds)
            near, far = os.pipe()
            with Program(*clock.words, SENSOR, "-r", f"/dev/fd/{near}", "-n", "tokyo", "-a",
                         aggregator.endpoint, where=where, name="sensor", pass_fds=[near]) as sensor:
                os.close(near)
                with os.fdopen(far, "wb") as pipe, \
                        open(capture(where, steady(NOW, 60)), "rb") as file:
                    pipe.write(file.read())
                    pipe.flush()
                    shown, = wait_for(lambda: skewed(aggregator), "the clock is shown")
                    check(shown["sensor"] == "tokyo" and abs(shown["ahead_s"] - seconds) < 60,
                          f"{shown}")
                    wait_for(lambda: f"s {word} that of aggregator" in sensor.err(), "it is told")
                    with open(aggregator.log, encoding="utf-8") as log:
                        check(f"s {word} ours" in log.read(), "the aggregator does not tell")
                    clock.be_off(0)
                    wait_for(lambda: not skewed(aggregator), "it is over")
                sensor.ended()
            check(len(list(aggregator.windows())) == 1, "the window is not stored")
    return test


if __name__ == "__main__":
    sys.exit(main([
        *((f"times: {name}", test_times(times, most_windows, most_late))
          for name, times, most_windows, most_late in CASES),
        ("a sensor's clock that is ahead", test_skew(1000, "ahead of")),
        ("a sensor's clock that is behind", test_skew(-1000, "behind")),
    ]))

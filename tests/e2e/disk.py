#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Disks that fail, are full, read-only or slow, and mend, under the sensor's spool and under the store:
both say so, lose nothing, and go on by themselves.

usage: disk.py DARKSCOPE-GEN DARKSCOPE-SENSOR DARKSCOPE-AGGREGATOR PRINT-STORE FAULTS
"""
import contextlib
import json
import os
import struct
import sys
import urllib.error
import urllib.request

from delivery import Aggregator
from harness import PATIENCE_S, Program, check, check_equal, folder, main, run, wait_for

GEN, SENSOR, AGGREGATOR, PRINT_STORE, FAULTS = sys.argv[1:6]
NONE, IO, FULL, READ_ONLY, SYNC = range(5)
WINDOWS = 40
SLOW_MS = 100


class Disk:
    """A directory with faults; words start a program that has them."""

    def __init__(self, where):
        self.path, self.control = os.path.join(where, "disk"), os.path.join(where, "control")
        os.mkdir(self.path, 0o700)
        self.be(NONE)
        # The sanitizers want to be first; this library takes nothing from them.
        options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.words = ["env", "LD_PRELOAD=" + FAULTS, "ASAN_OPTIONS=" + options,
                      f"DARKSCOPE_FAULTS={self.control}:{self.path}"]

    def be(self, fault, delay_ms=0):
        descriptor = os.open(self.control, os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(descriptor, struct.pack("=II", fault, delay_ms), 0)
        os.close(descriptor)


def capture(where):
    path = os.path.join(where, "capture.pcap")
    run(GEN, "-o", path, "-r", "50", "-d", f"{WINDOWS}s")
    return path


def printed(result):
    return sorted((w["start"], w["packets"]["received"], w["bytes"], w["sources"])
                  for w in result.windows())


def check_stored(aggregator, result):
    stored = list(aggregator.windows())
    check({w["parts"] for w in stored} == {1}, "a window is doubled")
    check_equal(sorted((w["start"], w["packets"]["received"], w["bytes"], w["sources"])
                       for w in stored), printed(result), "stored, and counted")
    check(len(stored) == WINDOWS, f"{len(stored)} windows of {WINDOWS}")


@contextlib.contextmanager
def sensor_with_spool(where, disk, endpoint):
    """That reads a pipe, which cannot be had again, so that it has a use for the spool."""
    spool = os.path.join(disk.path, "spool")
    with open(capture(where), "rb") as file:
        data = file.read()
    near, far = os.pipe()
    with Program(*disk.words, SENSOR, "-r", f"/dev/fd/{near}", "--json", "-w", "1s", "-n", "tokyo",
                 "-a", endpoint, "--spool", spool, where=where, name="sensor",
                 pass_fds=[near]) as sensor:
        os.close(near)
        with os.fdopen(far, "wb") as pipe:
            yield sensor, pipe, data


def feed(pipe, data):
    pipe.write(data)
    pipe.flush()


def test_spool(fault):
    def test():
        with folder() as where:
            disk = Disk(where)
            with Aggregator([AGGREGATOR], PRINT_STORE, where) as aggregator:
                aggregator.kill()  # away; it comes back on its port
                with sensor_with_spool(where, disk, aggregator.endpoint) as (sensor, pipe, data):
                    half = len(data) // 2
                    feed(pipe, data[:half // 2])
                    wait_for(lambda: len(sensor.windows()) > 2, "windows")
                    disk.be(fault)
                    feed(pipe, data[half // 2:half])
                    wait_for(lambda: "the spool does not work" in sensor.err(), "the complaint")
                    disk.be(NONE)
                    feed(pipe, data[half:])
                    wait_for(lambda: "the spool works again" in sensor.err(), "the recovery")
                    pipe.close()
                    aggregator.start()
                    result = sensor.ended()
                check_stored(aggregator, result)
            check_equal(result.err.count("the spool does not work"), 1, "complaints")
    return test


def test_slow_spool():
    with folder() as where:
        disk = Disk(where)
        disk.be(NONE, SLOW_MS)
        with Aggregator([AGGREGATOR], PRINT_STORE, where) as aggregator:
            with sensor_with_spool(where, disk, aggregator.endpoint) as (sensor, pipe, data):
                feed(pipe, data)
                pipe.close()
                result = sensor.ended()
            check_stored(aggregator, result)
            check("does not work" not in result.err, result.err)


def health(aggregator):
    try:
        with urllib.request.urlopen(aggregator.url + "/healthz", timeout=PATIENCE_S) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_store(fault):
    def test():
        with folder() as where:
            disk = Disk(where)
            with Aggregator([*disk.words, AGGREGATOR], PRINT_STORE, disk.path) as aggregator:
                disk.be(fault)
                with Program(SENSOR, "-r", capture(where), "--json", "-w", "1s", "-n", "tokyo",
                             "-a", aggregator.endpoint, where=where, name="sensor") as sensor:
                    wait_for(lambda: "cannot store windows now" in sensor.err(), "refusals")
                    status, body = health(aggregator)
                    check(status == 503 and body["windows"]["committed"] == 0, f"{status} {body}")
                    check([b["windows_lost"] for b in body["backlogs"]] == [0], f"{body}")
                    disk.be(NONE)
                    result = sensor.ended()
                check_stored(aggregator, result)
                check(health(aggregator)[0] == 200, "it is not well again")
                with open(aggregator.log, encoding="utf-8") as file:
                    log = file.read()
            check_equal((log.count("cannot store windows"), log.count("works again")), (1, 1), log)
    return test


def test_slow_store():
    with folder() as where:
        disk = Disk(where)
        with Aggregator([*disk.words, AGGREGATOR], PRINT_STORE, disk.path) as aggregator:
            disk.be(NONE, SLOW_MS // 10)
            result = run(SENSOR, "-r", capture(where), "--json", "-w", "1s", "-n", "tokyo", "-a",
                         aggregator.endpoint)
            check(health(aggregator)[0] == 200, "slow is taken for ill")
            check_stored(aggregator, result)


NAMES = {IO: "failing", FULL: "full", READ_ONLY: "read-only", SYNC: "failing to sync"}
if __name__ == "__main__":
    sys.exit(main([
        *((f"spool on a disk that is {name}", test_spool(fault)) for fault, name in NAMES.items()),
        ("spool on a slow disk", test_slow_spool),
        *((f"store on a disk that is {name}", test_store(fault)) for fault, name in NAMES.items()),
        ("store on a slow disk", test_slow_store),
    ]))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sensor's spool as its operator meets it: an aggregator that is away for hours, a disk that is full or
read-only, a second sensor, wrong settings.

usage: spool.py DARKSCOPE-GEN DARKSCOPE-SENSOR DARKSCOPE-AGGREGATOR PRINT-STORE [PACKETS-A-SECOND]
"""
import contextlib
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

from delivery import HEAD, Aggregator
from harness import Program, Skip, check, comment, folder, main, need_root, run, wait_for

GEN, SENSOR, AGGREGATOR, PRINT_STORE = sys.argv[1:5]
RATE = sys.argv[5] if len(sys.argv) > 5 else "5"
HOURS, AWAY_HOURS, BOUND_MIB = 8, 7, 256
EMPTY = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101)  # a capture
MIX = "mirai=4,bot=4,masscan-old=1,zmap-old=1,backscatter-rst=2,amplification=2,icmp-echo=1"


def free_endpoint():
    """A port that nobody listens on now, for an aggregator that comes later."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def files(spool):
    """(path, size) of the spool's files that are there at the moment."""
    for name in sorted(os.listdir(spool)) if os.path.isdir(spool) else []:
        path = os.path.join(spool, name)
        with contextlib.suppress(FileNotFoundError):
            yield path, os.stat(path).st_size


def count_windows(spool):
    """By the heads alone."""
    count = 0
    for path, size in files(spool):
        if not path.endswith(".spool"):
            continue
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            while file.tell() + HEAD.size <= size:
                head = HEAD.unpack(file.read(HEAD.size))
                count += head[1] == 1
                file.seek(head[2], os.SEEK_CUR)
    return count


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])


class Piped:
    """A sensor that reads the generator's packets."""

    def __init__(self, where, endpoint, *options, generate=()):
        self.where = where
        self.spool, self.truth = (os.path.join(where, name) for name in ("spool", "truth.json"))
        self.stack = contextlib.ExitStack()
        self.options = ["-a", endpoint, "--spool", self.spool, "-n", "tokyo", *options]
        self.generate = generate

    def __enter__(self):
        with self.stack:
            self.generator = self.stack.enter_context(subprocess.Popen(
                [GEN, "-o", "-", "-t", self.truth, "--mix", MIX, *self.generate],
                stdout=subprocess.PIPE, stdin=subprocess.DEVNULL))
            self.sensor = self.stack.enter_context(Program(
                SENSOR, "-r", "/dev/fd/" + str(self.generator.stdout.fileno()), *self.options,
                where=self.where, name="sensor", pass_fds=[self.generator.stdout.fileno()]))
            self.generator.stdout.close()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *exception):
        self.generator.kill()
        return self.stack.__exit__(*exception)

    def expected(self):
        with open(self.truth, encoding="ascii") as file:
            return [(window["packets"]["received"], window["bytes"], window["sources"])
                    for window in json.load(file)["windows"]]


def check_store(aggregator, expected):
    windows = list(aggregator.windows())
    stored = [(w["packets"]["received"], w["bytes"], w["sources"]) for w in windows]
    check({w["parts"] for w in windows} == {1}, "a window is doubled")
    check(stored == expected, f"{len(stored)} windows are stored, {len(expected)} were made, and "
                              f"{sum(a != b for a, b in zip(stored, expected))} of them differ")


def hours_without_an_aggregator():
    endpoint, peak, aggregator = free_endpoint(), 0, None
    with folder() as where, contextlib.ExitStack() as stack, \
            Piped(where, endpoint, "--spool-size", str(BOUND_MIB),
                  generate=["-d", f"{HOURS}h", "-r", RATE]) as p:
        while p.sensor.runs():
            peak = max(peak, sum(size for _, size in files(p.spool)))
            if not aggregator and count_windows(p.spool) >= AWAY_HOURS * 60:
                waited, memory = count_windows(p.spool), peak_kib(p.sensor.process.pid)
                aggregator = stack.enter_context(Aggregator([AGGREGATOR], PRINT_STORE, where, endpoint))
            time.sleep(0.05)
        check(aggregator, f"the sensor ended early: {p.sensor.err()}")
        p.sensor.ended()
        check_store(aggregator, p.expected())
    comment(f"{RATE} packets/s: {waited} windows waited, at most {peak / 2**20:.1f} MiB in the spool, "
            f"{memory / 1024:.0f} MiB of memory")
    check(peak <= BOUND_MIB << 20, f"the spool grew to {peak} bytes")


@contextlib.contextmanager
def small_disk(where):
    """A filesystem of its own for the spool, with room for a few windows."""
    need_root()
    spool = os.path.join(where, "spool")
    os.mkdir(spool, 0o700)
    mounted = run("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", spool, status=None)
    if mounted.status:
        raise Skip(f"nothing can be mounted here: {mounted.err.strip()}")
    try:
        yield spool
    finally:
        run("umount", "-l", spool)


def printed(sensor):
    return [(window["packets"]["received"], window["bytes"], window["sources"])
            for window in sensor.windows()]


def full_disk_is_outlived():
    endpoint = free_endpoint()
    with folder() as where, small_disk(where) as spool, \
            Piped(where, endpoint, "-w", "1s", "--json", generate=["-d", "200s", "-r", "200"]) as p:
        wait_for(lambda: "the spool does not work" in p.sensor.err(), "the complaint")
        # Windows go on, in memory, until so many wait that a pipe waits, too.
        wait_for(lambda: len(p.sensor.windows()) > 64, "windows in spite of it")
        run("mount", "-o", "remount,size=64m", spool)
        wait_for(lambda: "the spool works again" in p.sensor.err(), "the recovery")
        with Aggregator([AGGREGATOR], PRINT_STORE, where, endpoint) as aggregator:
            log = p.sensor.ended().err
            check_store(aggregator, printed(p.sensor))
        check(log.count("the spool does not work") == 1, f"said again and again: {log}")


def read_only_disk_gives_what_it_has():
    endpoint = free_endpoint()
    with folder() as where, small_disk(where) as spool:
        with Piped(where, endpoint, "-w", "1s", "--json",
                   generate=["-d", "9s", "-r", "50", "--start", "2026-01-01T00:00:00Z"]) as p:
            wait_for(lambda: count_windows(spool) == 9, "windows in the spool")
            expected = printed(p.sensor)
        run("mount", "-o", "remount,ro", spool)
        with Aggregator([AGGREGATOR], PRINT_STORE, where, endpoint) as aggregator, \
                Piped(where, endpoint, "-w", "1s", "--json",
                      generate=["-d", "9s", "-r", "50", "--start", "2026-01-02T00:00:00Z"]) as p:
            log = p.sensor.ended().err
            check_store(aggregator, expected + printed(p.sensor))
        check(log.count("Read-only file system") == 1, log)
        check(count_windows(spool) == 9, "a read-only disk was written to")


def is_locked(path):
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def second_sensor_is_refused():
    with folder() as where:
        spool = os.path.join(where, "spool")
        options = ["-a", free_endpoint(), "--spool", spool]
        near, far = os.pipe()
        os.write(far, EMPTY)
        with Program(SENSOR, "-r", f"/dev/fd/{near}", *options, where=where, name="first",
                     pass_fds=[near]) as first:
            wait_for(lambda: is_locked(os.path.join(spool, "lock")), "the lock")
            second = run(SENSOR, "-r", "-", *options, input=EMPTY, status=1)
            check(spool in second.err and "in use by another sensor" in second.err, second.err)
            os.close(near)
            os.close(far)
            first.ended()  # with nothing to deliver
        check(os.listdir(spool) == ["lock"], "a file is left")
        run(SENSOR, "-r", "-", *options, input=EMPTY)


def wrong_settings_are_refused():
    with folder() as where:
        others = os.path.join(where, "others")
        os.mkdir(others)
        os.chmod(others, 0o750)
        aggregator = ["-a", free_endpoint()]
        settings = os.path.join(where, "sensor.yaml")
        with open(settings, "w", encoding="ascii") as file:
            file.write("spool:\n  directory: /nonexistent/spool\n  size_mib: 64\n")
        for status, said, options in (
                (3, "spool.directory", ["--json", "--spool", where]),
                (3, "spool.size_mib: 63 must be from 64", [*aggregator, "--spool-size", "63"]),
                (6, "mode 750", [*aggregator, "--spool", others]),
                (1, "cannot make the spool /nonexistent/spool", [*aggregator, "-c", settings])):
            failed = run(SENSOR, "-r", "-", *options, status=status, input=EMPTY)
            check(said in failed.err, f"{options}: {failed.err}")


if __name__ == "__main__":
    sys.exit(main([
        ("second sensor", second_sensor_is_refused),
        ("wrong settings", wrong_settings_are_refused),
        (f"{HOURS} hours, the aggregator away for {AWAY_HOURS}", hours_without_an_aggregator),
        ("full disk", full_disk_is_outlived),
        ("read-only disk", read_only_disk_gives_what_it_has),
    ]))

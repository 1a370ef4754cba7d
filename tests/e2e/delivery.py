# SPDX-License-Identifier: Apache-2.0
"""The two ends of a delivery, seen from outside: an aggregator with its store, and the files of a
sensor's spool, read by the form of docs/operations.md alone."""
import json
import os
import re
import struct
import subprocess

from harness import check, run, wait_for

HEAD = struct.Struct(">8sIIQQQ64sII")


def crc32c_table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        yield value


CRC32C = tuple(crc32c_table())


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value = value >> 8 ^ CRC32C[(value ^ byte) & 255]
    return value ^ 0xffffffff


class Aggregator:
    """Starts when made, if not told otherwise on a port that the kernel chooses; may be killed and
    started again there. program is its command, printer shows what is in a store. Ends with the with
    block."""

    def __init__(self, program, printer, where, endpoint="tcp://127.0.0.1:0"):
        self.program, self.printer = program, printer
        self.store, self.endpoint = os.path.join(where, "store"), endpoint
        self.log = os.path.join(where, "aggregator.err")
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [*self.program, "--listen", self.endpoint, "--http", "127.0.0.1:0", "--store",
                 self.store], stderr=log, stdin=subprocess.DEVNULL)
        if self.endpoint.endswith(":0"):
            self.endpoint = wait_for(lambda: self.said(begin, r"(tcp://[0-9.:]+)"), "its port")
        self.url = wait_for(lambda: self.said(begin, r"\S+ (http://\S+)"), "its URL")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def said(self, begin, what):
        with open(self.log, encoding="utf-8") as log:
            log.seek(begin)
            found = re.search("listening " + what, log.read())
        return found and found[1]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def starts(self):
        """Of the windows that are committed, each as often as it was counted."""
        shown = run(self.printer, self.store, "starts", status=None)  # there may be no store yet
        return [start for line in shown.out.splitlines()
                for window in [json.loads(line)] for start in [window["start"]] * window["parts"]]

    def windows(self):
        """All that is stored, cell by cell. Without attacks: their figures begin anew with each run of
        the sensor, as docs/statistics.md says."""
        lines = run(self.printer, self.store).out.splitlines()
        for i in range(0, len(lines), 3):
            origin, window, cells = (json.loads(line) for line in lines[i:i + 3])
            window.pop("attacks", None)
            yield window | cells | {"parts": origin["parts"]}


class Spool:
    """A sensor's spool, looked at while no sensor runs."""

    def __init__(self, path):
        self.path = path
        self.known = {}  # file: its size and what it holds, as a file that is complete stays so

    def windows(self):
        """Starts of the windows there, done or not."""
        starts = []
        for name in sorted(os.listdir(self.path)) if os.path.isdir(self.path) else []:
            path = os.path.join(self.path, name)
            size = os.stat(path).st_size
            if name.endswith(".spool") and self.known.get(name, (None,))[0] != size:
                self.known[name] = size, list(read_file(path))
            starts += self.known.get(name, (0, []))[1]
        return starts


def read_file(path):
    """Starts of the windows in a file of a spool, of which the end may be torn."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at + HEAD.size <= len(data):
        magic, kind, size, _, _, _, sensor, body_sum, head_sum = HEAD.unpack_from(data, at)
        body = data[at + HEAD.size:at + HEAD.size + size]
        if len(body) < size:
            break
        check(magic == b"dkscsp02" and sensor.rstrip(b"\0") == b"tokyo" and kind in (1, 2) and
              crc32c(data[at:at + HEAD.size - 4]) == head_sum and crc32c(body) == body_sum,
              "a record in the spool is not as docs/operations.md says")
        if kind == 1:
            yield struct.unpack_from(">I", body, body.index(b"\xa5start\xce") + 7)[0]
        at += HEAD.size + size

# SPDX-License-Identifier: Apache-2.0
"""An aggregator as a process of its own, on ports that the kernel chose."""
import os
import re
import resource
import socket
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["DARKSCOPE_AGGREGATOR"]
PATIENCE_S = 30


class Aggregator:
    """Starts when made; as a context manager it ends with the block."""

    def __init__(self, *arguments, store=None, descriptors=None):
        self.directory = tempfile.TemporaryDirectory()
        self.store = store or os.path.join(self.directory.name, "store")
        self.process = subprocess.Popen(
            [PROGRAM, "--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0",
             "--store", self.store, *arguments],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            preexec_fn=descriptors and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                                   (descriptors, descriptors))))
        line = self.process.stderr.readline()
        found = re.fullmatch(r"darkscope-aggregator: listening (tcp://127\.0\.0\.1:(\d+)), "
                             r"https?://[\d.]+:(\d+)\n", line)
        if not found:
            self.end()
            raise AssertionError(f"not ready: {line!r}")
        self.endpoint = found[1]
        self.sensor_port, self.http_port = int(found[2]), int(found[3])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self, signal=None):
        """Ends it (with SIGKILL unless told otherwise); exit status and the rest of its log."""
        if self.process.poll() is None:
            self.process.kill() if signal is None else self.process.send_signal(signal)
        _, log = self.process.communicate(timeout=PATIENCE_S)
        self.directory.cleanup()
        return self.process.returncode, log

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.http_port), timeout=PATIENCE_S)

    def exchange(self, request):
        """Sends bytes, reads until the other side closes."""
        with self.connect() as s:
            try:
                s.sendall(request)
                return read_all(s)
            except (ConnectionResetError, BrokenPipeError):
                return b""


def read_all(s):
    reply = b""
    while piece := s.recv(65536):
        reply += piece
    return reply


def run(*arguments):
    """The program with these arguments alone, which is expected to end by itself."""
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)


class Tap(unittest.TestResult):
    """Prints each test as it ends; what failed is a comment below it."""

    def report(self, line, test, why=""):
        print(f"{line} {self.testsRun} - {test.id().split('.')[-1]}{why}", flush=True)

    def explain(self, test, error):
        self.report("not ok", test)
        for line in self._exc_info_to_string(error, test).splitlines():
            print("#", line, flush=True)

    def addSuccess(self, test):
        self.report("ok", test)

    def addSkip(self, test, reason):
        self.report("ok", test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.explain(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.explain(test, err)


def main():
    """Runs the tests of the program that calls it; TAP on standard output."""
    suite = unittest.defaultTestLoader.loadTestsFromName("__main__")
    print(f"1..{suite.countTestCases()}", flush=True)
    result = Tap()
    suite.run(result)
    raise SystemExit(not result.wasSuccessful())

# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: TAP output, programs that end with the test, conditions that are
waited for until a deadline.

A test is a function that raises Failure (or Skip); run() calls them and prints a line for each.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

PATIENCE_S = 60  # how long a condition may take; sanitizers and a busy machine are slow


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def differences(left, right, path=""):
    """The places at which two JSON values differ, as lines."""
    if isinstance(left, dict) and isinstance(right, dict):
        found = []
        for key in sorted(set(left) | set(right)):
            found += differences(left.get(key), right.get(key), f"{path}.{key}")
        return found
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [line for i, pair in enumerate(zip(left, right))
                for line in differences(*pair, f"{path}[{i}]")]
    return [] if left == right else [f"{path}: {str(left)[:150]} is not {str(right)[:150]}"]


def check_equal(left, right, what):
    found = differences(left, right)
    if found:
        rest = f"\n... and {len(found) - 12} more" if len(found) > 12 else ""
        raise Failure(f"{what}:\n" + "\n".join(found[:12]) + rest)


def wait_for(condition, what, patience_s=PATIENCE_S):
    """Asks until the condition gives something true, and returns that."""
    deadline = time.monotonic() + patience_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {patience_s} s")
        time.sleep(0.02)


@contextlib.contextmanager
def folder():
    """A new temporary folder that other users may enter."""
    path = tempfile.mkdtemp(prefix="darkscope-e2e-")
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def windows(self):
        return [json.loads(line) for line in self.out.decode().splitlines()]


def run(*command, status=0, **options):
    """Runs a program to its end. status None: any."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("timeout", PATIENCE_S * 2)
    if "input" in options:
        del options["stdin"]
    ended = subprocess.run([str(word) for word in command], capture_output=True, check=False,
                           **options)
    result = Result(ended.returncode, ended.stdout, ended.stderr.decode(errors="replace"))
    if status is not None and result.status != status:
        raise Failure(f"{os.path.basename(str(command[0]))} ended with {result.status}, not "
                      f"{status}: {result.err.strip()[-2000:]}")
    return result


class Program:
    """A program in the background, its output in files. Ends with the with block."""

    def __init__(self, *command, where, name, **options):
        self.name = name
        self.out_path = os.path.join(where, name + ".out")
        self.err_path = os.path.join(where, name + ".err")
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen([str(word) for word in command], stdout=out,
                                            stderr=err, stdin=subprocess.DEVNULL, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def out(self):
        with open(self.out_path, encoding="utf-8") as file:
            return file.read()

    def err(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def windows(self):
        """Those that are printed to their end."""
        return [json.loads(line) for line in self.out().splitlines(keepends=True)
                if line.endswith("\n")]

    def captures(self):
        """Has the sensor said that it captures? From then on no packet is missed."""
        return "capturing from interface" in self.err()

    def runs(self):
        return self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, status=0, number=signal.SIGINT):
        """Asks it to end and waits. status None: any."""
        self.send(number)
        return self.ended(status)

    def ended(self, status=0):
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} does not end: {self.err()[-2000:]}") from None
        if status is not None and self.process.returncode != status:
            raise Failure(f"{self.name} ended with {self.process.returncode}, not {status}: "
                          f"{self.err()[-2000:]}")
        return Result(self.process.returncode, self.out().encode(), self.err())


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


@contextlib.contextmanager
def namespaces(count):
    """Network namespaces of this test alone, with loopback up; their names."""
    need_root()
    if not shutil.which("ip"):
        raise Skip("needs ip (iproute2)")
    names = [f"darkscope-{os.getpid()}-{i}" for i in range(count)]
    made = []
    try:
        for name in names:
            added = run("ip", "netns", "add", name, status=None)
            if added.status:
                raise Skip(f"no network namespaces here: {added.err.strip()}")
            made.append(name)
            entered = run("ip", "netns", "exec", name, "true", status=None)
            if entered.status:
                raise Skip(f"network namespaces cannot be entered here: {entered.err.strip()}")
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in made:
            run("ip", "netns", "delete", name, status=None)


@contextlib.contextmanager
def veth():
    """Two namespaces joined by a cable, quiet (no IPv6 chatter): (near, far) namespace names; the
    interfaces are called near0 and far0."""
    with namespaces(2) as (near, far):
        run("ip", "link", "add", "near0", "netns", near, "type", "veth", "peer", "name", "far0",
            "netns", far)
        for name, interface in (near, "near0"), (far, "far0"):
            within(name, "sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
            run("ip", "-n", name, "link", "set", interface, "arp", "off", "up")
        yield near, far


def within(namespace, *command, **options):
    return run("ip", "netns", "exec", namespace, *command, **options)


def received_packets(namespace, interface):
    """The interface's own counter."""
    shown = within(namespace, "ip", "-s", "-j", "link", "show", "dev", interface)
    return json.loads(shown.out)[0]["stats64"]["rx"]["packets"]


def queued_packets():
    """Those that wait for a processor, in any namespace: a cable's counter is ahead of them."""
    with open("/proc/net/softnet_stat", encoding="ascii") as file:
        return sum(int(word, 16) for line in file for word in line.split()[11:12])


def comment(text):
    for line in str(text).splitlines():
        print("#", line)


def main(tests):
    """Runs (name, function) pairs; prints TAP; returns the exit status."""
    tests = list(tests)
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {name}")
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}")
        except Failure as reason:
            failed += 1
            print(f"not ok {number} - {name}")
            comment(reason)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {name}")
            comment(traceback.format_exc())
        sys.stdout.flush()
    return 1 if failed else 0


# A test that meson ends must still leave its with blocks.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

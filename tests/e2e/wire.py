# SPDX-License-Identifier: Apache-2.0
"""A wire between two network namespaces: a TUN device at each end, and this process between them, which
may lose packets, delay them, bring them twice or in another order, or nothing at all. It does what
netem does, where the kernel has no netem, too; above it are the kernel's own TCP and the real
programs."""
import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

from harness import Skip, namespaces, run

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 0x0001, 0x1000
PACKET_MAX = 65536
ENDS = ("192.0.2.1", "192.0.2.2")


def open_tun(namespace):
    """The device wire0 of that namespace, which only a thread of its own may enter."""
    found = []

    def enter():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{namespace}", "rb") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) < 0:
                return
        with contextlib.suppress(OSError):
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"wire0", IFF_TUN | IFF_NO_PI))
            found.append(tun)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if not found:
        raise Skip("no TUN device in a network namespace here")
    return found[0]


class Wire:
    """near and far are the namespaces; hosts have the addresses ENDS. Ends with the with block."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.near, self.far = self.stack.enter_context(namespaces(2))
        self.tuns = []
        try:
            for namespace, address in zip((self.near, self.far), ENDS):
                self.tuns.append(open_tun(namespace))
                run("ip", "-n", namespace, "address", "add", address + "/30", "dev", "wire0")
                run("ip", "-n", namespace, "link", "set", "wire0", "up")
        except BaseException:
            self.stack.close()
            raise
        self.fair()
        self.passed = self.lost = 0
        self.routed_until = None  # a blackhole route is in the way
        self.waiting, self.number = [], 0
        self.ended = threading.Event()
        self.chance = random.Random(1)
        self.thread = threading.Thread(target=self.relay)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        for tun in self.tuns:
            os.close(tun)
        self.stack.close()

    def __str__(self):
        return f"{self.passed} packets passed and {self.lost} were lost"

    # --- what a test does to it

    def fair(self):
        self.until = self.loss = self.twice = self.delay_s = self.jitter_s = 0

    def disturb(self, chance):
        """One of these, for a while."""
        what = chance.choice(["blackhole", "unreachable", "loss", "delay", "twice", "reorder"])
        self.fair()
        seconds = chance.choice([chance.uniform(0.1, 2), chance.uniform(2, 8)])
        self.until = time.monotonic() + seconds
        if what == "blackhole":
            self.loss = 1
        elif what == "unreachable":  # the sensor's own kernel says so
            run("ip", "-n", self.near, "route", "replace", "blackhole", ENDS[1] + "/32")
            self.routed_until = self.until
        elif what == "loss":
            self.loss = chance.uniform(0.05, 0.5)
        elif what == "delay":
            self.delay_s = chance.uniform(0.05, 0.5)
        elif what == "twice":
            self.twice = chance.uniform(0.2, 1)
        else:
            self.jitter_s = chance.uniform(0.01, 0.2)
        return what

    # --- the relay's own thread

    def relay(self):
        while not self.ended.is_set():
            now = time.monotonic()
            if now >= self.until:
                self.fair()
            if self.routed_until and now >= self.routed_until:
                self.routed_until = None
                run("ip", "-n", self.near, "route", "delete", "blackhole", ENDS[1] + "/32")
            left = self.waiting[0][0] - now if self.waiting else 0.02
            for tun in select.select(self.tuns, [], [], max(0, min(left, 0.02)))[0]:
                self.take(tun)
            self.give()

    def take(self, tun):
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = os.read(tun, PACKET_MAX)
                if self.chance.random() < self.loss:
                    self.lost += 1
                    continue
                for _ in range(2 if self.chance.random() < self.twice else 1):
                    due = time.monotonic() + self.delay_s + self.chance.uniform(0, self.jitter_s)
                    self.number += 1
                    heapq.heappush(self.waiting, (due, self.number, tun, packet))

    def give(self):
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _, _, tun, packet = heapq.heappop(self.waiting)
            self.passed += 1
            with contextlib.suppress(OSError):  # as on any wire
                os.write(self.tuns[1 - self.tuns.index(tun)], packet)

# SPDX-License-Identifier: Apache-2.0
"""A connection over loopback that can be cut, torn inside a message, stalled and slowed down. Packets
that are doubled or come in another order are not simulated: TCP hides them from both ends."""
import collections
import selectors
import socket
import struct
import threading
import time

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST
LOOK_S = 0.02


class Cable:
    """Relays what connects to `endpoint`; `passed` are the pieces of both directions. Ends with the
    with block."""

    def __init__(self, port):
        self.port, self.passed = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.peers = {}                   # socket: the one that its bytes go to
        self.waiting = collections.deque()  # (when, to whom, bytes), in order
        self.stalled_until, self.delay_s, self.left = 0, 0, None
        self.ended = threading.Event()
        self.cuts = threading.Event()
        self.watch = selectors.DefaultSelector()
        self.watch.register(self.listener, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.relay)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.reset()
        self.listener.close()
        self.watch.close()

    def __str__(self):
        return f"{len(self.passed)} pieces passed"

    # --- what a test does to it

    def cut(self):
        """Both ends see a reset."""
        self.cuts.set()

    def tear(self, size):
        """The same, after so many bytes more."""
        self.left = size

    def stall(self, seconds):
        """Nothing passes, and nobody is told."""
        self.stalled_until = time.monotonic() + seconds

    def slow(self, seconds):
        """Every piece comes so much later, from now on."""
        self.delay_s = seconds

    def disturb(self, chance):
        """One of these."""
        what = chance.choice(["cut", "tear", "stall", "slow"])
        if what == "cut":
            self.cut()
        elif what == "tear":
            self.tear(chance.randrange(1, 4000))
        elif what == "stall":
            self.stall(chance.uniform(0.05, 1.5))
        else:
            self.slow(chance.choice([0, 0, 0.01, 0.1]))
        return what

    # --- the relay's own thread

    def relay(self):
        while not self.ended.is_set():
            if self.cuts.is_set():
                self.cuts.clear()
                self.reset()
            if time.monotonic() < self.stalled_until:
                time.sleep(LOOK_S)
                continue
            for key, _ in self.watch.select(LOOK_S):
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj in self.peers:
                    self.take(key.fileobj)
            self.give()

    def accept(self):
        near = self.listener.accept()[0]
        try:
            far = socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            near.close()
            return
        for one, other in (near, far), (far, near):
            self.peers[one] = other
            self.watch.register(one, selectors.EVENT_READ)

    def take(self, end):
        try:
            data = end.recv(1 << 16)
        except OSError:
            data = b""
        if data:
            self.passed.append(data)
        self.waiting.append((time.monotonic() + self.delay_s, end, data))

    def give(self):
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _, end, data = self.waiting.popleft()
            if end not in self.peers:
                continue
            if not data:
                self.close(end)
                continue
            if self.left is not None:
                data, self.left = data[:self.left], self.left - len(data)
            try:
                self.peers[end].sendall(data)
            except OSError:
                self.close(end)
            if self.left is not None and self.left <= 0:
                self.left = None
                self.reset()

    def close(self, end):
        for one in end, self.peers[end]:
            self.watch.unregister(one)
            del self.peers[one]
            one.close()

    def reset(self):
        self.waiting.clear()
        for end in list(self.peers):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        while self.peers:
            self.close(next(iter(self.peers)))

# SPDX-License-Identifier: Apache-2.0
"""A listener to the live feed, by hand: the WebSocket's handshake and frames, and msgpack."""
import base64
import os
import socket
import struct
import time

SUBPROTOCOL = "darkscope-live.1"
PATIENCE_S = 60
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Listener:
    """Connects when made; status is that of the answer, 101 where it is let in."""

    def __init__(self, port, path="/live", subprotocol=SUBPROTOCOL, headers=(), buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        if subprotocol:
            lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
        self.socket.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
        self.file = self.socket.makefile("rb")
        answer = self.file.readline().split()
        self.status = int(answer[1]) if len(answer) > 1 else 0
        while self.status and self.file.readline() not in (b"\r\n", b""):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def frame(self):
        """Bytes of the next one; None at the end. Pings are answered, but not for ever."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if time.monotonic() > deadline:
                raise TimeoutError("nothing but pings")
            head = self.file.read(2)
            if len(head) < 2:
                return None
            size = head[1] & 127
            if size == 126:
                size = struct.unpack(">H", self.file.read(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.file.read(8))[0]
            body = self.file.read(size)
            if head[0] & 15 == BINARY:
                return body
            if head[0] & 15 == CLOSE:
                return None
            if head[0] & 15 == PING:
                self.socket.sendall(bytes([0x80 | PONG, 0x80 | len(body)]) + b"\0\0\0\0" + body)

    def say(self, opcode, body=b"", *, ends=True, masks=True, reserved=0, size=None):
        """One frame, as wrong as wanted: size may differ from what comes."""
        size = len(body) if size is None else size
        head = bytes([ends << 7 | reserved << 4 | opcode])
        mask = masks << 7
        if size < 126:
            head += bytes([mask | size])
        elif size < 1 << 16:
            head += struct.pack(">BH", mask | 126, size)
        else:
            head += struct.pack(">BQ", mask | 127, size)
        self.socket.sendall(head + (b"\0\0\0\0" if masks else b"") + body)

    def messages(self):
        """Those of all frames, one by one."""
        while (body := self.frame()) is not None:
            yield from unpack(body)


def unpack(data):
    """The one value that is all of data."""
    value, end = read(data, 0)
    if end != len(data):
        raise ValueError("bytes behind the value")
    return value


FIXED = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: ">b",
         0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}
CONSTANT = {0xc0: None, 0xc2: False, 0xc3: True}
LENGTH = {0xd9: ">B", 0xda: ">H", 0xdb: ">I", 0xdc: ">H", 0xdd: ">I", 0xde: ">H", 0xdf: ">I"}


def read(data, at):
    """The value at a place, and where the next one is."""
    tag, at = data[at], at + 1
    if tag < 0x80 or tag >= 0xe0:
        return (tag if tag < 0x80 else tag - 256), at
    if tag in CONSTANT:
        return CONSTANT[tag], at
    if tag in FIXED:
        size = struct.calcsize(FIXED[tag])
        return struct.unpack_from(FIXED[tag], data, at)[0], at + size
    if tag in LENGTH:
        size = struct.unpack_from(LENGTH[tag], data, at)[0]
        at += struct.calcsize(LENGTH[tag])
    else:
        size = tag & (31 if 0xa0 <= tag < 0xc0 else 15)
    if 0xa0 <= tag < 0xc0 or 0xd9 <= tag <= 0xdb:
        return data[at:at + size].decode(), at + size
    values = []
    is_map = 0x80 <= tag < 0x90 or tag in (0xde, 0xdf)
    for _ in range(2 * size if is_map else size):
        value, at = read(data, at)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if is_map else values), at

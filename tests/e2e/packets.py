# SPDX-License-Identifier: Apache-2.0
"""Packets and capture files byte by byte, for tests that must not depend on the generator.

Lengths and headers are what the caller says; checksums are 0, which no telescope looks at.
"""
import ipaddress
import struct

ETHERNET, RAW, SLL, SLL2, NULL, LOOP, PPP, PPP_ETHER, IPV4, IPV6 = \
    1, 101, 113, 276, 0, 108, 9, 51, 228, 229
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


def address(text):
    return ipaddress.ip_address(text).packed


def ethernet(ethertype, payload):
    return bytes.fromhex("020000000001 020000000002") + struct.pack(">H", ethertype) + payload


def ip4(source, dest, proto, payload, options=b"", fragment=0, ident=1, total=None):
    """fragment is the whole field of flags and offset."""
    words = 5 + len(options) // 4
    total = words * 4 + len(payload) if total is None else total
    return struct.pack(">BBHHHBBH", 0x40 | words, 0, total, ident, fragment, 64, proto, 0) + \
        address(source) + address(dest) + options + payload


def ip6(source, dest, following, payload):
    return struct.pack(">IHBB", 0x60000000, len(payload), following, 64) + address(source) + \
        address(dest) + payload


def tcp(source_port, dest_port, flags, options=b"", payload=b"", seq=1):
    return struct.pack(">HHIIBBHHH", source_port, dest_port, seq, 0, (5 + len(options) // 4) << 4,
                       flags, 1024, 0, 0) + options + payload


def udp(source_port, dest_port, payload=b"", length=None):
    length = 8 + len(payload) if length is None else length
    return struct.pack(">HHHH", source_port, dest_port, length, 0) + payload


def icmp(kind, code, payload=b"\0" * 8):
    """payload stands where the quote of an error does, behind 8 bytes of header."""
    return struct.pack(">BBHI", kind, code, 0, 0) + payload


def pcap(frames, link=ETHERNET, order="<", nanoseconds=False, snaplen=262144, start=1767225600):
    """One frame every 10 ms, cut to snaplen; a frame is bytes or (bytes, bytes on the wire)."""
    unit = 10_000_000 if nanoseconds else 10_000
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for number, frame in enumerate(frames):
        data, wire = frame if isinstance(frame, tuple) else (frame, len(frame))
        data = data[:snaplen]
        out.append(struct.pack(order + "IIII", start + number // 100, number % 100 * unit,
                               len(data), wire) + data)
    return b"".join(out)


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def pcapng(frames, link=ETHERNET, order="<", start=1767225600):
    """Times in nanoseconds (if_tsresol 9)."""
    out = [block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
           block(order, 1, struct.pack(order + "HHIHHB3xHH", link, 0, 0, 9, 1, 9, 0, 0))]
    for number, frame in enumerate(frames):
        time_ns = start * 1_000_000_000 + number * 10_000_000
        out.append(block(order, 6, struct.pack(order + "IIIII", 0, time_ns >> 32,
                                               time_ns & 0xFFFFFFFF, len(frame), len(frame)) +
                         frame))
    return b"".join(out)

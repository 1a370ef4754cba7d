# SPDX-License-Identifier: Apache-2.0
"""Random packets of any protocol, close to what a shipped signature asks for, and a little beside."""
import struct

import packets as p
import shipped

PAYLOADS = [b"d1:ad2:id20:", b"d1:rd2:id20:", bytes(20) + b"\x13BitTorrent protocol",
            b"\x41\x02", b"\x31\x02", b"\x41\0", b"\x31\0", b"\x11\0" + bytes(8), bytes(8) + b"1\0",
            b"SIP/2.0 404", b"SIP/2.1", bytes.fromhex("1234818000010001000000000000"),
            bytes.fromhex("123481800001000a000000000000"), bytes(12) + b" CKAAAAA",
            bytes(12) + bytes.fromhex("7fffffffab020400010000000800000000000000") + b"\0",
            b"\x17\0\3\x2a", b"ZM\0\0\0\1\0\0stats items\r\n", b"\4", b"\0"] + \
    [b"POST " + text for _, text in shipped.REQUESTS.values()] + [b"GET /shell?"]
PORTS = sorted({0, 53, 80, 5000, 5060, 137, 1645, 1646, 1812, 1813, 16464, 16466, 60001, 2323} |
               {port for ports, _ in shipped.REQUESTS.values() for port in ports} |
               {port for ports in shipped.KNOCKS.values() for port in ports} |
               {port for port, *_ in shipped.SERVICES.values()})
SOURCES = ["10.1.2.3", "100.64.0.1", "172.31.255.255", "172.32.0.1", "192.0.0.9", "192.0.1.9",
           "192.88.99.4", "192.168.3.4", "198.17.3.4", "198.18.3.4", "198.51.100.4", "203.0.113.4",
           "223.1.2.3", "224.0.0.1", "255.255.255.255", "8.8.8.0", "45.83.64.1", "45.83.68.1",
           "194.187.176.3", "8.8.8.8"]


def random_payload(draw, room):
    """One of the known ones, padded to a length that a rule asks for, sometimes changed by a bit."""
    data = bytearray(draw.choice(PAYLOADS))
    size = draw.choice([len(data)] * 3 + [30, 20, 33, 68, 1472, 376, draw.randrange(200)] +
                       list(draw.choice(list(shipped.SERVICES.values()))[1:]))
    data = (data + bytes(max(0, size - len(data))))[:max(0, min(size, room))]
    if len(data) > 12 and draw.random() < 0.3:
        data[-10:] = b"\0\x08" + bytes(8)
    if data and draw.random() < 0.2:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def fitting(draw, proto):
    """A port with a payload of its own."""
    if proto == shipped.TCP:
        ports, text = draw.choice(list(shipped.REQUESTS.values()) + [({60001}, b"/shell?")])
        return draw.choice(sorted(ports)), b"GET " + text
    if draw.random() < 0.2:
        return draw.choice([(123, b"\x17\0\3\x2a"), (137, bytes(12) + b" CKAAAAA"),
                            (5060, b"SIP/2.0 404"), (443, bytes(1472))])
    port, *lengths = draw.choice(list(shipped.SERVICES.values()) + [(1434, 376)])
    return port, draw.choice([b"\4", b"\0"]).ljust(draw.choice(lengths or [9]), b"\0")


def random_transport(draw, proto, dest):
    sport, dport = draw.choice(PORTS + [9]), draw.choice(PORTS + [9])
    data = random_payload(draw, 1400) if draw.random() < 0.7 else b""
    if proto in (shipped.TCP, shipped.UDP) and draw.random() < 0.3:
        dport, data = fitting(draw, proto)
    if draw.random() < 0.2:
        sport = dport
    if proto == shipped.UDP:
        length = draw.choice([8 + len(data)] * 6 + [8, draw.randrange(8, 9 + len(data))])
        return p.udp(sport, dport, data, length)
    if proto == shipped.TCP:
        flags = draw.choice([p.SYN] * 8 + [p.SYN | p.ACK, p.RST | p.ACK, draw.getrandbits(8)])
        options = draw.choice([b"", b"", b"\2\4\5\xb4", b"\2\4\5\xb4" + b"\1" * 16])
        seq = draw.choice([dest, dest, draw.getrandbits(32)])
        head = bytearray(p.tcp(sport, dport, flags, options, data, seq))
        head[14:16] = struct.pack(">H", draw.choice([1024, 1025, 8192, 29200]))
        return bytes(head)
    if proto == shipped.SCTP:
        return struct.pack(">HHIIBBHI", sport, dport, 0, 0, draw.choice([1, 1, 1, 10]), 0, 20,
                           draw.getrandbits(32)) + bytes(draw.choice([0, 12]))
    return p.icmp(draw.choice([0, 3, 8, 11, 53, draw.getrandbits(8)]), draw.choice([0, 1, 53]),
                  bytes(draw.randrange(60)))


def random_packet(draw):
    """Of any protocol, close to what a shipped signature asks for."""
    proto = draw.choice([shipped.UDP] * 5 + [shipped.TCP] * 5 + [1, shipped.SCTP, 41, 47, 58])
    dest = draw.getrandbits(32)
    body = random_transport(draw, proto, dest)
    if draw.random() < 0.1:
        return p.ip6("2001:db8::1", "2001:db8::2", 58 if proto == 1 else proto, body)
    options = draw.choice([b""] * 8 + [b"\1" * 4, b"\1" * 40])
    source = int.from_bytes(p.address(draw.choice(SOURCES)), "big")
    ident = draw.choice([54321, 1])
    if proto == shipped.SCTP:
        ident = (dest ^ struct.unpack(">H", body[2:4])[0] ^ struct.unpack(">I", body[16:20])[0] ^
                 draw.choice([0, 0, 1])) & 0xFFFF
    return struct.pack(
        ">BBHHHBBHII", 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), ident,
        draw.choice([0] * 5 + [0x4000, 0x4000, 0x2000, 0x8000, 1]), draw.choice([52, 64, 199, 200, 255]),
        proto, 0, source, draw.choice([source] + [dest] * 9)) + options + body

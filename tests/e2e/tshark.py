#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sensor's counts of captures that the generator did not make are those that tshark's fields
give, by the rules of docs/statistics.md restated here.

The captures are built byte by byte below. Small ones that are found on the machine are added, and
those in the folder that DARKSCOPE_CAPTURES names.

usage: tshark.py DARKSCOPE-SENSOR
"""
import collections
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))

import packets as p
import reference
from books import check_books
from harness import Skip, check, check_equal, folder, main, run

SENSOR = sys.argv[1]
FIELDS = """frame.protocols ip.src ip.dst ip.proto ip.len ip.hdr_len ip.id ip.frag_offset ip.flags.mf
ipv6.src ipv6.dst ipv6.nxt ipv6.plen ipv6.hopopts.nxt ipv6.routing.nxt ipv6.fraghdr.nxt
ipv6.dstopts.nxt ah.next_header ipv6.fraghdr.offset ipv6.fraghdr.more tcp.srcport tcp.dstport
tcp.flags tcp.seq_raw tcp.hdr_len
tcp.window_size_value tcp.options ip.ttl ip.flags.df ipv6.hlim udp.srcport udp.dstport udp.length udp.checksum icmp.type icmp.code
icmpv6.type icmpv6.code""".split()
PREFERENCES = ["ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE",
               "tcp.relative_sequence_numbers:FALSE", "udp.check_checksum:FALSE"]
EXTENSIONS = {0: "ipv6.hopopts.nxt", 43: "ipv6.routing.nxt", 44: "ipv6.fraghdr.nxt",
              60: "ipv6.dstopts.nxt", 51: "ah.next_header"}
SYSTEM_FOLDERS = ["/usr/share", "/usr/lib"]
SYSTEM_MOST, SYSTEM_BYTES_MAX = 40, 4 << 20

# --- the rules, on what tshark says --------------------------------------------------------------

REFLECTION_PORTS = {17, 19, 53, 69, 111, 123, 137, 161, 389, 520, 1900, 3283, 3702, 5353, 11211,
                    27015, 27960}
BACKSCATTER_ICMP = {1: {0, 3, 4, 5, 11, 12, 14, 16, 18}, 58: {1, 2, 3, 4, 129}}
ERRORS_ICMP = {1: {3, 4, 5, 11, 12}, 58: {1, 2, 3, 4}}
ECHO_ICMP = {1: 8, 58: 128}
PROTO_NAMES = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6"}
HEX = re.compile("([0-9a-f]{2})*")
HEADLESS_TYPES = {6: "tcp_other", 17: "udp", 1: "icmp", 58: "icmp"}

Verdict = collections.namedtuple("Verdict", "type cls service port syn", defaults=(None,))


class Malformed(Exception):
    """Its text is the reason."""


class Packet:
    """One row of tshark. Of each field the occurrences stand in order of the layers."""

    def __init__(self, row):
        self.fields = dict(zip(FIELDS, row))
        self.layers = self.fields["frame.protocols"].split(":")

    def all(self, field):
        return [int(v, 0) if v[:1].isdigit() and ":" not in v and v.count(".") < 3 else
                {"True": 1, "False": 0}.get(v, v)
                for v in self.fields[field].split(",") if v != ""]

    def get(self, field, occurrence=0):
        values = self.all(field)
        return values[occurrence] if occurrence < len(values) else None


def network(packet):
    """proto, bytes, payload bytes, source, destination, later fragment, more fragments."""
    ip = next((name for name in packet.layers if name in ("ip", "ipv6")), None)
    if ip is None:
        raise Malformed("not_ip")
    if ip == "ip":
        if packet.get("ip.src") is None:
            raise Malformed("ip")
        header, total = packet.get("ip.hdr_len"), packet.get("ip.len")
        if total < header:
            raise Malformed("ip_total_length")
        return (packet.get("ip.proto"), total, total - header, packet.get("ip.src"),
                packet.get("ip.dst"), packet.get("ip.frag_offset") > 0,
                bool(packet.get("ip.flags.mf")))
    if packet.get("ipv6.src") is None:
        raise Malformed("ip_short")
    proto, later, more = packet.get("ipv6.nxt"), False, False
    seen = collections.Counter()
    while proto in EXTENSIONS and not later:
        at = EXTENSIONS[proto]
        later = proto == 44 and bool(packet.get("ipv6.fraghdr.offset"))
        more = more or proto == 44 and bool(packet.get("ipv6.fraghdr.more"))
        following = packet.get(at, seen[at])
        seen[at] += 1
        if following is None:
            break
        proto = following
    total = 40 + packet.get("ipv6.plen")
    return proto, total, None, packet.get("ipv6.src"), packet.get("ipv6.dst"), later, more


def tcp_type(flags):
    if flags & p.RST:
        return "tcp_rst"
    if flags & p.SYN and flags & p.ACK:
        return "tcp_synack"
    if flags & p.SYN:
        return "tcp_other" if flags & p.FIN else "tcp_syn"
    if flags & p.FIN:
        return "tcp_fin"
    if flags & p.PSH:
        return "tcp_push"
    return "tcp_ack" if flags & p.ACK else "tcp_other"


def syn_of(packet):
    """As the reference of tests/golden wants it. The quirks of p0f are not asked for."""
    v6 = "ipv6" in packet.layers[:packet.layers.index("tcp")]
    header = packet.get("tcp.hdr_len")
    shown = packet.fields["tcp.options"].split(",")[0].replace(":", "")
    options = bytes.fromhex(shown) if HEX.fullmatch(shown) else b""  # <MISSING> where it is cut
    whole = len(options) == header - 20
    lengths = (packet.get("ipv6.nxt") == 6, packet.get("ipv6.plen")) if v6 else \
        (packet.get("ip.hdr_len") == 20, packet.get("ip.len") - 20)
    return reference.Syn(
        v6=v6, header=header, options=options if whole else None, bare=lengths == (True, header),
        ttl=packet.get("ipv6.hlim" if v6 else "ip.ttl"), df=v6 or bool(packet.get("ip.flags.df")),
        window=packet.get("tcp.window_size_value") or 0, seq=packet.get("tcp.seq_raw"),
        sport=packet.get("tcp.srcport"), dport=packet.get("tcp.dstport"),
        ident=0 if v6 else packet.get("ip.id"),
        dest=None if v6 else int.from_bytes(p.address(packet.get("ip.dst")), "big"))


def judge_tcp(packet, room, _):
    if room is not None and room < 20:
        raise Malformed("tcp_short")
    flags, header = packet.get("tcp.flags"), packet.get("tcp.hdr_len")
    if header is not None and (header < 20 or room is not None and header > room):
        raise Malformed("tcp_offset")
    if flags is None:
        return None
    kind = tcp_type(flags)
    if kind in ("tcp_rst", "tcp_synack"):
        return Verdict(kind, "backscatter", 6, packet.get("tcp.srcport"))
    if kind == "tcp_syn":
        return Verdict(kind, "scan", 6, packet.get("tcp.dstport"), syn_of(packet))
    return Verdict(kind, "other", 6, packet.get("tcp.dstport"))


def judge_udp(packet, room, more):
    if room is not None and room < 8:
        raise Malformed("udp_short")
    length = packet.get("udp.length")
    if length is None or length >= 8 and packet.get("udp.checksum") is None:
        return None
    if length < 8 or room is not None and not more and length > room:
        raise Malformed("udp_length")
    if packet.get("udp.srcport") in REFLECTION_PORTS:
        return Verdict("udp", "backscatter", 17, packet.get("udp.srcport"))
    return Verdict("udp", "scan", 17, packet.get("udp.dstport"))


def quoted(packet):
    """Protocol and port of the packet that an error quotes, or None."""
    inner = packet.layers[packet.layers.index("icmp" if "icmp" in packet.layers else "icmpv6") + 1:]
    if "ip" in inner:
        if packet.get("ip.frag_offset", 1):
            return None
        proto = packet.get("ip.proto", 1)
    elif "ipv6" in inner:
        proto = packet.get("ipv6.nxt", 1)
        while proto in EXTENSIONS:
            proto = packet.get(EXTENSIONS[proto])
    else:
        return None
    if proto in (6, 17):
        port = packet.get(PROTO_NAMES[proto] + ".dstport")
        return None if port is None else (proto, port)
    if proto in (1, 58):
        name = "icmp" if proto == 1 else "icmpv6"
        code = packet.get(name + ".code", 1)
        return None if code is None else (proto, packet.get(name + ".type", 1) * 256 + code)
    return proto, 0


def judge_icmp(packet, proto, room):
    name = "icmp" if proto == 1 else "icmpv6"
    if room is not None and room < (8 if proto == 1 else 4):
        raise Malformed("icmp_short")
    kind, code = packet.get(name + ".type"), packet.get(name + ".code")
    if code is None:
        return None
    cls = "backscatter" if kind in BACKSCATTER_ICMP[proto] else \
        "scan" if kind == ECHO_ICMP[proto] else "other"
    quote = quoted(packet) if kind in ERRORS_ICMP[proto] else None
    return Verdict("icmp", cls, *(quote or (proto, kind * 256 + code)))


def judge(packet, proto, room, more):
    if proto == 6:
        return judge_tcp(packet, room, more)
    if proto == 17:
        return judge_udp(packet, room, more)
    if proto in (1, 58):
        return judge_icmp(packet, proto, room)
    return Verdict("other", "other", proto, 0)


class Count:
    """The figures of a window, as the sensor's JSON has them."""

    def __init__(self):
        self.packets = collections.Counter(received=0, counted=0, malformed=0, fragment=0,
                                           truncated=0)
        self.not_ip = self.bytes = 0
        self.types, self.protocols = collections.Counter(), collections.Counter()
        self.sources, self.destinations = set(), set()
        self.cells = collections.defaultdict(lambda: [0, 0, set()])
        self.senders = collections.defaultdict(reference.Source)

    def add(self, packet):
        self.packets["received"] += 1
        try:
            proto, size, room, source, dest, later, more = network(packet)
            verdict = None if later else judge(packet, proto, room, more)
        except Malformed as reason:
            self.packets["malformed"] += 1
            self.not_ip += str(reason) == "not_ip"
            return
        self.packets["counted"] += 1
        self.packets["fragment" if later else "truncated"] += verdict is None
        verdict = verdict or Verdict(HEADLESS_TYPES.get(proto, "other"), "other", proto, 0)
        self.types[verdict.type] += 1
        self.protocols[str(proto)] += 1
        self.bytes += size
        self.sources.add(source)
        self.destinations.add(dest)
        cell = self.cells[verdict.cls, PROTO_NAMES.get(verdict.service, str(verdict.service)),
                          verdict.port]
        cell[0] += 1
        cell[1] += size
        cell[2].add(source)
        self.senders[source].add(verdict.syn)

    def figures(self):
        classes = {name: {"packets": 0, "bytes": 0, "sources": set()}
                   for name in ("scan", "backscatter", "other")}
        for (cls, _, _), (count, size, sources) in self.cells.items():
            classes[cls]["packets"] += count
            classes[cls]["bytes"] += size
            classes[cls]["sources"] |= sources
        for row in classes.values():
            row["sources"] = len(row["sources"])
        signatures, devices = reference.tables(self.senders.values())
        return {
            "packets": dict(self.packets), "not_ip": self.not_ip, "bytes": self.bytes,
            "sources": len(self.sources), "destinations": len(self.destinations),
            "types": dict(self.types), "protocols": dict(self.protocols), "classes": classes,
            "ports": {" ".join(map(str, key)): [count, size, len(sources)]
                      for key, (count, size, sources) in self.cells.items()},
            "signatures": {name: list(row) for name, row in signatures.items()},
            "devices": {name: list(row) for name, row in devices.items()},
        }


def sensor_figures(window):
    """The same selection of the sensor's window."""
    return {
        "packets": {k: window["packets"][k] for k in ("received", "counted", "malformed",
                                                      "fragment", "truncated")},
        "not_ip": window["malformed"].get("not_ip", 0),
        "types": {k: v for k, v in window["types"].items() if v},
        "ports": {f"{r['class']} {r['proto']} {r['port']}": [r["packets"], r["bytes"],
                                                             r["sources"]]
                  for r in window["ports"]},
        "signatures": {s["id"]: [s["packets"], s["sources"], s["confirmed_sources"]]
                       for s in window["signatures"]},
        "devices": {d["device"]: [d["packets"], d["sources"]] for d in window["devices"]},
        **{k: window[k] for k in ("bytes", "sources", "destinations", "protocols", "classes")},
    }


def tshark_figures(path):
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=/t", "-E",
               "occurrence=a", "-E", "aggregator=,"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    count = Count()
    for line in run(*command).out.decode().split("\n")[:-1]:
        count.add(Packet(line.split("\t")))
    return count.figures()


def compare(path):
    if not shutil.which("tshark"):
        raise Skip("no tshark")
    window, = run(SENSOR, "--read", path, "--json", "--window", "all", "--signatures",
                  "none").windows()
    check_books(window)
    theirs = tshark_figures(path)
    check(theirs["packets"]["received"] > 0, "tshark saw no packet")
    check_equal(sensor_figures(window), theirs, "sensor and tshark")


# --- captures ------------------------------------------------------------------------------------

A, B, C = "203.0.113.1", "198.51.100.77", "192.0.2.200"
A6, B6 = "2001:db8:1::1", "2001:db8:ffff::2"


def v4(proto, payload, source=A, dest=B, **more):
    return p.ethernet(0x0800, p.ip4(source, dest, proto, payload, **more))


def v6(following, payload, source=A6, dest=B6):
    return p.ethernet(0x86DD, p.ip6(source, dest, following, payload))


SYN4 = p.ip4(A, B, 6, p.tcp(40000, 23, p.SYN))
UDP4 = p.ip4(C, B, 17, p.udp(5000, 161, b"hello"))
SYN6 = p.ip6(A6, B6, 6, p.tcp(40000, 443, p.SYN))
QUOTED = p.ip4(B, A, 6, p.tcp(1234, 80, p.SYN))
BOTH = [SYN4, UDP4, SYN4, SYN6]


def tcp_flags():
    """All 64 combinations of flags, each under its own port."""
    return [v4(6, p.tcp(80, 1000 + flags, flags), source=f"203.0.113.{flags % 5 + 1}")
            for flags in range(64)]


def udp_ports():
    ports = sorted(REFLECTION_PORTS | {16, 18, 52, 54, 122, 124, 1899, 1901, 27961})
    return [v4(17, p.udp(port, 33000 + i, b"x" * i)) for i, port in enumerate(ports)]


def icmp_types():
    plain = [v4(1, p.icmp(kind, 0, b"")) for kind in range(0, 41) if kind not in ERRORS_ICMP[1]]
    return plain + [v6(58, p.icmp(kind, 0, b"\0" * 16)) for kind in range(128, 138)]


def icmp_errors():
    quotes = [QUOTED, QUOTED[:28], QUOTED[:24], QUOTED[:22], QUOTED[:12],
              p.ip4(B, A, 17, p.udp(1234, 53)), p.ip4(B, A, 1, p.icmp(8, 0)),
              p.ip4(B, A, 47, b"\0" * 8), p.ip4(B, A, 6, b"\1" * 8, fragment=100),
              p.ip4(B, A, 6, p.tcp(1, 8443, p.SYN), options=b"\7\7\4\0\0\0\0\0")]
    frames = [v4(1, p.icmp(kind, kind % 3, quote)) for kind in (3, 4, 5, 11, 12)
              for quote in quotes]
    six = [p.ip6(B6, A6, 6, p.tcp(1234, 8080, p.SYN)), p.ip6(B6, A6, 17, p.udp(1234, 53)),
           p.ip6(B6, A6, 58, p.icmp(128, 0)),
           p.ip6(B6, A6, 60, b"\6\0" + bytes(6) + p.tcp(1234, 8081, p.SYN))]
    return frames + [v6(58, p.icmp(kind, 0, quote)) for kind in (1, 2, 3, 4) for quote in six]


def options():
    """The source route is at its end: tshark would else show the final destination."""
    lists = [b"\1" * 4, b"\7\7\4\0\0\0\0\0", b"\x94\4\0\0", b"\1" * 40, b"\x83\7\x08\x0a\0\0\1\0"]
    return [v4(*transport, options=one) for one in lists
            for transport in ((6, p.tcp(4000, 22, p.SYN)), (17, p.udp(4000, 69)),
                              (1, p.icmp(8, 0)))]


def extensions():
    tcp, pad = p.tcp(40000, 25, p.SYN), b"\1\4\0\0\0\0"
    return [v6(0, b"\6\0" + pad + tcp), v6(60, b"\6\0" + pad + tcp),
            v6(0, b"\x3c\0" + pad + b"\6\0" + pad + tcp),
            v6(43, b"\x11\0\xfd\0\0\0\0\0" + p.udp(5000, 123)),
            v6(60, b"\6\1" + b"\1\x0c" + bytes(12) + tcp), v6(59, b""), v6(132, b"\0" * 12)]


def fragments():
    body = bytes(range(64))
    udp = p.udp(5000, 4500, body, length=2000)
    more, last = 0x2000, 185
    first6 = b"\x11\0\0\1\0\0\0\7" + udp
    return [v4(17, udp, fragment=more), v4(17, body, fragment=more | 9), v4(17, body, fragment=last),
            v4(6, p.tcp(1, 445, p.SYN), fragment=more), v4(6, body, fragment=last),
            v4(1, body, fragment=last), v4(50, body, fragment=last),
            v6(44, first6), v6(44, b"\x11\0\0\xb9\0\0\0\7" + body), v6(44, b"\6\0\1\0\0\0\0\7" + body)]


def encapsulated():
    def tag(ethertype, inner, payload, vlan=7):
        return p.ethernet(ethertype, bytes([vlan >> 8, vlan & 255]) + inner.to_bytes(2, "big") +
                          payload)
    double = (7).to_bytes(2, "big") + b"\x08\0" + SYN4
    labels = bytes.fromhex("00010040") + bytes.fromhex("00011040")
    ppp = b"\x11\0\0\1" + (len(SYN4) + 2).to_bytes(2, "big") + b"\0\x21" + SYN4
    ppp6 = b"\x11\0\0\1" + (len(SYN6) + 2).to_bytes(2, "big") + b"\0\x57" + SYN6
    return [tag(0x8100, 0x0800, SYN4), tag(0x8100, 0x86DD, SYN6), tag(0x88A8, 0x8100, double),
            tag(0x9100, 0x8100, double), p.ethernet(0x8847, labels[:2] + b"\1\x40" + SYN4),
            p.ethernet(0x8847, labels + bytes.fromhex("00012140") + UDP4),
            p.ethernet(0x8864, ppp), p.ethernet(0x8864, ppp6), tag(0x8100, 0x8864, ppp),
            tag(0x8100, 0x0806, bytes(28))]


def tunnels():
    """Not looked into: the outermost header counts."""
    return [v4(47, b"\0\0\x08\0" + SYN4), v4(47, b"\x20\0\x08\0\0\0\0\1" + UDP4), v4(4, SYN4),
            v4(41, SYN6), v4(17, p.udp(5000, 4789, b"\x08\0\0\0\0\0\1\0" +
                                       p.ethernet(0x0800, SYN4))), v6(4, SYN4)]


def not_ip():
    arp = bytes.fromhex("0001080006040001020000000001") + p.address(A) + bytes(6) + p.address(B)
    return [p.ethernet(0x0806, arp), p.ethernet(0x88CC, b"\2\7\4\2\0\0\0\0\1" + bytes(30)),
            p.ethernet(0x0027, b"\x42\x42\3" + bytes(36)), v4(6, p.tcp(1, 23, p.SYN))]


def malformed():
    return [v4(6, p.tcp(1, 23, p.SYN)[:19]), v4(6, p.tcp(1, 23, p.SYN)[:12] + b"\x40\2" + bytes(6)),
            v4(6, p.tcp(1, 23, p.SYN)[:12] + b"\xf0\2" + bytes(6)), v4(17, p.udp(1, 53)[:7]),
            v4(17, p.udp(1, 53, length=7)), v4(17, p.udp(1, 53, length=9)), v4(1, p.icmp(8, 0)[:3]),
            p.ethernet(0x0800, b"\x44" + SYN4[1:]), v4(6, p.tcp(1, 24, p.SYN))]


def other_protocols():
    return [v4(proto, bytes(24)) for proto in (2, 33, 50, 88, 89, 103, 112, 132, 253, 255)]


def signatures():
    dest = int.from_bytes(p.address(B), "big")
    frames = [v4(6, p.tcp(1024 + i, 23, p.SYN, seq=dest)) for i in range(3)]
    frames += [v4(6, p.tcp(1024, port, p.SYN, seq=9), source=C,
                  ident=(dest ^ port ^ 9) & 0xFFFF) for port in (80, 81)]
    frames += [v4(6, p.tcp(1024, 443, p.SYN), ident=54321),
               v4(6, p.tcp(1024, 23, p.ACK, seq=dest), ident=54321)]
    return frames


def snapped():
    """Every length from the IP header's end on, of one frame of each protocol, but those at which
    tshark says less than is there: it shows TCP flags together with the window, ICMP as a whole."""
    frames = [(v4(6, p.tcp(4000, 23, p.SYN, options=b"\2\4\5\xb4")), (48, 49)),
              (v4(17, p.udp(4000, 1900, b"z" * 9)), ()), (v4(1, p.icmp(8, 0)), range(36, 40))]
    return [(frame[:size], len(frame)) for frame, silent in frames
            for size in range(34, len(frame)) if size not in silent]


def linked(header, header6):
    return [header + SYN4, header + UDP4, header6 + SYN6, header + p.ip4(C, B, 1, p.icmp(0, 0))]


def sll(ethertype):
    return b"\0\0\0\1\0\6" + bytes(8) + ethertype.to_bytes(2, "big")


def sll2(ethertype):
    return ethertype.to_bytes(2, "big") + b"\0\0\0\0\0\2\0\1\0\6" + bytes(8)


MIXED = tcp_flags()[:9] + icmp_errors()[:9] + fragments()[:4] + udp_ports()[:5]
CAPTURES = {
    "TCP flags": p.pcap(tcp_flags()),
    "UDP ports": p.pcap(udp_ports()),
    "ICMP types": p.pcap(icmp_types()),
    "ICMP errors and their quotes": p.pcap(icmp_errors()),
    "IPv4 options": p.pcap(options()),
    "IPv6 extension headers": p.pcap(extensions()),
    "fragments": p.pcap(fragments()),
    "VLAN, QinQ, MPLS, PPPoE": p.pcap(encapsulated()),
    "tunnels": p.pcap(tunnels()),
    "ARP, LLDP, STP": p.pcap(not_ip()),
    "malformed": p.pcap(malformed()),
    "other protocols": p.pcap(other_protocols()),
    "signatures": p.pcap(signatures()),
    "cut by the capture": p.pcap(snapped()),
    "cooked": p.pcap(linked(sll(0x0800), sll(0x86DD)), p.SLL),
    "cooked v2": p.pcap(linked(sll2(0x0800), sll2(0x86DD)), p.SLL2),
    "raw IP": p.pcap(BOTH, p.RAW),
    "raw IPv4": p.pcap(BOTH[:3], p.IPV4),
    "raw IPv6": p.pcap(BOTH[3:], p.IPV6),
    "BSD loopback, little-endian": p.pcap(linked(b"\2\0\0\0", b"\x1e\0\0\0"), p.NULL),
    "BSD loopback, big-endian": p.pcap(linked(b"\0\0\0\2", b"\0\0\0\x18"), p.NULL, order=">"),
    "OpenBSD loopback": p.pcap(linked(b"\0\0\0\2", b"\0\0\0\x18"), p.LOOP),
    "PPP": p.pcap(linked(b"\xff\3\0\x21", b"\xff\3\0\x57"), p.PPP),
    "big-endian": p.pcap(MIXED, order=">"),
    "nanoseconds": p.pcap(MIXED, nanoseconds=True),
    "nanoseconds, big-endian": p.pcap(MIXED, order=">", nanoseconds=True),
    "pcapng": p.pcapng(MIXED),
    "pcapng, big-endian": p.pcapng(MIXED, order=">"),
    "pcapng of raw IP": p.pcapng(BOTH, p.RAW),
}


def by_name(name):
    def test():
        with folder() as where:
            path = os.path.join(where, "capture")
            with open(path, "wb") as file:
                file.write(CAPTURES[name])
            compare(path)
    return test


def found():
    """Small captures that other packages brought."""
    asked = os.environ.get("DARKSCOPE_CAPTURES")
    paths = [os.path.join(at, name) for top in ([asked] if asked else SYSTEM_FOLDERS) for at, _, names in os.walk(top)
             for name in names if name.endswith((".pcap", ".pcapng", ".cap", ".pcap.gz"))]
    small = [path for path in sorted(paths) if os.path.isfile(path) and
             os.path.getsize(path) <= SYSTEM_BYTES_MAX]
    return small if asked else small[:SYSTEM_MOST]


def by_path(path):
    def test():
        ended = run(SENSOR, "--read", path, "--json", "--window", "all", status=None)
        if ended.status:
            raise Skip(f"is not read: {ended.err.strip()}")
        broken = [reason for window in ended.windows() for reason in window["malformed"]
                  if reason != "not_ip"]
        if broken or not ended.out:
            raise Skip(f"holds packets that tshark judges by other rules: {broken or 'none'}")
        compare(path)
    return test


if __name__ == "__main__":
    sys.exit(main([(name, by_name(name)) for name in CAPTURES] +
                  [(path, by_path(path)) for path in found()]))

# SPDX-License-Identifier: Apache-2.0
"""Attack vectors of a capture, computed slowly from their definition (docs/statistics.md, "Attacks"):
every packet of a vector is kept, and every figure is computed anew from them. Shares nothing with the
sensor.

Captures are pcap of link type 101 (raw IP), little endian.
"""
import collections
import datetime
import ipaddress
import struct

PACKETS_MIN, SECONDS_MIN, PPM_MIN, SILENCE_S = 25, 60, 30, 60
STEP_MS, STEPS = 10_000, 6
TCP, UDP, ICMP = 6, 17, 1
NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp"}
QUOTING = {3, 4, 5, 11, 12}
ICMP_BACKSCATTER = QUOTING | {0, 14, 16, 18}

Evidence = collections.namedtuple(
    "Evidence", "victim proto port attack_port address size mismatch")
# at_ms is where the packet counts; a late one counts at the start of the window it came into.
Seen = collections.namedtuple("Seen", "at_ms evidence")


def u16(data, offset):
    return struct.unpack_from(">H", data, offset)[0]


def records(path):
    """(time in ns, captured bytes) of a capture."""
    with open(path, "rb") as file:
        head = file.read(24)
        magic, link = struct.unpack_from("<I", head)[0], struct.unpack_from("<I", head, 20)[0]
        assert link == 101 and magic in (0xA1B2C3D4, 0xA1B23C4D)
        unit = 1 if magic == 0xA1B23C4D else 1000
        while record := file.read(16):
            seconds, fraction, captured, _ = struct.unpack("<IIII", record)
            yield seconds * 1_000_000_000 + fraction * unit, file.read(captured)


def from_tcp(source, dest, body, room, size):
    if room < 20 or len(body) < 14 or not 20 <= (body[12] >> 4) * 4 <= room:
        return None
    if not body[13] & 0x04 and body[13] & 0x12 != 0x12:
        return None
    return Evidence(source, TCP, u16(body, 0), u16(body, 2), dest, size, False)


def quoted_ports(proto, rest):
    """(attacked, other side's) of a quoted transport header, as far as they are there."""
    if proto == ICMP:
        return (u16(rest, 0) if len(rest) >= 2 else None), None
    return (u16(rest, 2), u16(rest, 0)) if len(rest) >= 4 else (None, None)


def from_icmp(source, dest, body, room, size):
    if room < 8 or len(body) < 2 or body[0] not in ICMP_BACKSCATTER:
        return None
    quote = body[8:] if body[0] in QUOTING else b""
    if len(quote) < 20 or quote[0] >> 4 != 4 or quote[0] & 15 < 5:
        return Evidence(source, ICMP, u16(body, 0), None, dest, size, False)
    rest = b"" if u16(quote, 6) & 0x1FFF else quote[(quote[0] & 15) * 4:]
    if quote[9] not in NAMES:
        return None
    return Evidence(quote[16:20], quote[9], *quoted_ports(quote[9], rest), dest, size,
                    quote[12:16] != dest)


def read_evidence(data, is_ours):
    """What a packet tells of an attack, or None."""
    if len(data) < 20 or data[0] >> 4 != 4:
        return None
    header, total = (data[0] & 15) * 4, u16(data, 2)
    if header < 20 or total < header or u16(data, 6) & 0x1FFF or not is_ours(data[16:20]):
        return None
    read = {TCP: from_tcp, ICMP: from_icmp}.get(data[9])
    found = read and read(data[12:16], data[16:20], data[header:total], total - header, total)
    return None if not found or is_ours(found.victim) else found


def windows(path, seconds, is_ours):
    """(start in s, seen) of each window. Two are open at once: a window closes when a packet is past
    its end by the lateness."""
    length_ns = seconds * 1_000_000_000
    lateness_ns = 2_000_000_000 if seconds > 2 else length_ns // 2
    start_ns, newest_ns, open_windows = None, 0, ([], [])
    for time_ns, data in records(path):
        if start_ns is None:
            start_ns = newest_ns = time_ns // length_ns * length_ns
        while time_ns >= start_ns + length_ns + lateness_ns:
            yield start_ns // 1_000_000_000, open_windows[0]
            open_windows = open_windows[1], []
            start_ns += length_ns
        newest_ns = max(newest_ns, time_ns)
        found = read_evidence(data, is_ours)
        if found:
            at_ns = max(time_ns, start_ns)
            open_windows[at_ns >= start_ns + length_ns].append(Seen(at_ns // 1_000_000, found))
    while start_ns is not None and start_ns <= newest_ns:
        yield start_ns // 1_000_000_000, open_windows[0]
        open_windows = open_windows[1], []
        start_ns += length_ns


def max_ppm(seen):
    steps = collections.Counter(s.at_ms // STEP_MS for s in seen)
    return max(sum(steps[step - back] for back in range(STEPS)) for step in steps)


def iso(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).isoformat(
        timespec="milliseconds").replace("+00:00", "Z")


def record(key, life, now):
    """The record of a vector in a window: life is all that was seen of it, now what the window saw."""
    ports = collections.Counter(s.evidence.port for s in now if s.evidence.port is not None)
    top = min(ports, key=lambda port: (-ports[port], port)) if ports else 0
    return {
        "victim": str(ipaddress.ip_address(key[0])), "proto": NAMES[key[1]],
        "port": top, "ports": len(ports),
        "attack_ports": len({s.evidence.attack_port for s in now} - {None}),
        "addresses": len({s.evidence.address for s in now}),
        "window_packets": len(now), "window_bytes": sum(s.evidence.size for s in now),
        "start": iso(min(s.at_ms for s in life)), "last": iso(max(s.at_ms for s in life)),
        "packets": len(life), "bytes": sum(s.evidence.size for s in life),
        "mismatches": sum(s.evidence.mismatch for s in life), "max_ppm": max_ppm(life),
    }


def is_attack(life):
    duration_ms = max(s.at_ms for s in life) - min(s.at_ms for s in life)
    return len(life) >= PACKETS_MIN and duration_ms >= SECONDS_MIN * 1000 and \
        max_ppm(life) >= PPM_MIN


def is_silent(life, now_s, seconds):
    return max(s.at_ms for s in life) < (now_s - max(seconds, SILENCE_S)) * 1000


def attacks(path, seconds, prefixes):
    """{start of a window in s: its records, by victim and protocol}."""
    networks = [ipaddress.ip_network(prefix) for prefix in prefixes]

    def is_ours(address):
        return any(ipaddress.ip_address(address) in network for network in networks)

    answer, vectors = {}, {}
    for start_s, seen in windows(path, seconds, is_ours):
        now = collections.defaultdict(list)
        for s in seen:
            now[s.evidence.victim, s.evidence.proto].append(s)
        vectors = {key: life for key, life in vectors.items()
                   if not is_silent(life, start_s, seconds)}
        for key, packets in now.items():
            vectors[key] = vectors.get(key, []) + packets
        answer[start_s] = [record(key, vectors[key], now[key]) for key in sorted(now)
                           if is_attack(vectors[key])]
        vectors = {key: life for key, life in vectors.items()
                   if not is_silent(life, start_s + seconds, seconds)}
    return answer

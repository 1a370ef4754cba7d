#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sensor's signatures and devices are those of the slow references: every flag of every packet
of generated captures, of random ones and of the corpora, built-in and of the shipped files, and the
tables of the windows. Every tool and version is recalled whole, and the confusion matrix of
docs/signatures.md is what comes out.

usage: golden.py DARKSCOPE-GEN DARKSCOPE-SENSOR DARKSCOPE PRINT-MARKS ROOT [--write]

--write puts the matrix into the page.
"""
import collections
import json
import os
import random
import re
import socket
import struct
import sys

GEN, SENSOR, DARKSCOPE, PRINT_MARKS, ROOT = sys.argv[1:6]
WRITE = sys.argv[6:] == ["--write"]
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
sys.path.insert(0, os.path.join(ROOT, "tests", "golden"))

import packets as p  # pylint: disable=wrong-import-position
import near  # pylint: disable=wrong-import-position
import reference  # pylint: disable=wrong-import-position
import shipped  # pylint: disable=wrong-import-position
from harness import Failure, Skip, check, check_equal, folder, main, run  # pylint: disable=wrong-import-position

SHIPPED = os.path.join(ROOT, "share", "darkscope", "signatures")
PAGE = os.path.join(ROOT, "docs", "signatures.md")
CORPUS = os.path.join(ROOT, "tests", "fuzz", "corpus", "parse")
CORPUS_LINKS = [0, 1, 9, 50, 51, 101, 108, 113, 228, 229, 276, 147]  # as in fuzz-parse.c
PREFIXES = ["--prefix", "198.18.0.0/16", "--prefix", "2001:db8::/48"]
RANDOM_PACKETS = 20000

GENERATED = {
    "mix": ["--rate", "400", "--duration", "1m"],
    "mix, another seed, cooked": ["--rate", "400", "--duration", "1m", "--seed", "7", "--link",
                                  "sll"],
    "mix, snapped to 64 bytes": ["--rate", "300", "--duration", "1m", "--snaplen", "64"],
    "mix, raw IP, pcapng": ["--rate", "300", "--duration", "1m", "--link", "raw", "--format",
                            "pcapng"],
    "SYNs only": ["--rate", "500", "--duration", "1m", "--mix",
                  "mirai,bot,windows,linux,bsd-mac,zmap-old,zmap-modern,zmap-options,masscan-first,"
                  "masscan-old,masscan-modern,nmap,unicornscan,survey,flood"],
}

OF_FILES = {"mix, raw IP, pcapng"}  # compared with the shipped files, too

# Population: what must be on all its packets, and what it is not allowed to be called.
TOOLS = {
    "mirai": ({"mirai"}, {"zmap-modern", "nmap", "unicornscan"}),
    "masscan-first": ({"masscan"}, {"masscan-1024", "masscan-1025"}),
    "masscan-old": ({"masscan", "masscan-1024"}, {"masscan-1025"}),
    "masscan-modern": ({"masscan", "masscan-1025"}, {"masscan-1024"}),
    "zmap-old": ({"zmap"}, {"zmap-modern", "zmap-modern-other"}),
    "zmap-modern": ({"zmap-modern"}, {"zmap-modern-other"}),
    "zmap-options": ({"zmap-modern-other"}, {"zmap-modern"}),
    "nmap": ({"nmap"}, {"unicornscan", "masscan-1024"}),
    "unicornscan": ({"unicornscan"}, {"nmap", "masscan-1025"}),
    "bot": (set(), set(reference.SHAPES)),
    "linux": (set(), set(reference.SHAPES)),
    "windows": (set(), set(reference.SHAPES)),
    "bsd-mac": (set(), set(reference.SHAPES)),
    "flood": (set(), {"nmap", "unicornscan", "zmap-modern", "zmap-modern-other"}),
}
COLUMNS = ["mirai", "masscan", "masscan-1024", "masscan-1025", "zmap", "zmap-modern",
           "zmap-modern-other", "nmap", "unicornscan", "irregular"]
RECALLED = 100000  # packets of each, at least
CHANCE = 10 / 65536  # more would be no chance any more


def lines(path):
    """What the sensor says of each packet."""
    for line in run(PRINT_MARKS, path).out.decode().splitlines():
        number, data, found, device, text = line.split(" ")
        yield int(number), bytes.fromhex(data), set(found.split(",")) - {"-"}, device, text


def compare_packets(path):
    """Packet by packet; the reference's sources of all of them."""
    sources = {}
    for number, data, found, device, text in lines(path):
        syn, address = reference.parse(data)
        expected = (reference.signatures(syn) | reference.experimental(syn) if syn else set(),
                    reference.device(syn) if syn else "none", reference.p0f(syn))
        if (found, device, text) != expected:
            raise Failure(f"packet {number}: {data.hex()}\nsensor:    {sorted(found)} {device} "
                          f"{text}\nreference: {sorted(expected[0])} {expected[1]} {expected[2]}")
        sources.setdefault(address, reference.Source()).add(syn, True)
    check(sources, "no packet was looked at")
    return sources


def compare_shipped(path):
    """All signatures of the shipped files on every packet that was kept whole; how many were."""
    found = {row["packet"]: set(row["signatures"]) for row in
             map(json.loads, run(DARKSCOPE, "signatures", "test", SHIPPED, path, "--format",
                                 "json").out.splitlines())}
    looked_at, seen = 0, set()
    for number, data, *_ in lines(path):
        packet = shipped.Packet(data)
        if not packet.kept:
            continue
        expected, sensor = shipped.signatures(packet), found.get(number, set())
        if expected != sensor:
            raise Failure(f"packet {number}: {data.hex()}\nonly the sensor:    "
                          f"{sorted(sensor - expected)}\nonly the reference: "
                          f"{sorted(expected - sensor)}")
        looked_at += 1
        seen |= sensor
    return looked_at, seen


def sensor_tables(window):
    marks = {s["id"]: (s["packets"], s["sources"], s["confirmed_sources"])
             for s in window["signatures"]}
    return marks, {d["device"]: (d["packets"], d["sources"]) for d in window["devices"]}


def sensor_records(window):
    return {r["source"]: [r["packets"], r["device"], sorted(r["signatures"]), sorted(r["confirmed"])]
            for r in window["source_records"]}


def compare(path):
    sources = compare_packets(path)
    window, = run(SENSOR, "--read", path, "--json", "--window", "all", "--signatures", "none",
                  "--experimental-signatures", "--sources", "100000").windows()
    check(window["packets"]["counted"] == sum(s.packets for s in sources.values()),
          "the sensor counted other packets")
    marks, devices = reference.tables(sources.values())
    check_equal(sensor_tables(window), (marks, devices), "tables of sensor and reference")
    check_equal(sensor_records(window), {
        socket.inet_ntoa(address): [source.packets, source.kind(), sorted(source.counts), sorted(
            name for name, count in source.counts.items() if count >= 2)]
        for address, source in sources.items() if len(address) == 4}, "records of sources")


def compare_forms(path):
    """The forms of SYNs that `darkscope signatures p0f` lists."""
    packets, sources = collections.Counter(), collections.defaultdict(set)
    for _, data, *_ in lines(path):
        syn, address = reference.parse(data)
        if syn and syn.whole:
            form = reference.p0f(syn), reference.device(syn)
            packets[form] += 1
            sources[form].add(address)
    rows = json.loads(run(DARKSCOPE, "signatures", "p0f", path, "--format", "json").out)
    check_equal({row["p0f"]: [row["device"], row["packets"], row["sources"]] for row in rows},
                {form[0]: [form[1], count, len(sources[form])] for form, count in packets.items()},
                "forms of SYNs")
    check([row["packets"] for row in rows] == sorted(packets.values(), reverse=True), "their order")


def generated(name):
    def test():
        with folder() as where:
            path = os.path.join(where, "capture")
            run(GEN, "--output", path, *PREFIXES, *GENERATED[name])
            compare(path)
            if name == "SYNs only":
                compare_forms(path)
            check(name not in OF_FILES or compare_shipped(path)[0] > 10000, "few were looked at")
    return test


# --- random SYNs: near every rule, and a little beside it ----------------------------------------


def random_options(draw):
    """One of the layouts, or options in any order; sometimes with a byte changed."""
    parts = {"mss": b"\2\4\5\xb4", "nop": b"\1", "ws": b"\3\3\7", "sok": b"\4\2",
             "ts": b"\x08\x0a\0\0\x12\x34\0\0\0\0", "eol+1": b"\0\0"}
    layout = draw.choice(list(reference.LAYOUTS) + ["mss", ""] * 3 +
                         [",".join(draw.choices(list(parts), k=draw.randrange(6)))])
    data = bytearray(b"".join(parts[name] for name in layout.split(",") if name))
    if data[:2] == b"\2\4" and draw.random() < 0.2:
        data[2:4] = draw.randbytes(2)
    if data and draw.random() < 0.2:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    data += bytes(-len(data) % 4)
    return bytes(data[:40])


def random_syn(draw):
    dest, seq = draw.getrandbits(32), draw.getrandbits(32)
    dport, sport = draw.choice([23, 80, 5555, 37215, draw.getrandbits(16)]), draw.getrandbits(16)
    seq = draw.choice([seq, dest, seq & 0xFFFF, seq & 0xFFFF0000, dest ^ (dport << 16) ^ sport])
    ident = draw.choice([draw.getrandbits(16), 54321, 0, (dest ^ dport ^ seq) & 0xFFFF])
    window = draw.choice([0, 1024, 1025, 2048, 3072, 4096, 4128, 65535, 14600, 5840, 29200, 8192,
                          draw.getrandbits(16)])
    ttl = draw.choice([0, 1, 32, 33, 64, 65, 128, 129, 200, 201, 255, draw.getrandbits(8)])
    flags = draw.choice([p.SYN] * 6 + [p.SYN | 0xC0, p.SYN | p.PSH, p.SYN | p.ACK, p.RST])
    options = random_options(draw)
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, draw.choice([0, 0, 0, 1]),
                      (5 + len(options) // 4) << 4, flags, window, 0, draw.choice([0, 0, 0, 1]))
    body = tcp + options + draw.choice([b"", b"", b"", b"x"])
    if draw.random() < 0.05:
        return struct.pack(">IHBB", 0x60000000 | draw.choice([0, 7]), len(body), 6, ttl) + \
            draw.randbytes(15) + bytes([draw.randrange(40)]) + draw.randbytes(16) + body
    ip_options = draw.choice([b""] * 9 + [b"\1" * 4])
    fragment = draw.choice([0, 0, 0x4000, 0x4000, 0x8000, 0x2000, 0xC000])
    return struct.pack(">BBHHHBBHII", 0x45 + len(ip_options) // 4, draw.choice([0, 0, 0, 2]),
                       20 + len(ip_options) + len(body), ident, fragment, ttl, 6, 0,
                       draw.randrange(1, 40), dest) + ip_options + body


def test_random():
    draw = random.Random(1)
    frames = [random_syn(draw) for _ in range(RANDOM_PACKETS)]
    frames = [(frame[:draw.randrange(20, 61)], len(frame)) if draw.random() < 0.05 else frame
              for frame in frames]
    with folder() as where:
        path = os.path.join(where, "capture")
        with open(path, "wb") as file:
            file.write(p.pcap(frames, p.RAW))
        compare(path)
        check(compare_shipped(path)[0] > RANDOM_PACKETS * 0.9, "few were looked at")


def test_shipped():
    draw = random.Random(2)
    with folder() as where:
        path = os.path.join(where, "capture")
        with open(path, "wb") as file:
            file.write(p.pcap([near.random_packet(draw) for _ in range(RANDOM_PACKETS)], p.RAW))
        compare_packets(path)
        looked_at, seen = compare_shipped(path)
    check(looked_at > RANDOM_PACKETS * 0.8, f"only {looked_at} were looked at")
    check(seen == shipped.ALL, f"never seen: {sorted(shipped.ALL - seen)}")
    listed = json.loads(run(DARKSCOPE, "signatures", "list", SHIPPED, "--format", "json").out)
    check_equal(sorted(row["id"] for row in listed if row["file"]), sorted(shipped.ALL),
                "shipped signatures and their reference in tests/golden/shipped.py")


def corpus():
    """The inputs of fuzz-parse by link type."""
    frames = collections.defaultdict(list)
    for name in sorted(os.listdir(CORPUS)):
        with open(os.path.join(CORPUS, name), "rb") as file:
            data = file.read()
        if len(data) >= 4:
            frames[CORPUS_LINKS[data[0] % len(CORPUS_LINKS)]].append(data[3:])
    return frames


def test_corpus():
    with folder() as where:
        path = os.path.join(where, "capture")
        for link, frames in corpus().items():
            for part in [[frame] for frame in frames] + [frames]:
                with open(path, "wb") as file:
                    file.write(p.pcap(part, link))
                if run(PRINT_MARKS, path).out:
                    compare_packets(path)
            compare_shipped(path)


def test_example():
    compare(os.path.join(ROOT, "docs", "examples", "telescope.pcap.zst"))


def test_asked_for():
    """Captures in the folder that DARKSCOPE_CAPTURES names."""
    asked = os.environ.get("DARKSCOPE_CAPTURES")
    if not asked:
        raise Skip("DARKSCOPE_CAPTURES is not set")
    for name in sorted(os.listdir(asked)):
        path = os.path.join(asked, name)
        if run(PRINT_MARKS, path, status=None).status == 0:
            compare(path)
            compare_shipped(path)


# --- recall and confusion ------------------------------------------------------------------------


class Population:
    """What the sensor says of 100,000 packets of one population."""

    def __init__(self, name):
        with folder() as where:
            path = os.path.join(where, "capture")
            run(GEN, "--output", path, "--mix", name, "--rate", "20000", "--duration", "7s",
                "--sources", "400")
            window, = run(SENSOR, "--read", path, "--json", "--window", "all",
                          "--signatures", "none").windows()
        self.name = name
        self.packets, self.sources = window["packets"]["counted"], window["sources"]
        self.marks, self.devices = sensor_tables(window)
        check(self.packets >= RECALLED, f"only {self.packets} packets of {name}")

    def share(self, signature):
        """Of packets that could carry it: the first of a source has none to agree with."""
        packets, sources, _ = self.marks.get(signature, (0, 0, 0))
        first = sources if signature in reference.RELATED else 0
        return packets / (self.packets - first)


def recalled(name):
    def test():
        population = Population(name)
        expected, forbidden = TOOLS[name]
        for signature in expected:
            check(population.share(signature) == 1,
                  f"{signature} is on {population.share(signature):.4%} of the packets")
            check(population.marks[signature][2] == population.sources,
                  f"{signature} is confirmed for {population.marks[signature][2]} of "
                  f"{population.sources} sources")
        for signature in forbidden:
            check(population.share(signature) == 0, f"{signature} is on some packets")
        for signature in {"mirai", "masscan", "zmap"} - expected:
            check(population.share(signature) < CHANCE,
                  f"{signature} is on {population.share(signature):.4%} of the packets")
        matrix.append(population)
    return test


matrix = []


def percent(share):
    return "" if share == 0 else "100" if share == 1 else "< 0.1" if share < 0.001 else \
        f"{share * 100:.1f}"


def table(titles, rows):
    out = ["| population | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    return "\n".join(out + [f"| `{name}` | " + " | ".join(cells) + " |" for name, cells in rows])


def test_page():
    """The matrix on the page is this one."""
    check(len(matrix) == len(TOOLS), "not every population could be counted")
    marks = table([f"`{name}`" for name in COLUMNS],
                  [(one.name, [percent(one.share(name)) for name in COLUMNS]) for one in matrix])
    devices = table([f"`{name}`" for name in reference.DEVICES[1:]],
                    [(one.name, [percent(one.devices.get(name, (0, 0))[1] / one.sources)
                                 for name in reference.DEVICES[1:]]) for one in matrix])
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    for name, text in ("signatures", marks), ("devices", devices):
        pattern = rf"(<!-- confusion: {name} -->\n).*?(<!-- end -->)"
        found = re.search(pattern, page, re.S)
        check(found, f"the page has no place for the matrix of {name}")
        wanted = found[1] + text + "\n" + found[2]
        if WRITE:
            page = page.replace(found[0], wanted)
        else:
            check(found[0] == wanted, f"the page has another matrix of {name}; write it with "
                  "golden.py ... --write")
    if WRITE:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(page)


if __name__ == "__main__":
    sys.exit(main([(name, generated(name)) for name in GENERATED] +
                  [("random SYNs", test_random), ("random packets of any kind", test_shipped),
                   ("corpus of fuzz-parse", test_corpus),
                   ("example", test_example), ("captures asked for", test_asked_for)] +
                  [(f"100,000 packets of {name}", recalled(name)) for name in TOOLS] +
                  [("confusion matrix", test_page)]))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Attack vectors: the sensor's records are those of a slow reference (vectors.py), for captures made
for each edge of the definition and for generated ones, whatever the number of workers and the length
of windows.

usage: attacks.py DARKSCOPE-GEN DARKSCOPE-SENSOR COUNTRY-DB
"""
import datetime
import os
import struct
import sys

import packets
import vectors
from harness import check, check_equal, folder, main, run

GEN, SENSOR, COUNTRY_DB = sys.argv[1:4]
PREFIXES = ["198.18.0.0/16"]
OURS = "198.18.0."
VICTIM, ROUTER = "203.0.113.7", "192.0.2.1"
START_S = 1767225600  # a full hour
WORKERS = ["1", "2", "4"]


def synack(host=1, victim=VICTIM, port=80, attack_port=1024):
    return packets.ip4(victim, OURS + str(host), 6,
                       packets.tcp(port, attack_port, packets.SYN | packets.ACK))


def error(quote, host=1, source=ROUTER, kind=3):
    return packets.ip4(source, OURS + str(host), 1, packets.icmp(kind, 1, quote))


def quoted(host=1, victim=VICTIM, proto=6, transport=b"\x04\x00\x00\x50\0\0\0\0", source=None,
           fragment=0):
    return packets.ip4(source or OURS + str(host), victim, proto, transport, fragment=fragment)


def flood(count, seconds, make=synack, start=0.0):
    """count packets, the first at start and the last seconds later."""
    return [(start + seconds * i / (count - 1), make()) for i in range(count)]


def write(path, timed):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))
        for at, data in timed:
            us = START_S * 1_000_000 + round(at * 1_000_000)
            file.write(struct.pack("<IIII", us // 1_000_000, us % 1_000_000, len(data), len(data)) +
                       data)


def seconds_of(iso):
    return int(datetime.datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp())


def sensor(path, window, workers, *more):
    """{start: records} as the sensor sees it."""
    monitor = [word for prefix in PREFIXES for word in ("--monitor", prefix)]
    seen = run(SENSOR, "--json", "--read", path, *monitor, "--window", f"{window}s", "--workers",
               workers, *more).windows()
    for w in seen:
        check(w["overflow"]["attacks"] == 0, "the tables were too small")
    return {seconds_of(w["start"]): w["attacks"] for w in seen}


def figures(answer):
    """What is compared: no windows without attacks, as there are none in a hole; no countries, which
    the reference does not know."""
    check(None not in answer.values(), "a sensor always looks for attacks")
    return {start: [{k: v for k, v in a.items() if k != "country"} for a in rows]
            for start, rows in answer.items() if rows}


def compare(path, lengths, workers=None):
    """Sensor and reference agree; the records of each length, by start."""
    answers = {}
    for window in lengths:
        answers[window] = vectors.attacks(path, window, PREFIXES)
        for count in workers or WORKERS:
            check_equal(figures(sensor(path, window, count)), figures(answers[window]),
                        f"windows of {window} s, {count} workers")
    return answers


def case(timed, expected, lengths=(60,), late=False):
    """expected: of all records in order of time, what it names of them; for every length. Unless
    late, the packets are put in order first."""
    def test():
        with folder() as where:
            path = os.path.join(where, "capture")
            write(path, timed if late else sorted(timed, key=lambda row: row[0]))
            for window, answer in compare(path, lengths).items():
                rows = [row for start in sorted(answer) for row in answer[start]]
                check(len(rows) == len(expected),
                      f"windows of {window} s: {len(rows)} records, not {len(expected)}: {rows}")
                for row, wanted in zip(rows, expected):
                    check_equal({key: row[key] for key in wanted}, wanted, "record")
    return test


def out_of_order():
    """An attack over two minutes; then packets of its first second come again, late."""
    attack = flood(120, 119)
    return attack[:100] + [(0.5, synack(host=9))] * 5 + attack[100:]


def iso(at):
    return vectors.iso(int((START_S + at) * 1000))


WHOLE = (300, 3600)

CASES = {
    "24 packets are none, however fast": case(
        flood(24, 10), [], WHOLE),
    "24 packets over a minute are none": case(flood(12, 5) + flood(12, 5, start=55), [], WHOLE),
    "30 packets in 60 s, over 60.0 s, are one": case(
        flood(30, 59) + [(60.0, synack())],
        [{"packets": 31, "max_ppm": 30, "start": iso(0), "last": iso(60), "window_packets": 31,
          "port": 80, "ports": 1, "attack_ports": 1, "addresses": 1, "mismatches": 0,
          "bytes": 31 * 40}], WHOLE),
    "59.999 s are none": case(flood(40, 59.999), [], WHOLE),
    "29 in 60 s are none": case(flood(29, 59) + flood(29, 59, start=60), [], WHOLE),
    "30 in 60 s count by steps, not by any 60 s": case(
        flood(15, 5) + flood(15, 5, start=60), [], WHOLE),
    "a rate may span windows": case(
        flood(15, 29, start=30) + flood(16, 30, start=60.5),
        [{"max_ppm": 30, "packets": 31, "window_packets": 16, "start": iso(30), "last": iso(90.5)}]),
    "25 packets cannot be 30 in 60 s": case(flood(25, 60), [], WHOLE),
    "an attack goes on with its start and growing totals": case(
        flood(300, 299),
        [{"start": iso(0), "packets": n, "window_packets": 60, "max_ppm": 60, "window_bytes": 2400,
          "bytes": 40 * n} for n in (120, 180, 240, 300)]),
    "a silent window ends an attack": case(
        flood(120, 119) + flood(120, 119, start=180),
        [{"start": iso(0), "packets": 120}, {"start": iso(180), "packets": 120}]),
    "a silence of a part of a window does not": case(
        flood(90, 89) + flood(90, 89, start=149),
        [{"start": iso(0), "packets": n} for n in (90, 121, 180)]),
    "in shorter windows a minute of silence ends an attack": case(
        flood(61, 60) + [(119.9, synack()), (180, synack())],
        [{"start": iso(0), "packets": 61}, {"start": iso(0), "packets": 62}], (10,)),
    "late packets count where they came": case(
        out_of_order(), [{"packets": 125, "start": iso(0), "addresses": 2, "max_ppm": 65}],
        late=True),
    "RST and RST-ACK": case(
        flood(61, 60, lambda: packets.ip4(VICTIM, OURS + "1", 6, packets.tcp(80, 9, packets.RST)))
        + flood(61, 60, lambda: packets.ip4(VICTIM, OURS + "1", 6,
                                            packets.tcp(80, 9, packets.RST | packets.ACK))),
        [{"packets": 122, "proto": "tcp"}], WHOLE),
    "SYN, ACK and UDP are none": case(
        flood(61, 60, lambda: packets.ip4(VICTIM, OURS + "1", 6, packets.tcp(80, 9, packets.SYN)))
        + flood(61, 60, lambda: packets.ip4(VICTIM, OURS + "1", 6,
                                            packets.tcp(80, 9, packets.ACK)))
        + flood(61, 60, lambda: packets.ip4(VICTIM, OURS + "1", 17, packets.udp(53, 9))),
        [], WHOLE),
    "echo replies": case(
        flood(61, 60, lambda: packets.ip4(VICTIM, OURS + "1", 1, packets.icmp(0, 0))),
        [{"victim": VICTIM, "proto": "icmp", "port": 0, "ports": 1, "attack_ports": 0}], WHOLE),
    "routers answer for the victim": case(
        [(at, error(quoted(), source=f"192.0.2.{at}", kind=(3, 4, 5, 11, 12)[at % 5]))
         for at in range(61)],
        [{"victim": VICTIM, "proto": "tcp", "port": 80, "attack_ports": 1, "mismatches": 0,
          "packets": 61}], WHOLE),
    "a victim's own answers and its routers' are one vector": case(
        flood(31, 60) + flood(30, 58, lambda: error(quoted()), start=1),
        [{"victim": VICTIM, "packets": 61, "proto": "tcp"}], WHOLE),
    "protocols are vectors of their own": case(
        flood(61, 60) + flood(61, 60, lambda: error(quoted(proto=17))),
        [{"proto": "tcp", "packets": 61}, {"proto": "udp", "packets": 61}], WHOLE),
    "a quoted ICMP message": case(
        flood(61, 60, lambda: error(quoted(proto=1, transport=b"\x08\x00\x12\x34"))),
        [{"victim": VICTIM, "proto": "icmp", "port": 0x0800, "attack_ports": 0}], WHOLE),
    "a quoted GRE packet is none": case(
        flood(61, 60, lambda: error(quoted(proto=47))), [], WHOLE),
    "a quote without ports": case(
        flood(61, 60, lambda: error(quoted(transport=b"\x04\x00\x00"))),
        [{"victim": VICTIM, "proto": "tcp", "port": 0, "ports": 0, "attack_ports": 0}], WHOLE),
    "a quote that is cut inside its header": case(
        flood(61, 60, lambda: error(quoted()[:19])),
        [{"victim": ROUTER, "proto": "icmp", "port": 0x0301, "mismatches": 0}], WHOLE),
    "a quote of another version": case(
        flood(61, 60, lambda: error(b"\x60" + quoted()[1:])),
        [{"victim": ROUTER, "proto": "icmp"}], WHOLE),
    "a quoted later fragment": case(
        flood(61, 60, lambda: error(quoted(fragment=100))),
        [{"victim": VICTIM, "proto": "tcp", "ports": 0}], WHOLE),
    "a quote from outside of our prefixes is a mismatch": case(
        flood(31, 60, lambda: error(quoted(source="192.0.2.99"))) + flood(30, 59, start=0.5),
        [{"victim": VICTIM, "packets": 61, "mismatches": 31}], WHOLE),
    "a quote from another monitored address is a mismatch": case(
        flood(61, 60, lambda: error(quoted(source=OURS + "77"))),
        [{"victim": VICTIM, "mismatches": 61}], WHOLE),
    "a monitored address is no victim": case(
        flood(61, 60, lambda: error(quoted(victim=OURS + "5"))) +
        flood(61, 60, lambda: synack(victim=OURS + "6")), [], WHOLE),
    "what is not ours is none": case(
        flood(61, 60, lambda: packets.ip4(VICTIM, "198.19.0.1", 6,
                                          packets.tcp(80, 9, packets.SYN | packets.ACK))),
        [], WHOLE),
    "unique counts are of the window": case(
        [(i / 2, synack(host=i % 5, port=(80, 443, 443, 22)[i % 4], attack_port=i % 7))
         for i in range(241)],
        [{"port": 443, "ports": 3, "attack_ports": 7, "addresses": 5, "packets": 240},
         {"port": 80, "ports": 1, "attack_ports": 1, "addresses": 1, "packets": 241}]),
    "of equal ports the lowest": case(
        [(i, synack(port=(443, 80)[i % 2])) for i in range(62)],
        [{"port": 80, "ports": 2, "window_packets": 62}], WHOLE),
    "a hole ends an attack": case(
        flood(121, 120) + flood(121, 120, start=7200),
        [{"start": iso(0), "packets": 121}, {"start": iso(7200), "packets": 121}], (3600,)),
}


def one_window_for_everything():
    """The first packet is not the oldest one; those before its step of 10 s count at its begin."""
    timed = flood(61, 60, start=25)
    with folder() as where:
        path = os.path.join(where, "capture")
        write(path, timed[:1] + [(3.0, synack()), (24.0, synack())] + timed[1:])
        for workers in WORKERS:
            rows = run(SENSOR, "--json", "--read", path, "--window", "all", "--workers", workers,
                       "--monitor", PREFIXES[0]).windows()[0]["attacks"]
            check(len(rows) == 1, f"{len(rows)} records")
            check_equal({key: rows[0][key] for key in ("packets", "start", "last", "max_ppm")},
                        {"packets": 63, "start": iso(20), "last": iso(85), "max_ppm": 57}, "record")


def countries():
    """The victim's, also where a router far away answers for it."""
    with folder() as where:
        path = os.path.join(where, "capture")
        write(path, flood(61, 60, lambda: error(quoted(victim="126.1.2.3"), source="79.192.0.1")))
        for start, rows in sensor(path, 300, "2", "--country-db", COUNTRY_DB).items():
            check([row["country"] for row in rows] == ["JP"], f"{start}: {rows}")


def generated(mix, *options, lengths=(60,)):
    def test():
        with folder() as where:
            path = os.path.join(where, "capture")
            run(GEN, "--output", path, "--link", "raw", "--prefix", PREFIXES[0], "--mix", mix,
                *options)
            for window, answer in compare(path, lengths).items():
                check(any(answer.values()), f"no attack in windows of {window} s")
    return test


GENERATED = {
    "victims that answer": generated("attack=5,mirai=2,late=1", "--rate", "30", "--duration", "8m",
                                     "--sources", "40", lengths=(2, 60)),
    "victims that routers answer for": generated("attack-routed", "--rate", "30", "--duration",
                                                 "8m", "--sources", "20", lengths=(15, 60)),
    "the default mix and attacks": generated(
        "survey=200,mirai=60,bot=60,zmap-old=10,backscatter-synack=100,backscatter-rst=80,"
        "backscatter-icmp=80,attack=40,attack-routed=40,amplification=20,reflection=20,"
        "icmp-echo=20,other-tcp=20,other-proto=10,fragments=20,options=10,truncated=20,"
        "malformed=20,outside=20,late=20", "--rate", "60", "--duration", "6m", "--sources", "200",
        "--format", "pcap-ns", lengths=(5, 60, 300)),
    "backscatter": generated("backscatter-synack,backscatter-rst,backscatter-icmp", "--rate", "40",
                             "--duration", "10m", "--sources", "100", lengths=(1, 12, 60, 3600)),
}


if __name__ == "__main__":
    sys.exit(main([*CASES.items(), *GENERATED.items(), ("the victim's country", countries),
                   ("one window for everything", one_window_for_everything)]))

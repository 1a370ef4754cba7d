#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Survey scanners and source records are those of a slow reference that knows the documented rule
alone and reads the capture file itself: in the sensor with one, two and four workers, over midnight,
over a restart, and through the store.

usage: survey.py DARKSCOPE-GEN DARKSCOPE-SENSOR DARKSCOPE-AGGREGATOR DARKSCOPE TEST-DATA
"""
import collections
import contextlib
import datetime
import json
import os
import re
import struct
import sys

import packets
from books import check_books
from harness import Program, check, check_equal, folder, main, run, wait_for

GEN, SENSOR, AGGREGATOR, DARKSCOPE, TEST_DATA = sys.argv[1:6]
PREFIX = "198.18.0.0/24"
RULE_PORTS, RULE_PACKETS, LAG = 20, 64, 5
WINDOW_S = 15  # some begin between two steps of 10 s, from which packets' times are counted
SENSOR_OPTIONS = ["-m", PREFIX, "--window", f"{WINDOW_S}s", "--json", "--sources", "100000",
                  "--survey-ports", str(RULE_PORTS), "--survey-packets", str(RULE_PACKETS / 256)]
TCP, UDP = 6, 17
SYN, ACK, RST, FIN = 2, 16, 4, 1
REFLECTION = {17, 19, 53, 69, 111, 123, 137, 161, 389, 520, 1900, 3283, 3702, 5353, 11211, 27015,
              27960}


def probes(path):
    """(time in s, source, protocol, port, is it a scan) of the TCP and UDP packets of a raw IPv4 pcap:
    the generator makes no other with the mix below."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at < len(data):
        seconds, micro, length = struct.unpack_from("<III", data, at)
        ip = data[at + 16:at + 16 + length]
        at += 16 + length
        source, = struct.unpack_from(">I", ip, 12)
        sport, dport = struct.unpack_from(">HH", ip, (ip[0] & 15) * 4)
        if ip[9] == UDP:
            reflected = sport in REFLECTION
            yield seconds + micro / 1e6, source, UDP, sport if reflected else dport, not reflected
            continue
        check(ip[9] == TCP, f"a packet of protocol {ip[9]}")
        flags = ip[(ip[0] & 15) * 4 + 13]
        back = flags & RST or flags & SYN and flags & ACK
        yield seconds + micro / 1e6, source, TCP, sport if back else dport, \
            flags & SYN and not flags & (FIN | RST | ACK)


class Reference:
    """The rule of docs/statistics.md, window by window, in dictionaries."""

    def __init__(self):
        self.day, self.packets, self.ports, self.judged = None, {}, {}, {}
        self.history = []  # who is known after each window

    def known(self):
        return {source for source, day in self.judged.items() if day in (self.day, self.day - 1)}

    def window(self, start, rows):
        day = start // 86400
        if day != self.day:
            self.day, self.packets, self.ports = day, {}, {}
        marked = self.history[-LAG] if len(self.history) >= LAG else set()
        before = self.known()
        here = collections.Counter(source for _, source, _, _, is_scan in rows if is_scan)
        hurdle = max(1, int(RULE_PACKETS * WINDOW_S / 86400 / 4))
        for source, count in here.items():
            if source in self.packets or count >= hurdle:
                self.packets[source] = self.packets.get(source, 0) + count
                self.ports.setdefault(source, set()).update(
                    (proto, port) for _, s, proto, port, is_scan in rows
                    if s == source and is_scan)
        for source in here:
            if self.packets.get(source, 0) >= RULE_PACKETS and \
                    len(self.ports[source]) >= RULE_PORTS:
                self.judged[source] = day
        self.history.append(self.known())
        return marked, self.known() - before


def address(number):
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def expect(path):
    """What each window must say: survey packets by port, and the sources' records."""
    windows = collections.defaultdict(list)
    for row in probes(path):
        windows[int(row[0]) // WINDOW_S * WINDOW_S].append(row)
    reference, expected = Reference(), []
    for start in range(min(windows), max(windows) + 1, WINDOW_S):
        rows = windows[start]
        marked, found = reference.window(start, rows)
        survey, ports, sources = collections.Counter(), collections.Counter(), {}
        for time, source, proto, port, is_scan in rows:
            survey[port, proto] += source in marked
            ports[port, proto] += is_scan
            r = sources.setdefault(source, {"packets": 0, "ports": set(), "first": time})
            r["packets"] += 1
            r["ports"].add((proto, port, is_scan))
            r["last"] = time
            r["survey"] = "yes" if source in marked else "found" if source in found else "no"
        expected.append({"start": start, "survey": +survey, "packets": +ports, "sources": sources})
    return expected


def check_window(seen, true):
    check_books(seen)
    start = int(datetime.datetime.fromisoformat(seen["start"]).timestamp())
    check_equal(start, true["start"], "start")
    survey = collections.Counter()
    for port in seen["ports"]:
        survey[port["port"], {"tcp": TCP, "udp": UDP}[port["proto"]]] += port["survey_packets"]
    check(+survey == true["survey"], f"survey packets of {seen['start']}: {+survey - true['survey']}"
          f" too many, {true['survey'] - +survey} missing")
    check_equal({r["source"]: [r["packets"], r["ports"], r["survey"]]
                 for r in seen["source_records"]},
                {address(s): [r["packets"], len(r["ports"]), r["survey"]]
                 for s, r in true["sources"].items()}, f"sources of {seen['start']}")
    for r in seen["source_records"]:
        exact = true["sources"][struct.unpack(">I", packets.address(r["source"]))[0]]
        first, last = exact["first"] - start, exact["last"] - start
        check(r["first_seconds"] <= first + 0.001 and first < r["first_seconds"] + WINDOW_S / 250 and
              r["last_seconds"] > last - 0.001 and last > r["last_seconds"] - WINDOW_S / 250,
              f"{r} was seen from {first} to {last}")


@contextlib.contextmanager
def capture():
    """Ten minutes around midnight; a path, and what is expected of it."""
    with folder() as where:
        path = os.path.join(where, "capture.pcap")
        run(GEN, "-o", path, "-d", "8m", "-r", "200", "-p", PREFIX, "--sources", "2000", "--seed",
            "3", "--link", "raw", "--start", "2026-01-01T23:55:00Z", "--mix",
            "survey=5,mirai=2,bot=2,backscatter-synack=1")
        yield path, expect(path), where


def sensor(path, *options):
    return run(SENSOR, "-r", path, *SENSOR_OPTIONS, *options)


def test_reference():
    with capture() as (path, expected, _):
        one = sensor(path)
        windows = one.windows()
        check_equal(len(windows), len(expected), "windows")
        for seen, true in zip(windows, expected):
            check_window(seen, true)
        marks = collections.Counter(r["survey"] for w in windows for r in w["source_records"])
        check(min(marks["yes"], marks["found"], marks["no"]) > 10, f"too little to see: {marks}")
        check(windows[-1]["source_rest"] == {"sources": 0, "packets": 0}, "nothing is left out")
        for workers in "2", "4":
            check(sensor(path, "--workers", workers).out == one.out, f"{workers} workers differ")


def test_limit():
    """Known scanners, then those with most packets; what is left out is exact."""
    with capture() as (path, expected, _):
        before = 0  # scanners that stand before a source with more packets
        for limit in "7", "70":
            for seen, true in zip(sensor(path, "--sources", limit).windows(), expected):
                ordered = sorted((r["survey"] != "yes", -r["packets"], s)
                                 for s, r in true["sources"].items())
                top, rest = ordered[:int(limit)], ordered[int(limit):]
                check_equal([[r["source"], r["packets"]] for r in seen["source_records"]],
                            [[address(s), -n] for n, s in sorted(row[1:] for row in top)],
                            f"top {limit}")
                check_equal(seen["source_rest"], {"sources": len(rest), "packets":
                                                  -sum(n for _, n, _ in rest)}, "rest")
                most = max((-n for other, n, _ in rest if other), default=0)
                before += sum(not other and -n < most for other, n, _ in top)
        check(before > 0, "no scanner had fewer packets than another source")


def split(path, at):
    """The packets before and from a time on, as two captures."""
    with open(path, "rb") as file:
        data = file.read()
    parts, offset = [data[:24], data[:24]], 24
    while offset < len(data):
        seconds, _, length = struct.unpack_from("<III", data, offset)
        parts[seconds >= at] += data[offset:offset + 16 + length]
        offset += 16 + length
    return parts


def test_restart():
    """What a state file keeps is known from the first window of the next run on."""
    with capture() as (path, expected, where):
        at = expected[len(expected) // 3]["start"]
        halves = [os.path.join(where, name) for name in ("before", "after")]
        for half, data in zip(halves, split(path, at)):
            with open(half, "wb") as file:
                file.write(data)
        state = os.path.join(where, "state")
        windows = [sensor(half, "--survey-state", state).windows() for half in halves]
        check(not os.path.exists(state + ".new"), "a half-written state is left")
        known = set()
        for w in windows[0]:
            known |= {r["source"] for r in w["source_records"] if r["survey"] != "no"}
        check(known, "nobody was found")
        marked = {r["source"] for w in windows[1][:LAG] for r in w["source_records"]
                  if r["survey"] == "yes"}
        check(marked and marked <= known, f"{marked} are marked, {known} are known")
        found = {r["source"] for half in windows for w in half for r in w["source_records"]
                 if r["survey"] == "found"}
        true = {address(s) for w in expected for s, r in w["sources"].items()
                if r["survey"] == "found"}
        check_equal(sorted(found), sorted(true), "found before and after the restart")
        with open(state, "r+b") as file:
            file.seek(40)
            file.write(b"damage")
        again = sensor(halves[1], "--survey-state", state)
        check("damaged" in again.err, f"damage is not told: {again.err!r}")
        check(all(r["survey"] != "yes" for r in again.windows()[0]["source_records"]), "believed")


def test_time_zone():
    """In Tokyo there is no midnight in this capture: what is found stays found."""
    if not os.path.exists("/usr/share/zoneinfo/Asia/Tokyo"):
        return
    with capture() as (path, _, _):
        slow = ["--survey-packets", "2.5"]
        tokyo = sensor(path, "--time-zone", "Asia/Tokyo", *slow).windows()
        utc = sensor(path, *slow).windows()
        found = [sum(r["survey"] == "found" for w in windows for r in w["source_records"])
                 for windows in (tokyo, utc)]
        check(found[0] > found[1] > 0, f"found {found[0]} in one day, {found[1]} in two halves")


def test_acknowledged():
    with folder() as where:
        path, names = os.path.join(where, "capture"), os.path.join(where, "list")
        frames = [packets.ethernet(0x800, packets.ip4(source, "198.18.0.1", TCP,
                                                      packets.tcp(1000, 80, SYN)))
                  for source in ("1.0.0.7", "1.0.1.7", "126.1.2.3")]
        with open(path, "wb") as file:
            file.write(packets.pcap(frames))
        with open(names, "w", encoding="ascii") as file:
            file.write("# Example\n1.0.0.0/25\n")
        seen, = sensor(path, "--acknowledged", names, "--asn-db",
                       os.path.join(TEST_DATA, "bad-asn.mmdb")).windows()
        check_equal([[r["source"], r["survey"], r["asn"]] for r in seen["source_records"]],
                    [["1.0.0.7", "yes", 13335], ["1.0.1.7", "no", None],
                     ["126.1.2.3", "no", 17676]], "records")
        check_equal(seen["ports"][0]["survey_packets"], 1, "survey packets")


def ask(*arguments):
    return json.loads(run(DARKSCOPE, *arguments, "--format", "json").out)


def check_ports(survey, everything, form):
    """With and without survey scanners: the rows that fit, and the sums of all."""
    without = everything - survey
    for part, true in (("only", survey), ("no", without), ("all", everything)):
        answer = ask("top", "ports", "--class", "scan", "--survey", part, "--limit", "10000", *form)
        rows = {(r["port"], {"tcp": TCP, "udp": UDP}[r["proto"]]): r["packets"]
                for r in answer["rows"]}
        check(len(rows) == min(10000, len(true)) and rows.items() <= true.items(),
              f"ports of survey {part}: {len(rows)} rows of {len(true)}")
        check_equal(answer["total"]["packets"], sum(true.values()), f"total of survey {part}")
        least = min(rows.values())
        check(sum(n > least for n in true.values()) <= len(rows), f"top of survey {part}")
    short = ask("top", "ports", "--class", "scan", "--no-survey", "--limit", "5", *form)["rows"]
    check_equal([r["packets"] for r in short], [n for _, n in without.most_common(5)], "top 5")


def check_stored(expected, store, url):
    ports, everything = collections.Counter(), collections.Counter()  # of survey scanners, of all
    total, windows, peak = collections.Counter(), collections.Counter(), collections.Counter()
    for w in expected:
        for source, r in w["sources"].items():
            total[address(source)] += r["packets"]
            windows[address(source)] += 1
            peak[address(source)] = max(peak[address(source)], len(r["ports"]))
        ports.update(w["survey"])
        everything.update(w["packets"])
    for form in ["--store", store], ["--url", url]:
        answer = ask("sources", "--limit", "10000", *form)
        check_equal({r["source"]: [r["packets"], r["windows"], r["ports_peak"]]
                     for r in answer["rows"]},
                    {s: [n, windows[s], peak[s]] for s, n in total.items()}, "sources")
        check_equal([answer["complete"], answer["other"]["packets"], answer["total"]["packets"]],
                    [True, 0, sum(total.values())], "sums of sources")
        survey = ask("sources", "--survey", "only", *form)
        check(survey["rows"] and all(r["survey"] == "yes" for r in survey["rows"]), "only")
        check_ports(ports, everything, form)
        series = ask("query", "--survey", "only", "--step", "window", *form)
        check_equal([p["packets"] for p in series["points"]],
                    [sum(w["survey"].values()) for w in expected], "series of survey packets")


def test_store():
    with capture() as (path, expected, where):
        store = os.path.join(where, "store")
        with Program(AGGREGATOR, "--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0",
                     "--store", store, where=where, name="aggregator") as aggregator:
            said = wait_for(lambda: re.search(r"listening (\S+), (http://\S+)", aggregator.err()),
                            "the aggregator listens")
            sensor(path, "--aggregator", said[1], "--sources", "100000")
            check_stored(expected, store, said[2])


sys.exit(main([
    ("every window is the reference's", test_reference),
    ("a limit leaves the largest", test_limit),
    ("a restart forgets nobody", test_restart),
    ("days are those of the time zone", test_time_zone),
    ("listed prefixes and autonomous systems", test_acknowledged),
    ("from the store", test_store),
]))

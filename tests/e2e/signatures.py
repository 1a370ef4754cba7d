#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Signature files from a person's side: they are checked, tried, counted, stored and read again.

usage: signatures.py DARKSCOPE-SENSOR DARKSCOPE-AGGREGATOR DARKSCOPE SIGNATURES
"""
import json
import os
import re
import signal
import sys

import packets
from books import check_books
from harness import Program, check, check_equal, folder, main, run, wait_for

SENSOR, AGGREGATOR, DARKSCOPE, SHIPPED = sys.argv[1:5]
CONFIG, USAGE = 3, 2
SECRET = "198.18."  # how every monitored address here begins
PACKETS = 3000  # 10 ms each: 30 windows of a second

TELNET = """
- id: telnet
  name: SYN to 23
  category: malware
  certainty: source
  proto: tcp
  ports: [23]
  tcp_flags: S/SA
"""
ODD = """
- id: odd-port
  name: SYN from an odd port
  category: other
  certainty: source
  filter: tcp[0:2] & 1 = 1
"""
BAD = """
- id: bad
  name: does not compile
  category: other
  certainty: source
  filter: tcp and and 198.18.3.4
"""


MSS = bytes((2, 4, 2, 24))  # with options, and not those of a tool: no built-in signature fits


def syn(number):
    """From port 40000 + number; every third to telnet."""
    return packets.ip4(f"203.0.113.{number % 50}", "198.18.3.4", 6,
                       packets.tcp(40000 + number % 1000, 23 if number % 3 == 0 else 80,
                                   packets.SYN, MSS))


CAPTURE = packets.pcap([syn(n) for n in range(PACKETS)], link=packets.RAW)


def write(where, name, content):
    path = os.path.join(where, name)
    with open(path + ".new", "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    os.rename(path + ".new", path)
    return path


def by_id(window):
    return {s["id"]: s for s in window["signatures"]}


def expected(matches):
    """What a signature must count that matches packets of these numbers."""
    numbers = [n for n in range(PACKETS) if matches(n)]
    sources = [n % 50 for n in numbers]
    return {"packets": len(numbers), "sources": len(set(sources)),
            "confirmed_sources": sum(sources.count(s) > 1 for s in set(sources))}


def test_counts():
    """One file is bad in one place: the others count, and the fault is said without an address."""
    with folder() as where:
        first = write(where, "first.yaml", TELNET)
        second = write(where, "second.yaml", BAD + ODD)
        for workers in "1", "3":
            result = run(SENSOR, "--read", write(where, "capture", CAPTURE), "--json", "--window",
                         "all", "--signatures", first, "--signatures", second, "--workers", workers)
            window, = result.windows()
            check_books(window)
            check_equal(by_id(window), {
                "telnet": {"id": "telnet", **expected(lambda n: n % 3 == 0)},
                "odd-port": {"id": "odd-port", **expected(lambda n: n % 1000 % 2 == 1)}},
                f"signatures with {workers} workers")
            check(re.search(r"second\.yaml:6: signature 'bad': filter: libpcap says: ", result.err),
                  f"it says only: {result.err}")
            check(SECRET not in result.err, f"an address of the telescope is shown: {result.err}")


def test_settings():
    """Of a directory, by configuration; the check of the configuration checks them."""
    with folder() as where:
        os.mkdir(os.path.join(where, "d"))
        write(where, "d/b.yaml", ODD.replace("source\n", "recalled\n"))
        write(where, "d/a.yaml", TELNET)
        write(where, "d/ignored.txt", BAD)
        path = write(where, "sensor.yaml", f"""
capture: {{file: {write(where, "capture", CAPTURE)}}}
window: all
signatures:
  files: [{where}/d]
  enable: ["odd*"]
  disable: [telnet]
""")
        window, = run(SENSOR, "--config", path, "--json").windows()
        check_equal(list(by_id(window)), ["odd-port"], "signatures that count")
        run(SENSOR, "--config", path, "--check-config")
        write(where, "d/c.yaml", BAD)
        said = run(SENSOR, "--config", path, "--check-config", status=CONFIG).err
        check("signature 'bad'" in said and "1 fault" in said, f"it says only: {said}")


def test_reload():
    """Files change while packets flow: nothing is lost, and each window is counted by one set."""
    with folder() as where:
        path = write(where, "mine.yaml", TELNET)
        with Program(SENSOR, "--read", write(where, "capture", CAPTURE), "--json", "--window", "1s",
                     "--signatures", path, "--speed", "4", where=where, name="sensor") as sensor:
            wait_for(sensor.windows, "first window")
            write(where, "mine.yaml", BAD + ODD)
            sensor.send(signal.SIGHUP)
            wait_for(lambda: "signatures from files: 1, from" in sensor.err(), "files are read again")
            os.remove(os.path.join(where, "mine.yaml"))
            sensor.send(signal.SIGHUP)
            wait_for(lambda: "cannot be read; those in use stay" in sensor.err(), "the file is missed")
            windows = sensor.ended().windows()
    check(sum(w["packets"]["received"] for w in windows) == PACKETS, "packets are missing")
    ids = [list(by_id(w)) for w in windows]
    check(ids[0] == ["telnet"] and ids[-1] == ["odd-port"], f"the windows have {ids}")
    check(ids == sorted(ids, reverse=True), f"not one set after the other: {ids}")
    for window in windows:
        check_books(window)
        wanted = {"telnet": (33, 34), "odd-port": (50,)}
        for name, tally in by_id(window).items():
            check(tally["packets"] in wanted[name], f"{name} has {tally['packets']} of a window")


def test_shipped_examples_hold():
    """Every shipped signature proves itself; without its examples it does not."""
    said = run(DARKSCOPE, "signatures", "check", SHIPPED).out.decode()
    count = int(re.match(r"(\d+) signatures are right, and their examples hold", said)[1])
    files = [os.path.join(SHIPPED, name) for name in sorted(os.listdir(SHIPPED))]
    texts = []
    for path in files:
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    check(count == sum(text.count("\n- id: ") for text in texts), f"only {count} were looked at")
    with folder() as where:
        for path, text in zip(files, texts):
            flipped = text.replace("matches: true", "matches: X").replace(
                "matches: false", "matches: true").replace("matches: X", "matches: false")
            said = run(DARKSCOPE, "signatures", "check", write(where, "flipped.yaml", flipped),
                       status=CONFIG).err
            wrong = len(re.findall(r": example \d+ (?:matches, and|does not match)", said))
            check(wrong == text.count("packet:"),
                  f"{os.path.basename(path)}: {wrong} examples of {text.count('packet:')} prove "
                  "something")


def test_check():
    with folder() as where:
        said = run(DARKSCOPE, "signatures", "check", write(where, "x.yaml", TELNET + BAD),
                   status=CONFIG).err
        for wanted in ("signature 'telnet': no example that matches", "nearly matches",
                       "signature 'bad': filter"):
            check(wanted in said, f"it says only: {said}")
        run(DARKSCOPE, "signatures", "check", status=USAGE)
        run(DARKSCOPE, "signatures", "prove", status=USAGE)
        run(DARKSCOPE, "signatures", "list", "--port", "23/tcp", status=USAGE)


def test_packets_of_a_capture():
    """Number, time and source, in all formats, and no destination."""
    with folder() as where:
        path, file = write(where, "capture", CAPTURE), write(where, "x.yaml", TELNET + ODD)
        table, csv, lines = (run(DARKSCOPE, "signatures", "test", file, path, "--format",
                                 form).out.decode() for form in ("table", "csv", "json"))
    for text in table, csv, lines:
        check(SECRET not in text, "an address of the telescope is shown")
    rows = [json.loads(line) for line in lines.splitlines()]
    matching = [n for n in range(PACKETS) if n % 3 == 0 or n % 2 == 1]
    check_equal([row["packet"] for row in rows], [n + 1 for n in matching], "packets that match")
    check_equal(rows[0], {"packet": 1, "time": "2026-01-01T00:00:00.000000Z",
                          "source": "203.0.113.0", "signatures": ["telnet"]}, "first")
    check_equal(rows[2], {"packet": 4, "time": "2026-01-01T00:00:00.030000Z",
                          "source": "203.0.113.3", "signatures": ["telnet", "odd-port"]}, "third")
    check(csv.splitlines()[3] == "4,2026-01-01T00:00:00.030000Z,203.0.113.3,telnet odd-port", csv)
    check(f"{len(matching)} of {PACKETS} packets match" in table, table[-200:])


def test_forms():
    """As many forms as SYNs: the first ones, and what found no room is said."""
    room, more = 65536, 500
    frames = []
    for number in range(room + more):
        data = bytearray(packets.ip4("203.0.113.7", "198.18.3.4", 6, packets.tcp(1, 23, packets.SYN)))
        data[34:36] = (number % room).to_bytes(2, "big")  # the window
        data[8] = 64 if number < room else 255
        frames.append(bytes(data))
    with folder() as where:
        path = write(where, "capture", packets.pcap(frames, link=packets.RAW))
        table = run(DARKSCOPE, "signatures", "p0f", path).out.decode()
        rows = run(DARKSCOPE, "signatures", "p0f", path, "--format", "csv").out.decode().splitlines()
        run(DARKSCOPE, "signatures", "p0f", status=USAGE)
    check(len(rows) == 1 + room, f"{len(rows)} lines")
    check(rows[1].endswith(',1,"4:64:0:0:0,0:::0"'), rows[1])
    for text in (f"{room + more:,}".replace(",", "") + f" SYNs of {room} forms",
                 f"{more} have forms for which there was no room."):
        check(text in table, f"not said: {text}: {table[-300:]}")
    check(SECRET not in table, "an address of the telescope is shown")


def test_list():
    rows = json.loads(run(DARKSCOPE, "signatures", "list", SHIPPED, "--format", "json").out)
    ids = {row["id"]: row for row in rows}
    check(len(ids) == len(rows), "an id stands twice")
    check_equal([ids["huawei-hg532"][key] for key in ("category", "cve", "certainty", "state")],
                ["malware", "CVE-2017-17215", "source", "on"], "huawei-hg532")
    check(ids["mirai"]["file"] is None, "mirai is not built in")
    experimental = [row["id"] for row in rows if row["certainty"] == "recalled"]
    check(experimental and all(ids[i]["state"] == "off" for i in experimental if ids[i]["file"]),
          "an experimental signature is on")


def test_through_the_aggregator():
    with folder() as where:
        store = os.path.join(where, "store")
        with Program(AGGREGATOR, "--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0",
                     "--store", store, where=where, name="aggregator") as aggregator:
            found = wait_for(lambda: re.search(r"listening (tcp://\S+),", aggregator.err()),
                             "aggregator")
            run(SENSOR, "--read", write(where, "capture", CAPTURE), "--aggregator", found[1],
                "--name", "one", "--signatures", write(where, "x.yaml", TELNET + ODD))
            aggregator.stop(number=signal.SIGTERM)
        top = json.loads(run(DARKSCOPE, "top", "signatures", "--store", store, "--format",
                             "json").out)
    check_equal({row["id"]: row["packets"] for row in top["rows"]},
                {"telnet": PACKETS // 3, "odd-port": PACKETS // 2}, "stored signatures")


def test_who_leads():
    """Windows or embedded Linux: by the packets of the sources, whatever these packets are."""
    forms = {"windows": (128, 0x4000, bytes.fromhex("020405b40103030801010402"), 8192),
             "linux-old": (64, 0x4000, bytes.fromhex("020405b40402080a000000010000000001030302"), 5840),
             "linux": (64, 0x4000, bytes.fromhex("020405b40402080a000000010000000001030307"), 29200),
             "embedded": (64, 0, b"", 777)}
    frames = []
    for host, (name, count) in enumerate([("windows", 2), ("linux-old", 3), ("linux", 1),
                                          ("embedded", 5)]):
        ttl, flags, options, window = forms[name]
        data = bytearray(packets.ip4(f"203.0.113.{host}", "198.18.3.4", 6,
                                     packets.tcp(9, 23, packets.SYN, options), fragment=flags))
        data[8], data[34:36] = ttl, window.to_bytes(2, "big")
        answer = packets.ip4(f"203.0.113.{host}", "198.18.3.4", 17, packets.udp(53, 9))
        frames += [bytes(data)] + [answer] * (count - 1)
    with folder() as where:
        store = os.path.join(where, "store")
        with Program(AGGREGATOR, "--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0",
                     "--store", store, where=where, name="aggregator") as aggregator:
            found = wait_for(lambda: re.search(r"listening (tcp://\S+),", aggregator.err()),
                             "aggregator")
            run(SENSOR, "--read", write(where, "capture", packets.pcap(frames, packets.RAW)),
                "--aggregator", found[1], "--name", "one", "--signatures", "none")
            aggregator.stop(number=signal.SIGTERM)
        table = run(DARKSCOPE, "top", "devices", "--store", store).out.decode()
        rows = json.loads(run(DARKSCOPE, "top", "devices", "--store", store, "--format",
                              "json").out)["rows"]
        listed = json.loads(run(DARKSCOPE, "sources", "--store", store, "--format",
                                "json").out)["rows"]
    check_equal({row["device"]: row["packets"] for row in rows},
                {"windows": 2, "linux-old": 3, "linux": 1, "embedded": 5}, "packets by device")
    check_equal({row["source"]: row["device"] for row in listed},
                {f"203.0.113.{n}": name for n, name in enumerate(forms)}, "devices of sources")
    check("Windows 18.2%, embedded Linux (embedded, linux-old) 72.7%, Linux that may be either 9.1%"
          in table, f"it says only: {table}")


TESTS = [("files are counted, a bad one not", test_counts),
         ("settings choose", test_settings),
         ("reloading loses nothing", test_reload),
         ("shipped examples hold", test_shipped_examples_hold),
         ("check tells what is wrong", test_check),
         ("test shows packets of a capture", test_packets_of_a_capture),
         ("p0f lists forms of SYNs", test_forms),
         ("list has all", test_list),
         ("counts reach the store", test_through_the_aggregator),
         ("Windows or embedded Linux", test_who_leads)]

if __name__ == "__main__":
    sys.exit(main(TESTS))

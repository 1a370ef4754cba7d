#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The live feed, from the packets to who listens: what is shown, to whom, and what is not.

usage: live.py GENERATOR SENSOR AGGREGATOR DARKSCOPE COUNTRIES LIVE_FEED_MD
"""
import collections
import contextlib
import functools
import os
import re
import signal
import socket
import struct
import sys

import view
from harness import Program, check, check_equal, folder, main, run, wait_for
from websocket import Listener, unpack

GEN, SENSOR, AGGREGATOR, DARKSCOPE, COUNTRIES, DOCUMENT = sys.argv[1:7]
MONITORED, MONITORED6, NETWORK = "203.0.112.0/22", "2001:db8:77::/48", 0xCB007000
SECONDS = 120
SPEED = 40
# Slow enough that every packet is a sample.
KEYED_PACKETS, KEYED_SPEED, ADDRESSES = 4000, 4, 1024
PLACE = {"name": "Tokyo", "latitude": 35.7, "longitude": 139.7}


def capture(where, rate=200):
    path = os.path.join(where, "capture.pcap")
    if not os.path.exists(path):
        run(GEN, "-o", path, "--mix", "bot=60,mirai=10,backscatter-synack=10,amplification=10,icmp-echo=10,malformed=2,outside=3,ipv6=3",
            "--prefix", MONITORED, "--prefix", MONITORED6, "--rate", rate, "--duration", f"{SECONDS}s", "--country-db", COUNTRIES, "--seed", 5)
    return path


aggregator = functools.partial(view.aggregator, AGGREGATOR)


def sensor(where, endpoint, *options, name="sensor"):
    return Program(SENSOR, "-r", capture(where), "--speed", SPEED, "--json", "--window", "all",
                   "--monitor", MONITORED, "--monitor", MONITORED6, "--country-db", COUNTRIES, "--name", "east", "--live",
                   endpoint, *options, where=where, name=name)


def gather(listener, until):
    """Messages up to the first for which until is true."""
    got = []
    for message in listener.messages():
        got.append(message)
        if until(got):
            return got
    return got


def total(messages, key):
    return sum(m[key] for m in messages if m["kind"] == "pulse")


def window(program):
    windows = program.ended().windows()
    check(len(windows) == 1, f"{len(windows)} windows")
    return windows[0]


PCAP_HEADER = 24


def test_what_is_shown():
    """Pulses add up to what the window says; samples stand for what they say they do."""
    with folder() as where, aggregator(where) as (_, endpoint, port), Listener(port) as listener:
        check(listener.status == 101, f"status {listener.status}")
        hello = next(listener.messages())
        check_equal({key: hello[key] for key in ("kind", "version", "place", "attribution")},
                    {"kind": "hello", "version": 1, "place": PLACE, "attribution": "by nobody"},
                    "hello")
        with open(capture(where), "rb") as file:
            packets = file.read()
        pipe = os.path.join(where, "pipe")
        os.mkfifo(pipe)
        with sensor(where, endpoint, "-r", pipe) as program:
            # A sensor does not wait for who listens: the packets come when it is heard.
            with open(pipe, "wb", buffering=0) as to:
                to.write(packets[:PCAP_HEADER])
                gather(listener, lambda got: got[-1]["kind"] == "pulse")
                to.write(packets[PCAP_HEADER:])
            expected = window(program)
            counted = expected["packets"]["counted"]
            got = gather(listener, lambda got: total(got, "packets") >= counted)
        check_equal(total(got, "packets"), counted, "packets")
        check_equal(total(got, "outside"), expected["packets"]["outside"], "outside")
        check_equal(total(got, "malformed"), expected["packets"]["malformed"], "malformed")
        pulses = [m for m in got if m["kind"] == "pulse"]
        check_equal([sum(column) for column in zip(*(m["types"] for m in pulses))],
                    [expected["types"][name] for name in hello["types"]], "types")
        samples = [m for m in got if m["kind"] == "samples"]
        check_equal(total(got, "sampled"), sum(m["rows"] for m in samples), "sampled")
        # Exact unless a busy machine counts more than are looked at in a twentieth of a second.
        stands_for = sum(sum(m["weight"]) for m in samples)
        check(abs(stands_for - counted) < counted / 20, f"{stands_for} stand for {counted}")
        shown = {hello["types"][t] for m in samples for t in m["type"]}
        check_equal(sorted(shown), sorted(name for name, count in expected["types"].items() if count),
                    "types shown")
        check({c for m in samples for c in m["country"]} - {"??"}, "no country is known")
        marks = {m["marks"][bit] for m in samples for bits in m["signatures"]
                 for bit in range(len(m["marks"])) if bits >> bit & 1}
        check("mirai" in marks, f"marks {marks}")


def test_what_is_secret():
    """No monitored address is in any frame; a destination is a position that says nothing."""
    with folder() as where, aggregator(where) as (_, endpoint, port), Listener(port) as listener:
        with sensor(where, endpoint) as program:
            frames, packets = [], 0
            while packets < 1000:
                frames.append(listener.frame())
                packets += total(unpack(frames[-1]), "packets")
            program.stop(status=None)
        forms = [struct.pack(">I", NETWORK)[:3], struct.pack("<I", NETWORK)[1:], b"203.0.11",
                 bytes.fromhex("20010db80077"), b"2001:db8"]
        for frame in frames:
            for form in forms:
                check(form not in frame, f"a frame has {form}")


def packets_by_sensor(listener, sensors):
    """What tells packets apart whatever the keys, with (position, source_id) of each such packet in
    order, by sensor. Until each has sent most of its capture: it does not wait for listeners."""
    seen, counted = {name: {} for name in sensors}, {name: 0 for name in sensors}
    columns = "source", "source_port", "destination_port", "proto", "type"
    for message in listener.messages():
        if message["kind"] == "samples":
            for i, key in enumerate(zip(*(message[column] for column in columns))):
                seen[message["sensor"]].setdefault(key, []).append(
                    (message["position"][i], message["source_id"][i]))
        elif message["kind"] == "pulse":
            counted[message["sensor"]] += message["packets"]
        if all(counted[name] >= 0.9 * KEYED_PACKETS for name in sensors):
            break
    return seen


def correlation(pairs):
    n = len(pairs)
    mean_a, mean_b = (sum(pair[i] for pair in pairs) / n for i in (0, 1))
    both = sum((a - mean_a) * (b - mean_b) for a, b in pairs)
    squares = [sum((pair[i] - mean) ** 2 for pair in pairs) for i, mean in ((0, mean_a), (1, mean_b))]
    return both / (squares[0] * squares[1]) ** 0.5


def most_common(values):
    return collections.Counter(values).most_common(1)[0][1]


def test_two_keys():
    """The same packets under two keys: neither destinations nor sources of one feed can be laid upon
    those of the other. Under one key, destinations can: that shows that the test would see it."""
    with folder() as where, aggregator(where) as (program, endpoint, port), Listener(port) as listener, \
            contextlib.ExitStack() as stack:
        windows = re.search(r"listening (tcp://\S+),", program.err())[1]
        path = os.path.join(where, "keyed.pcap")
        run(GEN, "-o", path, "--mix", "bot=1", "--prefix", MONITORED, "--rate", KEYED_PACKETS // 40,
            "--duration", "60s", "--country-db", COUNTRIES, "--seed", 6)
        for key in "one", "two":
            run(DARKSCOPE, "keygen", "--deployment", os.path.join(where, key))
        sensors = {"first": "one", "again": "one", "other": "two"}
        for name, key in sensors.items():
            stack.enter_context(sensor(where, endpoint, "-r", path, "--speed", KEYED_SPEED, "--name", name,
                                       "--deployment-key", os.path.join(where, key + ".deployment"),
                                       "--aggregator", windows, "--window", "1m",
                                       name=name))
        got = packets_by_sensor(listener, sensors)

    def meet(name):
        """(packet of the first feed, the same of this one), of those that both show, once."""
        return [(found[0], got[name][key][0]) for key, found in got["first"].items()
                if len(found) == 1 and len(got[name].get(key, ())) == 1]
    check(all(a[0] == b[0] for a, b in meet("again")) and len(meet("again")) > ADDRESSES / 4,
          "under one key destinations differ")
    pairs = sorted({(a[0], b[0]) for a, b in meet("other")})
    check(len(pairs) > ADDRESSES / 4, f"only {len(pairs)} destinations are in both")
    check(abs(correlation(pairs)) < 5 / len(pairs) ** 0.5, f"correlated: {correlation(pairs)}")
    steps = [abs(b[1] - a[1]) for a, b in zip(pairs, pairs[1:])]
    check(sum(step < 1024 for step in steps) < len(steps) / 10, "neighbours stay neighbours")
    for what, values in (("shifted", ((a - b) % 65536 for a, b in pairs)),
                         ("mirrored", ((a + b) % 65536 for a, b in pairs)),
                         ("exclusive or", (a ^ b for a, b in pairs))):
        check(most_common(values) < len(pairs) / 20, f"positions are {what}")
    for name in "again", "other":
        same = sum(a[1] == b[1] for a, b in meet(name))
        check(same <= 1, f"{same} sources have the same name in two runs")


def test_who_may_listen():
    with folder() as where, aggregator(where) as (_, _, port):
        here = f"http://127.0.0.1:{port}"
        cases = [
            ({}, True, "no page"),
            ({"headers": [f"Origin: {here}"]}, True, "its own page"),
            ({"headers": ["Origin: http://evil.example"]}, False, "another page"),
            ({"headers": ["Origin: null"]}, False, "a page of no origin"),
            ({"path": "/"}, False, "another path"),
            ({"subprotocol": None}, False, "no subprotocol"),
            ({"subprotocol": "chat"}, False, "another subprotocol"),
        ]
        for arguments, is_let_in, what in cases:
            with Listener(port, **arguments) as listener:
                check((listener.status == 101) == is_let_in, f"{what}: {listener.status}")


def test_nobody_to_listen_to():
    """An aggregator without a live view says so, and does not hang."""
    with folder() as where:
        def ready():
            return re.search(r"http://127\.0\.0\.1:(\d+)", program.err())
        with Program(AGGREGATOR, "--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0",
                     "--store", os.path.join(where, "store"), where=where,
                     name="aggregator") as program:
            port = int(wait_for(ready, "the aggregator listens")[1])
            with Listener(port) as listener:
                check(listener.status != 101, "it lets in")
            program.stop(number=signal.SIGTERM)


def test_slow_listener():
    """Who does not read misses messages and is told how many; the others get all."""
    with folder() as where, aggregator(where) as (_, endpoint, port), contextlib.ExitStack() as stack:
        slow = stack.enter_context(Listener(port, buffer=4096))
        good = stack.enter_context(Listener(port))
        # Together more in a second than the two kernels keep for the slow one.
        for i in range(6):
            stack.enter_context(sensor(where, endpoint, "--name", f"east-{i}", "--speed", "10",
                                       name=f"sensor-{i}"))
        got = gather(good, lambda messages: len(messages) > 400)
        check(all(m["kind"] != "skipped" for m in got), "the good one missed some")
        gather(slow, lambda messages: messages[-1]["kind"] == "skipped")


def test_strangers():
    """What is no message of the feed is not passed on, and hurts nobody."""
    with folder() as where, aggregator(where) as (program, endpoint, port), \
            Listener(port) as listener:
        next(listener.messages())
        host, number = re.fullmatch(r"tcp://(.+):(\d+)", endpoint).groups()
        for rubbish in b"\xff" * 4096, b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096):
            with socket.create_connection((host, int(number)), timeout=60) as stranger, \
                    contextlib.suppress(OSError):
                stranger.sendall(rubbish)
                stranger.shutdown(socket.SHUT_WR)
                while stranger.recv(4096):
                    pass
        with sensor(where, endpoint) as good:
            check(gather(listener, lambda got: got[-1]["kind"] == "pulse"), "nothing came")
            good.stop(status=None)
        check(program.runs(), "the aggregator ended")


def test_keys():
    """With keys a sensor's samples come under its own name alone."""
    with folder() as where:
        for name in "aggregator", "east", "west":
            run(DARKSCOPE, "keygen", os.path.join(where, name))
        os.mkdir(os.path.join(where, "sensors"))
        os.rename(os.path.join(where, "east.pub"), os.path.join(where, "sensors", "east.pub"))
        keys = ("--key", os.path.join(where, "aggregator.key"), "--sensors",
                os.path.join(where, "sensors"))

        def of(name):
            return ("--key", os.path.join(where, name + ".key"), "--aggregator-key",
                    os.path.join(where, "aggregator.pub"), "--name", name)
        with aggregator(where, options=keys) as (_, endpoint, port), Listener(port) as listener:
            with sensor(where, endpoint, *of("west"), name="stranger") as stranger:
                with sensor(where, endpoint, *of("east")) as good:
                    got = gather(listener, lambda messages: total(messages, "packets") > 0)
                    good.stop(status=None)
                stranger.stop(status=None)
        check_equal({m["sensor"] for m in got if "sensor" in m} , {"east"}, "sensors")


def test_command_line():
    """darkscope live prints packets and pulses, and ends with Ctrl-C."""
    with folder() as where, aggregator(where) as (_, endpoint, _):
        with Program(DARKSCOPE, "live", f"ipc://{where}/publish", where=where,
                     name="live") as program, sensor(where, endpoint) as source:
            wait_for(lambda: re.search(r"-- east: [1-9]\d* packets", program.out()), "a pulse")
            wait_for(lambda: re.search(r"tcp_syn +[A-Z?]{2} .* -> +\d+/tcp", program.out()), "a SYN")
            program.stop()
            source.stop(status=None)


def test_document():
    """The Python client of the document runs as it stands there."""
    with open(DOCUMENT, encoding="utf-8") as file:
        client = re.search(r"```python\n(.*?)```", file.read(), re.S)[1]
    with folder() as where, aggregator(where) as (_, endpoint, _):
        path = os.path.join(where, "client.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(client.replace("tcp://127.0.0.1:7102", f"ipc://{where}/publish"))
        with Program("/usr/bin/python3", "-u", path, where=where, name="client") as program, \
                sensor(where, endpoint) as source:
            wait_for(lambda: "east" in program.out() and "23/" in program.out(), "packets")
            source.stop(status=None)


def test_bad_settings():
    with folder() as where:
        wrong = run(SENSOR, "-r", capture(where), "--json", "--live", "tcp://127.0.0.1:1",
                    status=None)
        check(wrong.status == 3 and "--speed" in wrong.err, f"a file at full speed: {wrong.err}")
        for lines, word in [("live: {publish: 'ipc:///tmp/x'}", "listen"),
                            ("live: {listen: 'tcp://192.0.2.1:1'}", "keys"),
                            ("live: {listen: 'tcp://127.0.0.1:0', publish: 'tcp://*:1'}", "publish"),
                            ("live: {listen: 'tcp://127.0.0.1:0', place: {name: x, latitude: 91,"
                             " longitude: 0}}", "latitude")]:
            config = os.path.join(where, "wrong.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(lines + "\n")
            wrong = run(AGGREGATOR, "-c", config, "--check-config", status=None)
            check(wrong.status == 3 and word in wrong.err, f"{lines}: {wrong.status} {wrong.err}")


sys.exit(main([
    ("pulses and samples add up to the window", test_what_is_shown),
    ("no monitored address is in a frame", test_what_is_secret),
    ("feeds under two keys cannot be laid upon each other", test_two_keys),
    ("only pages of this server may listen", test_who_may_listen),
    ("an aggregator without a live view lets nobody in", test_nobody_to_listen_to),
    ("a slow listener is told what it missed, and is alone with it", test_slow_listener),
    ("rubbish is not passed on", test_strangers),
    ("with keys a sensor speaks for itself alone", test_keys),
    ("darkscope live", test_command_line),
    ("the client of the document", test_document),
    ("wrong settings are told", test_bad_settings),
]))

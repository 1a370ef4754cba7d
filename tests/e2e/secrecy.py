#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The monitored addresses are in nothing that a full run writes, sends, answers or logs: not as text,
not as numbers, not in binary, also not inside compressed columns.

usage: secrecy.py DARKSCOPE-GEN DARKSCOPE-SENSOR DARKSCOPE-AGGREGATOR DARKSCOPE COUNTRY-DB
"""
import ipaddress
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from cable import Cable
from harness import Program, Skip, check, folder, main, run, wait_for

GEN, SENSOR, AGGREGATOR, DARKSCOPE, COUNTRY_DB = sys.argv[1:6]
PREFIX4 = ipaddress.ip_network("100.99.37.32/28")
PREFIX6 = ipaddress.ip_network("fd5a:9c31:77e2:6b04::/64")
EXCLUDED = ipaddress.ip_network("100.99.37.34/32")
MONITOR = [word for prefix in (PREFIX4, PREFIX6) for word in ("--monitor", str(prefix))]
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
QUESTIONS = [
    ["summary"], ["sensors"], ["windows"], ["sources"], ["attacks"], ["window", "--at", "START"],
    *(["top", table] for table in ("ports", "countries", "types", "classes", "protocols",
                                   "signatures")),
    ["query", "--step", "window"],
]


def patterns():
    """(what, expression). Of IPv4 addresses every one: four bytes are few, see test_full_run."""
    yield "text", re.compile(re.escape(str(PREFIX4[0]).rsplit(".", 1)[0].encode()) + rb"\.")
    yield "text of IPv6", re.compile(rb"(?i)fd5a:?9c31:?77e2")
    top = PREFIX6[0].packed[:8]
    yield "IPv6 prefix", re.compile(re.escape(top) + b"|" + re.escape(top[::-1]))
    for address in PREFIX4:
        number = int(address)
        yield f"number {number}", re.compile(rb"(?<!\d)%d(?!\d)" % number)
        yield f"hexadecimal {number:08x}", re.compile(rb"(?i)%08x" % number)
        yield f"bytes of {address}", re.compile(
            re.escape(address.packed) + b"|" + re.escape(address.packed[::-1]))


def unpacked(data):
    """What zstd frames inside of data hold."""
    at = data.find(ZSTD_MAGIC)
    while at >= 0:
        end = data.find(ZSTD_MAGIC, at + 4)
        packed = data[at:end if end >= 0 else len(data)]
        yield subprocess.run(["zstd", "-dcq"], input=packed, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=False).stdout
        at = end


def found_in(name, data):
    for part in (data, *unpacked(data)):
        for what, pattern in patterns():
            if pattern.search(part):
                yield name, what


def files_below(where):
    for root, _, names in os.walk(where):
        for name in names:
            with open(os.path.join(root, name), "rb") as file:
                yield os.path.relpath(os.path.join(root, name), where), file.read()


def answers(url, store, start):
    for words in QUESTIONS:
        words = [start if word == "START" else word for word in words]
        for form in "json", "csv", "table":
            ended = run(DARKSCOPE, *words, "--url", url, "--format", form)
            yield f"darkscope {' '.join(words)}, {form}", ended.out + ended.err.encode()
    yield "darkscope windows of the store", run(DARKSCOPE, "windows", "--store",
                                                store).out
    tables = json.loads(run(DARKSCOPE, "export", "--dictionary", "--format", "json").out)["tables"]
    for table in tables:
        for form in "csv", "jsonl":
            yield f"export of {table['name']}, {form}", run(
                DARKSCOPE, "export", table["name"], "--format", form, "--store", store).out


def spooled(where, capture, secret):
    """The files of a spool that nobody took anything from, and the log."""
    spool = os.path.join(where, "spool")
    with Program("sh", "-c", 'exec "$@" <"$0"', capture, SENSOR, "--read", "-", *MONITOR, *secret,
                 "--json", "--aggregator", "ipc://" + where + "/nobody", "--spool", spool,
                 where=where, name="spooling") as sensor:
        wait_for(lambda: len(sensor.windows()) >= 3, "windows in the spool")
    yield "the log of the sensor with a spool", sensor.err().encode()
    yield from files_below(spool)


def full_run(where):
    """(name, bytes) of everything that leaves, and how many packets were counted."""
    capture, kept = os.path.join(where, "capture"), os.path.join(where, "kept")
    os.mkdir(kept)
    run(GEN, "--output", capture, "--country-db", COUNTRY_DB, "--prefix", str(PREFIX4), "--prefix",
        str(PREFIX6), "--rate", "400", "--duration", "3m", "--seed", "5")

    run(DARKSCOPE, "keygen", "--deployment", os.path.join(where, "japan"))
    secret = ["--deployment-key", os.path.join(where, "japan.deployment")]

    def listens():
        check(aggregator.runs(), f"the aggregator ended: {aggregator.err()}")
        return re.search(r"listening tcp://\S+:(\d+), (http://\S+)", aggregator.err())
    out = []
    with Program(AGGREGATOR, "--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0", "--store",
                 os.path.join(kept, "store"), where=where, name="aggregator") as aggregator:
        port, url = wait_for(listens, "aggregator listens").groups()
        with Cable(int(port)) as cable:
            ended = run(SENSOR, "--read", capture, *MONITOR, *secret, "--exclude", str(EXCLUDED), "--json",
                        "--sources", "1000", "--country-db", COUNTRY_DB, "--name", "secret",
                        "--survey-ports", "3", "--survey-packets", "0.01", "--survey-state",
                        os.path.join(kept, "survey.state"), "--aggregator",
                        cable.endpoint)
        windows = ended.windows()
        out += [("the sensor's JSON", ended.out), ("the sensor's log", ended.err.encode()),
                ("the wire", b"".join(cable.passed))]
        out += answers(url, os.path.join(kept, "store"), windows[0]["start"])
        aggregator.stop(number=signal.SIGTERM)
        out.append(("the aggregator's log", aggregator.err().encode()))
    out += files_below(kept)
    held = list(spooled(where, capture, secret))
    check(sum(len(data) for _, data in held) > 10000, "the spool is empty")
    out += held
    return out, sum(w["packets"]["counted"] for w in windows), capture


def leaks():
    with folder() as where:
        out, counted, capture = full_run(where)
        check(counted > 10000, f"only {counted} packets were counted")
        check(len(out) > 40 and sum(len(data) for name, data in out if name == "the wire") > 10000,
              "less was recorded than there is")
        with open(capture, "rb") as file:
            seen = {what for _, what in found_in("capture", file.read())}
        check(len(seen) >= 16, "the search does not find what is there")
        return {leak for name, data in out for leak in found_in(name, data)}


def test_full_run():
    """Four bytes may meet by chance, in one run of a hundred or so: not twice in the same place."""
    if not shutil.which("zstd"):
        raise Skip("no zstd to look into columns with")
    found = leaks()
    found = found and found & leaks()
    check(not found, f"monitored addresses are in {sorted(found)}")


def test_errors():
    """What is wrong with a prefix is said without it."""
    with folder() as where:
        path = os.path.join(where, "sensor.yaml")
        for wrong in f"{PREFIX4[0]}/33", f"{PREFIX4[1]}/28", f"{PREFIX6[0]}/129", f"{PREFIX4[0]}x":
            with open(path, "w", encoding="ascii") as file:
                file.write(f"capture:\n  interface: lo\nmonitor:\n  - {wrong}\n")
            for words in (["--config", path, "--check-config"], ["--monitor", wrong, "--read", path]):
                said = run(SENSOR, *words, "--json", status=None)
                check(said.status in (2, 3), f"status {said.status}: {said.err}")
                check(not list(found_in("error", said.err.encode())), "an error shows it")


sys.exit(main([
    ("nothing that leaves shows a monitored address", test_full_run),
    ("no error shows one", test_errors),
]))

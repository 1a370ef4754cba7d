#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same packets give the same figures by every way into the sensor and out of the aggregator.

usage: ways.py DARKSCOPE-GEN DARKSCOPE-SENSOR DARKSCOPE-AGGREGATOR DARKSCOPE COUNTRY-DB OTHER-DB
"""
import collections
import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from books import check_books
from harness import (PATIENCE_S, Program, Skip, check, check_equal, folder, main, queued_packets,
                     received_packets, run, veth, wait_for, within)

GEN, SENSOR, AGGREGATOR, DARKSCOPE, COUNTRY_DB, OTHER_DB = sys.argv[1:7]
PREFIXES = ["198.18.0.0/16", "2001:db8::/48"]
MONITOR = [word for prefix in PREFIXES for word in ("--monitor", prefix)]
COUNT = [*MONITOR, "--country-db", COUNTRY_DB, "--name", "one"]
TRAFFIC = ["--rate", "300", "--duration", "4m", "--seed", "11"]
TIME_FIELDS = "start", "seconds", "observed_seconds"
MOST_ROWS = 10000  # that `darkscope top` gives


def generate(path, *more):
    run(GEN, "--output", path, "--country-db", COUNTRY_DB, *TRAFFIC, *more)
    return path


def count(*source, **options):
    windows = run(SENSOR, *source, "--json", *COUNT, **options).windows()
    for window in windows:
        check_books(window)
    return windows


@contextlib.contextmanager
def capture():
    """A capture, its windows and a folder."""
    with folder() as where:
        path = generate(os.path.join(where, "capture"))
        expected = count("--read", path)
        check(len(expected) == 4 and sum(w["packets"]["counted"] for w in expected) > 40000,
              "the capture is not what is expected")
        yield path, expected, where


def test_workers():
    with capture() as (path, expected, _):
        for workers in 2, 3, 4:
            check_equal(count("--read", path, "--workers", workers), expected,
                        f"{workers} workers and one")


def test_standard_input():
    with capture() as (path, expected, _):
        with open(path, "rb") as file:
            check_equal(count("--read", "-", stdin=file), expected, "standard input and file")
        with open(path, "rb") as file:
            check_equal(count("--read", "-", input=file.read()), expected, "pipe and file")


def test_packed():
    with capture() as (path, expected, _):
        with open(path, "rb") as plain, gzip.open(path + ".gz", "wb") as packed:
            shutil.copyfileobj(plain, packed)
        check_equal(count("--read", path + ".gz"), expected, "gzip and plain")
        if shutil.which("zstd"):
            run("zstd", "-q", path, "-o", path + ".zst")
            check_equal(count("--read", path + ".zst"), expected, "zstd and plain")


def test_formats():
    with capture() as (path, expected, _):
        for form in "pcap-be", "pcap-ns", "pcapng":
            seen = count("--read", generate(path + form, "--format", form))
            for ours, theirs in zip(seen, expected):
                # Times are finer by up to a microsecond.
                check(abs(ours.pop("observed_seconds") - theirs["observed_seconds"]) <= 0.001,
                      "observed_seconds differ")
                check_equal({"observed_seconds": theirs["observed_seconds"], **ours}, theirs,
                            f"{form} and pcap")


def test_paced_replay():
    with capture() as (path, expected, _):
        check_equal(count("--read", path, "--speed", "200"), expected, "paced and at once")


# --- live ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def live(where, *options):
    """A sensor that captures, and the namespaces of sender and sensor."""
    with veth() as (near, far):
        with Program("ip", "netns", "exec", far, SENSOR, "--interface", "far0", "--json",
                     *COUNT, *options, where=where, name="sensor") as sensor:
            wait_for(sensor.captures, "sensor captures")
            yield sensor, near, far


def send(near, where, *more):
    """Sends by the generator; the true counts of what it sent."""
    sidecar = os.path.join(where, "truth.json")
    within(near, GEN, "--interface", "near0", "--truth", sidecar, "--country-db", COUNTRY_DB,
           "--rate", "300", "--duration", "1m", "--speed", "30", *more)
    with open(sidecar, encoding="utf-8") as file:
        return json.load(file)["all"]


def timeless(window):
    """Without what depends on when, and the attacks, which the generator does not look for."""
    return {k: v for k, v in window.items() if k not in (*TIME_FIELDS, "sensor", "attacks")}


def check_all_arrived(far, truth):
    wait_for(lambda: received_packets(far, "far0") >= truth["packets"]["received"],
             "packets arrive")
    wait_for(lambda: queued_packets() == 0, "packets are handed over")
    check(received_packets(far, "far0") == truth["packets"]["received"],
          "the interface has packets that nobody sent")


def stopped_by(number, *options):
    def test():
        with folder() as where, live(where, "--window", "all", "--workers", "2",
                                     *options) as (sensor, near, far):
            truth = send(near, where)
            check_all_arrived(far, truth)
            window, = sensor.stop(number=number).windows()
        check_books(window)
        dropped = {k: v for k, v in window["packets"].items() if k.startswith("dropped_")}
        check(window["packets"]["received"] + sum(dropped.values()) == truth["packets"]["received"],
              f"sent is not received + dropped: {truth['packets']}, {window['packets']}")
        if sum(dropped.values()):
            raise Skip(f"this machine dropped packets: {dropped}")
        check_equal(timeless(window), timeless(truth), "live and truth")
    return test


def lost(*options):
    """A sensor that does not get to run: what the kernel has no room for is in the books."""
    def test():
        with folder() as where, live(where, "--window", "all", "--buffer", "1",
                                     *options) as (sensor, near, far):
            sensor.send(signal.SIGSTOP)
            truth = send(near, where)
            check_all_arrived(far, truth)
            sensor.send(signal.SIGCONT)
            window, = sensor.stop().windows()
        check_books(window)
        packets = window["packets"]
        check(packets["dropped_kernel"] > 0, "nothing was lost")
        dropped = sum(v for k, v in packets.items() if k.startswith("dropped_"))
        check(packets["received"] + dropped == truth["packets"]["received"],
              f"sent is not received + dropped: {truth['packets']}, {packets}")
    return test


def by_xdp(test):
    def run_or_skip():
        said = run(SENSOR, "--interface", "lo", "--method", "xdp", "--filter", "ip", "--json",
                   status=None).err
        if "without libxdp" in said:
            raise Skip("built without libxdp")
        test()
    return run_or_skip


def test_stop_of_a_replay():
    """The windows that were read are given, and the one that was open."""
    with capture() as (path, expected, where):
        with Program(SENSOR, "--read", path, "--json", *COUNT, "--speed", "20", where=where,
                     name="sensor") as sensor:
            wait_for(sensor.windows, "first window")
            ended = sensor.stop(number=signal.SIGTERM)
    windows = ended.windows()
    check(2 <= len(windows) <= len(expected), f"{len(windows)} windows")
    check_equal(windows[:-1], expected[:len(windows) - 1], "windows before the stop")
    last = windows[-1]
    check_books(last)
    check(last["start"] == expected[len(windows) - 1]["start"], "the last window is another")
    check(last["packets"]["received"] <= expected[len(windows) - 1]["packets"]["received"],
          "the last window has more than there is")


# --- country database ----------------------------------------------------------------------------


def reload(sensor):
    """Sends SIGHUP, again where the sensor asks for that, until the database is read or the sensor
    ends."""
    def answers():
        said = sensor.err()
        return said.count("country database is now"), said.count("send SIGHUP again")
    done = answers()[0]
    while sensor.runs() and answers()[0] == done:
        before = answers()
        sensor.send(signal.SIGHUP)
        wait_for(lambda: answers() != before or not sensor.runs(), "an answer to SIGHUP")


def test_reload_loses_nothing():
    """The database is replaced and SIGHUP sent again and again while packets flow."""
    with capture() as (path, expected, where):
        database = os.path.join(where, "countries.mmdb")
        shutil.copyfile(COUNTRY_DB, database)
        with Program(SENSOR, "--read", path, "--json", *MONITOR, "--name", "one", "--country-db",
                     database, "--speed", "40", "--workers", "2", where=where,
                     name="sensor") as sensor:
            wait_for(sensor.windows, "first window")
            for variant in [OTHER_DB, COUNTRY_DB] * 5:
                shutil.copyfile(variant, database + ".new")
                os.rename(database + ".new", database)
                reload(sensor)
            check(sensor.err().count("country database is now") > 1, "it was never read again")
            ended = sensor.ended()
    # Both variants hold the same countries.
    check_equal(ended.windows(), expected, "with and without reloading")


def test_reload_of_a_bad_database():
    """The one in use stays."""
    with capture() as (path, expected, where):
        database = os.path.join(where, "countries.mmdb")
        shutil.copyfile(COUNTRY_DB, database)
        with Program(SENSOR, "--read", path, "--json", *MONITOR, "--name", "one", "--country-db",
                     database, "--speed", "60", where=where, name="sensor") as sensor:
            wait_for(sensor.windows, "first window")
            with open(database + ".new", "wb") as file:
                file.write(b"no database")
            os.rename(database + ".new", database)
            sensor.send(signal.SIGHUP)
            wait_for(lambda: "the one in use stays" in sensor.err(), "error")
            check_equal(sensor.ended().windows(), expected, "with and without a bad database")


# --- aggregator ----------------------------------------------------------------------------------


@contextlib.contextmanager
def aggregator(where):
    """Its ZeroMQ endpoint, its URL and its store."""
    def ready():
        check(program.runs(), f"the aggregator ended: {program.err()}")
        return re.search(r"listening (tcp://\S+), (http://\S+)", program.err())
    store = os.path.join(where, "store")
    with Program(AGGREGATOR, "--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0", "--store",
                 store, where=where, name="aggregator") as program:
        found = wait_for(ready, "aggregator listens")
        yield found[1], found[2], store
        program.stop(number=signal.SIGTERM)


def ask(*words):
    return json.loads(run(DARKSCOPE, *words, "--format", "json").out)


def check_top(answer, keys, sums, what):
    rows = {tuple(row[k] for k in keys): row["packets"] for row in answer["rows"]}
    check(len(rows) == min(len(sums), MOST_ROWS), f"{what}: {len(rows)} rows of {len(sums)}")
    for key, packets in rows.items():
        check(packets == sums[key], f"{what}: {key} has {packets} packets, not {sums[key]}")
    left = [packets for key, packets in sums.items() if key not in rows]
    check(max(left, default=0) <= min(rows.values()), f"{what}: a row with more is left out")
    check(answer["other"]["packets"] == sum(left), f"{what}: the other rows do not add up")


def check_answers(place, expected, what):
    """Windows, top tables and series, by a URL or from a store."""
    for window in expected:
        answer = ask("window", "--at", window["start"], "--sensor", "one", *place)
        check(answer["parts"] == 1, f"{what}: {answer['parts']} parts")
        check_equal({key: answer.get(key) for key in window}, window,
                    f"{what}: window {window['start']}")
    for table, keys in ("ports", ("class", "proto", "port")), ("countries", ("country",)):
        sums = collections.Counter()
        for window in expected:
            for row in window[table]:
                sums[tuple(row[k] for k in keys)] += row["packets"]
        check_top(ask("top", table, "--limit", str(MOST_ROWS), *place), keys, sums,
                  f"{what}: top {table}")
    points = ask("query", "--port", "23/tcp", "--class", "scan", "--step", "window",
                 *place)["points"]
    check_equal([(p["start"], p["packets"], p["bytes"], p["sources"]) for p in points],
                [(w["start"], row["packets"], row["bytes"], row["sources"]) for w in expected
                 for row in w["ports"] if (row["class"], row["proto"], row["port"]) ==
                 ("scan", "tcp", 23)], f"{what}: query of 23/tcp")
    points = ask("query", "--country", "CN", "--step", "window", *place)["points"]
    check_equal([(p["packets"], p["bytes"]) for p in points],
                [(row["packets"], row["bytes"]) for w in expected for row in w["countries"]
                 if row["country"] == "CN"], f"{what}: query of CN")
    summary = ask("summary", *place)
    check_equal(summary["packets"], {k: sum(w["packets"][k] for w in expected)
                                     for k in expected[0]["packets"]}, f"{what}: summary")


def test_aggregator():
    with capture() as (path, expected, where):
        with aggregator(where) as (endpoint, url, store):
            printed = count("--read", path, "--aggregator", endpoint, "--workers", "2")
            check_equal(printed, expected, "with and without an aggregator")
            check_answers(["--url", url], expected, "URL")
            check_answers(["--store", store], expected, "store in use")
        check_answers(["--store", store], expected, "store")


def test_aggregator_that_comes_later():
    """The sensor keeps its windows until one answers at the endpoint."""
    with capture() as (path, expected, where):
        endpoint = "ipc://" + os.path.join(where, "socket")
        store = os.path.join(where, "store")
        with Program(SENSOR, "--read", path, "--aggregator", endpoint, *COUNT, where=where,
                     name="sensor") as sensor:
            with Program(AGGREGATOR, "--listen", endpoint, "--http", "127.0.0.1:0", "--store",
                         store, where=where, name="aggregator") as late:
                sensor.ended()
                late.stop(number=signal.SIGTERM)
        check_answers(["--store", store], expected, "store")


def test_file_read_again():
    """What is stored already is recognised: nothing counts twice."""
    with capture() as (path, expected, where):
        with aggregator(where) as (endpoint, url, _):
            for workers in "1", "2":
                count("--read", path, "--aggregator", endpoint, "--workers", workers)
            check_answers(["--url", url], expected, "read twice")


def test_stopped_file_read_again():
    """The window that was open at the stop is counted by the second reading, whole."""
    with capture() as (path, expected, where):
        with aggregator(where) as (endpoint, url, _):
            with Program(SENSOR, "--read", path, "--json", "--aggregator", endpoint, *COUNT,
                         "--speed", "20", where=where, name="sensor") as sensor:
                wait_for(sensor.windows, "first window")
                ended = sensor.stop(number=signal.SIGTERM)
            if len(ended.windows()) < len(expected):
                check("read the file again" in ended.err, f"it says only: {ended.err}")
            check(0 < ask("summary", "--url", url)["windows"] < len(expected), "windows stored")
            count("--read", path, "--aggregator", endpoint)
            check_answers(["--url", url], expected, "read again")


def test_output_that_nobody_reads():
    """Windows still reach the aggregator, and the failure is told."""
    with capture() as (path, expected, where):
        with aggregator(where) as (endpoint, url, _):
            reader, writer = os.pipe()
            os.close(reader)
            with open(os.path.join(where, "err"), "w+b") as err, open(writer, "wb") as out:
                ended = subprocess.run([SENSOR, "--read", path, "--json", "--aggregator", endpoint,
                                        *COUNT], stdout=out, stderr=err, check=False,
                                       timeout=PATIENCE_S)
                err.seek(0)
                said = err.read().decode()
            check(ended.returncode == 1 and "standard output" in said,
                  f"status {ended.returncode}: {said}")
            answer = ask("window", "--at", expected[0]["start"], "--sensor", "one", "--url", url)
            check(answer["packets"] == expected[0]["packets"], "the first window is another")


def test_signal_while_the_end_waits():
    """A file that was read to its end waits for the aggregator; a signal ends that."""
    with capture() as (path, _, where):
        with Program(SENSOR, "--read", path, "--aggregator", f"ipc://{where}/nobody", *COUNT,
                     where=where, name="sensor") as sensor:
            wait_for(lambda: "does not answer" in sensor.err(), "it is waiting")
            sensor.stop(status=-signal.SIGTERM, number=signal.SIGTERM)


TESTS = [
    ("1, 2, 3 and 4 workers", test_workers),
    ("standard input", test_standard_input),
    ("gzip and zstd", test_packed),
    ("file formats", test_formats),
    ("paced replay", test_paced_replay),
    ("live, stopped by SIGINT", stopped_by(signal.SIGINT)),
    ("live, stopped by SIGTERM", stopped_by(signal.SIGTERM)),
    ("live, three capture threads", stopped_by(signal.SIGINT, "--capture-threads", "3", "--cpu",
                                               min(os.sched_getaffinity(0)))),
    ("live, by xdp", by_xdp(stopped_by(signal.SIGINT, "--method", "xdp"))),
    ("live, with losses", lost()),
    ("live, with losses, three capture threads", lost("--capture-threads", "3")),
    ("live, with losses, by xdp", by_xdp(lost("--method", "xdp"))),
    ("replay that is stopped", test_stop_of_a_replay),
    ("country database read again", test_reload_loses_nothing),
    ("bad country database read again", test_reload_of_a_bad_database),
    ("through the aggregator", test_aggregator),
    ("aggregator that comes later", test_aggregator_that_comes_later),
    ("file that is read again", test_file_read_again),
    ("file that is read again after a stop", test_stopped_file_read_again),
    ("output that nobody reads", test_output_that_nobody_reads),
    ("signal while the end waits", test_signal_while_the_end_waits),
]

if __name__ == "__main__":
    sys.exit(main(TESTS))

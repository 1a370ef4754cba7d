#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Windows that darkscope-gen makes without packets: straight into a store and through an aggregator
they give the same answers, and these are the truth, though sensors are down, and messages come late
and twice.

usage: windows.py DARKSCOPE-GEN DARKSCOPE-AGGREGATOR DARKSCOPE
"""
import contextlib
import datetime
import json
import os
import re
import signal
import sys

from books import check_books
from harness import Program, check, check_equal, folder, main, run, wait_for

GEN, AGGREGATOR, DARKSCOPE = sys.argv[1:4]
PLAN = ["--windows", "--window", "1h", "--duration", "3d", "--rate", "1", "--sensors", "2",
        "--addresses", "2048-4096", "--listed", "50", "--seed", "5"]
TROUBLE = ["--gaps", "2", "--late", "60", "--repeated", "60"]
QUESTIONS = ["summary", "top ports --limit 10000", "top ports --limit 100 --no-survey",
             "top countries --limit 300", "top types", "top classes", "top protocols",
             "top devices", "top signatures", "query --step 1d", "query --step 6h --port 23/tcp",
             "query --step 1d --country CN", "attacks --limit 1000"]


def make(where, *arguments):
    """The truth of what was made."""
    path = os.path.join(where, "truth.json")
    run(GEN, *PLAN, *arguments, "--truth", path)
    with open(path, encoding="utf-8") as file:
        return json.load(file)


@contextlib.contextmanager
def aggregator(where):
    """Its endpoint for sensors, which is local."""
    with Program(AGGREGATOR, "--listen", f"ipc://{where}/sensors.sock", "--http", "127.0.0.1:0",
                 "--store", os.path.join(where, "sent"), where=where, name="aggregator") as program:
        wait_for(lambda: re.search(r"listening ipc://", program.err()), "aggregator listens")
        yield f"ipc://{where}/sensors.sock"
        program.stop(number=signal.SIGTERM)


def ask(store, question):
    return json.loads(run(DARKSCOPE, "--store", store, "--format", "json", *question.split()).out)


def table(rows, *keys):
    """Figures by key; rows without packets are left out."""
    return {tuple(row[key] for key in keys): row["packets"] for row in rows if row["packets"]}


def check_truth(store, truth):
    whole, summary = truth["all"], ask(store, "summary")
    check_equal(summary["packets"], whole["packets"], "books")
    check_equal(summary["malformed"], whole["malformed"], "malformed")
    check_equal(summary["bytes"], whole["bytes"], "bytes")
    check_equal(summary["windows"], whole["windows"], "windows")
    check(abs(summary["observed_seconds"] - whole["observed_ns"] / 1e9) < 0.001, "observed")
    check_equal(summary["types"], whole["types"], "types")
    for name, row in whole["classes"].items():
        for figure in "packets", "bytes":
            check_equal(summary["classes"][name][figure], row[figure], f"class {name}")
    for what, name, keys in [("countries", "countries", ("country",)),
                             ("devices", "devices", ("device",)),
                             ("signatures", "signatures", ("id",))]:
        rows = [{**row, "id": row.get("id", row.get("signature"))}
                for row in ask(store, f"top {what} --limit 1000")["rows"]]
        check(table(rows, *keys) == table(whole[name], *keys), f"{what} are not the true ones")
    check_ports(store, whole)


def check_ports(store, whole):
    figures = "packets", "bytes", "survey_packets"
    truth = {(r["class"], r["proto"], r["port"]): tuple(r[f] for f in figures)
             for r in whole["ports"]}
    top = ask(store, "top ports --limit 10000")
    for row in top["rows"]:
        check_equal([row[f] for f in figures], list(truth[row["class"], row["proto"], row["port"]]),
                    f"port {row['port']}")
    check_equal(sum(r["packets"] for r in top["rows"]) + top["other"]["packets"],
                sum(packets for packets, *_ in truth.values()), "all ports")


def check_days(store, truth):
    for sensor in [None, "telescope-1", "telescope-2"]:
        words = f"query --step 1d --sensor {sensor}" if sensor else "query --step 1d"
        points = {p["start"][:10]: p["packets"] for p in ask(store, words)["points"]}
        expected = {}
        for day in truth["days"]:
            row = next(s for s in day["sensors"] if s["sensor"] == sensor) if sensor else day
            expected[day["day"]] = row["packets"]["counted"] if row["windows"] else None
        check_equal({day: points.get(day) for day in expected}, expected, f"days of {sensor}")


def test_store_and_aggregator():
    with folder() as where, aggregator(where) as endpoint:
        store = os.path.join(where, "made")
        truth = make(where, *TROUBLE, "--store", store)
        check_equal(make(where, *TROUBLE, "--aggregator", endpoint), truth, "truths")
        check(truth["all"]["messages"] > truth["all"]["windows"] or truth["gaps"], "no gaps")
        for question in QUESTIONS:
            made, sent = (ask(os.path.join(where, name), question) for name in ("made", "sent"))
            check_equal(made, sent, question)
        check_truth(store, truth)
        check_days(store, truth)


def test_json_lines():
    with folder() as where:
        path = os.path.join(where, "windows.jsonl")
        truth = make(where, "--gaps", "1", "--output", path)
        with open(path, encoding="utf-8") as file:
            windows = [json.loads(line) for line in file]
        check_equal(len(windows), truth["all"]["messages"], "messages")
        for window in windows:
            check_books(window)
        for key in truth["all"]["packets"]:
            check_equal(sum(w["packets"][key] for w in windows), truth["all"]["packets"][key], key)


def test_days_of_a_zone():
    with folder() as where:
        truth = make(where, "--utc-offset", "9h", "--output", "/dev/null")
        check_equal([day["day"] for day in truth["days"]],
                    [str(datetime.date(2026, 1, 1 + i)) for i in range(4)], "days")
        check_equal(truth["days"][0]["windows"], 2 * 15, "hours of the first day")
        check_equal(sum(day["packets"]["counted"] for day in truth["days"]),
                    truth["all"]["packets"]["counted"], "sum of days")


def test_nobody_there():
    with folder() as where:
        run(GEN, *PLAN, "--store", os.path.join(where, "no", "such"), status=8)
        ended = run(GEN, *PLAN, "--aggregator", "tcp://192.0.2.1:7100", status=3)
        check("--aggregator" in ended.err or "192.0.2.1" in ended.err, ended.err)


if __name__ == "__main__":
    sys.exit(main((name[5:], test) for name, test in list(globals().items())
                  if name.startswith("test_")))

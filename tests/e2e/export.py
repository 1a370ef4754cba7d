#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""darkscope export: CSV, JSON Lines and Avro hold the same rows; these are what questions answer and
what the windows themselves add up to; every column is in the dictionary; and no file is ever half.

usage: export.py DARKSCOPE DARKSCOPE-GEN DARKSCOPE-AGGREGATOR PUT-WINDOWS HAS-AVRO
"""
import collections
import contextlib
import csv
import datetime
import functools
import io
import json
import math
import os
import re
import resource
import signal
import subprocess
import sys

from harness import Program, Skip, check, check_equal, folder, main, run, wait_for

DARKSCOPE, GEN, AGGREGATOR, PUT, HAS_AVRO = sys.argv[1:6]
PLAN = ["--windows", "--window", "1h", "--duration", "3d", "--rate", "1", "--sensors", "2",
        "--addresses", "2048-4096", "--listed", "50", "--seed", "3", "--gaps", "3"]
# Of each table: options with which it is asked for.
TABLES = {"series": "--step hour --port 23/tcp,22/tcp", "ports": "--step 6h --limit 500", "port-countries": "--limit 900",
          "countries": "--step hour --limit 9", "classes": "--step hour", "types": "--step day --tz Asia/Tokyo",
          "protocols": "", "devices": "", "signatures": "--step all", "infected": "--step hour",
          "sensors": "--step hour", "malformed": "", "windows": "", "attacks": "", "sources": "",
          "first-ports": "--limit 3000", "first-signatures": "", "sensor-list": ""}


@contextlib.contextmanager
def made():
    """A folder with a store in it, and the windows that are in that."""
    with folder() as where:
        store, raw = os.path.join(where, "store"), os.path.join(where, "raw.jsonl")
        run(GEN, *PLAN, "--store", store)
        run(GEN, *PLAN, "--output", raw)
        with open(raw, encoding="utf-8") as file:
            yield where, store, [json.loads(line) for line in file]


def export(store, *words, **options):
    return run(DARKSCOPE, "export", "--store", store, *words, **options)


def rows(store, *words):
    """Of one table, as JSON Lines say."""
    out = export(store, *words, "--format", "jsonl").out.decode()
    return [json.loads(line) for line in out.splitlines()]


# ---- the three formats ----

def typed(column, text):
    """A field of CSV as JSON has it."""
    if text == "" and (column["null"] or column["type"] != "text"):
        return None
    return {"text": str, "time": str, "count": int, "number": float,
            "flag": {"true": True, "false": False}.get}[column["type"]](text)


def read_csv(text, columns):
    head, *lines = csv.reader(io.StringIO(text))
    check_equal(head, [c["name"] + (f" [{c['unit']}]" if c["unit"] else "") for c in columns], "head")
    return [{c["name"]: typed(c, field) for c, field in zip(columns, line)} for line in lines]


# Debian's packages are those of Debian's Python, whichever runs this test.
READER = """
import json, sys
from avro.datafile import DataFileReader
from avro.io import DatumReader
import snappy
with open(sys.argv[1], "rb") as file, DataFileReader(file, DatumReader()) as reader:
    json.dump([list(reader), json.loads(reader.schema),
               {key: value.decode() for key, value in reader.meta.items() if key != "avro.sync"}],
              sys.stdout, default=lambda time: time.isoformat())
"""


def read_avro(path):
    ended = run("/usr/bin/python3", "-c", READER, path, status=None)
    if "ModuleNotFoundError" in ended.err:
        raise Skip("needs python3-avro and python3-snappy")
    check(ended.status == 0, ended.err)
    return json.loads(ended.out)


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def is_same(left, right):
    if left != right and isinstance(left, str) and left[:2] == "20" and "T" in left:
        return moment(left) == moment(right)
    if isinstance(left, float) and isinstance(right, (int, float)):
        return math.isclose(left, right, rel_tol=1e-14)  # text has 15 digits
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def compare(left, right, what):
    check(len(left) == len(right), f"{what}: {len(left)} rows and {len(right)}")
    for a, b in zip(left, right):
        check(list(a) == list(b), f"{what}: columns {list(a)} and {list(b)}")
        for key in a:
            check(is_same(a[key], b[key]), f"{what}: {key} {a[key]!r} is not {b[key]!r}: {b}")


def dictionary(*tables):
    out = run(DARKSCOPE, "export", "--dictionary", *tables, "--format", "json").out
    return {table["name"]: table for table in json.loads(out)["tables"]}


def test_formats_hold_the_same(data):
    described = dictionary()
    check_equal(sorted(described), sorted(TABLES), "tables")
    where, store, _ = data
    for table, words in TABLES.items():
        columns = described[table]["columns"]
        lines = rows(store, table, *words.split())
        check(lines, f"{table} has no row")
        text = export(store, table, *words.split()).out.decode()
        compare(read_csv(text, columns), lines, f"{table}, CSV")
        if HAS_AVRO == "yes":
            check_avro(where, store, table, words.split(), columns, lines)


def check_avro(where, store, table, words, columns, lines):
    path = os.path.join(where, table + ".avro")
    export(store, table, *words, "-o", path)
    read, schema, meta = read_avro(path)
    compare(read, lines, f"{table}, Avro")
    check_equal(schema["name"], table.replace("-", "_"), "name")
    check_equal([field["name"] for field in schema["fields"]], [c["name"] for c in columns], "fields")
    for field, column in zip(schema["fields"], columns):
        for said in column["definition"], column["certainty"], column["unit"], column["null"]:
            check(not said or said in field["doc"], f"{table}.{field['name']}: {field['doc']}")
        is_union = isinstance(field["type"], list)
        check(is_union == (column["null"] is not None), field["name"])
    check_equal(meta["darkscope.options"], " ".join(words), "options")


def test_avro_that_is_not_built_in(data):
    if HAS_AVRO == "yes":
        raise Skip("it is")
    where, store, _ = data
    path = os.path.join(where, "ports.avro")
    check("libavro-dev" in export(store, "ports", "-o", path, status=2).err, "no help")
    check(not os.path.exists(path), "a file")


def test_an_aggregator_gives_the_same(data):
    where, store, _ = data
    with Program(AGGREGATOR, "--listen", f"ipc://{where}/sensors.sock", "--http", "127.0.0.1:0",
                 "--store", store, where=where, name="aggregator") as aggregator:
        url = wait_for(lambda: re.search(r"(http://\S+)", aggregator.err()), "HTTP")[1].rstrip(",")
        for table, words in TABLES.items():
            of_store = export(store, table, *words.split()).out
            asked = run(DARKSCOPE, "export", table, *words.split(), "--url", url).out
            check(asked == of_store, f"{table} by URL is not that of the store")
        ended = run(DARKSCOPE, "export", "types", "--step", "90m", "--url", url, status=2)
        check("does not fit" in ended.err and not ended.out, f"{ended.err}")


# ---- figures ----

def ask(store, question):
    return json.loads(run(DARKSCOPE, "--store", store, "--format", "json", *question.split()).out)


def test_figures_are_those_of_questions(data):
    _, store, _ = data
    for question in "--step hour", "--step 6h --port 23/tcp", "--step day --country CN", \
            "--step hour --class backscatter --sensor telescope-1", "--step day --type udp":
        points = ask(store, "query " + question)["points"]
        for row, point in zip(rows(store, "series", *question.split()), points, strict=True):
            check_equal(row["start"], point["start"], question)
            for mine, theirs in ("packets", "packets"), ("bytes", "bytes"), \
                    ("sources", "sources"), ("observed", "observed_seconds"):
                check(is_same(row[mine], point.get(theirs)) or theirs not in point,
                      f"{question}: {row} {point}")
            check(abs(row["coverage"] - point["coverage"]) < 1e-12, question)
    check_tops(store)


def check_tops(store):
    for table, by in ("ports", "ports"), ("countries", "countries"), ("types", "types"), \
            ("classes", "classes"), ("protocols", "protocols"), ("signatures", "signatures"):
        days = collections.defaultdict(list)
        for row in rows(store, table, "--limit", "300"):
            days[row["start"]].append(row)
        check_equal(len(days), 3, table)
        for start, of_day in days.items():
            end = of_day[0]["end"]
            top = ask(store, f"top {by} --limit 300 --from {start} --to {end}")
            for row, other in zip(of_day, top["rows"], strict=True):
                check_equal(row["rank"], other["rank"], table)
                for key in "packets", "bytes", "sources", "sources_peak", "survey_packets":
                    check(key not in other or row.get(key) == other[key],
                          f"{table} {key}: {row} {other}")
                if "sources" in other:
                    kind = {None: None, 0: "exact"}.get(other["sources_error"], "estimated")
                    check_equal(row["sources_kind"], kind, f"{table}: {row}")


def hour_of(window):
    return window["start"]  # windows are of an hour


def test_figures_are_those_of_the_windows(data):
    _, store, windows = data
    check_ports(store, windows)
    check_countries(store, windows)
    check_books(store, windows)
    check_series(store, windows)


def parts_of(windows):
    """How many messages each window of a sensor came in: where it was down inside of it, two."""
    return collections.Counter((w["start"], w["sensor"]) for w in windows)


def check_ports(store, windows):
    parts = parts_of(windows)
    split = {start for (start, _), count in parts.items() if count > 1}
    truth = collections.defaultdict(lambda: [0, 0, 0])
    seen = collections.Counter()
    peaks = collections.Counter()
    for window in windows:
        for port in window["ports"]:
            key = hour_of(window), port["class"], port["proto"], port["port"]
            for i, figure in enumerate(("packets", "bytes", "survey_packets")):
                truth[key][i] += port[figure]
            seen[key] += 1
            peaks[key] = max(peaks[key], port["sources"])
    found = rows(store, "ports", "--step", "hour")
    check_equal(len(found), len(truth), "rows")
    exact = 0
    for row in found:
        key = row["start"], row["class"], row["proto"], row["port"]
        check_equal([row["packets"], row["bytes"], row["survey_packets"]], truth[key], f"{key}")
        if row["start"] in split:  # the larger of two counts of each country is not in the windows
            continue
        check_equal(row["sources_peak"], peaks[key], f"peak of {key}")
        check(row["floor"] is False, f"{row}")
        if seen[key] == 1:  # a window of a sensor
            check_equal([row["sources"], row["sources_kind"], row["sources_error"]],
                        [peaks[key], "exact", 0], f"{key}")
            exact += 1
        else:
            check(row["sources_kind"] != "exact", f"{row}")
    check(0 < exact < len(found), "no row exact, or all")
    check(any(row["sources_kind"] == "estimated" for row in found), "no row estimated")


def check_countries(store, windows):
    truth, packets = collections.Counter(), collections.Counter()
    for window in windows:
        day = window["start"][:10]
        packets[day] += window["packets"]["counted"]
        for country in window["countries"]:
            truth[day, country["country"]] += country["packets"]
    found = {(row["start"][:10], row["country"]): row for row in rows(store, "countries")}
    check_equal({f"{k}": row["packets"] for k, row in found.items()},
                {f"{k}": n for k, n in truth.items() if n}, "countries")
    for (day, _), row in found.items():
        check(math.isclose(row["share"], row["packets"] / packets[day], rel_tol=1e-13), "share")


def check_books(store, windows):
    parts = parts_of(windows)
    truth = {(hour_of(w), w["sensor"]): w for w in windows}
    found = rows(store, "sensors", "--step", "hour")
    check_equal(len(found), 2 * 72, "hours of sensors")
    gaps = 0
    for row in found:
        window = truth.get((row["start"], row["sensor"]))
        if not window:
            check(row["received"] is None and row["sources"] is None and row["coverage"] == 0,
                  f"nobody watched: {row}")
            gaps += 1
            continue
        if parts[row["start"], row["sensor"]] > 1:
            check(row["split_windows"] == 1 and row["sources_kind"] != "exact", f"{row}")
            continue
        check_equal({b: row[b] for b in window["packets"]}, window["packets"], "books")
        check_equal({o: row["overflow_" + o] for o in window["overflow"]}, window["overflow"],
                    "overflow")
        check_equal([row["sources"], row["sources_kind"]], [window["sources"], "exact"], "sources")
        check(abs(row["observed"] - window["observed_seconds"]) < 1e-6, "observed")
        check(abs(row["coverage"] - window["observed_seconds"] / 3600) < 1e-9, "coverage")
    check(gaps > 0, "no sensor was down")
    malformed = collections.Counter()
    for row in rows(store, "malformed"):
        malformed[row["reason"]] += row["packets"] or 0  # null: it was down
    truth = collections.Counter()
    for window in windows:
        truth.update(window["malformed"])
    check_equal(+malformed, +truth, "malformed")


def check_series(store, windows):
    truth = collections.defaultdict(lambda: [0, 0.0, 0])
    addresses = {}
    for window in windows:
        truth[hour_of(window)][0] += window["packets"]["counted"]
        truth[hour_of(window)][1] += window["observed_seconds"]
        addresses[hour_of(window), window["sensor"]] = window["addresses"]
    for (hour, _), count in addresses.items():
        truth[hour][2] += count
    found = rows(store, "series", "--step", "hour")
    check_equal(len(found), 72, "hours")
    for row in found:
        packets, observed, monitored = truth.get(row["start"], [None, 0, None])
        check_equal([row["packets"], row["addresses"]], [packets, monitored], row["start"])
        check(abs(row["coverage"] - observed / 7200) < 1e-9, f"coverage of {row['start']}")


# ---- to the last byte ----

def put(store, lines, *tidy):
    subprocess.run([PUT, store, *tidy], input="\n".join(lines) + "\n", text=True, check=True,
                   capture_output=True)


GOLDEN_SERIES = """\
start,end,class,proto,port,country,type,signature,survey,packets [packets],floor,bytes [bytes],\
survey_packets [packets],sources [hosts],sources_kind,sources_error,sources_peak [hosts],\
addresses [addresses],active_addresses [addresses],windows [windows],observed [seconds],coverage
2026-01-01T00:00:00+09:00,2026-01-01T01:00:00+09:00,scan,tcp,23,,,,all,12,false,480,4,1,exact,0,1,\
256,200,1,1800,0.25
2026-01-01T01:00:00+09:00,2026-01-01T02:00:00+09:00,scan,tcp,23,,,,all,,,,,,,,,,,0,0,0
2026-01-01T02:00:00+09:00,2026-01-01T03:00:00+09:00,scan,tcp,23,,,,all,0,false,0,0,0,exact,0,0,\
512,400,2,7200,1
"""
GOLDEN_CELLS = """\
{"start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z","rank":1,"class":"scan","proto":"tcp",\
"port":23,"country":"CN","packets":25,"share":0.641025641025641,"floor":true,"bytes":1000,\
"survey_packets":0,"sources":null,"sources_kind":null,"sources_error":null,"sources_peak":1,\
"observed":3600,"coverage":0.0416666666666667}
{"start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z","rank":2,"class":"scan","proto":"tcp",\
"port":23,"country":"**","packets":14,"share":0.358974358974359,"floor":false,"bytes":560,\
"survey_packets":2,"sources":null,"sources_kind":null,"sources_error":null,"sources_peak":0,\
"observed":3600,"coverage":0.0416666666666667}
"""


def line(sensor, hour, observed, cells, addresses=256, active=200):
    start = 1767193200 + 3600 * hour  # midnight in Tokyo
    return " ".join(map(str, [sensor, start, 3600, observed, addresses, active, "db", *cells]))


def test_golden(_):
    with folder() as where:
        store = os.path.join(where, "series")
        put(store, [line("a", 0, 1800, ["0/6/23/CN=12/4"]), line("a", 2, 3600, ["0/17/53/JP=1/0"]),
                    line("b", 2, 3600, ["0/17/53/JP=1/0"])])
        out = export(store, "series", "--port", "23/tcp", "--class", "scan", "--step", "hour",
                     "--tz", "Asia/Tokyo").out.decode()
        check_equal(out.splitlines(), GOLDEN_SERIES.splitlines(), "series")
        # Of a day, 20 packets of a country are kept, 14 are not.
        store = os.path.join(where, "cells")
        put(store, [line("a", 9, 3600, ["0/6/23/CN=25/0", "0/6/23/JP=14/2"])], "tidy")
        out = export(store, "port-countries", "--format", "jsonl").out.decode()
        check_equal(out.splitlines(), GOLDEN_CELLS.splitlines(), "cells")


# ---- the dictionary ----

def test_dictionary_is_whole(data):
    described = dictionary()
    where, store, _ = data
    out = os.path.join(where, "all")
    for form in "csv", "jsonl":
        export(store, *TABLES, "-o", out, "--format", form)
    with open(os.path.join(out, "dictionary.json"), encoding="utf-8") as file:
        beside = json.load(file)
    check_equal({t["name"]: t for t in beside["tables"]}, described, "dictionary.json")
    names = [f"{table}.{form}" for table in TABLES for form in ("csv", "jsonl")]
    check_equal(sorted(beside["files"]), sorted(names), "files")
    check_equal(sorted(os.listdir(out)), sorted([*names, "README.md", "dictionary.json"]), "folder")
    with open(os.path.join(out, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    check(readme.startswith("# Data dictionary"), readme[:80])
    for table, about in described.items():
        check_table(out, table, about, readme)
    text = run(DARKSCOPE, "export", "--dictionary", "ports").out.decode()
    check("## ports" in text and "## series" not in text, text)


def check_table(out, table, about, readme):
    columns = [c["name"] for c in about["columns"]]
    with open(os.path.join(out, table + ".jsonl"), encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    check(found and all(list(row) == columns for row in found), f"{table}: columns")
    for column in about["columns"]:
        values = [row[column["name"]] for row in found]
        check(column["null"] or None not in values, f"{table}.{column['name']} is null")
        check(column["definition"] and column["definition"] in readme, column["name"])
    keys = [c["name"] for c in about["columns"] if c["key"]]
    check(len({tuple(row[key] for key in keys) for row in found}) == len(found),
          f"{table}: {keys} do not tell rows apart")


# ---- files ----

def full(path):
    return sorted(os.listdir(path))


def test_no_file_is_half(data):
    where, store, _ = data
    out = os.path.join(where, "out")
    os.mkdir(out)
    path = os.path.join(out, "ports.csv")
    export(store, "ports", "-o", path)
    with open(path, "rb") as file:
        before = file.read()
    for words, status in (("ports --sensor nobody", 4), ("ports --step 90m", 2),
                          ("ports --type udp", 2), ("ports --from yesterdayish", 2),
                          ("nonsense", 2), ("ports series", 2), ("", 2)):
        ended = export(store, *words.split(), *(["-o", path] if words != "ports series" else []),
                       status=status)
        check(ended.err.startswith("darkscope: ") and ended.err.count("\n") == 1, ended.err)
        check_equal(full(out), ["ports.csv"], words)
    check("or sensor-list" in export(store, "nonsense", status=2).err, "what is allowed")
    export(os.path.join(where, "none"), "ports", "-o", path, status=8)
    limit = 65536  # as a full disk, but for this process alone
    check(len(before) > limit, "too little to fill it")

    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for form in ("csv", "jsonl", "avro") if HAS_AVRO == "yes" else ("csv", "jsonl"):
        name = os.path.join(out, "ports." + form)
        ended = export(store, "ports", "--step", "hour", "-o", name, status=1, preexec_fn=small)
        check("cannot be written: " in ended.err, ended.err)
    with open(path, "rb") as file:
        check(file.read() == before, "the file that was there is another")
    check_equal(full(out), ["ports.csv"], "a full disk")


def test_ctrl_c_leaves_nothing(data):
    where, store, _ = data
    out = os.path.join(where, "ended")
    os.mkdir(out)
    program = subprocess.Popen([DARKSCOPE, "export", "sensors", "--step", "window", "--store",
                                store, "-o", os.path.join(out, "x.csv")])
    program.send_signal(signal.SIGINT)
    status = program.wait(timeout=60)
    check(status in (0, -signal.SIGINT), f"status {status}")
    check_equal(full(out), ["x.csv"] if status == 0 else [], "a signal at the start")
    for delay in 0.02, 0.05, 0.1:
        with subprocess.Popen([DARKSCOPE, "export", "port-countries", "--step", "hour", "--store",
                               store, "-o", os.path.join(out, "y.jsonl")]) as program:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(timeout=delay)
            program.send_signal(signal.SIGTERM)
            status = program.wait(timeout=60)
        check(status in (0, -signal.SIGTERM), f"status {status}")
        check_equal("y.jsonl" in full(out), status == 0, f"status {status} after {delay}")
        check(not any(name.endswith(".part") for name in full(out)), f"{full(out)}")
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(out, "y.jsonl"))


def test_nohup_is_heeded(data):
    where, store, _ = data
    path = os.path.join(where, "kept.csv")
    with subprocess.Popen([DARKSCOPE, "export", "ports", "--step", "hour", "--store", store, "-o", path],
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as program:
        wait_for(lambda: os.path.exists(path + ".part") or program.poll() is not None, "it begins")
        program.send_signal(signal.SIGHUP)
        check(program.wait(timeout=60) == 0 and os.path.exists(path), "a hangup ended it")


def test_a_closed_pipe_ends_it(data):
    _, store, _ = data
    with subprocess.Popen([DARKSCOPE, "export", "ports", "--step", "hour", "--store", store],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        program.stdout.read(100)
        program.stdout.close()
        status = program.wait(timeout=60)
    check(status == 1 or status == -signal.SIGPIPE, f"status {status}")


def test_other_peoples_files_stay(data):
    where, store, _ = data
    out = os.path.join(where, "mine")
    os.mkdir(out)
    with open(os.path.join(out, "README.md"), "w", encoding="utf-8") as file:
        file.write("mine")
    check("somebody else" in export(store, "types", "-o", out, status=2).err, "no refusal")
    check_equal(full(out), ["README.md"], "folder")
    export(store, "types", "-o", "/dev/null")
    check(not os.path.isfile("/dev/null"), "/dev/null is a file now")


# ---- memory ----

def peak_kib(*command):
    """Of a program, while its output is thrown away; and how much that was."""
    size = peak = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        while block := program.stdout.read(1 << 20):
            size += len(block)
            with open(f"/proc/{program.pid}/status", encoding="ascii") as file:
                found = re.search(r"VmHWM:\s*(\d+) kB", file.read())
            peak = max(peak, int(found[1]) if found else 0)  # none: it has just ended
    check(program.returncode == 0, f"status {program.returncode}")
    return peak, size


def test_memory_is_bounded(_):
    if "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ:
        raise Skip("sanitizers have a memory of their own")
    with folder() as where:
        store = os.path.join(where, "store")
        run(GEN, *PLAN, "--duration", "6d", "--rate", "40", "--sensors", "1", "--store", store)
        peak, size = peak_kib(DARKSCOPE, "export", "ports", "--step", "hour", "--store", store)
        print(f"# {size / 1e6:.0f} MB in {peak / 1024:.0f} MiB", flush=True)
        check(size > 300e6, f"only {size} bytes were written")
        check(peak < 200 * 1024, f"{peak} KiB for {size} bytes")


if __name__ == "__main__":
    with made() as made_once:
        status = main((name[5:], functools.partial(test, made_once))
                      for name, test in list(globals().items()) if name.startswith("test_"))
    sys.exit(status)

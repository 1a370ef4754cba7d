#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""darkscope report: NICTER's published years, every number in all of its files and once more from
the windows themselves (yearly.py), and the times that are not like others.

usage: report.py DARKSCOPE PUT-WINDOWS SCHEMA [TEST...]
"""
import collections
import csv
import datetime
import html.parser
import json
import math
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
import zoneinfo

import jsonschema

import yearly
from harness import check, check_equal, folder, main, run

DARKSCOPE, PUT, SCHEMA = sys.argv[1:4]
HOUR, DAY = 3600, 86400
# NICT REPORT 2019: year, packets, addresses on 31 December, packets per address.
NICTER = [(2005, 0.31e9, 16000, 19066), (2006, 0.81e9, 100000, 17231),
          (2007, 1.99e9, 100000, 19118), (2008, 2.29e9, 120000, 22710),
          (2009, 3.57e9, 120000, 36190), (2010, 5.65e9, 120000, 50128),
          (2011, 4.54e9, 120000, 40654), (2012, 7.78e9, 190000, 53085),
          (2013, 12.88e9, 210000, 63655), (2014, 25.66e9, 240000, 115323),
          (2015, 54.51e9, 280000, 213523), (2016, 128.1e9, 300000, 469104),
          (2017, 150.4e9, 300000, 559125)]
SCALE = 1000


def midnight(zone, *date):
    return int(datetime.datetime(*date, tzinfo=zoneinfo.ZoneInfo(zone)).timestamp())


def window(sensor, start, cells, addresses=4096, active=None, seconds=HOUR, observed=None,
           database="test-2026"):
    """A line of put-windows; cells: {(class, proto, port, country): (packets, survey)}; active: how
    many addresses got a packet, or (from, to)."""
    words = [f"{c}/{p}/{port}/{country}={packets}/{survey}"
             for (c, p, port, country), (packets, survey) in sorted(cells.items())]
    return " ".join(map(str, [sensor, start, seconds, seconds if observed is None else observed,
                              addresses, "-".join(map(str, active)) if isinstance(active, tuple)
                              else addresses if active is None else active, database, *words]))


def put(store, lines, *tidy):
    done = subprocess.run([PUT, store, *tidy], input="\n".join(lines) + "\n", text=True,
                          capture_output=True, check=False)
    check(done.returncode == 0, f"put-windows: {done.stderr}")


def make(store, output, *arguments, expected=0, **options):
    """The report.json, after the schema has been held against it."""
    result = run(DARKSCOPE, "report", "--store", store, "--output", output, *arguments,
                 status=expected, **options)
    if expected:
        return result.err
    with open(os.path.join(output, "report.json"), encoding="utf-8") as file:
        report = json.load(file)
    with open(SCHEMA, encoding="utf-8") as file:
        jsonschema.validate(report, json.load(file))
    unknown = set(tables(report)) - set(yearly.TABLES) - {"restated"}  # which test_restated is of
    check(not unknown, f"nobody recomputes the tables {unknown}")
    return report


def tables(report):
    return {table["id"]: table for chapter in report["chapters"] for table in chapter["tables"]}


def rows(report, table, key=None):
    found = tables(report)[table]["rows"]
    return {row[key]: row for row in found} if key else found


# ---- NICTER's years ----

# Days between two that are watched: a file of the store for each takes its time.
EVERY = int(os.environ.get("NICTER_EVERY", "30"))


def address_path(before, after, watched, days, wanted):
    """Addresses of each watched day: two straight lines, so that the sum of 1/addresses is as
    wanted."""
    low, high = 1000.0, 10.0 * after
    for _ in range(60):
        middle = (low + high) / 2
        ways = [day / (days - 1) for day in watched]
        path = [before + (middle - before) * 2 * w if w < 0.5
                else middle + (after - middle) * (2 * w - 1) for w in ways]
        if sum(1 / a for a in path) > wanted:
            low = middle
        else:
            high = middle
    return [round(a) for a in path]


def test_nicter(where):
    lines, before = [], 16000
    for year, packets, addresses, per_address in NICTER:
        days = (datetime.date(year + 1, 1, 1) - datetime.date(year, 1, 1)).days
        watched = range((days - 1) % EVERY, days, EVERY)  # 31 December is one
        daily = round(packets / SCALE / len(watched))
        path = address_path(before, addresses, watched, days, per_address / SCALE / daily)
        first = midnight("Asia/Tokyo", year, 1, 1)
        lines += [window("nicter", first + day * DAY, {(0, 6, 23, "CN"): (daily, daily // 10)},
                         addresses=on_day) for day, on_day in zip(watched, path)]
        before = addresses
    store = os.path.join(where, "nicter")
    put(store, lines)
    report = make(store, os.path.join(where, "report-nicter"), "--year", "2017", "--years", "13",
                  "--tz", "Asia/Tokyo", timeout=3600 // EVERY)  # there is a file for each day
    table = rows(report, "years", "period")
    check(len(table) == 13, f"{len(table)} years")
    off = 0
    for year, packets, addresses, per_address in NICTER:
        row = table[str(year)]
        check(abs(row["packets_per_address"] * SCALE / per_address - 1) < 0.01,
              f"{year}: {row['packets_per_address'] * SCALE:.0f}, published {per_address}")
        check(row["addresses_last_day"] == addresses, f"{year}: {row['addresses_last_day']}")
        check(abs(row["packets"] * SCALE / packets - 1) < 0.001, f"{year}: {row['packets']}")
        off += abs(row["naive_ratio"] * SCALE / per_address - 1) > 0.05
    check(off >= 8, f"the naive ratio differs in {off} years only")
    check(abs(table["2006"]["naive_ratio"] * SCALE - 8100) < 10, "2006, naive")
    check(abs(table["2017"]["survey_share"] - 0.1) < 0.001, "survey share")


# ---- the same numbers everywhere ----

class Cells(html.parser.HTMLParser):
    """Of a report: {table: [{column: value}]}, what could make a request, and all ids."""

    def __init__(self):
        super().__init__()
        self.tables, self.requests, self.ids, self.table = {}, [], [], None
        self.cell, self.open = None, []

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.requests += [a[key] for key in ("src", "href", "srcset", "data", "action")
                          if a.get(key) and not a[key].startswith("#")]
        if "id" in a:
            self.ids.append(a["id"])
        if tag not in ("meta", "br", "rect", "line", "path", "circle"):
            self.open.append(tag)
        if tag == "table":
            self.table = self.tables.setdefault(a["id"].removeprefix("table-"), [])
        if tag == "tr" and self.table is not None:
            self.table.append({})
        if "data-column" in a:
            self.cell = (a["data-column"], a.get("data-value"))
            self.table[-1][a["data-column"]] = [a.get("data-value"), ""]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in ("meta", "br", "rect", "line", "path", "circle"):
            self.open.pop()

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()
        self.cell = None

    def handle_data(self, text):
        if self.cell:
            self.table[-1][self.cell[0]][1] += text


def shown(value, kind):
    """A number as people read it, without marks."""
    if value is None:
        return "–"
    if kind == "share":
        return f"{100 * value:.1f} %"
    if kind == "change":
        return f"{100 * value:+.1f} %"
    if kind == "real" and abs(value) < 100:
        return f"{value:.2f}"
    return f"{math.floor(value + 0.5):,}"


def check_html(report, path):
    cells = Cells()
    with open(path, encoding="utf-8") as file:
        cells.feed(file.read())
    check(not cells.open, f"not closed: {cells.open}")
    check(not cells.requests, f"requests: {cells.requests}")
    twice = [i for i, n in collections.Counter(cells.ids).items() if n > 1]
    check(not twice, f"ids twice: {twice}")
    for name, table in tables(report).items():
        kinds = {column["id"]: column["kind"] for column in table["columns"]
                 if not column["id"].endswith("_error")}
        found = [row for row in cells.tables[name] if row]
        check(len(found) == len(table["rows"]), f"{name}: {len(found)} rows")
        for here, there in zip(found, table["rows"]):
            for column, kind in kinds.items():
                value, text = here[column]
                if kind not in ("count", "real", "share", "change"):
                    continue
                exact = there[column]
                check((value is None) == (exact is None) and
                      (exact is None or abs(float(value) - exact) <= 1e-12 * abs(exact)),
                      f"{name}.{column}: {value} is not {exact}")
                plain = text.lstrip("~≥≤ ")
                check(plain == shown(exact, kind), f"{name}.{column}: {text} shows {exact}")


def check_csv(report, where):
    for name, table in tables(report).items():
        with open(os.path.join(where, "csv", f"{name}.csv"), encoding="utf-8", newline="") as file:
            head, *found = csv.reader(file)
        check_equal(head, [column["id"] + (f" [{column['unit']}]" if column["unit"] else "")
                           for column in table["columns"]], f"{name}.csv")
        check(len(found) == len(table["rows"]), f"{name}.csv: {len(found)} rows")
        for here, there in zip(found, table["rows"]):
            for text, column in zip(here, table["columns"]):
                value = there[column["id"]]
                same = text == ("" if value is None else value) if not isinstance(
                    value, (int, float)) else abs(float(text) - value) <= 1e-12 * abs(value)
                check(same, f"{name}.csv {column['id']}: {text} is not {value}")


def check_files(report, where):
    check_html(report, os.path.join(where, "report.html"))
    check_csv(report, where)
    with open(os.path.join(where, "report.md"), encoding="utf-8") as file:
        text = file.read()
    figures = [figure["id"] for chapter in report["chapters"] for figure in chapter["figures"]]
    for figure in figures:
        check(f"(figures/{figure}.svg)" in text, f"report.md lacks {figure}")
        tree = xml.etree.ElementTree.parse(os.path.join(where, "figures", f"{figure}.svg"))
        tags = [element.tag.rpartition("}")[2] for element in tree.getroot()]
        check(tags[:2] == ["title", "desc"], f"{figure}.svg: {tags[:2]}")
    check_equal(sorted(os.listdir(os.path.join(where, "csv"))),
                sorted(["README.md", *(f"{name}.csv" for name in tables(report))]), "csv/")


# ---- recomputed from the windows ----

NEW_YORK = "America/New_York"
# The countries of a few packets a day, each with a port of its own.
RARE = {"AU": (0, 6, 445), "BE": (0, 6, 8080), "CA": (0, 6, 5555), "CH": (0, 6, 3389),
        "ES": (0, 6, 80), "FR": (0, 17, 5060), "GB": (0, 17, 1900), "IT": (2, 47, 0),
        "KR": (0, 1, 3328), "NL": (0, 6, 1433), "PL": (2, 58, 32768), "RU": (0, 6, 8291),
        "SE": (1, 1, 771)}
DEVICES = {"AU": "windows", "BE": "linux", "CA": "linux-old", "CH": "bsd-mac", "ES": "unknown",
           "US": "tool", "DE": "none", "VN": "none", "JP": "linux"}


def attack_of(first, n):
    """Attack n: (sensors, victim, protocol, country, begin, [(port, packets) of each hour])."""
    countries = "DE", "US", "CN", "FR", "GB", "BR", "RU", "NL", "KR", "AU", "IT", "ES"
    country = countries[int(n ** 1.5) % 12]
    proto, port = ((6, 80), (6, 443), (6, 22), (17, 53), (6, 25), (6, 3306), (6, 8080), (17, 123),
                   (6, 6667), (1, 2048), (6, 25565), (6, 53))[int(n ** 1.3) % 12]
    begin = first + n % 57 * DAY + (n * 5 % 24) * HOUR + 1800
    return (("east", "west")[:1 + n % 2], 1 << 24 | n * 7, proto, country, begin,
            [(port, 40 + n)] * (1 + n % 4))


def all_attacks(first):
    """Those of a rule, and those that are not like others, of so many victims that they show."""
    on = first + 41 * DAY + 7 * HOUR  # on that day there are three sensors
    yield from (attack_of(first, n) for n in range(90))
    for victim in range(9 << 24, (9 << 24) + 12 * 16, 16):
        # The period begins while it goes on; a day ends while it does; two hours of three, a port.
        yield ("east",), victim, 6, "LT", first - 1800, [(7776, 30)] * 3
        yield ("east",), victim + 1, 6, "LT", first + 5 * DAY - 600, [(7777, 500)] * 3
        yield ("east",), victim + 2, 6, "LV", on, [(7778, 60), (7779, 100), (7778, 60)]
        # Seen by three, most of it by the last; by two, one after the other, so two; the same
        # victim by another protocol.
        for i, (sensor, port, packets) in enumerate((("east", 7780, 300), ("west", 7781, 310),
                                                     ("north", 7782, 450))):
            yield (sensor,), victim + 3, 6, "LV", on + i, [(port, packets)]
        yield ("east",), victim + 4, 6, "EE", on, [(7783, 100)]
        yield ("west",), victim + 4, 6, "EE", on + 6 * HOUR, [(7784, 100)]
        yield ("west",), victim + 4, 17, "EE", on + 6 * HOUR, [(7784, 100)]


def attacks_by_window(first):
    """As windows have them: of each all that it was until the window's end."""
    found = collections.defaultdict(list)
    for sensors, victim, proto, country, begin, hours in all_attacks(first):
        for i, sensor in enumerate(sensors):
            packets, start = 0, (begin + 7 * i) // HOUR * HOUR
            for port, more in hours:
                packets += more + i
                last = min(start + HOUR, begin + 7 * i + (len(hours) - 1) * HOUR + 1500)
                found[sensor, start].append(yearly.Attack(
                    victim, proto, port, country, 1000 * (begin + 7 * i), 1000 * last - 1, packets,
                    more + i))
                start += HOUR
    return found


def cells_of(hour):
    """Of the east: daily what all send, and at times of the day the rare ones."""
    day, at = divmod(hour, 24)
    surge = 40000 if 45 <= day < 48 else 0
    second = {30: 975, 31: 1175}.get(day, 0)  # 2.9 and 3.3 times as many as before
    cells = {(0, 6, 23, "CN"): (3000 + 7 * at + surge, 0),
             (0, 6, 22, "US"): (2000 + day, 1500), (0, 6, 443, "US"): (900, 900),
             (0, 17, 53, "JP"): (500 + day, 20), (0, 17, 53, "CN"): (30 + second, 0),
             (0, 1, 2048, "VN"): (40, 0), (1, 6, 80, "DE"): (300 + day, 0)}
    if at in (4, 5):
        cells[0, 6, 445, "JP"] = (60 + day, 0)
    for i, (country, port) in enumerate(RARE.items()):
        if (hour + i) % 24 < 1 + i % 3:
            cells[*port, country] = (11 * i + 5, i % 4)
    if day == 1 and at == 3:  # eleven times as many as in January, of which windows are there, too
        cells[0, 6, 5555, "KR"] = (6600, 0)
    if day == 52 and at == 3:  # a packet per active address of the busiest window, not of the day
        cells[0, 6, 8291, "RU"] = (3265, 0)
    if day == 54 and at == 3:  # ten times as many as before, but less than that
        cells[0, 6, 8291, "RU"] = (3240, 0)
    return cells


def marks_of(hour, cells):
    marks = {("zmap", "US"): (700 + hour % 3, 1), ("masscan", "US"): (300, 1)}
    if hour % 24 < 3:
        marks["hajime", "JP"] = (2 + hour % 2, int(hour % 72 == 2))  # confirmed on a day of three
    if hour % 48 == 5:
        marks["satori", "CN"] = (4, 0)
    for i in range(8):  # so that more than ten are in a table
        if hour % 24 == i:
            marks[f"file-{i}", "US"] = (3 + i, 1)
    if (0, 17, 5060, "FR") in cells:
        marks["of-a-file", "FR"] = (1, 0)
    return marks


def three_sensors():
    """Windows of both sides of a leap day in a zone with daylight saving; of the year before."""
    first = midnight(NEW_YORK, 2024, 2, 1)
    attacks = attacks_by_window(first)
    for hour in range(60 * 24 - 1):  # to the end of March; 10 March has 23 hours
        start, day = first + hour * HOUR, hour // 24
        cells = cells_of(hour)
        if not 10 <= day < 13:  # three days without anybody
            yield yearly.Window(
                "east", start, HOUR, 4096, (hour % 24, 3000 + 7 * (hour % 24) + day), cells,
                marks=marks_of(hour, cells), devices=DEVICES, attacks=attacks["east", start],
                books=(hour % 7, hour % 5, hour % 3, 2, hour % 2, 1, hour % 11 // 10))
        if day >= 20:  # joins later, watches half of each hour
            yield yearly.Window("west", start, HOUR / 2, 128, (5, 70),
                                {(0, 6, 23, "BR"): (100 + hour % 3, 0)},
                                attacks=attacks["west", start])
        if day == 41:
            yield yearly.Window("north", start, HOUR, 64, (0, 60), {(0, 6, 2323, "IN"): (70, 0)},
                                attacks=attacks["north", start])
    yield from month_before(first)
    yield from year_before()


def month_before(first):
    """Days of a surge and of the time before and after it; the large ports as they will be."""
    for day in range(-20, -4):
        start = first + day * DAY + 9 * HOUR
        yield yearly.Window("early", start, HOUR, 4096, (0, 3000), {
            (0, 6, 22, "US"): (48000, 0), (0, 6, 23, "CN"): (74000, 0),
            (0, 6, 443, "US"): (21600, 0), (0, 6, 5555, "KR"): (9000 if day == -6 else 600, 0),
            (0, 17, 53, "JP"): (12000, 0)}, database="test-2025")


def year_before():
    """Of its 59 days every fourth, the last too: other ports, in another order."""
    first = midnight(NEW_YORK, 2023, 2, 1)
    for day in range(2, 59, 4):
        start = first + day * DAY + 9 * HOUR
        yield yearly.Window("old", start, HOUR, 512, (0, 400 + day), {
            (0, 6, 22, "CN"): (900 + day, 0), (0, 6, 23, "US"): (500, 0),
            (0, 6, 443, "US"): (60, 50), (0, 6, 4444, "TR"): (70 + day, 10),
            (0, 17, 53, "JP"): (80, 80), (1, 6, 80, "DE"): (33, 0)}, database="test-2025",
            attacks=[yearly.Attack(5, 6, 80, "TR", 1000 * start, 1000 * start + 90000, 50, 50)])


def test_recomputed(where):
    windows = list(three_sensors())
    store, output = os.path.join(where, "two"), os.path.join(where, "report-two")
    put(store, [" ".join([window(w.sensor, w.start, w.cells, w.addresses, w.active,
                                 observed=w.observed, database=w.database), *w.words()])
                for w in sorted(windows, key=lambda w: w.start)], "tidy")
    report = make(store, output, "--from", "2024-02-01", "--to", "2024-04-01", "--tz", NEW_YORK,
                  "--home", "JP")
    check_files(report, output)
    check_equal([len(rows(report, "daily")), rows(report, "daily")[28]["day"]], [60, "2024-02-29"],
                "the leap day")
    for table, column in (("daily", "active_addresses"), ("daily", "packets_per_address"),
                          ("years", "packets_per_address"), ("years", "mean_active_addresses")):
        check_equal(certainty(report, table, column), "exact", f"{table}, {column}")
    check_equal([certainty(report, f"ports{part}", "packets") for part in ("", "-without-survey")],
                ["exact", "upper-bound"], "packets of ports")
    now = yearly.Period(windows, NEW_YORK, "2024-02-01", "2024-04-01")
    before = yearly.Period(windows, NEW_YORK, "2023-02-01", "2023-04-01")
    expected = yearly.Yearly(now, before, "JP").tables
    check_equal([event["service"] for event in expected["events"]],
                ["23/tcp", "53/udp", "5555/tcp", "8291/tcp"], "surges")
    yearly.check_tables(tables(report), expected)


def certainty(report, table, column):
    return next(c["certainty"] for c in tables(report)[table]["columns"] if c["id"] == column)


def test_japanese(where):
    """The same store in Japanese: the same numbers."""
    store = os.path.join(where, "two")
    output = os.path.join(where, "report-ja")
    report = make(store, output, "--from", "2024-02-01", "--to", "2024-04-01", "--tz",
                  "America/New_York", "--lang", "ja")
    check_files(report, output)
    with open(os.path.join(output, "report.html"), encoding="utf-8") as file:
        text = file.read()
    for words in '<html lang="ja">', "中国", "ユニークホスト", "観測率":
        check(words in text, f"{words} is not in report.html")
    check("Unique hosts" not in text, "English in the Japanese report")


# ---- times that are not like others ----

def test_no_data(where):
    report = make(os.path.join(where, "two"), os.path.join(where, "report-none"), "--year", "2022")
    row = rows(report, "years")[-1]
    check(row["packets"] is None and row["packets_per_address"] is None and row["coverage"] == 0,
          f"a year without data: {row}")
    check(len(rows(report, "daily")) == 365, "its days")
    notes = [note["id"] for chapter in report["chapters"] for note in chapter["notes"]]
    check("no-data" in notes, f"notes: {notes}")


def test_one_day(where):
    output = os.path.join(where, "report-day")
    report = make(os.path.join(where, "two"), output, "--from", "2024-02-29", "--to", "2024-03-01",
                  "--tz", "America/New_York")
    check_files(report, output)
    check(len(rows(report, "daily")) == 1, "one day")


def test_half_hours(where):
    """Days of a zone with half hours cut windows of an hour, but not those of half an hour."""
    said = make(os.path.join(where, "two"), os.path.join(where, "report-half"), "--year", "2024",
                "--tz", "Asia/Kolkata", expected=2)
    check("--tz" in said, said)
    store = os.path.join(where, "half")
    first = midnight("Asia/Kolkata", 2026, 1, 1)
    put(store, [window("s", first + i * 1800, {(0, 6, 23, "IN"): (10, 0)}, seconds=1800)
                for i in range(48)])
    report = make(store, os.path.join(where, "report-half"), "--from", "2026-01-01", "--to",
                  "2026-01-02", "--tz", "Asia/Kolkata")
    check(rows(report, "daily")[0]["packets"] == 480, "a day of half hours")


def test_half_hour_of_summer(where):
    """On Lord Howe Island clocks change by half an hour: the day has 24.5 hours, or 23.5."""
    zone, store = "Australia/Lord_Howe", os.path.join(where, "howe")
    starts = [*range(midnight(zone, 2026, 4, 4), midnight(zone, 2026, 4, 7), 1800),
              *range(midnight(zone, 2026, 10, 3), midnight(zone, 2026, 10, 6), 1800)]
    put(store, [window("s", start, {(0, 6, 23, "AU"): (10, 0)}, seconds=1800) for start in starts])
    for first, last, windows in (("2026-04-04", "2026-04-07", [48, 49, 48]),
                                 ("2026-10-03", "2026-10-06", [48, 47, 48])):
        report = make(store, os.path.join(where, "report-howe"), "--from", first, "--to", last,
                      "--tz", zone)
        daily = rows(report, "daily")
        check_equal([row["packets"] for row in daily], [10 * n for n in windows], first)
        check_equal([row["coverage"] for row in daily], [1, 1, 1], first)


def test_leap_year(where):
    """A leap year and the one before, watched one day in ten and on 29 February."""
    store, first = os.path.join(where, "leap"), midnight("UTC", 2023, 1, 1)
    put(store, [window("s", first + day * DAY, {(0, 6, 23, "CN"): (4096, 0)})
                for day in range(365 + 366) if day % 10 == 0 or day == 365 + 59])
    report = make(store, os.path.join(where, "report-leap"), "--year", "2024")
    check_equal({row["period"]: [row["packets"], row["packets_per_address"], round(row["coverage"], 12)]
                 for row in rows(report, "years")},
                {"2023": [37 * 4096, 37, round(37 / (365 * 24), 12)],
                 "2024": [38 * 4096, 38, round(38 / (366 * 24), 12)]},
                "years")
    daily = rows(report, "daily")
    check_equal([daily[59]["day"], daily[59]["packets"], len(daily)], ["2024-02-29", 4096, 366],
                "days")
    check_equal([row["days"] for row in rows(report, "years-data")], [365, 366], "days")


def test_month_down(where):
    """A sensor is down in June: nothing stands for those days, and the year says what it is of."""
    store, output = os.path.join(where, "down"), os.path.join(where, "report-down")
    first, june = midnight("UTC", 2025, 5, 1), range(31, 61)
    put(store, [window("s", first + day * DAY + hour * HOUR, {(0, 6, 23, "CN"): (1000 + day, 0)},
                       addresses=500, active=(0, 400 + day % 5 + hour))
                for day in range(92) if day not in june for hour in (3, 4)])
    report = make(store, output, "--from", "2025-05-01", "--to", "2025-08-01")
    check_files(report, output)
    for day, row in enumerate(rows(report, "daily")):
        down = day in june
        check_equal([row["packets"], row["active_addresses"], row["hosts"]],
                    [None] * 3 if down else [2 * (1000 + day), 404 + day % 5, 1], row["day"])
        check(abs(row["coverage"] - (0 if down else 2 / 24)) < 1e-12, row["day"])
    for table in "survey", "infected", "backscatter":
        for row in rows(report, table)[31:61]:
            check(all(value is None for name, value in row.items()
                      if name not in ("day", "coverage", "attacks")), f"{table}: {row}")
    year = rows(report, "years")[-1]
    per_address = sum(2 * (1000 + day) / (404 + day % 5) for day in range(92) if day not in june)
    check(abs(year["packets_per_address"] / per_address - 1) < 1e-12, f"{year}")
    check(abs(year["coverage"] - 62 * 2 / (92 * 24)) < 1e-12, f"{year['coverage']}")
    check_equal([[row["days"], row["days_watched"]] for row in rows(report, "years-data")],
                [[92, 62]], "days watched")
    check_equal(rows(report, "events"), [], "events after the gap")
    for figure in "daily-packets", "daily-hosts", "infected", "survey-share":
        check_chart(os.path.join(output, "figures", f"{figure}.svg"))


def check_chart(path):
    """One gap, which no line crosses."""
    tree = xml.etree.ElementTree.parse(path)
    gaps = [e for e in tree.iter() if e.get("class") == "gap" and e.tag.endswith("}rect")]
    check(len(gaps) == 1, f"{len(gaps)} gaps")
    left, width = float(gaps[0].get("x")), float(gaps[0].get("width"))
    for path_of in (e.get("d") for e in tree.iter() if e.tag.endswith("}path") and e.get("d")):
        for piece in path_of.split("M")[1:]:
            places = [float(point.split(",")[0].split()[0]) for point in
                      piece.replace("L", " L").split(" L") if point.strip()]
            check(not (min(places) < left + 1 and max(places) > left + width - 1),
                  f"a line crosses the gap: {min(places)} to {max(places)}")


def test_active_addresses(where):
    """Exact of all windows, estimated of a sample, or at least those of the busiest window."""
    first = midnight("UTC", 2026, 2, 1)
    cells = {(0, 6, 23, "CN"): (60000, 0)}

    def report_of(name, *lines):
        store = os.path.join(where, name)
        put(store, lines)
        report = make(store, os.path.join(where, f"report-{name}"), "--from", "2026-02-01", "--to",
                      "2026-02-02")
        check_equal(certainty(report, "years", "packets_per_address"),
                    {"lower-bound": "upper-bound"}.get(
                        certainty(report, "daily", "active_addresses"),
                        certainty(report, "daily", "active_addresses")), name)
        return (certainty(report, "daily", "active_addresses"), rows(report, "daily")[0],
                rows(report, "years")[-1])

    def hour(i, active, sensor="s", addresses=2000):
        return window(sensor, first + i * HOUR, cells, addresses=addresses, active=active)

    how, row, year = report_of("union", hour(0, (0, 700)), hour(1, (600, 1500)))
    check_equal([how, row["active_addresses"], year["packets_per_address"]],
                ["exact", 1500, 80], "united")
    how, row, _ = report_of("sensors", hour(0, (0, 700)), hour(1, (600, 1500)),
                            hour(0, (0, 900), "t"))
    check_equal([how, row["active_addresses"]], ["exact", 2400], "two sensors")
    how, row, _ = report_of("bound", hour(0, (0, 700)), hour(1, 900))
    check_equal([how, row["active_addresses"], row["active_addresses_error"]],
                ["lower-bound", 900, None], "a window without bits")
    how, row, _ = report_of("changed", hour(0, (0, 700)), hour(1, (600, 1500), addresses=3000))
    check_equal([how, row["active_addresses"]], ["lower-bound", 900], "another set")
    how, row, _ = report_of("moved", hour(0, (0, 1500), addresses=1500), hour(1, (0, 2000)))
    check_equal([how, row["active_addresses"]], ["lower-bound", 2000], "all of another set")
    how, row, _ = report_of("sample", hour(0, (0, 20000), addresses=1 << 20),
                            hour(1, (10000, 32768), addresses=1 << 20))
    check_equal([how, row["active_addresses"]], ["estimated", 1 << 19], "half of the sample")
    expected = math.sqrt(0.25 / 65536 * (2 ** 20 - 65536) / (2 ** 20 - 1)) / 0.5
    check(abs(row["active_addresses_error"] - expected) < 1e-9, f"{row}")


def test_in_progress(where):
    store, now = os.path.join(where, "now"), datetime.datetime.now(datetime.timezone.utc)
    hour = int(now.timestamp()) // HOUR * HOUR - HOUR
    put(store, [window("s", hour - i * HOUR, {(0, 6, 23, "CN"): (7, 0)}) for i in range(5, -1, -1)])
    report = make(store, os.path.join(where, "report-now"), "--year", str(now.year))
    check(report["period"]["in_progress"], "not in progress")
    last = rows(report, "years")[-1]
    check(last["addresses_last_day"] is None and last["naive_ratio"] is None, f"last day: {last}")
    expected = (now - datetime.datetime(now.year, 1, 1, tzinfo=datetime.timezone.utc)).total_seconds()
    check(abs(last["coverage"] - 6 * HOUR / expected) < 1e-3 * last["coverage"] + 1e-9, f"{last}")
    today, tomorrow = (str((now + datetime.timedelta(days=n)).date()) for n in (0, 1))
    report = make(store, os.path.join(where, "report-today"), "--from", today, "--to", tomorrow)
    check(report["period"]["in_progress"], "today is over")
    said = make(store, os.path.join(where, "report-then"), "--year", str(now.year + 1), expected=2)
    check("not begun" in said, said)
    # A sensor whose clock is ahead is not watched for more than all of the time.
    ahead, midnight_s = os.path.join(where, "ahead"), int(now.timestamp()) // DAY * DAY
    put(ahead, [window("s", midnight_s + i * HOUR, {(0, 6, 23, "CN"): (7, 0)}) for i in range(24)])
    report = make(ahead, os.path.join(where, "report-ahead"), "--from", today, "--to", tomorrow)
    check_equal([row["coverage"] for row in rows(report, "daily")], [1], "a day ahead")
    check_equal([report["coverage"], rows(report, "sensors")[0]["coverage"]], [1, 1], "ahead")


def test_restated(where):
    store, output = os.path.join(where, "restated"), os.path.join(where, "report-restated")
    first = midnight("UTC", 2025, 1, 1)
    lines = [window("s", first + day * DAY, {(0, 6, 23, "CN"): (4096, 0)}) for day in range(31)]
    put(store, lines)
    report = make(store, output, "--year", "2025", "--publish")
    check("restated" not in tables(report), "nothing was published before")
    check_equal(rows(make(store, output, "--year", "2025"), "restated"), [], "nothing changed")
    # A spool that was found again: another ten days, by another country database.
    put(store, [window("t", first + day * DAY, {(0, 6, 23, "CN"): (4096, 0)}, database="new")
                for day in range(31, 41)])
    restated = {row["figure"]: row for row in rows(make(store, output, "--year", "2025"),
                                                   "restated")}
    row = restated["packets_per_address"]
    check_equal([row["as_published"], row["revised"], row["windows_added"],
                 row["databases_changed"], row["software_changed"]], [31, 41, 10, "yes", "no"],
                "restated")
    make(store, output, "--year", "2025", "--publish")
    check_equal(rows(make(store, output, "--year", "2025"), "restated"), [], "published again")
    # Another period that was published is none of this report's.
    make(store, output, "--year", "2025", "--month", "1", "--publish")
    check_equal(rows(make(store, output, "--year", "2025"), "restated"), [], "a month is no year")
    check("restated" not in tables(make(store, output, "--year", "2025", "--month", "2")),
          "February was not published")


def test_wrong_options(where):
    store = os.path.join(where, "two")
    for arguments in (["--year", "x"], ["--year", "2024", "--quarter", "5"], ["--quarter", "1"],
                      ["--year", "2024", "--month", "13"], ["--from", "2024-02-01"], [],
                      ["--year", "2024", "--home", "Japan"], ["--year", "2024", "--lang", "fr"],
                      ["--year", "2024", "--years", "0"], ["--year", "2024", "--year", "2025"],
                      ["--year", "2024", "--quarter", "1", "--month", "2"]):
        said = make(store, os.path.join(where, "wrong"), *arguments, expected=2)
        check("--" in said, f"{arguments}: {said}")
    check(not os.path.exists(os.path.join(where, "wrong")), "a folder was made")
    other = os.path.join(where, "other")
    os.mkdir(other)
    with open(os.path.join(other, "thesis.txt"), "w", encoding="utf-8") as file:
        file.write("mine")
    said = make(store, other, "--year", "2024", expected=2)
    check("--output" in said and os.listdir(other) == ["thesis.txt"], said)


if __name__ == "__main__":
    # In memory: a file for each day of 13 years is written with all the care of a store.
    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"
    with folder() as place:
        sys.exit(main([(name[5:], lambda test=test: test(place))
                       for name, test in list(globals().items()) if name.startswith("test_") and
                       (not sys.argv[4:] or name[5:] in sys.argv[4:])]))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""darkscope report: NICTER's published years, every number in all of its files and once more from
the windows themselves, and the times that are not like others.

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


def make(store, output, *arguments, expected=0):
    """The report.json, after the schema has been held against it."""
    result = run(DARKSCOPE, "report", "--store", store, "--output", output, *arguments,
                 status=expected)
    if expected:
        return result.err
    with open(os.path.join(output, "report.json"), encoding="utf-8") as file:
        report = json.load(file)
    with open(SCHEMA, encoding="utf-8") as file:
        jsonschema.validate(report, json.load(file))
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
                  "--tz", "Asia/Tokyo")
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

def two_sensors():
    """Windows of both sides of a leap day in a zone with daylight saving: (sensor, start, seconds
    observed, addresses, active, cells)."""
    first = midnight("America/New_York", 2024, 2, 1)
    for hour in range(59 * 24 + 23):  # to the end of March; 10 March has 23 hours
        start = first + hour * HOUR
        day = hour // 24
        surge = 40000 if 45 <= day < 48 else 0
        cells = {(0, 6, 23, "CN"): (3000 + 7 * (hour % 24) + surge, 0),
                 (0, 6, 22, "US"): (2000 + day, 1500),
                 (0, 6, 443, "US"): (900, 900),
                 (0, 17, 53, "JP"): (500 + hour % 5, 20),
                 (0, 1, 2048, "VN"): (40, 0),
                 (1, 6, 80, "DE"): (300 + day, 0)}
        if not 10 <= day < 13:  # three days without anybody
            yield "east", start, HOUR, 4096, (hour % 24, 3000 + 7 * (hour % 24) + day), cells
        if day >= 20:  # joins later, watches half of each hour
            yield "west", start, HOUR / 2, 128, (5, 70), {(0, 6, 23, "BR"): (100 + hour % 3, 0)}


def test_recomputed(where):
    zone, all_windows = "America/New_York", list(two_sensors())
    store, output = os.path.join(where, "two"), os.path.join(where, "report-two")
    put(store, [window(sensor, start, cells, addresses, active, observed=observed)
                for sensor, start, observed, addresses, active, cells in all_windows], "tidy")
    report = make(store, output, "--from", "2024-02-01", "--to", "2024-04-01", "--tz", zone,
                  "--home", "JP")
    check_files(report, output)

    check_recomputed(report, Truth(all_windows, zone))
    check_hosts(report, Truth(all_windows, zone))
    check_volume(report, Truth(all_windows, zone))


class Truth:
    """Of windows: sums and sets, by day of the zone and in all."""

    def __init__(self, windows, zone):
        self.days = collections.defaultdict(collections.Counter)
        self.hosts = collections.defaultdict(set)  # by day, or None, and what they have in common
        self.active = collections.defaultdict(set)
        self.ports, self.without, self.countries, self.others, self.home = (
            collections.Counter() for _ in range(5))
        self.devices = collections.defaultdict(collections.Counter)  # by month
        self.sensors = collections.defaultdict(collections.Counter)
        self.senders = {}  # by day of UTC, sensor and country: packets, most ports, group
        for sensor, start, observed, addresses, active, cells in windows:
            date = datetime.datetime.fromtimestamp(start, zoneinfo.ZoneInfo(zone)).date()
            self.add_window(sensor, date.isoformat(), observed, addresses, active)
            self.add_senders(start // DAY, sensor, cells)
            infected = {country for cls, proto, port, country in cells
                        if (cls, proto, port) == (0, 6, 23)}
            for (cls, proto, port, country), (packets, survey) in cells.items():
                self.add_cell(date.isoformat(), (cls, proto, port, country), packets, survey)
                self.sensors[sensor]["packets"] += packets
                kind = "embedded" if country in infected else "windows"
                self.devices[date.isoformat()[:7]][kind] += packets
                self.add_hosts(date.isoformat(), f"device {kind}", country)
                self.add_hosts(date.isoformat()[:7], f"device {kind}", country)
                if country in infected:
                    self.days[date.isoformat()]["mirai"] += packets
                    self.add_hosts(date.isoformat(), "infected", country)

    def add_window(self, sensor, date, observed, addresses, active):
        self.days[date]["observed"] += observed
        self.sensors[sensor]["observed"] += observed
        self.sensors[sensor]["windows"] += 1
        self.sensors[sensor]["addresses"] = addresses
        self.active[date, sensor] |= set(range(*active))

    def add_senders(self, day, sensor, cells):
        for country in {cell[3] for cell in cells}:
            own = {cell: counts for cell, counts in cells.items() if cell[3] == country}
            group = ("malware" if (0, 6, 23, country) in own else
                     "survey" if any(survey for _, survey in own.values()) else
                     "backscatter" if all(cell[0] == 1 for cell in own) else "other-hosts")
            before = self.senders.get((day, sensor, country), (0, 0, group))
            self.senders[day, sensor, country] = (
                before[0] + sum(packets for packets, _ in own.values()),
                max(before[1], len(own)), group)

    def volume(self):
        """By group: host days, packets, ports; and hosts by day."""
        sums, by_day = collections.defaultdict(lambda: [0, 0, 0]), collections.Counter()
        for (day, sensor, _), (packets, ports, group) in self.senders.items():
            if packets >= self.sensors[sensor]["addresses"]:
                by_day[day, group] += 1
                sums[group] = [sums[group][0] + 1, sums[group][1] + packets, sums[group][2] + ports]
        return sums, by_day

    def add_hosts(self, date, what, country):
        self.hosts[date, what].add(country)
        self.hosts[None, what].add(country)

    def add_cell(self, date, cell, packets, survey):
        cls, proto, port, country = cell
        day = self.days[date]
        day["packets"] += packets
        day["survey"] += survey
        day[proto] += packets
        day["backscatter"] += packets * (cls == 1)
        self.countries[country] += packets
        self.others[country] += packets - survey
        self.add_hosts(date, "all", country)
        self.add_hosts(date, proto, country)
        if survey:
            self.add_hosts(date, "survey", country)
        if cls == 1:
            self.add_hosts(date, "backscatter", country)
        if cls == 0:
            name = {6: f"{port}/tcp", 17: f"{port}/udp", 1: f"{port >> 8}/{port & 255}/icmp"}[proto]
            self.ports[name] += packets
            self.without[name] += packets - survey
            self.home[name] += packets * (country == "JP")
            self.add_hosts(date, name, country)
            if not survey:
                self.add_hosts(date, f"{name} without", country)

    def reached(self, date):
        return sum(len(bits) for (day, _), bits in self.active.items() if day == date)


def certainty(report, table, column):
    return next(c["certainty"] for c in tables(report)[table]["columns"] if c["id"] == column)


def check_recomputed(report, truth):
    """Packets, addresses and coverage."""
    daily = rows(report, "daily", "day")
    check(len(daily) == 60 and "2024-02-29" in daily, "the leap day")
    per_address = total = 0
    for date, row in daily.items():
        if date not in truth.days:
            check(row["packets"] is None and row["hosts"] is None and row["coverage"] == 0,
                  f"{date}: nobody watched")
            continue
        day, addresses = truth.days[date], truth.reached(date)
        length = (23 if date == "2024-03-10" else 24) * HOUR
        check_equal([row["packets"], row["packets_tcp"], row["packets_udp"], row["packets_icmp"],
                     row["active_addresses"], row["active_addresses_error"]],
                    [day["packets"], day[6], day[17], day[1], addresses, 0], date)
        check(abs(row["coverage"] - day["observed"] / (2 * length)) < 1e-9, f"{date}: coverage")
        check(abs(row["packets_per_address"] - day["packets"] / addresses) < 1e-9, date)
        per_address += day["packets"] / addresses
        total += day["packets"]
    for table, column in (("daily", "active_addresses"), ("daily", "packets_per_address"),
                          ("years", "packets_per_address"), ("years", "mean_active_addresses")):
        check_equal(certainty(report, table, column), "exact", f"{table}, {column}")
    for table, column, what in (("survey", "survey_packets", "survey"),
                                ("infected", "mirai_packets", "mirai"),
                                ("backscatter", "backscatter_packets", "backscatter")):
        found = rows(report, table, "day")
        check_equal({date: found[date][column] for date in truth.days},
                    {date: day[what] for date, day in truth.days.items()}, column)
    year = rows(report, "years")[-1]
    check(year["packets"] == total, f"{year['packets']} packets, not {total}")
    check(abs(year["packets_per_address"] / per_address - 1) < 1e-9, "packets per address")
    check(abs(year["mean_active_addresses"] -
              sum(map(truth.reached, truth.days)) / len(truth.days)) < 1e-9, "mean")
    check_equal(year["addresses_last_day"], truth.reached("2024-03-31"), "the last day")
    observed = sum(day["observed"] for day in truth.days.values())
    check(abs(year["coverage"] - observed / (2 * (60 * 24 - 1) * HOUR)) < 1e-9, "coverage")
    for name, counts in ("ports", truth.ports), ("ports-without-survey", truth.without):
        check_equal([[row["service"], row["packets"]] for row in rows(report, name)
                     if row["service"] != "other"],
                    [list(pair) for pair in sorted(counts.items(), key=lambda pair: -pair[1])
                     if pair[1]], name)
        check(abs(sum(row["share"] for row in rows(report, name)) - 1) < 1e-9, f"{name}: shares")
    check_equal({row["service"]: row["packets"] for row in rows(report, "home-ports")},
                {name: packets for name, packets in truth.home.items() if packets}, "home ports")
    check_equal({row["country"]: [row["packets"], row["packets_without_survey"]]
                 for row in rows(report, "countries-by-packets")},
                {country: [packets, truth.others[country]]
                 for country, packets in truth.countries.items()}, "countries")
    event = rows(report, "events")[0]
    check_equal([event["service"], event["first_day"], event["last_day"], event["peak_hosts"]],
                ["23/tcp", "2024-03-17", "2024-03-19", 2], "the surge")
    check_equal({row["sensor"]: [row["packets"], row["windows"], row["addresses"],
                                 row["observed_hours"]] for row in rows(report, "sensors")},
                {name: [s["packets"], s["windows"], s["addresses"], s["observed"] / HOUR]
                 for name, s in truth.sensors.items()}, "sensors")


def check_volume(report, truth):
    """Hosts of high volume, of those days of UTC that begin in the period."""
    first, last = (datetime.datetime.fromisoformat(report["period"][key]).timestamp()
                   for key in ("from", "to"))
    truth.senders = {key: sender for key, sender in truth.senders.items()
                     if first <= key[0] * DAY < last}
    sums, by_day = truth.volume()
    days = {day for day, _, _ in truth.senders}
    groups = ("malware", "survey", "backscatter", "other-hosts")
    check(all(group in sums for group in ("malware", "survey", "backscatter")), f"groups: {sums}")
    for row in rows(report, "volume"):
        hosts, packets, ports = sums[row["group"]]
        check_equal([row["host_days"], row["volume_packets"]], [hosts, packets], row["group"])
        check_equal(row["packets_per_host_day"] and round(row["packets_per_host_day"], 6),
                    round(packets / hosts, 6) if hosts else None, row["group"])
        check_equal(row["ports_per_host"] and round(row["ports_per_host"], 9),
                    round(ports / hosts, 9) if hosts else None, row["group"])
        check(abs(row["hosts_per_day"] - hosts / len(days)) < 1e-9, row["group"])
    for row in rows(report, "volume-days"):
        day = (datetime.date.fromisoformat(row["utc_day"]) - datetime.date(1970, 1, 1)).days
        check_equal([row[f"volume_{group}"] for group in groups],
                    [by_day[day, group] if day in days else None for group in groups],
                    row["utc_day"])


def check_hosts(report, truth):
    """Unique hosts: estimates of so few differ from the sets by less than is shown."""
    def of(date, what):
        return len(truth.hosts[date, what])

    for table, column, what in (("daily", "hosts", "all"), ("daily", "hosts_tcp", 6),
                                ("daily", "hosts_udp", 17), ("daily", "hosts_icmp", 1),
                                ("survey", "survey_hosts", "survey"),
                                ("backscatter", "backscatter_hosts", "backscatter"),
                                ("infected", "infected_hosts", "infected"),
                                ("infected", "infected_confirmed", "infected"),
                                ("infected", "mirai_hosts", "infected")):
        found = rows(report, table, "day")
        check_equal({date: found[date][column] for date in truth.days},
                    {date: of(date, what) for date in truth.days}, f"{table}, {column}")
    for row in rows(report, "infected"):
        if row["day"] in truth.days:  # nobody of the home country is infected
            check_equal([row["infected_home"], row["mirai_home"]], [0, 0], row["day"])
    check_equal({row["service"]: row["hosts"] for row in rows(report, "ports-by-hosts")},
                {name: of(None, name) for name in truth.ports}, "ports by hosts")
    for name, suffix in ("ports", ""), ("ports-without-survey", " without"):
        check_equal({row["service"]: row["hosts"] for row in rows(report, name)},
                    {row["service"]: None if row["service"] == "other"
                     else of(None, row["service"] + suffix) for row in rows(report, name)}, name)
    check_equal({row["country"]: row["hosts"] for row in rows(report, "countries-by-hosts")},
                dict.fromkeys(truth.countries, 1), "countries by hosts")
    check_equal([[row["country"], row["packets"], row["hosts"], row["infected_hosts"]]
                 for row in rows(report, "home")], [["JP", truth.countries["JP"], 1, 0]], "home")
    check_equal([[row["device"], row["packets"]] for row in rows(report, "home-devices")],
                [["windows", truth.countries["JP"]]], "devices at home")
    check_equal([[row["signature"], row["packets"], row["hosts"], row["hosts_home"]]
                 for row in rows(report, "malware")],
                [["mirai", sum(day["mirai"] for day in truth.days.values()),
                  of(None, "infected"), 0], *([name, 0, 0, 0] for name in
                                              ("hajime", "adb-miner", "satori"))], "malware")
    for packets, hosts in zip(rows(report, "devices"), rows(report, "device-hosts")):
        month, kinds = packets["month"], ("windows", "embedded", "linux")
        whole = sum(truth.devices[month].values())
        check_equal([hosts[f"hosts_{kind}"] for kind in kinds],
                    [of(month, f"device {kind}") for kind in kinds], f"{month}: devices")
        for kind in kinds:
            check(abs(packets[f"packets_{kind}"] - truth.devices[month][kind] / whole) < 1e-9,
                  f"{month}: {kind}")
    year = rows(report, "years-data")[-1]
    check_equal([year["hosts"], year["windows"], year["days_watched"]],
                [of(None, "all"), sum(s["windows"] for s in truth.sensors.values()),
                 len(truth.days)], "what stands behind the year")


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
    report = make(os.path.join(where, "two"), os.path.join(where, "report-none"), "--year", "2023")
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
    said = make(store, os.path.join(where, "report-then"), "--year", str(now.year + 1), expected=2)
    check("not begun" in said, said)


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

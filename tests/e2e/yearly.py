# SPDX-License-Identifier: Apache-2.0
"""A report's tables once more, from the windows themselves, by docs/report.md and not by the code.

Every country is one source, which has the marks and the device that its windows say.
"""
import collections
import dataclasses
import datetime
import math
import statistics
import zoneinfo

from harness import check, check_equal

HOUR, DAY = 3600, 86400
SCAN, BACKSCATTER = 0, 1
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
TOP, TOOLS = 10, 20  # rows
MALWARE = "mirai", "hajime", "adb-miner", "satori"
DEVICES = "windows", "linux", "linux-old", "embedded", "bsd-mac", "tool", "unknown", "none"
GROUPS = "malware", "survey", "backscatter", "other-hosts"
PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
TABLES = ("backscatter", "countries-by-hosts", "countries-by-packets", "daily", "device-hosts",
          "devices", "events", "home", "home-devices", "home-ports", "infected", "malware", "ports",
          "ports-by-hosts", "ports-without-survey", "sensors", "survey", "tools",
          "victim-countries", "victim-services", "volume", "volume-days", "years", "years-data")
BOOKS = "outside", "malformed", "late", "kernel", "interface", "ring", "overflow"


@dataclasses.dataclass
class Attack:
    """What a window says of one."""
    victim: int
    proto: int
    port: int
    country: str
    start_ms: int
    last_ms: int
    packets: int
    window_packets: int


@dataclasses.dataclass
class Window:
    sensor: str
    start: int
    observed: float
    addresses: int
    active: tuple  # from, to
    cells: dict  # (class, protocol, port, country): (packets, those of survey scanners)
    database: str = "test-2026"
    marks: dict = dataclasses.field(default_factory=dict)  # (name, country): (packets, confirmed)
    devices: dict = dataclasses.field(default_factory=dict)  # by country
    attacks: list = dataclasses.field(default_factory=list)
    books: tuple = (0,) * len(BOOKS)

    def words(self):
        """For put-windows, behind the cells."""
        return [*(f"mark:{name}/{country}={packets}/{confirmed}"
                  for (name, country), (packets, confirmed) in self.marks.items()),
                *(f"device:{country}={device}" for country, device in self.devices.items()),
                *(f"attack:{a.victim}/{a.proto}/{a.port}/{a.country}={a.start_ms}/{a.last_ms}/"
                  f"{a.packets}/{a.window_packets}"
                  for a in sorted(self.attacks, key=lambda a: (a.victim, a.proto))),
                "books:" + "/".join(map(str, self.books))]

    def is_infected(self, country):
        return (SCAN, TCP, 23, country) in self.cells

    def device(self, country):
        return self.devices.get(country, "embedded" if self.is_infected(country) else "windows")

    def all_marks(self):
        """With those of packets to 23/tcp."""
        found = dict(self.marks)
        for country in {cell[3] for cell in self.cells if self.is_infected(cell[3])}:
            found["mirai", country] = sum(packets for cell, (packets, _) in self.cells.items()
                                          if cell[3] == country), 1
        return found


def service(proto, port):
    return {TCP: f"{port}/tcp", UDP: f"{port}/udp", ICMP: f"{port >> 8}/{port & 255}/icmp"}[proto]


@dataclasses.dataclass
class Hosts:
    """As sketches estimate them. Less those of them that are survey scanners, where they are given,
    as a difference of two estimates. Days of a zone are made of hours, whose sketches have a
    precision of 12, of ports 10; those of whole days of UTC have 14, and 12."""
    count: int | None
    survey: int = 0
    precision: int = 12

    def value(self):
        return None if self.count is None else self.count - self.survey

    def error(self):
        """Relative (docs/statistics.md, by its series: the estimates are of few)."""
        if not self.value():
            return self.value()
        registers, squares = 1 << self.precision, 0
        for hosts in filter(None, (self.count, self.survey)):
            t = hosts / registers
            squares += hosts ** 2 * (1 / 2 + t / 6 + t ** 2 / 24) / registers
        return math.sqrt(squares) / self.value()


def ratio(part, whole):
    return part / whole if whole else None


class Part:
    """What windows of one stretch of time have in all."""

    def __init__(self, windows):
        self.windows = windows
        self.packets = self.survey = 0
        self.cells = collections.defaultdict(lambda: [0, 0])
        self.hosts = collections.defaultdict(set)  # by what they have in common
        self.sums = collections.Counter()  # packets by signature, and by device
        self.peaks = collections.Counter()  # most hosts in a window, by country and device
        for w in windows:
            for cell, counts in w.cells.items():
                self.add_cell(w, cell, *counts)
            for (name, country), (packets, confirmed) in w.all_marks().items():
                self.add_mark(name, country, packets, confirmed)

    def add_cell(self, w, cell, packets, survey):
        cls, proto, port, country = cell
        self.packets += packets
        self.survey += survey
        self.cells[cell][0] += packets
        self.cells[cell][1] += survey
        device = w.device(country)
        self.sums["device", device] += packets
        self.sums["device", device, country] += packets
        self.peaks[device, country] = 1
        for what in ("all", ("class", cls), ("proto", proto), ("port", cls, proto, port),
                     ("device", device), ("country", country)):
            self.hosts[what].add(country)
            if survey:
                self.hosts["survey", what].add(country)

    def add_mark(self, name, country, packets, confirmed):
        self.sums["signature", name] += packets
        self.hosts["signature", name].add(country)
        if name in MALWARE:
            self.hosts["infected"].add(country)
            self.hosts["malware", name].add(country)
            if confirmed:
                self.hosts["confirmed"].add(country)

    def count(self, *what, home=None):
        """Hosts; of one country where home is given."""
        found = self.hosts[what if len(what) > 1 else what[0]]
        return len(found if home is None else found & {home})

    def by(self, key, part=0, where=lambda cell: True):
        """Packets, survey scanners' (part 1) or all others (part 2), by a key of cells."""
        found = collections.Counter()
        for cell, (packets, survey) in self.cells.items():
            if where(cell):
                found[key(cell)] += (packets, survey, packets - survey)[part]
        return found

    def observed(self):
        return sum(w.observed for w in self.windows)

    def monitored(self):
        return sum({w.sensor: w.addresses for w in self.windows}.values())

    def reached(self):
        bits = collections.defaultdict(set)
        for w in self.windows:
            bits[w.sensor].update(range(*w.active))
        return sum(map(len, bits.values()))

    def sensors(self):
        return {w.sensor for w in self.windows}


def port_of(cell):
    return cell[1:3]


def is_scan(cell):
    return cell[0] == SCAN


def ranked(counts):
    """Most first; of equals those with the lower key."""
    found = [pair for pair in counts.items() if pair[1]]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


class Period:
    """From a date to another, in a time zone."""

    def __init__(self, windows, zone, first, last):
        self.zone = zoneinfo.ZoneInfo(zone)
        self.label = f"{first}/{last}"
        date, end = map(datetime.date.fromisoformat, (first, last))
        self.edges = []
        while date <= end:
            midnight = datetime.datetime.combine(date, datetime.time(), self.zone)
            self.edges.append((date.isoformat(), int(midnight.timestamp())))
            date += datetime.timedelta(days=1)
        self.first_s, self.last_s = self.edges[0][1], self.edges[-1][1]
        inside = [w for w in windows if self.first_s <= w.start < self.last_s]
        self.whole = Part(inside)
        by_day = collections.defaultdict(list)
        for w in inside:
            by_day[self.date(w.start)].append(w)
        self.days = {date: Part(by_day[date]) for date, _ in self.edges[:-1]}
        self.lead = self.days_before(windows, first)
        self.lengths = {date: after - at for (date, at), (_, after)
                        in zip(self.edges, self.edges[1:])}
        self.watched = [day for day in self.days.values() if day.windows]

    def days_before(self, windows, first):
        """The days that baselines of surges may reach back to."""
        first = datetime.date.fromisoformat(first)
        dates = [(first - datetime.timedelta(days=n)).isoformat() for n in range(90, 0, -1)]
        by_day = collections.defaultdict(list)
        for w in windows:
            by_day[self.date(w.start)].append(w)
        return {date: Part(by_day[date]) for date in dates}

    def date(self, at_s):
        return datetime.datetime.fromtimestamp(at_s, self.zone).date().isoformat()

    def coverage(self, part, length):
        return part.observed() / (len(self.whole.sensors()) * length)


def with_errors(row):
    found = {}
    for key, value in row.items():
        is_hosts = isinstance(value, Hosts)
        found[key] = value.value() if is_hosts else value
        if is_hosts:
            found[f"{key}_error"] = value.error()
    return found


class Yearly:
    """All tables of a report of a period, the year before at hand: {table: rows}."""

    def __init__(self, now, before, home):
        self.now, self.before, self.home = now, before, home
        self.tables = {}
        for make in (self.years, self.daily, self.ports, self.countries, self.at_home,
                     self.infected, self.devices, self.volume, self.attacks, self.events,
                     self.sensors):
            make()

    def add(self, table, rows):
        self.tables[table] = [with_errors(row) for row in rows]

    # ---- years ----

    def years(self):
        self.add("years", map(self.year, (self.before, self.now)))
        self.add("years-data", [{
            "period": p.label, "days": len(p.days), "days_watched": len(p.watched),
            "sensors": len(p.whole.sensors()), "windows": len(p.whole.windows),
            "observed_hours": p.whole.observed() / HOUR,
            "hosts": Hosts(p.whole.count("all"), precision=12 if p is self.now else 14),
            "survey_packets": p.whole.survey, "in_progress": "no",
            "country_databases": "; ".join(sorted({w.database for w in p.whole.windows})),
        } for p in (self.before, self.now)])

    @staticmethod
    def year(p):
        last = list(p.days.values())[-1].reached()
        return {"period": p.label, "packets": p.whole.packets, "addresses_last_day": last,
                "addresses_last_day_error": 0, "packets_per_address_error": 0,
                "packets_per_address": sum(day.packets / day.reached() for day in p.watched),
                "packets_per_monitored": sum(day.packets / day.monitored() for day in p.watched),
                "naive_ratio": p.whole.packets / last,
                "mean_active_addresses": statistics.fmean(day.reached() for day in p.watched),
                "survey_share": p.whole.survey / p.whole.packets,
                "coverage": p.coverage(p.whole, p.last_s - p.first_s)}

    # ---- days ----

    def daily(self):
        """The tables with a row a day; nothing is known of those that nobody watched."""
        begins = collections.Counter(self.now.date(a.start_ms // 1000) for a in self.united())
        rows = {name: [] for name in ("daily", "survey", "infected", "backscatter")}
        for date, day in self.now.days.items():
            coverage = self.now.coverage(day, self.now.lengths[date])
            for name, row in self.day(day, begins[date]).items():
                if not day.windows:
                    row = {key: Hosts(None) if isinstance(value, Hosts) else None
                           for key, value in row.items()}
                if name in ("daily", "survey"):
                    row["coverage"] = coverage
                rows[name].append({"day": date, **row})
        for name, found in rows.items():
            self.add(name, found)

    def day(self, day, attacks):
        by_proto = day.by(lambda cell: cell[1])
        known = {*PROTOCOLS.values(), ICMP6}
        return {
            "daily": {
                "packets": day.packets,
                **{f"packets_{name}": by_proto[n] for name, n in PROTOCOLS.items()},
                "packets_icmp6": by_proto[ICMP6],
                "packets_other": sum(n for proto, n in by_proto.items() if proto not in known),
                "hosts": Hosts(day.count("all")),
                **{f"hosts_{name}": Hosts(day.count("proto", n)) for name, n in PROTOCOLS.items()},
                "addresses": day.monitored(), "active_addresses": day.reached(),
                "active_addresses_error": 0,
                "packets_per_address": ratio(day.packets, day.reached())},
            "survey": {"packets": day.packets, "survey_packets": day.survey,
                       "survey_share": ratio(day.survey, day.packets),
                       "survey_hosts": Hosts(day.count("survey", "all"))},
            "infected": {"infected_hosts": Hosts(day.count("infected")),
                         "infected_confirmed": Hosts(day.count("confirmed")),
                         "mirai_hosts": Hosts(day.count("signature", "mirai")),
                         "mirai_packets": day.sums["signature", "mirai"],
                         "infected_home": Hosts(day.count("infected", home=self.home)),
                         "mirai_home": Hosts(day.count("malware", "mirai", home=self.home))},
            "backscatter": {
                "backscatter_packets": day.by(lambda cell: cell[0])[BACKSCATTER],
                "backscatter_hosts": Hosts(day.count("class", BACKSCATTER)), "attacks": attacks}}

    # ---- ports and countries ----

    def ports(self):
        now, before = self.now.whole, self.before.whole
        self.add("ports", self.port_rows(0))
        self.add("ports-without-survey", self.port_rows(2))
        packets = now.by(port_of, where=is_scan)
        hosts = {port: now.count("port", SCAN, *port) for port in packets}
        order = sorted(packets, key=lambda port: (-hosts[port], -packets[port], port))
        self.add("ports-by-hosts", [{
            "rank": i + 1, "service": service(*port), "packets": packets[port],
            "hosts": Hosts(hosts[port], precision=10)} for i, port in enumerate(order[:TOP])])
        check(len(packets) > TOP + 1 and len(before.by(port_of, where=is_scan)) > 2, "few ports")

    def port_rows(self, part):
        packets, before = (p.whole.by(port_of, part, is_scan) for p in (self.now, self.before))
        whole, whole_before = sum(packets.values()), sum(before.values())
        places = [port for port, _ in ranked(before)]
        shown = ranked(packets)[:TOP]
        for i, (port, count) in enumerate(shown):
            what = "port", SCAN, *port
            hosts = Hosts(self.now.whole.count(*what),
                          self.now.whole.count("survey", what) if part else 0, 10)
            yield {"rank": i + 1, "service": service(*port), "packets": count,
                   "share": count / whole, "hosts": hosts,
                   "rank_before": places.index(port) + 1 if port in places else None,
                   "share_before": before[port] / whole_before}
        rest = whole - sum(count for _, count in shown)
        rest_before = whole_before - sum(before[port] for port, _ in shown)
        yield {"rank": None, "service": "other", "packets": rest, "share": rest / whole,
               "hosts": Hosts(None), "rank_before": None,
               "share_before": rest_before / whole_before}

    def countries(self):
        now = self.now.whole
        packets, others = (now.by(lambda cell: cell[3], part) for part in (0, 2))
        before = self.before.whole.by(lambda cell: cell[3])
        places = [country for country, _ in ranked(before)]
        check(len(packets) > TOP, "few countries")
        self.add("countries-by-packets", [{
            "rank": i + 1, "country": country, "packets": count, "share": count / now.packets,
            "packets_without_survey": others[country],
            "share_without_survey": others[country] / (now.packets - now.survey),
            "rank_before": places.index(country) + 1 if country in places else None,
            "share_before": before[country] / self.before.whole.packets}
            for i, (country, count) in enumerate(ranked(packets)[:TOP])])
        self.add("countries-by-hosts", [{  # one host each
            "rank": i + 1, "country": country, "hosts": Hosts(1), "hosts_share": 1 / len(packets),
            "packets": count} for i, (country, count) in enumerate(ranked(packets)[:TOP])])

    def at_home(self):
        now = self.now.whole
        mine = now.by(lambda cell: cell[3])[self.home]
        self.add("home", [{"country": self.home, "packets": mine, "share": mine / now.packets,
                           "hosts": Hosts(now.count("all", home=self.home)),
                           "infected_hosts": Hosts(now.count("infected", home=self.home))}])
        ports = now.by(port_of, where=lambda cell: is_scan(cell) and cell[3] == self.home)
        self.add("home-ports", [{"rank": i + 1, "service": service(*port), "packets": count,
                                 "share": count / sum(ports.values())}
                                for i, (port, count) in enumerate(ranked(ports)[:TOP])])
        kinds = {name: now.sums["device", name, self.home] for name in DEVICES}
        self.add("home-devices", [{"device": name, "packets": count, "share": count / mine,
                                   "hosts_peak": now.peaks[name, self.home]}
                                  for name, count in ranked(kinds)])

    # ---- hosts ----

    def infected(self):
        now = self.now.whole
        self.add("malware", [{"signature": name, "packets": now.sums["signature", name],
                              "hosts": Hosts(now.count("signature", name)),
                              "hosts_home": Hosts(now.count("malware", name, home=self.home))}
                             for name in MALWARE])
        names = {key[1]: count for key, count in now.sums.items() if key[0] == "signature"}
        check(len(names) > 3, "few signatures")
        self.add("tools", [{"signature": name, "packets": count, "share": count / now.packets,
                            "hosts": Hosts(now.count("signature", name))}
                           for name, count in ranked(names)[:TOOLS]])

    def devices(self):
        months = collections.defaultdict(list)
        for w in self.now.whole.windows:
            months[self.now.date(w.start)[:7]].append(w)
        parts = {month: Part(found) for month, found in sorted(months.items())}
        self.add("devices", [{"month": month, **{f"packets_{name}": part.sums["device", name] /
                                                 part.packets for name in DEVICES}}
                             for month, part in parts.items()])
        self.add("device-hosts", [
            {"month": month, **{f"hosts_{name}": Hosts(part.count("device", name))
                                for name in DEVICES}} for month, part in parts.items()])

    def volume(self):
        """Hosts of high volume, of those days of UTC that begin in the period."""
        now = self.now
        first, last = -(-now.first_s // DAY), -(-now.last_s // DAY)
        senders, addresses = collections.defaultdict(list), {}
        for w in now.whole.windows:
            if w.start // DAY in range(first, last):
                addresses[w.start // DAY, w.sensor] = w.addresses
                for country in {cell[3] for cell in w.cells}:
                    senders[w.start // DAY, w.sensor, country].append(w)
        sums, by_day = collections.Counter(), collections.Counter()
        for (day, sensor, country), windows in senders.items():
            packets, ports, group = self.sender(country, windows)
            if packets >= addresses[day, sensor]:
                by_day[day, group] += 1
                sums.update({(group, "hosts"): 1, (group, "packets"): packets,
                             (group, "ports"): ports})
        known = {day for day, _ in addresses}
        check(all(sums[group, "hosts"] for group in GROUPS), f"groups: {sums}")
        self.add("volume", [{
            "group": group, "host_days": sums[group, "hosts"],
            "hosts_per_day": sums[group, "hosts"] / len(known),
            "volume_packets": sums[group, "packets"],
            "volume_share": sums[group, "packets"] / now.whole.packets,
            "packets_per_host_day": ratio(sums[group, "packets"], sums[group, "hosts"]),
            "ports_per_host": ratio(sums[group, "ports"], sums[group, "hosts"])}
            for group in GROUPS])
        self.add("volume-days", [{
            "utc_day": (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat(),
            **{f"volume_{group}": by_day[day, group] if day in known else None for group in GROUPS}}
            for day in range(first, last)])

    @staticmethod
    def sender(country, windows):
        """Packets, most ports in a window, and group of a source on a day."""
        own = [{cell: counts for cell, counts in w.cells.items() if cell[3] == country}
               for w in windows]
        counts = [pair for cells in own for pair in cells.values()]
        is_malware = any(name in MALWARE and whose == country and confirmed for w in windows
                         for (name, whose), (_, confirmed) in w.all_marks().items())
        group = ("malware" if is_malware else "survey" if any(survey for _, survey in counts) else
                 "backscatter" if {cell[0] for cells in own for cell in cells} == {BACKSCATTER} else
                 "other-hosts")
        return sum(packets for packets, _ in counts), max(map(len, own)), group

    # ---- attacks ----

    def united(self):
        """Attacks, of which each window that saw one has a row; those that sensors see at the same
        time are one, with the port of the sensor that saw most of it."""
        seen = collections.defaultdict(list)
        for w in self.now.whole.windows:
            for a in w.attacks:
                seen[w.sensor, a.victim, a.proto, a.start_ms].append(a)
        vectors = []
        for found in seen.values():
            ports = collections.Counter()
            for a in found:
                ports[a.port] += a.window_packets
            vectors.append(dataclasses.replace(
                found[0], port=ranked(ports)[0][0], packets=max(a.packets for a in found),
                last_ms=max(a.last_ms for a in found)))
        groups = []
        for a in sorted(vectors, key=lambda a: (a.victim, a.proto, a.start_ms)):
            last = groups[-1] if groups else []
            if last and (last[0].victim, last[0].proto) == (a.victim, a.proto) and \
                    a.start_ms <= max(b.last_ms for b in last):
                last.append(a)
            else:
                groups.append([a])
        return [dataclasses.replace(group[0], port=max(group, key=lambda a: a.packets).port)
                for group in groups]

    def attacks(self):
        attacks = self.united()
        for table, column, counts in (
                ("victim-countries", "country", collections.Counter(a.country for a in attacks)),
                ("victim-services", "service",
                 collections.Counter((a.proto, a.port) for a in attacks))):
            check(len(counts) > TOP, f"few rows for {table}")
            self.add(table, [{"rank": i + 1, column: key if column == "country" else service(*key),
                              "attacks": count, "share": count / len(attacks)}
                             for i, (key, count) in enumerate(ranked(counts)[:TOP])])

    # ---- events ----

    def events(self):
        found = []
        for port in self.now.whole.by(port_of, where=lambda cell: is_scan(cell) and
                                      cell[1] in (TCP, UDP)):
            found += self.surges(port)
        found.sort(key=lambda event: (-event["excess_packets"], event["first_day"]))
        self.add("events", [{"rank": i + 1, **event} for i, event in enumerate(found[:TOP])])

    def surges(self, port):
        """Of all ports: those that a report looks at must have them all."""
        events, before, running = [], [], None
        for index, (date, day) in enumerate([*self.now.lead.items(), *self.now.days.items()]):
            if not day.windows:
                running = None
                continue
            count = day.by(port_of, 2, is_scan)[port]
            recent = [packets for on, packets in before if index - on <= 90][-28:]
            baseline = statistics.median_high(recent) if len(recent) >= 7 else None
            busiest = collections.Counter()
            for w in day.windows:
                busiest[w.sensor] = max(busiest[w.sensor], w.active[1] - w.active[0])
            if baseline is None or count < 3 * baseline or \
                    count - baseline < max(1, sum(busiest.values())):
                before.append((index, count))
                running = None
                continue
            if date in self.now.lead:
                continue
            if running is None:
                running = {"days": [], "baseline": baseline, "counts": []}
                events.append(running)
            running["days"].append(date)
            running["counts"].append((count, baseline))
        return [self.event(port, event) for event in events]

    def event(self, port, event):
        dates, counts = event["days"], [count for count, _ in event["counts"]]
        peak = counts.index(max(counts))
        day = self.now.days[dates[peak]]
        what = "port", SCAN, *port
        whole = Part([w for date in dates for w in self.now.days[date].windows])
        countries = whole.by(lambda cell: cell[3],
                             where=lambda cell: is_scan(cell) and port_of(cell) == port)
        return {"service": service(*port), "first_day": dates[0], "last_day": dates[-1],
                "peak_day": dates[peak], "peak_packets": counts[peak],
                "baseline_packets": event["baseline"],
                "excess_packets": sum(count - baseline for count, baseline in event["counts"]),
                "peak_hosts": Hosts(day.count(*what), day.count("survey", what), 10),
                "top_countries": ", ".join(
                    f"{country} {100 * count / sum(countries.values()):.1f} %"
                    for country, count in ranked(countries)[:3])}

    # ---- sensors ----

    def sensors(self):
        rows = []
        for name in sorted(self.now.whole.sensors()):
            part = Part([w for w in self.now.whole.windows if w.sensor == name])
            books = dict(zip(BOOKS, map(sum, zip(*(w.books for w in part.windows)))))
            rows.append({
                "sensor": name,
                "coverage": part.observed() / (self.now.last_s - self.now.first_s),
                "observed_hours": part.observed() / HOUR, "windows": len(part.windows),
                "addresses": part.monitored(), "packets": part.packets,
                "received": part.packets + books["outside"] + books["malformed"],
                "dropped": books["kernel"] + books["interface"] + books["ring"],
                **{key: books[key] for key in ("outside", "malformed", "late", "overflow")}})
        self.add("sensors", rows)


def same(value, expected, column):
    if value is None or expected is None or isinstance(expected, str):
        return value == expected
    is_error = column["id"].endswith("_error")
    near = 0.01 if is_error else 5e-3 if column["certainty"] == "estimated" else 1e-9
    if column["kind"] == "count":
        return value == expected
    return abs(value - expected) <= near * abs(expected)


def check_tables(tables, expected):
    """Every table, row and column: one that is not recomputed is an error."""
    check_equal([sorted(tables), sorted(expected)], [list(TABLES)] * 2, "recomputed tables")
    wrong = []
    for name, table in tables.items():
        columns = [column for column in table["columns"]
                   if column["id"] not in ("generated", "software")]
        if len(table["rows"]) != len(expected[name]):
            wrong.append(f"{name}: {len(table['rows'])} rows, not {len(expected[name])}")
        for i, (row, truth) in enumerate(zip(table["rows"], expected[name])):
            wrong += [f"{name}, row {i}: nobody recomputes {column['id']}"
                      for column in columns if column["id"] not in truth]
            wrong += [f"{name}, row {i}, {column['id']}: {row[column['id']]} is not "
                      f"{truth[column['id']]}" for column in columns if column["id"] in truth and
                      not same(row[column["id"]], truth[column["id"]], column)]
            unknown = set(truth) - {column["id"] for column in columns}
            check(not unknown, f"{name} lacks {unknown}")
    rest = f"\n... and {len(wrong) - 30} more" if len(wrong) > 30 else ""
    check(not wrong, "\n".join(wrong[:30]) + rest)

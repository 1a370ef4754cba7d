# SPDX-License-Identifier: Apache-2.0
"""The built-in signatures, the classes of devices and p0f's text, slow and obvious, written from
docs/signatures.md and the sources named there: what the sensor's fast way is compared with.

Numbers are those of the packet, in host order.
"""
import collections
import struct

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))

# The order decides which device a source is that was several.
DEVICES = ["none", "unknown", "linux", "linux-old", "bsd-mac", "windows", "embedded", "tool"]
RELATED = {"nmap", "unicornscan"}
SHAPES = {"masscan-1024", "masscan-1025", "zmap-modern", "zmap-modern-other"} | RELATED
EXPERIMENTAL = {"hajime", "adb-miner", "satori"}
IP6 = {"irregular", "irregular-ttl", "irregular-no-options"}

LAYOUTS = {
    "mss,sok,ts,nop,ws": "linux",
    "mss,nop,nop,sok,nop,ws": "linux",
    "mss,nop,ws,nop,nop,sok": "windows",
    "mss,nop,nop,sok": "windows",
    "mss,nop,ws,nop,nop,ts,sok,eol+1": "bsd-mac",
    "mss,nop,ws,sok,ts": "bsd-mac",
    "mss,nop,nop,sok,nop,ws,nop,nop,ts": "bsd-mac",
}
INITIAL_TTL = {"linux": 64, "windows": 128, "bsd-mac": 64}
ZMAP_OTHER = {"mss", "mss,sok,ts,nop,ws", "mss,nop,ws,nop,nop,ts,sok,eol+1"}

OPTION_NAMES = {1: "nop", 2: "mss", 3: "ws", 4: "sok", 5: "sack", 8: "ts"}
OPTION_BYTES = {2: 4, 3: 3, 4: 2, 8: 10}
EXTENSIONS = {0, 43, 44, 51, 60, 135, 139, 140}


class Syn:
    """A TCP SYN. options None: the capture lacks a part of them; window 0 where it lacks that."""

    def __init__(self, **fields):
        self.__dict__.update(fields)
        self.plain = self.header == 20
        self.text, self.facts = (None, {}) if self.options is None else read_options(self.options)
        broken = self.text is not None and self.facts["quirks"] & {"bad", "opt+"}
        self.layout = "broken" if broken else self.text  # only whole ones are anybody's


def read_options(data):
    """p0f's layout, and what the options say with the quirks among them."""
    names, facts, at = [], collections.defaultdict(int), 0
    facts["quirks"] = set()
    while at < len(data) and len(names) < 24:
        kind = data[at]
        if kind == 0:
            names.append(f"eol+{len(data) - at - 1}")
            if any(data[at + 1:]):
                facts["quirks"].add("opt+")
            at = len(data)
            break
        names.append(OPTION_NAMES.get(kind, f"?{kind}"))
        size = 1 if kind == 1 else OPTION_BYTES.get(kind)
        if size is None:
            size = data[at + 1] if at + 1 < len(data) else 0
            if not (10 <= size <= 34 if kind == 5 else 2 <= size <= 40):
                break
        if at + size > len(data):
            break
        if size > 1 and data[at + 1] != size:
            facts["quirks"].add("bad")
        read_option(kind, data[at:at + size], facts)
        at += size
    if at != len(data):
        facts["quirks"].add("bad")
    return ",".join(names), facts


def read_option(kind, data, facts):
    if kind == 2:
        facts["mss"] = int.from_bytes(data[2:4], "big")
    elif kind == 3:
        facts["scale"] = data[2]
        if data[2] > 14:
            facts["quirks"].add("exws")
    elif kind == 8:
        facts["time"], peer = struct.unpack(">II", data[2:10])
        if not facts["time"]:
            facts["quirks"].add("ts1-")
        if peer:
            facts["quirks"].add("ts2+")


def parse(ip):
    """The SYN in the bytes of an IP packet as captured, and its source; (None, source) for others."""
    return parse4(ip) if ip[0] >> 4 == 4 else parse6(ip)


def parse4(ip):
    header, total, ident, fragment = (ip[0] & 15) * 4, *struct.unpack(">HHH", ip[2:8])
    source, dest = ip[12:16], int.from_bytes(ip[16:20], "big")
    if ip[9] != 6 or fragment & 0x1FFF:
        return None, source
    return parse_tcp(ip[:total], header, v6=False, ttl=ip[8], df=bool(fragment & 0x4000),
                     reserved=bool(fragment & 0x8000), ident=ident, dest=dest, total=total,
                     ecn=bool(ip[1] & 3), flow=False, ip_options=header - 20), source


def parse6(ip):
    source, kind, at = ip[8:24], ip[6], 40
    total = 40 + int.from_bytes(ip[4:6], "big")
    while kind in EXTENSIONS:
        if at + 8 > len(ip):
            return None, source
        if kind == 44 and int.from_bytes(ip[at + 2:at + 4], "big") >> 3:
            return None, source
        size = 8 if kind == 44 else (ip[at + 1] + 2) * 4 if kind == 51 else (ip[at + 1] + 1) * 8
        kind, at = ip[at], at + size
    if kind != 6:
        return None, source
    first = int.from_bytes(ip[:4], "big")
    return parse_tcp(ip[:total], at, v6=True, ttl=ip[7], df=True, reserved=False, ident=0, dest=None,
                     total=min(total, 65535), ecn=bool(first >> 20 & 3), flow=bool(first & 0xFFFFF),
                     ip_options=0), source


def parse_tcp(ip, at, **fields):
    tcp = ip[at:]
    if len(tcp) < 14 or tcp[13] & (RST | ACK | FIN) or not tcp[13] & SYN:
        return None
    header = (tcp[12] >> 4) * 4
    sport, dport, seq, ack = struct.unpack(">HHII", tcp[:12])
    whole = len(tcp) >= header
    return Syn(sport=sport, dport=dport, seq=seq, ack=ack, flags=tcp[13], header=header,
               window=int.from_bytes(tcp[14:16], "big") if len(tcp) >= 16 else 0,
               options=tcp[20:header] if whole or header == 20 else None, whole=whole,
               small=tcp[12] & 15,
               pointer=int.from_bytes(tcp[18:20], "big") if whole else 0, headers=at + header,
               bare=at == (40 if fields["v6"] else 20) and at + header == fields["total"], **fields)


# --- signatures and devices ----------------------------------------------------------------------


def initial_ttl(ttl):
    return 64 if ttl <= 64 else 128 if ttl <= 128 else 255


def signatures(syn):
    """All but the experimental ones; related ones where the packet has the tool's shape."""
    ttl, raw = initial_ttl(syn.ttl), syn.bare and not syn.df
    alone = raw and syn.layout == "mss"
    mss = syn.facts.get("mss")
    dest = syn.dest if syn.dest is not None else -1
    holds = {
        "mirai": syn.seq == dest,
        "masscan": syn.ident == ((dest ^ syn.dport ^ syn.seq) & 0xFFFF),
        "masscan-1024": raw and syn.layout == "" and ttl == 255 and syn.window == 1024,
        "masscan-1025": alone and mss == 1460 and ttl == 255 and syn.window == 1025,
        "zmap": syn.ident == 54321,
        "zmap-modern": raw and ttl == 64 and syn.window == 65535 and
        syn.layout == "mss,nop,ws,nop,nop,sok",
        "zmap-modern-other": raw and ttl == 64 and syn.window == 65535 and syn.layout in ZMAP_OTHER,
        "nmap": alone and mss == 1460 and ttl == 64 and syn.window in (1024, 2048, 3072, 4096),
        "unicornscan": alone and ttl == 255 and syn.window == 4128,
        "irregular-ttl": syn.ttl > 200,
        "irregular-no-options": syn.plain,
        "irregular-id": syn.ident == 54321,
    }
    holds["irregular"] = any(holds["irregular-" + why] for why in ("ttl", "no-options", "id"))
    return {name for name, value in holds.items() if value and (not syn.v6 or name in IP6)}


def experimental(syn):
    mirai = not syn.v6 and syn.seq == syn.dest
    halves = syn.seq >> 16, syn.seq & 0xFFFF
    holds = {"hajime": not syn.v6 and syn.window == 14600 and 0 in halves,
             "adb-miner": mirai and syn.dport == 5555,
             "satori": mirai and syn.dport in (37215, 52869)}
    return {name for name, value in holds.items() if value}


def device(syn):
    """By the form of this one SYN."""
    if not syn.bare or syn.layout is None:
        return "unknown"
    ttl = initial_ttl(syn.ttl)
    if not syn.df:
        if ttl == 255 and syn.layout in ("", "mss"):
            return "tool"
        return "embedded" if ttl == 64 and syn.layout == "" else "unknown"
    kind = LAYOUTS.get(syn.layout)
    if kind is None or ttl != INITIAL_TTL[kind]:
        return "unknown"
    return "linux-old" if kind == "linux" and syn.window in (5840, 14600) else kind


def related(syn, last):
    """Those of the related signatures that stand, given the source's last SYN of that shape."""
    found = set()
    shapes = signatures(syn) & RELATED
    if "nmap" in shapes and "nmap" in last:
        difference = syn.seq ^ last["nmap"]
        if difference >> 16 == difference & 0xFFFF:
            found.add("nmap")
    ports = ((syn.dport << 16) + syn.sport) & 0xFFFFFFFF
    if "unicornscan" in shapes:
        swapped = int.from_bytes(syn.dest.to_bytes(4, "big"), "little")
        keys = [syn.seq ^ address ^ ports for address in (syn.dest, swapped)]
        if any(a == b for a, b in zip(keys, last.get("unicornscan", [None, None]))):
            found.add("unicornscan")
        last["unicornscan"] = keys
    if "nmap" in shapes:
        last["nmap"] = syn.seq
    return found


class Source:
    def __init__(self):
        self.packets, self.last, self.device = 0, {}, "none"
        self.counts = collections.Counter()

    def add(self, syn, with_experimental=False):
        self.packets += 1
        if syn is None:
            return set()
        found = signatures(syn) - RELATED | related(syn, self.last)
        if with_experimental:
            found |= experimental(syn)
        self.counts.update(found)
        self.device = max(self.device, device(syn), key=DEVICES.index)
        return found

    def kind(self):
        if self.counts["mirai"]:
            return "embedded"
        return "tool" if any(self.counts[name] for name in SHAPES) else self.device


def tables(sources):
    """The tables of a window of these sources without a country database."""
    marks, devices = collections.defaultdict(lambda: [0, 0, 0]), collections.defaultdict(lambda: [0, 0])
    for source in sources:
        devices[source.kind()][0] += source.packets
        devices[source.kind()][1] += 1
        for name, count in source.counts.items():
            marks[name][0] += count
            marks[name][1] += 1
            marks[name][2] += count >= 2
    return ({name: tuple(row) for name, row in marks.items()},
            {name: tuple(row) for name, row in devices.items()})


# --- p0f -----------------------------------------------------------------------------------------

QUIRKS = ["df", "id+", "id-", "ecn", "0+", "flow", "seq-", "ack+", "uptr+", "urgf+", "pushf+",
          "ts1-", "ts2+", "opt+", "exws", "bad"]


def quirks(syn):
    holds = {"df": not syn.v6 and syn.df, "id+": not syn.v6 and syn.df and syn.ident,
             "id-": not syn.v6 and not syn.df and not syn.ident,
             "ecn": syn.ecn or syn.flags & (ECE | CWR) or syn.small, "0+": syn.reserved,
             "flow": syn.flow, "seq-": syn.seq == 0, "ack+": syn.ack != 0,
             "uptr+": syn.pointer and not syn.flags & URG, "urgf+": syn.flags & URG,
             "pushf+": syn.flags & PSH}
    return [name for name in QUIRKS if holds.get(name) or name in syn.facts["quirks"]]


def window_text(syn):
    mss = syn.facts["mss"]
    if not syn.window or mss < 100:
        return str(syn.window)
    units = [("mss", mss)]
    if syn.facts["time"]:
        units.append(("mss", mss - 12))
    units += [("mss", 1460), ("mss", 1448)]
    if syn.v6:
        units += [("mss", 1440), ("mss", 1428)]
    units += [("mtu", mss + 40), ("mtu", mss + syn.headers)]
    if syn.v6:
        units.append(("mtu", mss + 60))
    units.append(("mtu", 1500))
    for name, unit in units:
        if syn.window % unit == 0:
            return f"{name}*{syn.window // unit}"
    return str(syn.window)


def p0f(syn):
    if syn is None or not syn.whole:
        return "-"
    ttl = 32 if syn.ttl <= 32 else initial_ttl(syn.ttl)
    data = "+" if syn.headers < syn.total else "0"
    return (f"{6 if syn.v6 else 4}:{ttl}:{syn.ip_options}:{syn.facts['mss']}:{window_text(syn)},"
            f"{syn.facts['scale']}:{syn.text}:{','.join(quirks(syn))}:{data}")

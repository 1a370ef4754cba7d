#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the MaxMind DB files of the tests, good and bad ones, byte for byte the same every time.

usage: make-mmdb.py FILE...      the file's name says which one it is, see FILES below
       make-mmdb.py --lookups    prints "address country" lines that hold for every good file

Format: https://maxmind.github.io/MaxMind-DB/ (2.0). The networks look like the real world's, so
that captures of darkscope-gen have countries, but they are no source of facts.
"""
import ipaddress
import os
import struct
import sys

BUILD_EPOCH = 1780272000  # 2026-06-01T00:00:00Z
METADATA_MARKER = b"\xab\xcd\xefMaxMind.com"
SEPARATOR = bytes(16)  # between tree and data

# --- data section: values -------------------------------------------------------------------

POINTER, UTF8, DOUBLE, UINT16, UINT32, MAP = 1, 2, 3, 5, 6, 7
UINT64, ARRAY, BOOLEAN = 9, 11, 14


class Uint(int):
    """An unsigned number with the type it is stored as."""

    def __new__(cls, value, kind):
        number = super().__new__(cls, value)
        number.kind = kind
        return number


def control(kind, size):
    """The control byte(s) of a value. No value here is 285 bytes or longer."""
    assert size < 285
    first, extended = (0, bytes([kind - 7])) if kind > 7 else (kind, b"")
    if size < 29:
        return bytes([first << 5 | size]) + extended
    return bytes([first << 5 | 29]) + extended + bytes([size - 29])


def pointer(offset):
    if offset < 2048:
        return bytes([POINTER << 5 | offset >> 8, offset & 0xFF])
    offset -= 2048
    assert offset < 1 << 19
    return bytes([POINTER << 5 | 1 << 3 | offset >> 16, offset >> 8 & 0xFF, offset & 0xFF])


class Data:
    """The data section. Strings and whole records that occurred before become pointers."""

    def __init__(self):
        self.bytes = bytearray()
        self.strings = {}
        self.records = {}

    def add(self, record):
        """Returns the offset of the record."""
        key = repr(record)
        if key not in self.records:
            self.records[key] = len(self.bytes)
            self.put(record)
        return self.records[key]

    def put(self, value):
        out = self.bytes
        if isinstance(value, str):
            text = value.encode()
            if text in self.strings and len(text) > 2:
                out += pointer(self.strings[text])
                return
            self.strings.setdefault(text, len(out))
            out += control(UTF8, len(text)) + text
        elif isinstance(value, bool):
            out += control(BOOLEAN, int(value))
        elif isinstance(value, Uint):
            text = value.to_bytes((value.bit_length() + 7) // 8, "big")
            out += control(value.kind, len(text)) + text
        elif isinstance(value, float):
            out += control(DOUBLE, 8) + struct.pack(">d", value)
        elif isinstance(value, dict):
            out += control(MAP, len(value))
            for key, item in value.items():
                self.put(key)
                self.put(item)
        elif isinstance(value, list):
            out += control(ARRAY, len(value))
            for item in value:
                self.put(item)
        else:
            raise TypeError(type(value))


# --- search tree ----------------------------------------------------------------------------


class Tree:
    """A binary trie over 128 (or 32) bits. A record is None, a node's number, or ("data", n)."""

    def __init__(self, bits):
        self.bits = bits
        self.nodes = [[None, None]]

    def walk(self, value, length):
        """The node above the last bit of a prefix; records on the way are pushed down."""
        node = 0
        for depth in range(length - 1):
            side = value >> (self.bits - 1 - depth) & 1
            below = self.nodes[node][side]
            if not isinstance(below, int):
                self.nodes.append([below, below])
                below = len(self.nodes) - 1
                self.nodes[node][side] = below
            node = below
        return node, value >> (self.bits - length) & 1

    def set(self, value, length, record):
        node, side = self.walk(value, length)
        self.nodes[node][side] = record

    def get(self, value, length):
        node, side = self.walk(value, length)
        return self.nodes[node][side]

    def numbers(self):
        """Every record as the number that is written."""
        count = len(self.nodes)
        for left, right in self.nodes:
            yield tuple(count if r is None else r if isinstance(r, int)
                        else count + len(SEPARATOR) + r[1] for r in (left, right))


def pack_node(left, right, record_size):
    if record_size == 24:
        return left.to_bytes(3, "big") + right.to_bytes(3, "big")
    if record_size == 28:
        middle = left >> 24 << 4 | right >> 24
        return ((left & 0xFFFFFF).to_bytes(3, "big") + bytes([middle]) +
                (right & 0xFFFFFF).to_bytes(3, "big"))
    return left.to_bytes(4, "big") + right.to_bytes(4, "big")


# --- whole files ----------------------------------------------------------------------------


def build(networks, record_size=24, ip_version=6, kind="Test-Country", change=None):
    """The bytes of a file. change(tree) may damage the finished tree."""
    data = Data()
    tree = Tree(128 if ip_version == 6 else 32)
    parsed = [(ipaddress.ip_network(text), record) for text, record in networks]
    for network, record in sorted(parsed, key=lambda pair: pair[0].prefixlen +
                                  (96 if pair[0].version == 4 else 0)):
        length = network.prefixlen
        if network.version == 4 and ip_version == 6:
            length += 96
        elif network.version != ip_version:
            continue
        entry = None if record is None else ("data", data.add(record))
        tree.set(int(network.network_address), length, entry)
    if ip_version == 6:
        # As MaxMind does: 6to4 and IPv4-mapped addresses share the nodes of IPv4.
        ipv4 = tree.get(0, 96)
        for alias in "::ffff:0:0/96", "2002::/16":
            network = ipaddress.ip_network(alias)
            tree.set(int(network.network_address), network.prefixlen, ipv4)
    if change:
        change(tree)

    metadata = Data()
    metadata.put({
        "binary_format_major_version": Uint(2, UINT16),
        "binary_format_minor_version": Uint(0, UINT16),
        "build_epoch": Uint(BUILD_EPOCH, UINT64),
        "database_type": kind,
        "description": {"en": "darkscope test data"},
        "ip_version": Uint(ip_version, UINT16),
        "languages": ["en"],
        "node_count": Uint(len(tree.nodes), UINT32),
        "record_size": Uint(record_size, UINT16),
    })
    nodes = b"".join(pack_node(left, right, record_size)
                     for left, right in tree.numbers())
    return nodes + SEPARATOR + bytes(data.bytes) + METADATA_MARKER + bytes(metadata.bytes)


# --- the networks ---------------------------------------------------------------------------


def full(code, name):
    """A record as of GeoLite2-Country."""
    return {
        "continent": {"code": "XX", "geoname_id": Uint(6255147, UINT32)},
        "country": {"geoname_id": Uint(1000 + ord(code[0]) * 100 + ord(code[1]), UINT32),
                    "is_in_european_union": code in ("DE", "FR", "NL"),
                    "iso_code": code, "names": {"en": name, "ja": "国 " + code}},
        # Elsewhere than country: whoever reads the wrong one is found out.
        "registered_country": {"iso_code": "ZZ"},
        "location": {"latitude": 35.69},
    }


def registered(code):
    return {"continent": {"code": "XX"}, "registered_country": {"iso_code": code}}


def plain(code):
    """A record as of the ip-location-db files."""
    return {"country_code": code}


COUNTRIES = {
    "AU": ("Australia", "1.0.0.0/24 1.128.0.0/11 2001:8000::/20"),
    "BR": ("Brazil", "177.0.0.0/11 179.128.0.0/10 189.0.0.0/11 2804::/16"),
    "CN": ("China", "1.0.1.0/24 36.96.0.0/11 58.16.0.0/13 112.0.0.0/10 113.64.0.0/10 "
                    "222.160.0.0/11 240e::/20"),
    "DE": ("Germany", "79.192.0.0/10 91.0.0.0/10 2003::/19"),
    "EG": ("Egypt", "41.32.0.0/12 156.192.0.0/11"),
    "FR": ("France", "90.0.0.0/9 2a01:e00::/26"),
    "GB": ("United Kingdom", "81.128.0.0/11 2a00:2380::/25"),
    "ID": ("Indonesia", "36.64.0.0/11"),
    "IN": ("India", "59.88.0.0/13 117.192.0.0/10 2405:200::/29"),
    "IR": ("Iran", "2.176.0.0/12 5.52.0.0/14"),
    "JP": ("Japan", "126.0.0.0/8 133.0.0.0/8 202.32.0.0/14 2001:200::/23"),
    "KR": ("Korea", "14.32.0.0/11 121.128.0.0/10"),
    "MX": ("Mexico", "187.128.0.0/10"),
    "NL": ("Netherlands", "145.0.0.0/11 2a02:a400::/23"),
    "RU": ("Russia", "5.136.0.0/13 95.24.0.0/13 2a02:2168::/32"),
    "SG": ("Singapore", "43.96.0.0/11"),
    "TH": ("Thailand", "171.96.0.0/13"),
    "TR": ("Turkey", "78.160.0.0/11"),
    "TW": ("Taiwan", "1.160.0.0/12 114.32.0.0/12"),
    "UA": ("Ukraine", "176.36.0.0/14"),
    "US": ("United States", "3.0.0.0/8 8.0.0.0/8 12.0.0.0/8 2600::/12 2001:4800::/23"),
    "VN": ("Vietnam", "14.160.0.0/11 113.160.0.0/11"),
    "ZA": ("South Africa", "41.0.0.0/11"),
}

# Records of other shapes, and networks inside others.
SPECIAL = [
    ("105.112.0.0/12", registered("NG")),
    ("2c0f:f000::/20", registered("NG")),
    ("105.128.0.0/11", plain("MA")),
    ("2c0f:fb50::/32", plain("MA")),
    ("197.0.0.0/11", {"country": {"names": {"en": "no code"}}, "country_code": "TN"}),
    ("8.8.8.0/24", None),                               # a hole
    ("8.8.4.0/24", {"continent": {"code": "NA"}}),      # a record without any country
    ("12.1.2.3/32", full("CA", "Canada")),              # a single host
    ("12.1.2.2/31", full("PR", "Puerto Rico")),
    ("100.64.0.0/24", plain("se")),                     # lower case
    ("100.64.1.0/24", plain("USA")),                    # no such code
    ("100.64.2.0/24", plain("")),
    ("100.64.3.0/24", {"country": "a text where a map belongs"}),
    ("100.64.4.0/24", {"country_code": Uint(49, UINT16)}),
    ("100.64.5.0/24", ["a list where a map belongs"]),
    ("100.64.6.0/24", plain("D1")),
]
NETWORKS = [(network, full(code, name)) for code, (name, networks) in COUNTRIES.items()
            for network in networks.split()] + SPECIAL

LOOKUPS = """
0.0.0.0 ??
1.0.0.255 AU
1.0.1.0 CN
1.0.2.0 ??
3.255.255.255 US
5.52.0.0 IR
8.8.4.4 ??
8.8.7.255 US
8.8.8.8 ??
8.8.9.0 US
12.1.2.1 US
12.1.2.2 PR
12.1.2.3 CA
12.1.2.4 US
36.95.255.255 ID
36.96.0.0 CN
41.31.255.255 ZA
41.32.0.0 EG
79.255.255.255 DE
90.127.255.255 FR
90.128.0.0 ??
100.64.0.1 SE
100.64.1.1 ??
100.64.2.1 ??
100.64.3.1 ??
100.64.4.1 ??
100.64.5.1 ??
100.64.6.1 ??
105.112.0.1 NG
105.159.255.255 MA
126.5.6.7 JP
197.0.0.1 TN
198.51.100.1 ??
255.255.255.255 ??
:: ??
2001:200::1 JP
2001:400::1 ??
2003:1fff:ffff::1 DE
2003:2000::1 ??
240e::1 CN
2600:1f00::1 US
2a02:2168:ffff:ffff:ffff:ffff:ffff:ffff RU
2a02:2169::1 ??
2c0f:f0ff::1 NG
2c0f:fb50::1 MA
2002:7e05:607::1 JP
::ffff:12.1.2.3 CA
ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ??
""".strip()

ASN_NETWORKS = [
    ("1.0.0.0/24", {"autonomous_system_number": Uint(13335, UINT32),
                    "autonomous_system_organization": "Example Net"}),
    ("126.0.0.0/8", {"autonomous_system_number": Uint(17676, UINT32),
                     "autonomous_system_organization": "Example Tel"}),
]


# --- good and bad files ---------------------------------------------------------------------


def cut():
    whole = build(NETWORKS)
    return whole[:len(whole) // 2]


def without_metadata():
    whole = build(NETWORKS)
    return whole[:whole.rindex(METADATA_MARKER)]


def beyond_data(tree):
    """The first record points far behind the end of the file."""
    tree.nodes[tree.walk(int(ipaddress.ip_address("126.0.0.0")), 104)[0]] = [("data", 0x70000)] * 2


def loop(tree):
    """The top of IPv4 is its own child on both sides: to walk all networks must still end."""
    top = tree.get(0, 96)
    tree.nodes[top] = [top, top]


def bad_record_size():
    """Metadata that promise records of 20 bits."""
    return build(NETWORKS).replace(b"record_size\xa1\x18", b"record_size\xa1\x14")


FILES = {
    "countries.mmdb": lambda: build(NETWORKS),
    "countries-28.mmdb": lambda: build(NETWORKS, record_size=28),
    "countries-32.mmdb": lambda: build(NETWORKS, record_size=32),
    "countries-ipv4.mmdb": lambda: build(NETWORKS, ip_version=4),
    "bad-asn.mmdb": lambda: build(ASN_NETWORKS, kind="GeoLite2-ASN"),
    "bad-empty.mmdb": lambda: b"",
    "bad-text.mmdb": lambda: b"This is not a database.\n" * 20,
    "bad-cut.mmdb": cut,
    "bad-no-metadata.mmdb": without_metadata,
    "bad-record-size.mmdb": bad_record_size,
    "bad-beyond-data.mmdb": lambda: build(NETWORKS, change=beyond_data),
    "bad-loop.mmdb": lambda: build(NETWORKS, change=loop),
}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--lookups":
        print(LOOKUPS)
        return
    for path in sys.argv[1:]:
        make = FILES.get(os.path.basename(path))
        if make is None:
            sys.exit(f"make-mmdb.py: {path}: the name must be one of {', '.join(FILES)}")
        with open(path, "wb") as file:
            file.write(make())


main()

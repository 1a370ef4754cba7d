# SPDX-License-Identifier: Apache-2.0
"""The shipped signature files said a second time, slow and obvious: corsaro's filters as
libcorsaro_filtering.c has them, and which ports, payloads and lengths the others are. Written from
the sources that the files name, without reading their conditions.

Only of packets of which as much was captured as a sensor keeps.
"""
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
ICMP, TCP, UDP, IN_6, SCTP = 1, 6, 17, 41, 132
KEPT = 176  # bytes of a packet that a sensor looks at
EXTENSIONS = {0, 43, 44, 51, 60, 135, 139, 140}


class Packet:
    """IPv4, or IPv6, of which only protocol, ports, flags and payload are asked for."""

    def __init__(self, data):
        self.v4 = data[0] >> 4 == 4
        if self.v4:
            header = (data[0] & 15) * 4
            self.total, self.ident, self.offset = struct.unpack(">HHH", data[2:8])
            self.ttl, self.proto = data[8], data[9]
            self.source, self.dest = struct.unpack(">II", data[12:20])
            self.later, simple = bool(self.offset & 0x1FFF), True
        else:
            self.total = 40 + struct.unpack(">H", data[4:6])[0]
            self.proto, header, self.later = data[6], 40, False
            while self.proto in EXTENSIONS:
                size = (8 if self.proto == 44 else (data[header + 1] + 2) * 4 if self.proto == 51
                        else (data[header + 1] + 1) * 8)
                self.later |= self.proto == 44 and data[header + 2:header + 4] >= b"\0\x08"
                self.proto, header = data[header], header + size
            simple = header == 40
        self.complete = len(data) >= self.total
        self.kept = len(data) >= min(self.total, KEPT)
        body = data[header:self.total]
        self.sport = self.dport = self.flags = self.seq = self.window = self.words = None
        self.kind = self.code = self.payload = self.udp_length = None
        self.body = b"" if self.later else body
        if self.later or not self.kept:
            return
        if self.proto == TCP:
            self.sport, self.dport, self.seq = struct.unpack(">HHI", body[:8])
            self.words, self.flags, self.window = body[12] >> 4, body[13], \
                int.from_bytes(body[14:16], "big")
            self.payload = body[self.words * 4:]
        elif self.proto == UDP:
            self.sport, self.dport, self.udp_length = struct.unpack(">HHH", body[:6])
            self.payload = body[8:]
        elif self.proto == ICMP:
            self.kind, self.code = body[0], body[1]
        if not simple:
            self.payload = b""  # not looked for

    def is_syn(self):
        return self.flags is not None and self.flags & (SYN | ACK) == SYN


# --- corsaro -------------------------------------------------------------------------------------

NORMAL = {SYN, ACK, RST, FIN, SYN | FIN, SYN | ACK, FIN | ACK, ACK | PSH, FIN | ACK | PSH}
SPECIAL = [ipaddress.ip_network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4")]
AS208843 = [ipaddress.ip_network(text) for text in ("45.83.64.0/22", "194.187.176.0/22")]
SPOOFED = {"abnormal-protocol", "ttl-200-nonspoofed", "fragmented", "last-byte-src-0",
           "last-byte-src-255", "same-src-dst", "udp-port-0", "tcp-port-0", "udp-destport-80"}
ERRATIC = {"spoofed", "ttl-200", "udp-0x31", "sip-status", "udp-ip-len-96", "udp-ip-len-1500",
           "port-53", "tcp-port-23", "tcp-port-80", "tcp-port-5000", "dns-resp-non-standard",
           "netbios-query-name", "backscatter", "bittorrent"}


def bittorrent(p):
    data, words = p.payload, p.payload[:2].hex()
    if p.udp_length >= 20 and data[:12] in (b"d1:ad2:id20:", b"d1:rd2:id20:"):
        return True
    if p.udp_length >= 48 and data[20:40] == b"\x13BitTorrent protocol":
        return True
    if p.total >= 58 and words in ("4102", "2102", "3102", "1102") and p.complete and \
            data[-10:] == b"\0\x08" + bytes(8):
        return True
    if p.total == 48 and words in ("4100", "2100", "3102", "1100"):
        return True
    return p.total == 61 and data[12:32] == bytes.fromhex("7fffffffab0204000100000008000000") + \
        bytes(4)


def dns_response(p):
    if p.total <= 42 or len(p.payload) < 12:
        return False
    flags, *counts = struct.unpack(">HHHHH", p.payload[2:12])
    return flags & 0xFFF0 == 0x8180 and max(counts) < 10


def corsaro_udp(p):
    data = p.payload
    return {"udp-port-0": 0 in (p.sport, p.dport),
            "udp-destport-80": p.dport == 80,
            "bittorrent": bittorrent(p),
            "udp-0x31": p.total == 58 and data[:10] == bytes(8) + b"1\0",
            "sip-status": p.sport == p.dport == 5060 and data[:7] == b"SIP/2.0",
            "dns-resp-non-standard": dns_response(p),
            "netbios-query-name": p.sport == p.dport == 137 and p.total > 48 and
            data[12:20] == b" CKAAAAA",
            "backscatter": p.sport == 53}


def corsaro_tcp(p):
    ports, plain = (p.sport, p.dport), p.is_syn() and p.words == 5
    slow = p.is_syn() and p.window == 1024
    return {"abnormal-protocol": p.flags & 0x3F not in NORMAL,
            "no-tcp-options": plain, "tcpwin-1024": slow,
            "ttl-200-nonspoofed": p.ttl >= 200 and not (plain and slow),
            "large-scale-scan": plain and slow and p.ttl >= 200,
            "tcp-port-0": 0 in ports, "tcp-port-23": 23 in ports, "tcp-port-80": 80 in ports,
            "tcp-port-5000": 5000 in ports,
            "tcp-port-37215": p.is_syn() and p.dport == 37215 and p.total == 40,
            "backscatter": p.flags & (SYN | ACK) == SYN | ACK or p.flags & RST}


def asn_208843(p):
    if not any(ipaddress.ip_address(p.source) in network for network in AS208843):
        return False
    return p.udp_length is not None or (
        p.is_syn() and p.ttl < 64 and p.window == 8192 and p.total == 44)


def corsaro(p):
    if not p.v4:
        return set()
    special = any(ipaddress.ip_address(p.source) in network for network in SPECIAL)
    ports = (p.kind, p.code) if p.proto == ICMP else (p.sport, p.dport)
    holds = {"abnormal-protocol": p.proto not in (ICMP, TCP, UDP, IN_6),
             "ttl-200": p.ttl >= 200 and p.proto != ICMP,
             "ttl-200-nonspoofed": p.ttl >= 200 and p.proto != ICMP,
             "fragmented": p.offset & 0x9FFF, "last-byte-src-0": p.source & 255 == 0,
             "last-byte-src-255": p.source & 255 == 255, "same-src-dst": p.source == p.dest,
             "udp-ip-len-96": p.proto == UDP and p.total == 96,
             "udp-ip-len-1500": p.proto == UDP and p.total == 1500,
             "port-53": 53 in ports, "rfc5735": special, "routed": special,
             "asn-208843-scan": asn_208843(p),
             "backscatter": p.kind in (0, 3, 4, 5, 11, 12, 14, 16, 18)}
    if p.proto == UDP and not p.later:
        holds.update(corsaro_udp(p))
    if p.proto == TCP and not p.later:
        holds.update(corsaro_tcp(p))
    found = {name for name, value in holds.items() if value}
    found |= {"spoofed"} if found & SPOOFED else set()
    return found | ({"erratic"} if found & ERRATIC else set())


CORSARO = SPOOFED | ERRATIC | {"erratic", "rfc5735", "routed", "no-tcp-options", "tcpwin-1024",
                               "large-scale-scan", "tcp-port-37215", "asn-208843-scan"}

# --- ports ---------------------------------------------------------------------------------------

VARIANTS = {23, 2323, 37215, 60001, 7547, 80, 8080, 5555, 52869}
KNOCKS = {  # a SYN to one of these
    "iot-telnet": {23, 2323}, "huawei-hg532": {37215}, "realtek-upnp": {52869},
    "realtek-upnp-49152": {49152}, "jaws-dvr": {60001}, "tr064": {7547}, "xm-shell": {9527},
    "xiongmai-9530": {9530}, "adb": {5500, 5555}, "mirai-3232": {32, 3232}, "iot-5358": {5358},
    "iot-6789": {6789}, "ssh-brute": {22, 2222}, "telnet-alternate": {26, 1023},
    "goahead-camera": {81}, "mikrotik-winbox": {8291}, "dvrip": {34567}, "redis": {6379},
    "docker-api": {2375}, "memcached-tcp": {11211}}
REQUESTS = {  # ports, and a part of the data
    "huawei-hg532-exploit": ({37215}, b"/ctrlt/DeviceUpgrade_1"),
    "realtek-upnp-exploit": ({52869}, b"/picsdesc.xml"),
    "tr064-exploit": ({7547}, b"/UD/act?1"),
    "zyxel-viewlog-exploit": ({80, 8080}, b"/cgi-bin/ViewLog.asp"),
    "gpon-exploit": ({80, 8080}, b"/GponForm/diag_Form"),
    "linksys-tmunblock-exploit": ({80, 8080}, b"/tmUnblock.cgi"),
    "dlink-login-exploit": ({80}, b"/login.cgi?cli="),
    "thinkphp-exploit": ({80, 8080}, b"/invokefunction&function=call_user_func_array")}
SERVICES = {  # UDP port, lengths of ZMap's payloads
    "amp-qotd": (17, 2), "amp-chargen": (19, 1), "amp-dns": (53, 30), "amp-tftp": (69, 14),
    "amp-portmap": (111, 40), "amp-ntp": (123, 48), "amp-netbios": (137, 50),
    "amp-snmp": (161, 40, 43, 60), "amp-xdmcp": (177, 7), "amp-cldap": (389, 53),
    "amp-rip": (520, 24), "amp-ipmi": (623, 23), "amp-mssql": (1434, 1), "amp-ssdp": (1900, 84),
    "amp-ard": (3283, 5), "amp-rdp": (3389, 18), "amp-wsd": (3702, 5, 627), "amp-sip": (5060,),
    "amp-mdns": (5353, 46), "amp-coap": (5683, 21), "amp-sentinel": (5093, 6),
    "amp-ubiquiti": (10001, 4), "amp-memcached": (11211, 21), "amp-wdbrpc": (17185, 64),
    "amp-valve": (27015, 25), "amp-quake": (27960,), "amp-bacnet": (47808, 18, 37),
    "udp-quic": (443, 1200), "udp-netis": (53413, 18), "udp-citrix": (1604,), "udp-db2": (523,),
    "udp-digi": (2362,), "udp-natpmp": (5351,), "udp-openvpn": (1194,), "udp-pcanywhere": (5632,),
    "udp-echo": (7,), "udp-netbios-dgm": (138,), "udp-ike": (500,), "udp-l2tp": (1701,),
    "udp-nfs": (2049,)}


def zmap_length(name):
    return "zmap-udp-" + name.partition("-")[2]


def knocks(p):
    mirai = p.v4 and p.seq == p.dest
    found = {name for name, ports in KNOCKS.items() if p.dport in ports}
    if p.dport in (23, 2323) and not mirai:
        found.add("iot-telnet-not-mirai")
    if p.dport in (23, 2323, 7574, 8080, 49152) and not mirai:
        found.add("mozi-ports")
    if mirai:
        found.add("mirai-variant-ports" if p.dport in VARIANTS else "mirai-new-port")
    if p.v4 and p.offset & 0x4000 and p.ttl <= 64 and p.words == 10 and p.window == 29200 and \
            p.dport in (23, 2323, 8080, 9527):
        found.add("iot-connect-bot")
    return found


def tcp_data(p):
    found = {name for name, (ports, text) in REQUESTS.items()
             if p.dport in ports and text in p.payload}
    if p.dport == 60001 and p.payload.startswith(b"GET /shell?"):
        found.add("jaws-dvr-exploit")
    return found


def udp(p):
    found, data = set(), p.payload
    for name, (port, *lengths) in SERVICES.items():
        if p.dport == port:
            found.add(name)
            if p.v4 and p.udp_length - 8 in lengths:
                found.add(zmap_length(name))
    holds = {"udp-radius": p.dport in (1645, 1646, 1812, 1813),
             "amp-ntp-monlist": p.dport == 123 and data.startswith(b"\x17\0\x03\x2a"),
             "zmap-udp-memcached-stats": p.dport == 11211 and data.startswith(
                 b"ZM\0\0\0\1\0\0stats items\r\n"),
             "bittorrent-dht-query": data.startswith(b"d1:ad2:id20:"),
             "bittorrent-dht-response": data.startswith(b"d1:rd2:id20:"),
             "bittorrent-handshake": data[20:40] == b"\x13BitTorrent protocol",
             "netbios-wildcard": p.sport == p.dport == 137 and data[12:20] == b" CKAAAAA",
             "zeroaccess-ports": p.dport in (16464, 16465, 16470, 16471),
             "slammer": p.v4 and p.dport == 1434 and p.udp_length == 384 and
             data.startswith(b"\4")}
    return found | {name for name, value in holds.items() if value}


def masscan_sctp(p):
    if not p.v4 or p.proto != SCTP or p.later or len(p.body) < 20 or p.body[12] != 1:
        return False
    port, tag = struct.unpack(">H", p.body[2:4])[0], struct.unpack(">I", p.body[16:20])[0]
    return p.ident == (p.dest ^ port ^ tag) & 0xFFFF


def signatures(p):
    """The ids of all shipped signatures that the packet carries."""
    found = {"corsaro-" + name for name in corsaro(p)}
    if p.is_syn():
        found |= knocks(p)
    if p.proto == TCP and not p.later:
        found |= tcp_data(p)
    if p.proto == UDP and not p.later:
        found |= udp(p)
    if p.v4 and p.kind == 8 and p.ident == 54321:
        found.add("zmap-icmp-id")
    if p.v4 and p.proto == UDP and p.ident == 54321:
        found.add("zmap-udp-id")
    if masscan_sctp(p):
        found.add("masscan-sctp")
    return found


ALL = {"corsaro-" + name for name in CORSARO} | set(KNOCKS) | set(REQUESTS) | set(SERVICES) | {
    zmap_length(name) for name, (_, *lengths) in SERVICES.items() if lengths} | {
        "iot-telnet-not-mirai", "mozi-ports", "mirai-variant-ports", "mirai-new-port",
        "iot-connect-bot", "jaws-dvr-exploit", "udp-radius", "amp-ntp-monlist",
        "zmap-udp-memcached-stats", "zmap-udp-id", "zmap-icmp-id", "masscan-sctp",
        "bittorrent-dht-query", "bittorrent-dht-response", "bittorrent-handshake",
        "netbios-wildcard", "zeroaccess-ports", "slammer"}

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does the generator's truth hold for a reader that nobody here wrote? tshark dissects generated
captures; packets, bytes, addresses, types, protocols and ports must be those of the sidecar.

Populations whose figures tshark does not state (broken and cut packets, quoted headers) are left
out; the sensor's own tests and the comparison of sensor and truth cover them.

usage: test-gen-tshark.py DARKSCOPE-GEN
"""
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile

MIX = ("survey,mirai,bot,windows,zmap-old,zmap-modern,masscan-old,masscan-modern,nmap,unicornscan,"
       "flood,backscatter-synack,backscatter-rst,amplification,icmp-echo,other-tcp,fragments,options,"
       "other-proto,late")
FORMATS = [("pcap", "ethernet"), ("pcap-ns", "raw"), ("pcap-be", "null"), ("pcapng", "sll"),
           ("pcap", "sll2")]
FIELDS = ["ip.src", "ip.dst", "ip.proto", "ip.len", "ip.frag_offset", "tcp.flags", "tcp.dstport",
          "udp.dstport", "tcp.seq_raw", "ip.id"]
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def tcp_type(flags):
    """docs/statistics.md, packet type; the first rule that fits wins."""
    if flags & RST:
        return "tcp_rst"
    if flags & SYN and flags & ACK:
        return "tcp_synack"
    if flags & SYN:
        return "tcp_other" if flags & FIN else "tcp_syn"
    for flag, name in ((FIN, "tcp_fin"), (PSH, "tcp_push"), (ACK, "tcp_ack")):
        if flags & flag:
            return name
    return "tcp_other"


def packet_type(row):
    if row["ip.proto"] == "6":
        first = row["ip.frag_offset"] == "0"
        return tcp_type(int(row["tcp.flags"], 16)) if first else "tcp_other"
    return {"17": "udp", "1": "icmp"}.get(row["ip.proto"], "other")


def dissect(capture):
    """One dictionary a packet; of fields that occur twice (tunnels) the outermost."""
    command = ["tshark", "-n", "-r", capture, "-o", "ip.defragment:FALSE", "-T", "fields",
               "-E", "occurrence=f", "-E", "separator=|"]
    for field in FIELDS:
        command += ["-e", field]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    for line in run.stdout.splitlines():
        yield dict(zip(FIELDS, line.split("|")))


def figures(capture):
    """What tshark says, in the words of the sidecar."""
    count = collections.Counter()
    types, protocols, ports = (collections.Counter() for _ in range(3))
    sources, destinations, mirai, zmap = set(), set(), set(), set()
    for row in dissect(capture):
        count["packets"] += 1
        count["bytes"] += int(row["ip.len"])
        sources.add(row["ip.src"])
        destinations.add(row["ip.dst"])
        protocols[row["ip.proto"]] += 1
        kind = packet_type(row)
        types[kind] += 1
        if kind == "tcp_syn":
            ports["tcp", int(row["tcp.dstport"])] += 1
            octets = [int(octet) for octet in row["ip.dst"].split(".")]
            if int(row["tcp.seq_raw"]) == int.from_bytes(bytes(octets), "big"):
                mirai.add(row["ip.src"])
            if int(row["ip.id"], 16) == 54321:
                zmap.add(row["ip.src"])
        elif kind == "udp" and row["ip.frag_offset"] == "0":
            ports["udp", int(row["udp.dstport"])] += 1
    return {"packets": count["packets"], "bytes": count["bytes"], "sources": len(sources),
            "destinations": len(destinations), "types": dict(types), "protocols": dict(protocols),
            "ports": dict(ports), "mirai": len(mirai), "zmap": len(zmap)}


def truth(sidecar):
    with open(sidecar, encoding="utf-8") as file:
        whole = json.load(file)["all"]
    signatures = {s["id"]: s["sources"] for s in whole["signatures"]}
    return {"packets": whole["packets"]["counted"], "bytes": whole["bytes"],
            "sources": whole["sources"], "destinations": whole["destinations"],
            "types": {name: n for name, n in whole["types"].items() if n},
            "protocols": whole["protocols"],
            "ports": {(p["proto"], p["port"]): p["packets"] for p in whole["ports"]
                      if p["class"] == "scan" and p["proto"] in ("tcp", "udp")},
            "mirai": signatures["mirai"], "zmap": signatures["zmap"]}


def main():
    generator = sys.argv[1]
    if not shutil.which("tshark"):
        print("1..0 # SKIP tshark is not installed")
        return 0
    number = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        capture, sidecar = os.path.join(folder, "capture"), os.path.join(folder, "truth.json")
        for form, link in FORMATS:
            subprocess.run([generator, "-o", capture, "-t", sidecar, "--mix", MIX, "--format", form,
                            "--link", link, "--rate", "400", "--duration", "30s"],
                           check=True, timeout=100)
            seen, said = figures(capture), truth(sidecar)
            for name, value in said.items():
                number += 1
                good = value == seen[name]
                failed += not good
                print("ok" if good else "not ok", number, "-", form, link, name)
                if not good:
                    print(f"# tshark: {seen[name]}\n# truth:  {value}")
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

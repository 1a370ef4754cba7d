#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the sensor says and does where it cannot go on: one line that says what, where and how to
mend it, the documented exit status, and all that was read before is counted.

usage: badinput.py DARKSCOPE-SENSOR DATABASES EXAMPLE-CONFIGURATION
"""
import os
import re
import socket
import struct
import sys

import packets
from books import check_books
from harness import (Failure, Program, Skip, check, folder, main, namespaces, need_root, run, veth,
                     wait_for, received_packets, within)

SENSOR, DATABASES, EXAMPLE = sys.argv[1:4]
FAILURE, USAGE, CONFIG, INPUT, DAMAGED, PERMISSION, NETWORK, DATABASE = range(1, 9)
NOBODY = 65534
SECRET = "198.18."  # how every monitored address here begins
WHERE = "{where}"   # stands for the test's folder in arguments and files

SYN = packets.ethernet(0x0800, packets.ip4("203.0.113.5", "198.18.3.4", 6,
                                           packets.tcp(40000, 23, packets.SYN)))
GOOD = packets.pcap([SYN] * 10)
RECORD = 16 + len(SYN)
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
READ = ["--read", WHERE + "/input", "--json", "--window", "all"]


def table():
    """name, files, arguments, exit status, what the line must say, packets that must be counted."""
    yield from inputs()
    yield from configurations()
    yield from databases()
    yield from command_lines()


def inputs():
    absurd = HEADER + (struct.pack("<IIII", 1767225600, 0, len(SYN), len(SYN)) + SYN) * 4 + \
        struct.pack("<IIII", 1767225600, 0, 0xFFFFFFF0, 60)
    other_link = GOOD[:20] + struct.pack("<I", 105) + GOOD[24:]
    yield ("file is missing", {}, READ, INPUT, r"/input: no such file;", None)
    yield ("file is a directory", {"input/x": b""}, READ, INPUT, r"/input: .*directory.*;", None)
    yield ("file is empty", {"input": b""}, READ, INPUT, r"/input: is empty;", None)
    yield ("file is a few bytes", {"input": b"ab"}, READ, INPUT, r"/input: .*too short;", None)
    yield ("file is no capture", {"input": b"This is a text, not a capture.\n" * 9}, READ, INPUT,
           r"/input: is not a capture.*;", None)
    yield ("file ends in its header", {"input": GOOD[:20]}, READ, INPUT, r"/input: .*;", None)
    yield ("file ends in a record", {"input": GOOD[:24 + 6 * RECORD + 30]}, READ, DAMAGED,
           r"/input: record 7 .*cut off.*; all 6 packets before it were read", 6)
    yield ("file ends in a record's header", {"input": GOOD[:24 + 9 * RECORD + 7]}, READ, DAMAGED,
           r"/input: record 10 .*cut off.*; all 9 packets", 9)
    yield ("record is absurdly long", {"input": absurd}, READ, DAMAGED,
           r"/input: record 5 .*4294967280.*; all 4 packets", 4)
    yield ("link type is not known", {"input": other_link}, READ, INPUT,
           r"/input: link type 105 is not read.*;", None)
    yield ("gzip is damaged", {"input": b"\x1f\x8b\x08\0\0\0\0\0\0\3garbage"}, READ, INPUT,
           r"/input: .*;", None)
    yield ("pcapng of a short section", {"input": packets.pcapng([SYN])[:10]}, READ, INPUT,
           r"/input: is not a capture.*;", None)
    whole = packets.pcapng([SYN] * 3)
    yield ("pcapng ends in a block", {"input": whole[:-9]}, READ, DAMAGED,
           r"/input: record 3 .*; all 2 packets", 2)
    yield ("pcapng lengths differ", {"input": whole[:-4] + b"\xff\0\0\0"}, READ, DAMAGED,
           r"/input: record 3 .*; all 2 packets", 2)


def configurations():
    check_it = ["--config", WHERE + "/sensor.yaml", "--check-config"]

    def row(name, text, pattern):
        return (name, {"sensor.yaml": text.encode()}, check_it, CONFIG,
                r"/sensor\.yaml:" + pattern, None)

    start = "capture:\n  file: a.pcap\n"
    yield ("configuration is missing", {}, check_it, CONFIG, r"/sensor\.yaml: .*No such file", None)
    yield ("configuration is a directory", {"sensor.yaml/x": b""}, check_it, CONFIG,
           r"/sensor\.yaml: .*directory", None)
    yield row("key is not known", start + "monitr:\n  - 198.18.0.0/16\n", r"3:1: .*monitr")
    yield row("key is not known, inside", "capture:\n  fil: a.pcap\n", r"2:3: .*'capture'.*'fil'")
    yield row("list where a text belongs", start + "name: [a, b]\n", r"3:7: .*name")
    yield row("text where a number belongs", start + "workers: many\n", r"3:10: .*workers")
    yield row("number with a unit", start + "workers: 2 cores\n", r"3:10: .*workers")
    yield row("boolean that is none", "capture:\n  interface: x\n  promiscuous: perhaps\n",
              r"3:16: .*promiscuous")
    yield row("negative number", start + "workers: -1\n", r"3:10: .*workers")
    yield row("number of the wrong size", start + "workers: 99999999999999999999\n",
              r"3:10: .*workers")
    yield row("prefix is none", start + "monitor:\n  - 198.18.0.0/33\n", r"4:5: .*monitor")
    yield row("prefix has host bits", start + "monitor:\n  - 198.18.0.1/16\n",
              r"4:5: .*monitor.*host bits")
    yield row("prefix where a list belongs", start + "monitor: 198.18.0.0/16\n",
              r"3:10: .*monitor.*list")
    yield row("prefix where a key belongs", "capture:\n  198.18.0.0/16: x\n",
              r"2:3: .*'capture': this is no key; known here: ")
    yield row("key stands twice", start + "workers: 1\nworkers: 2\n", r"4:1: .*workers")
    yield row("window without a unit", start + "window: 60\n", r"3:9: .*window.*60s")
    yield row("aliases that multiply", start + "monitor: &a [x, x, x, x, x]\nexclude: &b [*a, *a]\n"
              "decapsulate: [*b, *b]\n", r"3:10: .*(anchor|alias)")
    yield row("not YAML", "capture: [\n", r"\d+:\d+: ")
    yield row("two documents", start + "---\nname: b\n", r"\d+:\d+: .*document")
    settings = {
        "window is no divisor of an hour": ("window: 7s", r"window: '7s' .*divide an hour"),
        "window is too long": ("window: 2h", r"window: '2h' "),
        "lateness is the window": ("window: 5s\nlateness: 5s", r"lateness: '5s' .*shorter"),
        "too many workers": ("workers: 100000", r"workers: 100000 must be from 1 to \d+"),
        "prefixes overlap": ("monitor: [198.18.0.0/16, 10.0.0.0/8, 198.18.4.0/24]",
                             r"monitor: entry 3 overlaps entry 1; "),
        "IPv6 prefixes overlap": ("monitor: ['2001:db8::/32', '2001:db8:1::/48']",
                                  r"monitor: entry 2 overlaps entry 1; "),
        "nothing is left": ("monitor: [198.18.0.0/16]\nexclude: [198.18.0.0/16]",
                            r"exclude: leaves nothing"),
        "nothing to exclude from": ("exclude: [198.18.0.0/16]", r"exclude: nothing to exclude"),
        "CPU is no number": ("cpus: [first]", r"cpus: an entry is no number"),
        "CPU is not there": ("cpus: [1023]", r"cpus: CPU 1023 does not exist"),
        "more CPUs than threads": ("cpus: [0, 0, 0, 0]", r"cpus: 4 CPUs are more than .*1 workers"),
        "tunnel is not known": ("decapsulate: [ipip]", r"decapsulate: entry 1 .*gre"),
        "name is none": ("name: 'no spaces, please'", r"name: must be"),
        "aggregator is elsewhere": ("aggregator: tcp://192.0.2.1:7100", r"aggregator: .*loopback"),
    }
    for name, (text, pattern) in settings.items():
        yield (name, {"sensor.yaml": (start + text + "\n").encode()}, check_it, CONFIG, pattern,
               None)


def databases():
    def row(name, files, database, pattern):
        return (name, {"input": GOOD, **files}, [*READ, "--country-db", database], DATABASE,
                pattern, None)

    yield row("database is missing", {}, WHERE + "/none.mmdb", r"/none\.mmdb.*;")
    yield row("database is a directory", {"none.mmdb/x": b""}, WHERE + "/none.mmdb",
              r"/none\.mmdb.*;")
    yield row("database is empty", {"none.mmdb": b""}, WHERE + "/none.mmdb", r"/none\.mmdb.*;")
    for kind in ("asn", "beyond-data", "cut", "empty", "loop", "no-metadata", "record-size",
                 "text"):
        yield row(f"database is bad: {kind}", {}, f"{DATABASES}/bad-{kind}.mmdb",
                  rf"bad-{kind}\.mmdb.*;")


def command_lines():
    good = {"input": GOOD}
    yield ("nothing to read", {}, ["--json"], CONFIG, r"capture: nothing to read; give -r", None)
    yield ("file and interface", good, [*READ, "--interface", "lo"], CONFIG,
           r"capture: both .*; give one", None)
    yield ("nowhere to put windows", good, ["--read", WHERE + "/input"], USAGE,
           r"nowhere to put the windows; give --json", None)
    yield ("interface is missing", {}, ["--interface", "nosuch0", "--json"], NETWORK,
           r"interface nosuch0: does not exist; there are: ", None)
    yield ("aggregator is not there", good,
           [*READ[:-2], "--aggregator", f"tcp://127.0.0.1:{closed_port()}"], NETWORK,
           r"1 of 1 windows were not delivered .*; check that darkscope-aggregator runs", 10)


def closed_port():
    """One on which nothing listens: it was the kernel's choice just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def place(files, where):
    for name, content in files.items():
        path = os.path.join(where, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def not_an_error(line):
    return ": warning: " in line or "capturing from interface" in line


def check_said(err, pattern):
    """One line of error, without any address of the telescope."""
    check(SECRET not in err, f"an address of the telescope is shown: {err}")
    errors = [line for line in err.splitlines() if not not_an_error(line)]
    check(len(errors) == 1, f"not one line of error: {err}")
    check(re.match(r"darkscope-sensor: error: ", errors[0]), f"no error: {errors[0]}")
    check(re.search(pattern, errors[0]), f"does not say {pattern}: {errors[0]}")


def check_counted(windows, counted):
    for window in windows:
        check_books(window)
    seen = sum(window["packets"]["counted"] for window in windows)
    check(seen == counted, f"{seen} packets were counted, not {counted}")


def by_row(files, arguments, status, pattern, counted):
    def test():
        with folder() as where:
            place(files, where)
            result = run(SENSOR, *[a.replace(WHERE, where) for a in arguments], status=status)
            check_said(result.err, pattern)
            check_counted(result.windows(), counted or 0)
    return test


def as_nobody():
    """Options with which a program runs without rights."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def run_as_nobody(*arguments, status):
    try:
        return run(SENSOR, *arguments, status=status, **as_nobody())
    except PermissionError:
        raise Skip("other users cannot run programs from here") from None


def test_file_is_unreadable():
    with folder() as where:
        place({"input": GOOD}, where)
        os.chmod(os.path.join(where, "input"), 0)
        result = run_as_nobody("--read", where + "/input", "--json", status=PERMISSION)
        check_said(result.err, r"/input: permission denied;")


def test_capture_is_not_allowed():
    result = run_as_nobody("--interface", "lo", "--json", status=PERMISSION)
    check_said(result.err, r"interface lo: not allowed to capture; run as root or")


def test_interface_is_down():
    with namespaces(1) as (name,):
        run("ip", "-n", name, "link", "set", "lo", "down")
        result = within(name, SENSOR, "--interface", "lo", "--json", status=NETWORK)
        check_said(result.err, r"interface lo: is down.*; ")


def send(namespace, interface, frames):
    """From this process into the interface of another namespace."""
    script = ("import socket, sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
              "s.bind((sys.argv[1], 0))\nframe = bytes.fromhex(sys.argv[2])\n"
              "[s.send(frame) for _ in range(int(sys.argv[3]))]\n")
    within(namespace, sys.executable, "-c", script, interface, frames[0].hex(), str(len(frames)))


def test_interface_goes_away():
    with folder() as where, veth() as (near, far):
        with Program("ip", "netns", "exec", far, SENSOR, "--interface", "far0", "--json",
                     "--window", "all", "--monitor", "198.18.0.0/16", where=where,
                     name="sensor") as sensor:
            wait_for(sensor.captures, "sensor captures")
            send(near, "near0", [SYN] * 20)
            wait_for(lambda: received_packets(far, "far0") >= 20, "packets arrive")
            run("ip", "-n", far, "link", "delete", "far0")
            ended = sensor.ended(NETWORK)
        check_said(ended.err, r"interface far0: went away.*;")
        check_counted(ended.windows(), 20)


def printing(options, status):
    with folder() as where:
        place({"input": GOOD}, where)
        return run(SENSOR, *[a.replace(WHERE, where) for a in READ], status=status, **options)


def test_output_is_full():
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")

    def redirect():
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    result = printing({"preexec_fn": redirect}, FAILURE)
    check_said(result.err, r"cannot write to standard output: No space left.*;")


def test_output_is_closed():
    result = printing({"preexec_fn": lambda: os.close(1)}, FAILURE)
    check_said(result.err, r"cannot write to standard output: .*;")


def test_reader_of_output_has_left():
    reading, writing = os.pipe()
    os.close(reading)

    def redirect():
        os.dup2(writing, 1)
    try:
        result = printing({"preexec_fn": redirect}, None)
    finally:
        os.close(writing)
    check(result.status in (FAILURE, -13), f"ended with {result.status}")


def test_help_lists_every_status():
    text = run(SENSOR, "--help").out.decode()
    missing = [s for s in range(9) if not re.search(rf"\b{s}\s[a-z]", text)]
    if missing:
        raise Failure(f"--help does not say what these mean: {missing}")


def test_argument_is_not_repeated():
    """Two prefixes behind one option."""
    result = run(SENSOR, "--json", "-m", "10.0.0.0/8", "198.18.0.0/16", status=USAGE)
    check(SECRET not in result.err, f"an address of the telescope is shown: {result.err}")
    check("its own -m" in result.err, f"it says only: {result.err}")


def test_prefix_behind_another_option_is_not_repeated():
    for option in ("--window", "--lateness", "--workers", "--speed", "--snaplen", "--cpu",
                   "--decapsulate", "--method"):
        result = run(SENSOR, "--interface", "lo", "--json", option, "198.18.0.0/16", status=None)
        check(result.status in (USAGE, CONFIG), f"{option}: ended with {result.status}")
        check(SECRET not in result.err, f"an address of the telescope is shown: {result.err}")


def test_filter_is_not_repeated():
    need_root()
    for expression in ("host 198.18.3.4.5", "net 198.18.1.0/16", "dst 198.18.3.4 andd tcp"):
        result = run(SENSOR, "--interface", "lo", "--json", "--filter", expression, status=CONFIG)
        check_said(result.err, r"filter: .*tcpdump -i lo -d")


def test_example_is_good():
    """The configuration that is installed; every other one here is a change of a good one."""
    result = run(SENSOR, "--config", EXAMPLE, "--check-config")
    check(result.err == "", f"it says: {result.err}")


TESTS = [("example configuration is good", test_example_is_good),
         ("file is not readable", test_file_is_unreadable),
         ("capturing is not allowed", test_capture_is_not_allowed),
         ("interface is down", test_interface_is_down),
         ("interface goes away", test_interface_goes_away),
         ("standard output is full", test_output_is_full),
         ("standard output is closed", test_output_is_closed),
         ("reader of standard output has left", test_reader_of_output_has_left),
         ("argument is not repeated", test_argument_is_not_repeated),
         ("prefix behind another option is not repeated",
          test_prefix_behind_another_option_is_not_repeated),
         ("filter is not repeated", test_filter_is_not_repeated),
         ("every exit status is documented", test_help_lists_every_status)]

if __name__ == "__main__":
    sys.exit(main([(row[0], by_row(*row[1:])) for row in table()] + TESTS))

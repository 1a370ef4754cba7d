#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sensor's counts of generated captures are the true ones, and its books balance.

Every population of darkscope-gen alone, and mixes in every link type and file format, cut, tiny and
long: all figures of the sensor's windows equal the generator's sidecar. The two share no code.

usage: truth.py DARKSCOPE-GEN DARKSCOPE-SENSOR COUNTRY-DB
"""
import json
import os
import sys

from books import check_books
from harness import Failure, check, check_equal, folder, main, run

GEN, SENSOR, COUNTRY_DB = sys.argv[1:4]
PREFIXES = ["198.18.0.0/16", "2001:db8::/48"]
TOLERANCE_S = 0.001  # of observed_seconds, which is rounded to a millisecond

# What a capture must hold so that the comparison means something, by population.
WITNESS = {
    "mirai": lambda w: confirmed(w, "mirai") > 0,
    "zmap-old": lambda w: confirmed(w, "zmap") > 0,
    "zmap-modern": lambda w: confirmed(w, "zmap-modern") > 0,
    "zmap-options": lambda w: confirmed(w, "zmap-modern-other") > 0,
    "nmap": lambda w: confirmed(w, "nmap") > 0,
    "unicornscan": lambda w: confirmed(w, "unicornscan") > 0,
    "windows": lambda w: {d["device"] for d in w["devices"]} == {"windows"},
    "bot": lambda w: {d["device"] for d in w["devices"]} == {"linux", "linux-old"},
    "masscan-old": lambda w: confirmed(w, "masscan") > 0,
    "masscan-modern": lambda w: confirmed(w, "masscan") > 0,
    "outside": lambda w: w["packets"]["outside"] == w["packets"]["received"] > 0,
    "malformed": lambda w: w["packets"]["malformed"] == w["packets"]["received"] > 0,
    "fragments": lambda w: w["packets"]["fragment"] > 0,
}

# name: options of the generator. The default mix has every population that fits.
MIXES = {
    "mix": ["--rate", "400", "--duration", "5m"],
    "mix, another seed and day": ["--seed", "7", "--start", "2026-03-29T23:58:00Z", "--rate", "200",
                                  "--duration", "5m"],
    "mix, pcap of nanoseconds": ["--format", "pcap-ns", "--duration", "2m", "--rate", "300"],
    "mix, pcap of the other byte order": ["--format", "pcap-be", "--duration", "2m",
                                          "--rate", "300"],
    "mix, pcapng": ["--format", "pcapng", "--duration", "2m", "--rate", "300"],
    "mix, raw IP": ["--link", "raw", "--duration", "2m", "--rate", "300"],
    "mix, cooked": ["--link", "sll", "--duration", "2m", "--rate", "300"],
    "mix, cooked v2": ["--link", "sll2", "--duration", "2m", "--rate", "300"],
    "mix, BSD loopback": ["--link", "null", "--duration", "2m", "--rate", "300"],
    "mix, snapped to 64 bytes": ["--snaplen", "64", "--duration", "2m", "--rate", "300"],
    "mix, snapped to 40 bytes": ["--snaplen", "40", "--duration", "2m", "--rate", "300"],
    "mix, snapped to 20 bytes, cooked": ["--snaplen", "20", "--link", "sll", "--duration", "1m",
                                         "--rate", "300"],
    "many sources": ["--mix", "flood", "--duration", "1m", "--rate", "2000"],
    "few packets, windows empty": ["--rate", "1", "--window", "3s", "--duration", "30m",
                                   "--mix", "mirai,late"],
    "windows of 3 s": ["--window", "3s", "--rate", "300", "--duration", "90s"],
    "windows of an hour": ["--window", "1h", "--rate", "2", "--duration", "3h"],
    "lateness in small windows": ["--window", "5s", "--mix", "late=5,mirai=1", "--rate", "300",
                                  "--duration", "2m"],
}


def confirmed(window, signature):
    return sum(s["confirmed_sources"] for s in window["signatures"] if s["id"] == signature)


def populations():
    """Those with a weight in the default mix as well as those that must be asked for."""
    return [line.split()[0] for line in run(GEN, "--list").out.decode().splitlines()]


def option(options, name, default):
    return options[options.index(name) + 1] if name in options else default


def check_windows(seen, true, what):
    check(len(seen) == len(true), f"{what}: {len(seen)} windows instead of {len(true)}")
    for ours, theirs in zip(seen, true):
        check_books(ours)
        off = abs(ours.pop("observed_seconds") - theirs.pop("observed_seconds"))
        check(off <= TOLERANCE_S, f"{what}: window {ours['start']} was observed {off} s too long "
              "or too short")
        del ours["sensor"], theirs["sensor"]
        del ours["attacks"], theirs["attacks"]  # the sidecar has none; see attacks.py
        check_equal(ours, theirs, f"{what}: sensor and truth of window {ours['start']}")


def compare(options, witness):
    with folder() as where:
        capture, sidecar = os.path.join(where, "capture"), os.path.join(where, "truth.json")
        prefixes = [word for prefix in PREFIXES for word in ("--prefix", prefix)]
        run(GEN, "--output", capture, "--truth", sidecar, "--country-db", COUNTRY_DB, *prefixes,
            *options)
        with open(sidecar, encoding="utf-8") as file:
            truth = json.load(file)
        check(witness(truth["all"]), "the capture does not hold what it is made for")
        sensor = [SENSOR, "--json", "--signatures", "none", "--read", capture, "--country-db",
                  COUNTRY_DB, *[word for prefix in PREFIXES for word in ("--monitor", prefix)]]
        whole = run(*sensor, "--window", "all").windows()
        by_window = run(*sensor, "--window", option(options, "--window", "60s")).windows()
        check_sums(whole, by_window)
        check_windows(whole, [truth["all"]], "--window all")
        check_windows(by_window, truth["windows"], "by window")


def check_sums(whole, by_window):
    """Nothing is lost between windows."""
    for key in whole[0]["packets"]:
        if key != "late":  # nothing is late where there is one window
            check(sum(w["packets"][key] for w in by_window) == whole[0]["packets"][key],
                  f"the windows' {key} do not add up to that of the whole capture")


def by_population(name):
    def test():
        options = ["--mix", name, "--rate", "100", "--duration", "150s", "--sources", "400"]
        compare(options, WITNESS.get(name, lambda w: w["packets"]["counted"] > 0))
    return test


def by_mix(name):
    return lambda: compare(MIXES[name], lambda w: w["packets"]["received"] > 1000)


def test_mix_is_wide():
    """The default mix holds every type, class, book and reason."""
    with folder() as where:
        sidecar = os.path.join(where, "truth.json")
        run(GEN, "--output", os.path.join(where, "capture"), "--truth", sidecar,
            "--rate", "2000", "--duration", "1m")
        with open(sidecar, encoding="utf-8") as file:
            truth = json.load(file)["all"]
    missing = [f"{table}.{key}" for table in ("types", "malformed") for key, count
               in truth[table].items() if not count]
    missing += [key for key, row in truth["classes"].items() if not row["packets"]]
    missing += [key for key in ("outside", "malformed", "fragment", "truncated")
                if not truth["packets"][key]]
    if missing:
        raise Failure("the default mix has none of " + ", ".join(missing))


if __name__ == "__main__":
    sys.exit(main([("the default mix has everything", test_mix_is_wide)] +
                  [(f"population {name}", by_population(name)) for name in populations()] +
                  [(name, by_mix(name)) for name in MIXES]))

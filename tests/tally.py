#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the tests of one `meson test` run, TAP subtests one by one, and prints
"PASSED FAILED SKIPPED". A test that failed without a failed subtest (crash, timeout, leak found at
its end) counts as one failed, and so does one that says nothing at all. Names of what failed or was
skipped go to standard error, and what failed subtests say of why.

usage: tally.py BUILD/meson-logs/testlog.json
"""
import json
import re
import sys

GOOD = {"OK", "EXPECTEDFAIL"}
MOST_LINES = 12  # of a failed subtest


def count(test):
    """passed, failed, skipped of one test of the log."""
    if test["result"] == "SKIP":
        return (0, 0, 1) if test.get("stdout", "").strip() else (0, 1, 0)
    points = re.findall(r"^(not )?ok\b(.*)$", test.get("stdout", ""), re.M)
    skipped = sum(bool(re.search(r"# *skip", text, re.I)) for _, text in points)
    failed = sum(bool(bad) and not re.search(r"# *(skip|todo)", text, re.I) for bad, text in points)
    passed = len(points) - skipped - failed
    if test["result"] in GOOD:
        return (passed, failed, skipped) if points else (1, 0, 0)
    return passed, max(failed, 1), skipped


def reasons(test):
    """Failed subtests, each with the last of the comments that follow it; how it ended if none."""
    lines = []
    for name, comments in re.findall(r"^not ok\b(.*)\n((?:#.*\n?)*)", test.get("stdout", ""), re.M):
        lines += [name.strip(), *comments.splitlines()[-MOST_LINES:]]
    return lines or [f"{test['result']}: no subtest failed"]


def main():
    sums = [0, 0, 0]
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            counts = count(test)
            sums = [a + b for a, b in zip(sums, counts)]
            for what, number in ("failed", counts[1]), ("skipped", counts[2]):
                if number:
                    print(f"{what}: {number} of {test['name']}", file=sys.stderr)
            if counts[1]:
                print(*reasons(test), sep="\n", file=sys.stderr)
    print(*sums)


main()

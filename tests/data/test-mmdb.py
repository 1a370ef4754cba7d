#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Are the country databases of the tests what they claim to be? mmdblookup, which shares nothing
with make-mmdb.py, must read every good file as make-mmdb.py --lookups says; the file in the tree
must be the one that the script writes.

usage: test-mmdb.py MAKE-MMDB.PY TREE-FILE GOOD-FILE...
"""
import os
import re
import shutil
import subprocess
import sys

PATHS = (("country", "iso_code"), ("registered_country", "iso_code"), ("country_code",))
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + good, failed + (not good)
    print("ok" if good else "not ok", passed + failed, "-", what)


def country(file, address):
    for path in PATHS:
        run = subprocess.run(["mmdblookup", "-f", file, "-i", address, *path],
                             capture_output=True, text=True)
        found = re.search(r'^\s*"([A-Za-z]{2})" <utf8_string>', run.stdout, re.M)
        if found:
            return found[1].upper()
    return "??"


def main():
    make, tree_file, *good = sys.argv[1:]
    with open(tree_file, "rb") as kept, open(good[0], "rb") as made:
        check(kept.read() == made.read(),
              f"{os.path.basename(tree_file)} is what make-mmdb.py writes (if not: write it again)")
    if not shutil.which("mmdblookup"):
        print("ok 2 - mmdblookup # SKIP not installed (package mmdb-bin)\n1..2")
        return
    lookups = subprocess.run([sys.executable, make, "--lookups"], check=True,
                             capture_output=True, text=True).stdout
    for file in good:
        for line in lookups.splitlines():
            address, expected = line.split()
            if "ipv4" in file and ":" in address:
                continue
            found = country(file, address)
            check(found == expected,
                  f"{os.path.basename(file)} {address} is {expected}, mmdblookup says {found}")
    print(f"1..{passed + failed}")
    sys.exit(failed > 0)


main()

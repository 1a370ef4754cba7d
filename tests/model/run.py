#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks ring.pml with spin: the protocol must hold in every interleaving, and each mutant of it
must be rejected for its own reason, so that the model is known to be able to fail. TAP on standard
output.

usage: run.py [RING.PML]
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

HOLDS = "holds"
DEADLOCK = "invalid end state"  # a thread sleeps for ever
WRONG_SLOT = "assertion violated"  # lost, twice, out of order or overwritten
CYCLE = "non-progress cycle"

TWO_SLOTS = ("-DSLOTS=2", "-DITEMS=5")
FOUR_SLOTS = ("-DSLOTS=4", "-DITEMS=7")
TWO_WORKERS = ("-DWORKERS=2", "-DSLOTS=1", "-DITEMS=2")
TWO_CAPTURES = ("-DCAPTURES=2", "-DSLOTS=1", "-DITEMS=1")
SMALL = ("-DSLOTS=2", "-DITEMS=3")

# What is checked, the model's bounds, what must come out.
CASES = (
    ("one capture thread, one worker, 2 slots", TWO_SLOTS, HOLDS),
    ("one capture thread, one worker, 4 slots", FOUR_SLOTS, HOLDS),
    ("one capture thread, two workers", TWO_WORKERS, HOLDS),
    ("two capture threads, one worker", TWO_CAPTURES, HOLDS),
    ("no thread loops without end", SMALL + ("-DCYCLES",), HOLDS),
    ("NO_LOOK_DATA", SMALL, DEADLOCK),
    ("NO_LOOK_ROOM", SMALL, DEADLOCK),
    ("STALE_LOOK_DATA", SMALL, DEADLOCK),
    ("STALE_LOOK_ROOM", SMALL, DEADLOCK),
    ("LOOK_FIRST", SMALL, DEADLOCK),
    ("LOOK_AT_ONE", TWO_CAPTURES, DEADLOCK),
    ("SIGNAL_BEFORE_HEAD", SMALL, DEADLOCK),
    ("SIGNAL_BEFORE_TAIL", SMALL, DEADLOCK),
    ("CLEAR_AFTER_POST", SMALL, DEADLOCK),
    ("HEAD_BEFORE_FILL", SMALL, WRONG_SLOT),
    ("TAIL_BEFORE_READ", SMALL, WRONG_SLOT),
    ("ONE_TOO_MANY", SMALL, WRONG_SLOT),
    ("NO_PUBLISH_BEFORE_WAIT", SMALL, DEADLOCK),
    ("LOOP_WITHOUT_SLEEP", SMALL + ("-DCYCLES",), CYCLE),
    ("a store buffer and a fence for head", SMALL + ("-DBUFFERED_HEAD", "-DFENCED"), HOLDS),
    ("a store buffer and a fence for tail", SMALL + ("-DBUFFERED_TAIL", "-DFENCED"), HOLDS),
    ("a store buffer and a fence for waiting", SMALL + ("-DBUFFERED_WAITING", "-DFENCED"), HOLDS),
    ("BUFFERED_HEAD", SMALL, DEADLOCK),
    ("BUFFERED_TAIL", SMALL, DEADLOCK),
    ("BUFFERED_WAITING", SMALL, DEADLOCK),
)


def command(arguments, folder):
    run = subprocess.run(arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, check=False)
    return run.stdout


def verdict(output):
    """What pan found: HOLDS only where it saw all states and reached every step of both threads."""
    for found in (DEADLOCK, WRONG_SLOT, CYCLE):
        if re.search(rf"^pan:1: {found}", output, re.M):
            return found
    whole = "errors: 0" in output and "Search not completed" not in output
    reached = re.findall(r"^unreached in proctype (?:capture|worker)\n\t\(0 of", output, re.M)
    return HOLDS if whole and len(reached) == 2 else "cannot tell"


def check(model, name, bounds):
    """Returns the verdict and all that the tools said."""
    defines = list(bounds) + ([f"-D{name}"] if name.isupper() else [])
    cycles = "-DCYCLES" in bounds
    with tempfile.TemporaryDirectory() as folder:
        said = command(["spin", *defines, "-a", model], folder)
        said += command(["gcc", "-O0", "-w", "-DNP" if cycles else "-DSAFETY", "-o", "pan",
                         "pan.c"], folder)
        if os.path.exists(os.path.join(folder, "pan")):
            said += command(["./pan", "-w20", "-m100000", *(["-l"] if cycles else [])], folder)
        return verdict(said), said


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    model = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(here, "ring.pml")
    for tool in "spin", "gcc":
        if not shutil.which(tool):
            print(f"1..0 # SKIP no {tool}")
            return
    failed = 0
    print(f"1..{len(CASES)}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = [pool.submit(check, model, name, bounds) for name, bounds, _ in CASES]
        for number, ((name, _, expected), result) in enumerate(zip(CASES, results), 1):
            found, said = result.result()
            good = found == expected
            failed += not good
            what = name if expected == HOLDS else f"mutant {name} is rejected"
            print("ok" if good else "not ok", number, "-", what)
            if not good:
                print(f"# expected: {expected}; found: {found}")
                print("\n".join("# " + line for line in said.splitlines()))
    sys.exit(failed > 0)


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Both programs at work under the filters of system calls that their units ask systemd for.

usage: units.py DARKSCOPE-GEN DARKSCOPE-SENSOR DARKSCOPE-AGGREGATOR DARKSCOPE UNDER-FILTER UNITS
"""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys

from harness import (Program, Skip, check, check_equal, folder, main, need_root, received_packets,
                     run, veth, wait_for, within)

GEN, SENSOR, AGGREGATOR, DARKSCOPE, UNDER_FILTER, UNITS = sys.argv[1:7]
NOBODY = pwd.getpwnam("nobody")
MONITOR = ["--monitor", "198.18.0.0/16"]


def calls_of(group):
    """The system calls of a group of systemd's, or the one that is named."""
    if not group.startswith("@"):
        return {group}
    lines = subprocess.run(["systemd-analyze", "syscall-filter", group], check=False,
                           capture_output=True, text=True)
    check(lines.returncode == 0, f"{group}: {lines.stderr}")
    names = [line.strip() for line in lines.stdout.splitlines()[1:]]
    return set().union(*(calls_of(name) for name in names if name and not name.startswith("#")))


def filter_of(unit):
    """As systemd reads the lines: each adds to those before, or with ~ takes away."""
    if not shutil.which("systemd-analyze"):
        raise Skip("no systemd-analyze")
    allowed = calls_of("@default")
    with open(os.path.join(UNITS, unit + ".in"), encoding="utf-8") as file:
        lines = re.findall(r"^SystemCallFilter=(~?)(.*)$", file.read(), re.M)
    check(lines, f"{unit} has no filter")
    for sign, groups in lines:
        calls = set().union(*map(calls_of, groups.split()))
        allowed = allowed - calls if sign else allowed | calls
    return " ".join(sorted(allowed))


def as_service(capability=None):
    """How root starts what is not root. (SQLite gives root's files another owner.)"""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        raise Skip("no setpriv")
    kept = f",+{capability}" if capability else ""
    command = ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups",
               *(f"--{kind}=-all{kept}" for kind in ("inh-caps", "ambient-caps", "bounding-set"))]
    if run(*command, SENSOR, "--version", status=None).status:
        raise Skip("the programs are where nobody may go")
    return command


def under(unit, program, capability=None):
    return [*as_service(capability), UNDER_FILTER, filter_of(unit), program]


def own(where):
    os.chmod(where, 0o755)
    if os.geteuid() == 0:
        os.chown(where, NOBODY.pw_uid, NOBODY.pw_gid)


def test_filter_kills():
    """Or nothing is tested here."""
    calls = " ".join(set(filter_of("darkscope-sensor.service").split()) - {"socket"})
    with folder() as where, Program(UNDER_FILTER, calls, AGGREGATOR, "--listen", "tcp://127.0.0.1:0",
                                    "--store", os.path.join(where, "store"), where=where,
                                    name="victim") as victim:
        check_equal(victim.process.wait(60), -signal.SIGSYS, "status")


def test_store_and_answer():
    """A file that is read, delivered, stored, and asked for; all is read again on SIGHUP."""
    with folder() as where:
        path, config = os.path.join(where, "capture"), os.path.join(where, "aggregator.yaml")
        run(GEN, "--output", path, "--rate", "200", "--duration", "5m", "--truth", path + ".json")
        with open(path + ".json", encoding="utf-8") as file:
            sent = json.load(file)["all"]["packets"]["received"]
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"live:\n  listen: ipc://{where}/live\n  publish: ipc://{where}/publish\n")
        own(where)
        with Program(*under("darkscope-aggregator.service", AGGREGATOR), "-c", config, "--listen",
                     f"ipc://{where}/windows", "--http", "127.0.0.1:0", "--store",
                     os.path.join(where, "store"), where=where, name="aggregator") as aggregator:
            address = wait_for(lambda: re.search(r"http://\S+:\d+", aggregator.err()), "it listens")
            run(*under("darkscope-sensor.service", SENSOR), "--read", path, *MONITOR, "--aggregator",
                f"ipc://{where}/windows", "--live", f"ipc://{where}/live", "--speed", "1000",
                "--survey-state", os.path.join(where, "survey"), "--workers", "2")
            aggregator.send(signal.SIGHUP)
            answer = json.loads(run(DARKSCOPE, "summary", "--url", address[0], "--format",
                                    "json").out)
            check_equal(answer["packets"]["received"], sent, "packets that were stored")
            aggregator.stop(number=signal.SIGTERM)


def test_interface():
    """With the one capability of the unit, which is dropped; a reload; an end."""
    need_root()
    with folder() as where, veth() as (near, far):
        own(where)
        with Program("ip", "netns", "exec", far, *under("darkscope-sensor.service", SENSOR, "net_raw"),
                     "--interface", "far0", "--json", "--window", "10s", "--survey-state",
                     os.path.join(where, "survey"), *MONITOR, where=where, name="sensor") as sensor:
            wait_for(sensor.captures, "sensor captures")
            sensor.send(signal.SIGHUP)
            wait_for(lambda: "signatures from files" in sensor.err(), "all is read again")
            within(near, GEN, "--interface", "near0", "--rate", "300", "--duration", "1m",
                   "--speed", "60")
            wait_for(lambda: received_packets(far, "far0") > 10000, "packets arrive")
            windows = sensor.stop(number=signal.SIGTERM).windows()
            check(sum(w["packets"]["counted"] for w in windows) > 0, "nothing was counted")


sys.exit(main([("the filter kills", test_filter_kills),
               ("a file, its windows, and answers", test_store_and_answer),
               ("an interface with the unit's capability", test_interface)]))

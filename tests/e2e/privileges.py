#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A sensor that root starts has given everything up before the first packet, and works on.

usage: privileges.py DARKSCOPE-GEN DARKSCOPE-SENSOR COUNTRY-DB BUILT-WITH-SANDBOX
"""
import contextlib
import glob
import json
import os
import pwd
import signal
import sys

from harness import (Program, Skip, check, check_equal, folder, main, need_root, received_packets,
                     run, veth, wait_for, within)

GEN, SENSOR, COUNTRY_DB, SANDBOX = sys.argv[1:5]
MONITOR = ["--monitor", "198.18.0.0/16"]
NOBODY = pwd.getpwnam("nobody")
USER = [*MONITOR, "--user", "nobody"]
CAPABILITIES = "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"


def status_of(path):
    with open(path, encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def limit_of(pid, name):
    """Soft and hard."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        line, = (line for line in file if line.startswith(name))
    return line.removeprefix(name).split()[:2]


def check_harmless(pid, uid, gid):
    """Every thread of it."""
    threads = glob.glob(f"/proc/{pid}/task/*/status")
    check(len(threads) > 2, f"only {len(threads)} threads run")
    for thread in threads:
        status = status_of(thread)
        check_equal(status["Uid"].split(), [str(uid)] * 4, "user")
        check_equal(status["Gid"].split(), [str(gid)] * 4, "group")
        check_equal([status[name] for name in CAPABILITIES], ["0" * 16] * 5, "capabilities")
        check_equal(status["NoNewPrivs"], "1", "no new privileges")
        check_equal(status["Seccomp"], "2" if SANDBOX == "yes" else "0", "sandbox")
    check_equal(status_of(f"/proc/{pid}/status")["Groups"].split(),
                [] if uid else status_of("/proc/self/status")["Groups"].split(), "groups")
    check_equal(limit_of(pid, "Max core file size"), ["0", "0"], "size of core dumps")
    check_equal(os.stat(f"/proc/{pid}/mem").st_uid, 0, "who may see its memory")
    if SANDBOX == "yes":  # the sanitizers have taken more than any limit
        check_equal(limit_of(pid, "Max data size"), [str(4096 << 20)] * 2, "memory")


@contextlib.contextmanager
def live(where, *options):
    need_root()
    with veth() as (near, far):
        # `ip netns exec` becomes the program: its process is the sensor.
        with Program("ip", "netns", "exec", far, SENSOR, "--interface", "far0", "--json",
                     "--window", "all", *options, where=where, name="sensor") as sensor:
            wait_for(sensor.captures, "sensor captures")
            yield sensor, near, far


def send(near, far, where):
    truth = os.path.join(where, "truth.json")
    within(near, GEN, "--interface", "near0", "--truth", truth, "--rate", "300", "--duration",
           "1m", "--speed", "60")
    with open(truth, encoding="utf-8") as file:
        sent = json.load(file)["all"]["packets"]["received"]
    wait_for(lambda: received_packets(far, "far0") >= sent, "packets arrive")
    return sent


def check_counts(sensor, sent):
    window, = sensor.stop().windows()
    packets = window["packets"]
    check(packets["counted"] > 0, "nothing was counted")
    dropped = sum(v for k, v in packets.items() if k.startswith("dropped_"))
    check_equal(packets["received"] + dropped, sent, "received, dropped, and sent")


def test_live():
    with folder() as where, live(where, *USER) as (sensor, near, far):
        check_harmless(sensor.process.pid, NOBODY.pw_uid, NOBODY.pw_gid)
        check(received_packets(far, "far0") == 0, "a packet came before")
        check_counts(sensor, send(near, far, where))


def test_default_user():
    with folder() as where, live(where, *MONITOR) as (sensor, _, _):
        try:
            account = pwd.getpwnam("darkscope")
        except KeyError:
            account = NOBODY
        check_harmless(sensor.process.pid, account.pw_uid, account.pw_gid)


def test_file():
    """As root it stays root, whose files these are, but has no capability."""
    need_root()
    with folder() as where:
        path = os.path.join(where, "capture")
        run(GEN, "--output", path, "--rate", "300", "--duration", "1m")
        for options, uid, gid in ([], 0, 0), (["--user", "nobody"], NOBODY.pw_uid, NOBODY.pw_gid):
            os.chmod(where, 0o755)
            with Program(SENSOR, "--read", path, "--json", "--speed", "1", *MONITOR, *options,
                         where=where, name="sensor") as sensor:
                wait_for(lambda s=sensor: len(os.listdir(f"/proc/{s.process.pid}/task")) > 2,
                         "threads")
                check_harmless(sensor.process.pid, uid, gid)
                sensor.stop()


def test_reload():
    """What SIGHUP reads again can be read in the sandbox."""
    with folder() as where:
        os.chmod(where, 0o755)
        database = os.path.join(where, "countries.mmdb")
        with open(COUNTRY_DB, "rb") as file, open(database, "wb") as copy:
            copy.write(file.read())
        with live(where, *USER, "--country-db", database) as (sensor, near, far):
            sensor.send(signal.SIGHUP)
            wait_for(lambda: "signatures from files" in sensor.err(), "all is read again")
            check("country database is now" in sensor.err(), sensor.err())
            check_counts(sensor, send(near, far, where))


def programs_on(far):
    shown = json.loads(within(far, "ip", "-d", "-j", "link", "show", "dev", "far0").out)
    return shown[0].get("xdp")


def test_xdp(number):
    """Nothing stays on the interface, though the sensor may not take it off itself."""
    def test():
        said = run(SENSOR, "--interface", "lo", "--method", "xdp", "--filter", "ip", "--json",
                   status=None).err
        if "without libxdp" in said:
            raise Skip("built without libxdp")
        with folder() as where, live(where, *USER, "--method", "xdp") as (sensor, near, far):
            check_harmless(sensor.process.pid, NOBODY.pw_uid, NOBODY.pw_gid)
            check(programs_on(far), "no program is on the interface")
            if number == signal.SIGKILL:
                sensor.send(number)
                wait_for(lambda: not programs_on(far), "the interface is as it was")
            else:
                check_counts(sensor, send(near, far, where))
                check(not programs_on(far), "a program stays on the interface")
    return test


def test_memory():
    """A limit that is too low is told: as overflow, or as the reason of an end; it is no crash."""
    if SANDBOX != "yes":
        raise Skip("not under a sanitizer")
    with folder() as where:
        path = os.path.join(where, "capture")
        run(GEN, "--output", path, "--mix", "flood", "--rate", "20000", "--duration", "30s")
        words = [SENSOR, "--read", path, "--json", "--window", "all"]
        ended = run(*words, "--memory", "64", status=None)
        if ended.status == 0:
            check(any(ended.windows()[0]["overflow"].values()), "nothing overflowed")
        else:
            check(ended.status == 1 and "memory" in ended.err, f"{ended.status}: {ended.err}")
        enough = run(*words, "--memory", "1024").windows()[0]
        check(not any(enough["overflow"].values()), f"with enough memory: {enough['overflow']}")


def test_file_is_opened_first_and_looked_at_last():
    """Of what is no capture nothing is seen before all rights are given up."""
    need_root()
    with folder() as where:
        path = os.path.join(where, "capture")
        with open(path, "wb") as file:
            file.write(b"\x28\xb5\x2f\xfd hostile")
        ended = run(SENSOR, "--read", path, "--json", "--user", "no-such-account", status=3)
        check("no such account" in ended.err, ended.err)
        run(SENSOR, "--read", path, "--json", "--user", "nobody", status=4)
        # Only root may open this one; several workers read it each on his own.
        run(GEN, "--output", path, "--rate", "300", "--duration", "1m")
        os.chmod(path, 0o600)
        alone, together = (run(SENSOR, "--read", path, "--json", "--window", "all", "--workers", n,
                               "--user", "nobody").windows() for n in "13")
        check_equal(together, alone, "three workers, and one")


def test_wrong_users():
    need_root()
    with folder() as where:
        path = os.path.join(where, "capture")
        run(GEN, "--output", path, "--duration", "1s")
        ended = run(SENSOR, "--read", path, "--json", "--user", "no-such-account", status=3)
        check("no such account" in ended.err, ended.err)
        os.chmod(where, 0o755)
        ended = run("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", SENSOR,
                    "--read", path, "--json", "--user", "root", status=None)
        if "Permission denied" in ended.err and "setpriv" in ended.err:
            raise Skip("nobody cannot run what was built here")
        check(ended.status == 6 and "only root" in ended.err, f"{ended.status}: {ended.err}")


sys.exit(main([
    ("live, no packet yet: another user, no capability, no core dump", test_live),
    ("without a name: darkscope or nobody", test_default_user),
    ("a file as root", test_file),
    ("SIGHUP in the sandbox", test_reload),
    ("AF_XDP: off the interface at the end", test_xdp(signal.SIGINT)),
    ("AF_XDP: off the interface after a kill", test_xdp(signal.SIGKILL)),
    ("no such account, and not root", test_wrong_users),
    ("a file: rights first, content last", test_file_is_opened_first_and_looked_at_last),
    ("too little memory", test_memory),
]))

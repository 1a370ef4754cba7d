#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keys as an operator meets them: made, listed, revoked; no secret one in any output.

usage: keys.py DARKSCOPE SENSOR AGGREGATOR GENERATOR
"""
import contextlib
import json
import os
import re
import signal
import stat
import sys
import urllib.request

from cable import Cable
from delivery import Aggregator
from harness import Program, check, folder, main, run, wait_for

DARKSCOPE, SENSOR, AGGREGATOR, GEN = sys.argv[1:5]
CONFIG, PERMISSION, NETWORK, FAILURE, USAGE = 3, 6, 7, 1, 2


def keygen(where, *names):
    for name in names:
        run(DARKSCOPE, "keygen", os.path.join(where, name))


def secrets(where):
    """The secret keys in a folder, as texts."""
    found = []
    for name in os.listdir(where):
        if name.endswith(".key"):
            with open(os.path.join(where, name), encoding="ascii") as file:
                found += re.findall(r"^secret \S+ (\S{40})$", file.read(), re.M)
    return found


def enlist(where, name):
    """Puts a public key into the aggregator's list."""
    folder_of_list = os.path.join(where, "sensors")
    os.makedirs(folder_of_list, exist_ok=True)
    with open(os.path.join(where, name + ".pub"), encoding="ascii") as file:
        text = file.read()
    with open(os.path.join(folder_of_list, name + ".pub"), "w", encoding="ascii") as file:
        file.write(text)


@contextlib.contextmanager
def aggregator(where):
    """With keys, on all addresses: the program, its endpoint for a sensor here, its URL."""
    def ready():
        check(program.runs(), f"the aggregator ended: {program.err()}")
        return re.search(r"listening tcp://0\.0\.0\.0:(\d+), (http://\S+)", program.err())
    with Program(AGGREGATOR, "--listen", "tcp://*:0", "--http", "127.0.0.1:0", "--store",
                 os.path.join(where, "store"), "--key", os.path.join(where, "aggregator.key"),
                 "--sensors", os.path.join(where, "sensors"), where=where,
                 name="aggregator") as program:
        found = wait_for(ready, "aggregator listens")
        yield program, f"tcp://localhost:{found[1]}", found[2]
        ended = program.stop(number=signal.SIGTERM)
    for secret in secrets(where):
        check(secret not in ended.err, "the aggregator logged a secret key")


def health(url):
    with urllib.request.urlopen(url + "/healthz", timeout=30) as reply:
        return json.load(reply)


def network(url):
    return health(url)["network"]


def stored(url):
    return health(url)["windows"]["committed"]


def capture(where, seconds):
    path = os.path.join(where, "capture.pcap")
    run(GEN, "-o", path, "-r", "20", "-d", f"{seconds}s")
    return path


def sensor_words(where, endpoint, key, path, *more):
    return [SENSOR, "-r", path, "-w", "1s", "-a", endpoint, "--key",
            os.path.join(where, key + ".key"), "--aggregator-key",
            os.path.join(where, "aggregator.pub"), *more]


def test_keygen():
    with folder() as where:
        base = os.path.join(where, "tokyo-1")
        printed = run(DARKSCOPE, "keygen", base).out.decode()
        check(re.fullmatch(r"public tokyo-1 \S{40}\n", printed), f"it printed {printed!r}")
        check(stat.S_IMODE(os.stat(base + ".key").st_mode) == 0o600, "mode of the secret key")
        with open(base + ".pub", encoding="ascii") as file:
            check(printed in file.read(), "the public file holds another key")
        secret, = secrets(where)
        check(secret not in printed, "the secret key was printed")
        with open(base + ".key", "rb") as file:
            before = file.read()
        said = run(DARKSCOPE, "keygen", base, status=FAILURE).err
        check("never overwritten" in said, said)
        os.unlink(base + ".pub")
        os.mkdir(base + ".pub")
        run(DARKSCOPE, "keygen", base, status=FAILURE)
        with open(base + ".key", "rb") as file:
            check(file.read() == before, "the secret key was overwritten")
        os.unlink(base + ".key")
        run(DARKSCOPE, "keygen", base, status=FAILURE)
        check(not os.path.exists(base + ".key"), "half a pair was left")
        for words in [], ["a", "b"], ["-x/..bad"], [where + "/"], ["--deployment", "a", "b"], \
                ["--deployment", where + "/"], ["--deployment"], ["--deploymen", "a"]:
            run(DARKSCOPE, "keygen", *words, status=USAGE)


def digest_told(where, *options):
    """The monitored set's digest, as it goes over the wire."""
    path = capture(where, 2)
    with Aggregator([AGGREGATOR], None, where) as clear, \
            Cable(int(clear.endpoint.rsplit(":", 1)[1])) as cable:
        said = run(SENSOR, "-r", path, "-w", "1s", "-n", "tokyo", "-a", cable.endpoint, *options).err
    told = re.search(rb"monitored_digest(\x00|\xcf.{8})", b"".join(cable.passed), re.DOTALL)
    check(told, "no digest in what the sensor says")
    return told[1], said


def test_deployment_key():
    """Sensors that share it tell the same of the same set; without it they tell nothing."""
    with folder() as where:
        for name in "japan", "other":
            printed = run(DARKSCOPE, "keygen", "--deployment", os.path.join(where, name)).out
            check(printed == b"", f"it printed {printed!r}")
        path = os.path.join(where, "japan.deployment")
        check(os.listdir(where).count("japan.deployment") == 1 and len(os.listdir(where)) == 2,
              f"it made {os.listdir(where)}")
        check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "mode of the secret")
        run(DARKSCOPE, "keygen", "--deployment", os.path.join(where, "japan"), status=FAILURE)
        shared = ["--deployment-key", path]
        other = ["--deployment-key", os.path.join(where, "other.deployment")]
        whole, halves = ["-m", "198.18.0.0/16"], ["-m", "198.18.128.0/17", "-m", "198.18.0.0/17"]
        first, said = digest_told(where, *shared, *whole)
        check(first[0] == 0xcf, f"the digest is {first}")
        check("deployment_key" not in said, said)
        check(digest_told(where, *shared, *halves)[0] == first, "the same set, another digest")
        for options in [*other, *whole], [*shared, "-m", "198.18.0.0/17"]:
            digest, _ = digest_told(where, *options)
            check(digest[0] == 0xcf and digest != first, f"{options}: the same digest")
        digest, said = digest_told(where, *whole)
        check(digest == b"\x00" and "deployment" not in said, f"without a key: {digest}, {said}")
        with open(os.path.join(where, "capture.pcap"), "rb") as file:  # cannot be had again
            said = run(SENSOR, "-r", "-", "-a", "ipc:///nonexistent/socket", status=NETWORK,
                       input=file.read()).err
        check("no deployment_key" in said, said)
        check(digest_told(where, *shared)[0] == b"\x00", "a digest of no set")
        run(DARKSCOPE, "keygen", os.path.join(where, "pair"))
        for wrong, why in (("pair.key", "key of a connection"), ("pair.pub", "key of a connection"),
                           ("none", "cannot")):
            said = run(SENSOR, "-r", os.path.join(where, "capture.pcap"), "--json",
                       "--deployment-key", os.path.join(where, wrong), status=CONFIG).err
            check(why in said, said)
        os.chmod(path, 0o644)
        run(SENSOR, "-r", os.path.join(where, "capture.pcap"), "--json", *shared, status=PERMISSION)


def test_listed_sensor_delivers():
    with folder() as where:
        keygen(where, "aggregator", "tokyo")
        enlist(where, "tokyo")
        path = capture(where, 20)
        with aggregator(where) as (_, endpoint, url):
            said = run(*sensor_words(where, endpoint, "tokyo", path)).err
            check(stored(url) == 20, f"{stored(url)} windows of 20")
            listed = json.loads(run(DARKSCOPE, "sensors", "--url", url, "--format", "json").out)
            check([s["sensor"] for s in listed["sensors"]] == ["tokyo"], f"sensors: {listed}")
            check(network(url)["handshakes"]["accepted"] >= 1, "no handshake is counted")
            for secret in secrets(where):
                check(secret not in said, "the sensor logged a secret key")


def test_stranger_waits_until_it_is_listed():
    with folder() as where:
        keygen(where, "aggregator", "tokyo", "osaka")
        enlist(where, "tokyo")
        path = capture(where, 5)
        with aggregator(where) as (daemon, endpoint, url):
            with Program(*sensor_words(where, endpoint, "osaka", path), where=where,
                         name="sensor") as sensor:
                wait_for(lambda: "do they agree about keys" in sensor.err(), "it is refused")
                wait_for(lambda: "is not let in" in daemon.err(), "the aggregator says so")
                check(network(url)["handshakes"]["refused"] >= 1, "it is not counted")
                check(stored(url) == 0, "windows of a stranger are stored")
                enlist(where, "osaka")
                daemon.send(signal.SIGHUP)
                sensor.ended()
                check(stored(url) == 5, f"{stored(url)} windows of 5")


def test_revoked_sensor_is_refused_at_once():
    """On the connection that it has; and let in again when it is listed again."""
    with folder() as where:
        keygen(where, "aggregator", "tokyo")
        enlist(where, "tokyo")
        path = capture(where, 200)
        listed = os.path.join(where, "sensors", "tokyo.pub")
        with aggregator(where) as (daemon, endpoint, url):
            with Program(*sensor_words(where, endpoint, "tokyo", path, "--speed", "20"),
                         where=where, name="sensor") as sensor:
                wait_for(lambda: stored(url) >= 3, "windows arrive")
                os.unlink(listed)
                daemon.send(signal.SIGHUP)
                wait_for(lambda: "sensors that may connect: 0, from now on" in daemon.err(),
                         "the list is read")
                wait_for(lambda: "is not listed any more" in sensor.err(), "the sensor is told")
                # It keeps trying; it is turned away before anything of it is read. What came before
                # may wait for the store meanwhile.
                wait_for(lambda: network(url)["handshakes"]["refused"] >= 2 and
                         health(url)["queue"]["depth"] == 0, "it tries again")
                before, tries = stored(url), network(url)["handshakes"]["refused"]
                wait_for(lambda: network(url)["handshakes"]["refused"] > tries, "and again")
                check(network(url)["messages"]["revoked"] >= 1, "it is not counted")
                check(stored(url) == before, "windows of a revoked sensor are stored")
                enlist(where, "tokyo")
                daemon.send(signal.SIGHUP)
                sensor.ended()
                check(stored(url) == 200, f"{stored(url)} windows of 200")


def test_list_with_a_fault_changes_nothing():
    with folder() as where:
        keygen(where, "aggregator", "tokyo", "osaka")
        enlist(where, "tokyo")
        path = capture(where, 5)
        with aggregator(where) as (daemon, endpoint, url):
            bad = os.path.join(where, "sensors", "bad.pub")
            with open(bad, "w", encoding="ascii") as file:
                file.write("# comment\npublic bad nonsense\n")
            daemon.send(signal.SIGHUP)
            wait_for(lambda: f"{bad}:2:12: " in daemon.err(), "the fault is told")
            check("in use stays" in daemon.err(), daemon.err())
            check("nonsense" not in daemon.err(), "what stands for a key is shown")
            run(*sensor_words(where, endpoint, "tokyo", path))
            check(stored(url) == 5, "the sensor was locked out")


def refused_words(where):
    path = os.path.join(where, "capture.pcap")
    base = [SENSOR, "-r", path, "--check-config"]
    key = ["--key", os.path.join(where, "tokyo.key")]
    public = ["--aggregator-key", os.path.join(where, "aggregator.pub")]
    server = [AGGREGATOR, "--check-config", "--store", where]
    return [
        (base + ["-a", "tcp://192.0.2.1:7100"], CONFIG, "needs keys"),
        (base + ["-a", "tcp://192.0.2.1:7100"] + key, CONFIG, "aggregator_key: is missing"),
        (base + ["-a", "tcp://192.0.2.1:7100"] + public, CONFIG, "key: is missing"),
        (base + ["-a", "tcp://192.0.2.1:7100", "--name", "osaka"] + key + public, CONFIG,
         "that of tokyo"),
        (base + ["--key", where + "/tokyo.pub"] + public, CONFIG, "this is a public key"),
        (base + ["--key", where + "/open.key"] + public, PERMISSION, "every user may read"),
        (base + key + ["--aggregator-key", where + "/aggregator.key"], CONFIG,
         "this is a secret key"),
        (server + ["--listen", "tcp://0.0.0.0:7100"], CONFIG, "needs keys"),
        (server + ["--key", where + "/aggregator.key"], CONFIG, "sensors: is missing"),
        (server + ["--sensors", where], CONFIG, "key: is missing"),
        (server + ["--key", where + "/aggregator.key", "--sensors", where + "/twice"], CONFIG,
         "twice:2:1: tokyo has a key already"),
        (server + ["--key", where + "/aggregator.key", "--sensors", where + "/none"], CONFIG,
         "none: cannot open"),
    ]


def test_wrong_settings_are_told():
    with folder() as where:
        keygen(where, "aggregator", "tokyo", "open")
        capture(where, 1)
        os.chmod(os.path.join(where, "open.key"), 0o644)
        with open(os.path.join(where, "twice"), "w", encoding="ascii") as twice:
            for name in "tokyo", "aggregator":
                with open(os.path.join(where, name + ".pub"), encoding="ascii") as file:
                    twice.write(file.read().splitlines()[1].replace(name, "tokyo") + "\n")
        for words, status, part in refused_words(where):
            said = run(*words, status=status).err
            check(part in said, f"{words[1:]}: {said}")
            check(not any(secret in said for secret in secrets(where)), "a secret key is shown")
        run(SENSOR, "-r", os.path.join(where, "capture.pcap"), "--check-config", "-a",
            "tcp://192.0.2.1:7100", "--key", where + "/tokyo.key", "--aggregator-key",
            where + "/aggregator.pub")


TESTS = [
    ("keygen", test_keygen),
    ("deployment key", test_deployment_key),
    ("listed sensor delivers", test_listed_sensor_delivers),
    ("stranger waits until it is listed", test_stranger_waits_until_it_is_listed),
    ("revoked sensor is refused at once", test_revoked_sensor_is_refused_at_once),
    ("list with a fault changes nothing", test_list_with_a_fault_changes_nothing),
    ("wrong settings are told", test_wrong_settings_are_told),
]

if __name__ == "__main__":
    sys.exit(main(TESTS))

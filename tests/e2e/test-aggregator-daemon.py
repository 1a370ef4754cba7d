#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The aggregator as a process: where it listens, how it stops, what it says when it cannot run."""
import os
import signal
import stat
import tempfile
import unittest
import urllib.request

import daemon
import harness

USAGE, CONFIG, PERMISSION, NETWORK, DATABASE = 2, 3, 6, 7, 8


def listeners(pid):
    """Local addresses, as /proc/net/tcp has them, on which this process listens."""
    inodes = set()
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root may look into it")
    for fd in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{fd}")
        if target.startswith("socket:["):
            inodes.add(target[len("socket:["):-1])
    found = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            for line in list(lines)[1:]:
                field = line.split()
                if field[3] == "0A" and field[9] in inodes:
                    found.add(field[1])
    return found


class Daemon(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, text):
        path = os.path.join(self.directory, "aggregator.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def assert_fails(self, result, status, *parts):
        """One clear line on standard error, nothing on standard output."""
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)

    def options(self, listen="tcp://127.0.0.1:0", http="127.0.0.1:0"):
        return ("--listen", listen, "--http", http,
                "--store", os.path.join(self.directory, "store"))

    def test_it_listens_on_loopback_only(self):
        with daemon.Aggregator() as a:
            self.assertEqual(listeners(a.process.pid),
                             {f"0100007F:{a.sensor_port:04X}", f"0100007F:{a.http_port:04X}"})

    def test_it_stops_when_told(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            status, log = daemon.Aggregator().end(number)
            self.assertEqual((status, log), (0, ""))

    def test_it_leaves_no_core_dump_and_gains_no_privileges(self):
        with daemon.Aggregator() as a:
            with open(f"/proc/{a.process.pid}/limits", encoding="ascii") as file:
                core, = (line.split() for line in file if line.startswith("Max core file size"))
            self.assertEqual(core[4:6], ["0", "0"])
            with open(f"/proc/{a.process.pid}/status", encoding="ascii") as file:
                self.assertIn("NoNewPrivs:\t1\n", file.readlines())
            # Whose memory the kernel would not dump belongs to root there.
            self.assertEqual(os.stat(f"/proc/{a.process.pid}/mem").st_uid, 0)

    def test_hangup_does_not_stop_it(self):
        with daemon.Aggregator() as a:
            a.process.send_signal(signal.SIGHUP)
            with urllib.request.urlopen(f"http://127.0.0.1:{a.http_port}/healthz") as reply:
                self.assertEqual(reply.status, 200)
            self.assertEqual(a.end(signal.SIGTERM)[0], 0)

    def test_it_stops_with_clients_connected(self):
        with daemon.Aggregator() as a, a.connect() as s:
            s.sendall(b"GET / HT")
            self.assertEqual(a.end(signal.SIGTERM)[0], 0)

    def test_clients_are_turned_away_where_descriptors_run_out(self):
        with daemon.Aggregator(descriptors=64) as a:
            slow = [a.connect() for _ in range(64)]
            for s in slow:
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
            # At once, not when the slow ones are cut off and their descriptors are free.
            for _ in range(3):
                reply = a.exchange(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertTrue(reply.startswith(b"HTTP/1.1 503 ") or reply == b"", reply)
            for s in slow:
                s.close()
            harness.wait_for(lambda: a.exchange(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                                b"Connection: close\r\n\r\n")
                             .startswith(b"HTTP/1.1 200 "), "an answer")

    def test_it_starts_again_on_its_store(self):
        store = os.path.join(self.directory, "store")
        self.assertEqual(daemon.Aggregator(store=store).end(signal.SIGKILL)[0], -signal.SIGKILL)
        with daemon.Aggregator(store=store) as a:
            self.assertEqual(a.end(signal.SIGTERM)[0], 0)

    def test_ports_in_use_are_named(self):
        with daemon.Aggregator() as a:
            self.assert_fails(daemon.run(*self.options(listen=a.endpoint)), NETWORK,
                              a.endpoint, "in use", "--listen")
            http = f"127.0.0.1:{a.http_port}"
            self.assert_fails(daemon.run(*self.options(http=http)), NETWORK,
                              http, "in use", "--http")
            self.assertIsNone(a.process.poll())

    def test_local_socket_in_use_is_not_taken(self):
        endpoint = f"ipc://{self.directory}/socket"
        with daemon.Aggregator() as _:
            pass
        first = daemon.subprocess.Popen(
            [daemon.PROGRAM, *self.options(listen=endpoint)], stderr=daemon.subprocess.PIPE,
            text=True)
        try:
            self.assertIn(endpoint, first.stderr.readline())
            second = daemon.run("--listen", endpoint, "--http", "127.0.0.1:0",
                                "--store", os.path.join(self.directory, "other"))
            self.assert_fails(second, NETWORK, endpoint, "in use")
        finally:
            first.terminate()
            first.communicate(timeout=daemon.PATIENCE_S)

    def test_store_in_use_is_named(self):
        with daemon.Aggregator() as a:
            result = daemon.run("--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0",
                                "--store", a.store)
            self.assert_fails(result, DATABASE, a.store)

    def test_other_addresses_are_refused(self):
        for listen in ("tcp://0.0.0.0:7100", "tcp://*:7100", "tcp://192.0.2.1:7100"):
            self.assert_fails(daemon.run(*self.options(listen=listen)), CONFIG, listen,
                              "needs keys")
        for http in ("0.0.0.0:7180", "[::]:7180", "192.0.2.1:80"):
            self.assert_fails(daemon.run(*self.options(http=http)), CONFIG, http, "TLS and a token")

    def test_store_that_cannot_be_made(self):
        result = daemon.run("--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0",
                            "--store", os.path.join(self.directory, "no", "such", "parent"))
        self.assert_fails(result, DATABASE, self.directory)
        a_file = self.write("")
        result = daemon.run("--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0",
                            "--store", a_file)
        self.assert_fails(result, DATABASE, a_file)

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_store_without_permission(self):
        os.chmod(self.directory, stat.S_IRUSR | stat.S_IXUSR)
        self.addCleanup(os.chmod, self.directory, stat.S_IRWXU)
        self.assert_fails(daemon.run(*self.options()), PERMISSION, self.directory)

    def test_configuration_is_checked(self):
        good = self.write("listen: tcp://127.0.0.1:7100\nhttp: {address: '127.0.0.1:7180'}\n"
                          "store: /nowhere\nlog: warning\n")
        result = daemon.run("--check-config", "-c", good)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for text, *parts in (
                ("lissten: tcp://127.0.0.1:7100\n", "lissten", "1"),
                ("log: loud\n", "log", "1"),
                ("store: a\nstore: b\n", "store", "2"),
                ("http: 127.0.0.1:7180\n", "http", "1"),
                ("http:\n  adress: 127.0.0.1:7180\n", "adress", "2"),
                ("http: {address: '192.0.2.1:7180'}\n", "192.0.2.1", "token_file"),
                ("http: {certificate: a.pem}\n", "http.key"),
                ("listen: [a, b]\n", "listen", "1"),
                ("listen: tcp://192.0.2.1:7100\n", "listen", "192.0.2.1"),
                ("http: {address: '7180'}\n", "http.address", "7180"),
                ("{", "aggregator.yaml")):
            self.assert_fails(daemon.run("--check-config", "-c", self.write(text)), CONFIG, *parts)
        self.assert_fails(daemon.run("-c", self.directory + "/missing"), CONFIG, "missing")

    def test_options_win_over_the_file(self):
        path = self.write("listen: tcp://192.0.2.1:7100\nlog: warning\n")
        result = daemon.run("--check-config", "-c", path, "--listen", "tcp://127.0.0.1:1")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_example_is_valid(self):
        result = daemon.run("--check-config", "-c", os.environ["DARKSCOPE_EXAMPLE"])
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_wrong_command_lines(self):
        for arguments in (("--nonsense",), ("file",), ("--listen",)):
            self.assertEqual(daemon.run(*arguments).returncode, USAGE)
        self.assertIn("darkscope-aggregator", daemon.run("--version").stdout)
        self.assertIn("--check-config", daemon.run("--help").stdout)


if __name__ == "__main__":
    daemon.main()

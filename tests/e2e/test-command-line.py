# SPDX-License-Identifier: Apache-2.0
"""The command line: a generated capture goes through sensor, aggregator and store, and comes back
as the same figures by every way; errors are one line and a documented exit status."""
import csv
import http.server
import io
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import unittest

import daemon

DARKSCOPE = os.environ["DARKSCOPE"]
MONITOR = ["-m", "198.18.0.0/16", "-m", "2001:db8::/48"]
QUESTIONS = ["query --port 23/tcp", "query --step 2m --class scan", "query --type udp",
             "query --country ??", "top", "top countries --port 23/tcp --limit 3",
             "top types", "top protocols", "top signatures", "summary", "sensors", "windows",
             "window --at 2026-01-01T00:01:00Z", "sources",
             "sources --limit 3 --survey no", "top ports --no-survey", "attacks",
             "attacks --country ?? --limit 1", "seen", "seen signatures --tz Asia/Tokyo",
             "query --port 23/tcp,22/tcp --step 1m --compare previous --tz Asia/Kolkata",
             "top --compare 2026-01-01/2026-01-01T00:01 --from 2026-01-01T00:01 --limit 4",
             "windows --limit 1 --cursor 1767225600:s1"]


def run(program, *arguments, env=None, **options):
    return subprocess.run([program, *arguments], text=True, env={**os.environ, **(env or {})},
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
                          timeout=daemon.PATIENCE_S, **{"stdout": subprocess.PIPE, **options})


def darkscope(*arguments, **options):
    return run(DARKSCOPE, *arguments, **options)


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        capture = os.path.join(directory, "capture.pcap")
        sensor = os.environ["DARKSCOPE_SENSOR"]
        made = run(os.environ["DARKSCOPE_GEN"], "-o", capture, "-d", "3m", "-r", "50",
                   "--sources", "60")
        assert made.returncode == 0, made.stderr
        cls.direct = [json.loads(line) for line in
                      run(sensor, "-r", capture, "--json", *MONITOR).stdout.splitlines()]
        cls.aggregator = daemon.Aggregator()
        cls.url = f"http://127.0.0.1:{cls.aggregator.http_port}"
        cls.store = cls.aggregator.store
        sent = run(sensor, "-r", capture, *MONITOR, "-n", "s1", "-a", cls.aggregator.endpoint)
        assert sent.returncode == 0, sent.stderr

    @classmethod
    def tearDownClass(cls):
        cls.aggregator.end()

    def ask(self, *arguments, form="json"):
        done = darkscope("--store", self.store, "--format", form, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout) if form == "json" else done.stdout

    def test_same_by_store_and_url(self):
        for question in QUESTIONS:
            for form in "json", "csv", "table":
                words = question.split() + ["--format", form]
                stored = darkscope(*words, env={"DARKSCOPE_STORE": self.store})
                asked = darkscope(*words, env={"DARKSCOPE_URL": self.url + "/"})
                self.assertEqual((stored.returncode, stored.stderr), (0, ""), question)
                self.assertEqual(stored.stdout, asked.stdout, question)

    def test_windows_are_those_of_the_sensor(self):
        self.assertEqual(len(self.direct), 3)
        for window in self.direct:
            stored = self.ask("window", "--at", window["start"])
            for key in set(window) - {"sensor"}:
                self.assertEqual(stored[key], window[key], key)
            self.assertEqual(stored["sensor"], "s1")

    def test_sums_are_those_of_the_sensor(self):
        summary = self.ask("summary")
        for book, packets in summary["packets"].items():
            self.assertEqual(packets, sum(w["packets"][book] for w in self.direct), book)
        for name, packets in summary["types"].items():
            self.assertEqual(packets, sum(w["types"][name] for w in self.direct), name)
        ports = {}
        for window in self.direct:
            for row in window["ports"]:
                key = row["class"], row["proto"], row["port"]
                ports[key] = ports.get(key, 0) + row["packets"]
        top = self.ask("top", "ports", "--limit", "10000")
        self.assertEqual({(r["class"], r["proto"], r["port"]): r["packets"] for r in top["rows"]},
                         ports)
        self.assertEqual(top["other"]["packets"], 0)
        few = self.ask("top", "--limit", "3")
        self.assertEqual(sum(r["packets"] for r in few["rows"]) + few["other"]["packets"],
                         summary["packets"]["counted"])

    def test_attacks_are_those_of_the_sensor(self):
        attacks = {}
        for window in self.direct:
            for row in window["attacks"]:
                attacks[row["victim"], row["proto"], row["start"]] = row
        self.assertGreater(len(attacks), 0)
        listed = self.ask("attacks")
        self.assertEqual({(r["victim"], r["proto"], r["start"]): (r["packets"], r["last"])
                          for r in listed["attacks"]},
                         {key: (r["packets"], r["last"]) for key, r in attacks.items()})
        self.assertEqual((listed["next"], listed["overflow"]), (None, 0))

    def test_csv_has_units_and_all_rows(self):
        rows = list(csv.DictReader(io.StringIO(self.ask("query", "--port", "23/tcp", form="csv"))))
        self.assertEqual(list(rows[0]), ["start", "packets", "bytes", "sources", "sources_error",
                                         "sources_peak", "survey_packets", "observed_seconds",
                                         "coverage"])
        expected = [sum(r["packets"] for r in w["ports"] if (r["proto"], r["port"]) == ("tcp", 23))
                    for w in self.direct]
        self.assertEqual([int(r["packets"]) for r in rows], expected)

    def test_gaps_are_not_zeros(self):
        rows = list(csv.DictReader(io.StringIO(self.ask(
            "query", "--port", "1/tcp", "--class", "other", "--from", "2025-12-31T23:59:00Z",
            "--to", "2026-01-01T00:01:00Z", form="csv"))))
        self.assertEqual([(r["packets"], r["observed_seconds"]) for r in rows],
                         [("", "0"), ("0", "60")])

    def test_example_program_has_the_same_figures(self):
        done = run(os.environ["DARKSCOPE_PORTS"], self.store, "23/tcp")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        top = self.ask("top", "--limit", "5")["rows"]
        points = self.ask("query", "--port", "23/tcp", "--step", "hour")["points"]
        words = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual([(w[0], w[1], int(w[2])) for w in words[:5]],
                         [(r["class"], f"{r['port']}/{r['proto']}", r["packets"]) for r in top])
        self.assertEqual([(w[0], int(w[1])) for w in words[5:]],
                         [(p["start"], p["packets"]) for p in points])
        wrong = run(os.environ["DARKSCOPE_PORTS"], self.store, "23")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("of which protocol", wrong.stderr)

    def test_series_in_one_line(self):
        """A bar for each minute; a blank where nobody watched."""
        words = ["query", "--step", "1m", "--from", "2025-12-31T23:58:00Z"]
        for locale, glyphs in ("C.UTF-8", "▁▂▃▄▅▆▇█"), ("C", "_.:-=+*#"):
            done = darkscope("--store", self.store, *words, env={"LC_ALL": locale})
            line = next(x for x in done.stdout.splitlines() if x.startswith("packets  "))
            self.assertRegex(line, rf"^packets {{8}}  [{re.escape(glyphs)}]{{3}}$")
            self.assertIn(glyphs[-1], line)

    def test_interrupt_ends_a_question(self):
        """Ctrl-C: at once, with nothing but the signal to show for it."""
        process = subprocess.Popen(
            [DARKSCOPE, "--store", self.store, "query", "--from", "2024-01-01", "--step", "1m",
             "--format", "csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL)
        process.stdout.read(1000)  # it has begun, and waits for us to read on
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=daemon.PATIENCE_S)
        self.assertEqual((process.returncode, errors), (-signal.SIGINT, b""))

    def test_table_is_aligned(self):
        lines = self.ask("top", "--limit", "5", form="table").splitlines()
        self.assertRegex(lines[1], r"^2026-01-01T00:00:00Z to 2026-01-01T00:03:00Z, 1 sensor, "
                                   r"coverage \S+$")
        end = lines[3].index("packets") + len("packets")
        for line in lines[4:9]:
            self.assertRegex(line[:end], r" [\d,]+$")

    def test_help(self):
        for words in ["--help"], ["-h"], *([c, "--help"] for c in
                                           "query top summary sensors windows window".split()):
            done = darkscope(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("xample", done.stdout)
            self.assertTrue(all(len(line) <= 100 for line in done.stdout.splitlines()))
        self.assertRegex(darkscope("--version").stdout, r"^darkscope \d+\.\d+\.\d+\n$")

    def test_errors(self):
        for status, words, text in [
                (2, [], "which command"),
                (2, ["tops"], "no command tops"),
                (2, ["top", "ports", "countries"], "twice"),
                (2, ["sensors", "all"], "options begin with --"),
                (2, ["top", "--limit"], "needs a value"),
                (2, ["top", "--limit", "0"], "1 to 10000"),
                (2, ["top", "--format", "xml"], "table, csv or json"),
                (2, ["top", "--store", "a", "--url", "b"], "not both"),
                (2, ["query", "--port", "23"], "23/tcp"),
                (4, ["query", "--sensor", "s2"], "there are: s1"),
                (4, ["window", "2020-01-01"], "no window starts"),
                (8, ["top", "--store", self.store + "/none"], "darkscope.sqlite"),
                (7, ["top", "--url", "http://127.0.0.1:1"], "cannot be asked"),
                (7, ["top", "--url", "file:///etc/passwd"], "cannot be asked")]:
            done = darkscope(*words, env={} if "--store" in words or "--url" in words
                             else {"DARKSCOPE_STORE": self.store})
            self.assertEqual(done.returncode, status, words)
            self.assertRegex(done.stderr, r"\Adarkscope: [^\n]*" + re.escape(text) + r"[^\n]*\n\Z")
            self.assertEqual(done.stdout, "")

    def test_errors_of_the_aggregator_are_ours(self):
        for words in ["query", "--sensor", "s2"], ["query", "--step", "7s"]:
            stored = darkscope("--store", self.store, *words)
            asked = darkscope("--url", self.url, *words)
            self.assertEqual(asked.stderr, stored.stderr)
            self.assertEqual(asked.returncode, stored.returncode)

    def test_full_output(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = darkscope("--store", self.store, "summary", stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be written", done.stderr)


class Stranger(http.server.BaseHTTPRequestHandler):
    """Not an aggregator."""
    replies = {
        "/text/api/v1/sensors": (200, b"hello"),
        "/list/api/v1/sensors": (200, b"[1]"),
        "/page/api/v1/sensors": (404, b"<html>"),
        "/evil/api/v1/sensors": (200, b'{"sensors":[{"sensor":"\\u001b[2J\\u009b","windows":-7}]}'),
    }

    def do_GET(self):
        status, body = self.replies[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Strangers(unittest.TestCase):
    def test_answers_of_strangers(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            for path in "text", "list", "page":
                done = darkscope("--url", f"{url}/{path}", "sensors")
                self.assertEqual(done.returncode, 7)
                self.assertRegex(done.stderr, r"\Adarkscope: [^\n]*is it an aggregator\?\n\Z")
            done = darkscope("--url", f"{url}/evil", "sensors")
            self.assertEqual(done.returncode, 0)
            self.assertTrue(done.stdout.replace("\n", "").isprintable())
            self.assertIn("?[2J", done.stdout)
            server.shutdown()


daemon.main()

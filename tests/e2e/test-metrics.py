#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""/metrics: promtool finds nothing to say against it, and its figures are those of what was sent."""
import os
import re
import shutil
import subprocess
import unittest

import api
import daemon
import harness

PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")
LINE = re.compile(r'(\w+)(?:\{([^}]*)\})? (\S+)')


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.filled = api.Filled()

    @classmethod
    def tearDownClass(cls):
        cls.filled.end()

    def scrape(self):
        reply, content = self.filled.request("/metrics")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.getheader("content-type"),
                         "text/plain; version=0.0.4; charset=utf-8")
        return content.decode()

    def figures(self):
        """{name: {labels: value}}, labels as they stand there."""
        found = {}
        for line in self.scrape().splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = LINE.fullmatch(line).groups()
            series = found.setdefault(name.removeprefix("darkscope_"), {})
            self.assertNotIn(labels or "", series, line)
            series[labels or ""] = float(value)
        return found

    def test_promtool_has_nothing_against_it(self):
        if not PROMTOOL:
            self.skipTest("needs promtool: tools/setup --tests")
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=self.scrape(), text=True,
                              capture_output=True, check=False, timeout=daemon.PATIENCE_S * 2)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_every_family_has_help_and_type(self):
        text = self.scrape()
        names = set(re.findall(r"^(darkscope_\w+)", text, re.M))
        self.assertLessEqual(names, set(re.findall(r"^# HELP (\w+) \S", text, re.M)))
        self.assertLessEqual(names, set(re.findall(r"^# TYPE (\w+) (?:gauge|counter)$", text, re.M)))
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M):
            self.assertEqual(name.endswith("_total"), kind == "counter", name)

    def test_figures_are_those_of_the_windows(self):
        summary = self.filled.json("/api/v1/summary?sensor=s1")
        figures = self.figures()
        for book, packets in summary["packets"].items():
            self.assertEqual(
                figures["sensor_packets_total"][f'sensor="s1",book="{book}"'], packets, book)
        windows = figures["sensor_windows_total"]
        self.assertEqual(windows['sensor="s1",outcome="committed"'], summary["windows"])
        self.assertEqual(windows['sensor="s1",outcome="refused"'], 0)
        self.assertEqual(figures["sensor_observed_seconds_total"]['sensor="s1"'],
                         summary["observed_seconds"])
        self.assertEqual(figures["sensor_last_window_end_timestamp_seconds"]['sensor="s1"'],
                         1767225600 + 180)
        self.assertGreaterEqual(figures["windows_total"]['outcome="committed"'], 3)
        self.assertEqual(figures["store_failing"][""], 0)
        self.assertEqual(figures["ingest_queue_windows"][""], 0)

    def test_sensor_that_said_goodbye_is_down(self):
        harness.wait_for(lambda: self.figures()["sensor_up"]['sensor="s1"'] == 0, "s1 is down")
        self.assertEqual(self.figures()["sensors_connected"][""], 0)

    def test_replies_are_counted_by_status(self):
        before = self.figures()["http_replies_total"]
        for path, times in ("/nothing", 3), ("/api/v1/top?by=x", 2), ("/healthz", 4):
            for _ in range(times):
                self.filled.request(path)
        after = self.figures()["http_replies_total"]
        grown = {code: after[code] - before[code] for code in after}
        self.assertEqual((grown['code="404"'], grown['code="400"']), (3, 2))
        self.assertEqual(grown['code="200"'], 4 + 1)

    def test_store_is_measured(self):
        figures = self.figures()
        size = sum(os.path.getsize(os.path.join(self.filled.aggregator.store, name))
                   for name in os.listdir(self.filled.aggregator.store))
        self.assertGreater(sum(figures["store_size_bytes"].values()), 0)
        self.assertLessEqual(sum(figures["store_size_bytes"].values()), size)
        self.assertGreaterEqual(figures["store_files"]['kind="catalogue"'], 1)
        about = os.statvfs(self.filled.aggregator.store)
        self.assertEqual(figures["store_filesystem_size_bytes"][""], about.f_blocks * about.f_frsize)
        self.assertLessEqual(figures["store_free_bytes"][""],
                             figures["store_filesystem_size_bytes"][""])

    def test_sensors_of_before_the_start_are_known(self):
        with daemon.Aggregator("--store", self.filled.directory.name + "/copy") as first:
            api.fill(first, self.filled.directory.name, sensor="gone", minutes=1)
            first.end()
        with daemon.Aggregator("--store", self.filled.directory.name + "/copy") as second:
            reply = second.exchange(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").decode()
        self.assertIn('darkscope_sensor_up{sensor="gone"} 0\n', reply)
        self.assertIn('darkscope_sensor_last_window_end_timestamp_seconds{sensor="gone"} '
                      f"{1767225600 + 60}\n", reply)
        self.assertIn('darkscope_sensor_windows_total{sensor="gone",outcome="committed"} 0\n', reply)


if __name__ == "__main__":
    daemon.main()

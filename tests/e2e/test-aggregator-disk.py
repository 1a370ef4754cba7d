#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up under the aggregator: nothing is lost, it is said, and it mends itself."""
import json
import os
import resource
import signal
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import daemon

WINDOWS = 5


class Disk(unittest.TestCase):
    def ask(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.aggregator.http_port}{path}",
                                        timeout=daemon.PATIENCE_S) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def limit_files(self, limit):
        resource.prlimit(self.aggregator.process.pid, resource.RLIMIT_FSIZE,
                         (limit, resource.RLIM_INFINITY))

    def test_full_disk_loses_nothing(self):
        with tempfile.TemporaryDirectory() as directory, daemon.Aggregator() as self.aggregator:
            capture = os.path.join(directory, "capture.pcap")
            subprocess.run([os.environ["DARKSCOPE_GEN"], "-o", capture, "-r", "20",
                            "-d", f"{WINDOWS}m"], check=True, timeout=daemon.PATIENCE_S)
            self.limit_files(1)
            sensor = subprocess.Popen([os.environ["DARKSCOPE_SENSOR"], "-r", capture, "-n", "tokyo",
                                       "-a", self.aggregator.endpoint],
                                      stderr=subprocess.PIPE, text=True)
            try:
                log = ""
                while "cannot store windows now" not in log:
                    line = sensor.stderr.readline()
                    self.assertNotEqual(line, "", log)
                    log += line
                status, health = self.ask("/healthz")
                self.assertEqual((status, health["status"]), (503, "degraded"))
                self.assertEqual(health["windows"]["committed"], 0)
                self.assertGreater(health["windows"]["failures"], 0)
                self.limit_files(resource.RLIM_INFINITY)
                _, rest = sensor.communicate(timeout=daemon.PATIENCE_S)
            finally:
                sensor.kill()
                sensor.wait()
            self.assertEqual(sensor.returncode, 0, log + rest)
            status, health = self.ask("/healthz")
            self.assertEqual((status, health["status"]), (200, "ok"))
            self.assertEqual(health["windows"]["committed"], WINDOWS)
            status, answer = self.ask("/api/v1/sensors")
            self.assertEqual((status, answer["sensors"][0]["windows"]), (200, WINDOWS))
            # The log is readable: the failure and the recovery, not one line a try.
            status, log = self.aggregator.end(signal.SIGTERM)
            self.assertEqual(status, 0)
            self.assertEqual(log.count("cannot store windows"), 1, log)
            self.assertEqual(log.count("works again"), 1, log)


if __name__ == "__main__":
    daemon.main()

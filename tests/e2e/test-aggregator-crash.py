#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the aggregator while windows arrive: no figure changes."""
import json
import os
import signal
import subprocess
import tempfile
import unittest
import urllib.request

import daemon

SECONDS = 120
KILLS = 3


def start_sensor(capture, endpoint):
    """With the same secret each time: estimates are compared, too."""
    key = os.path.join(os.path.dirname(capture), "japan.deployment")
    return subprocess.Popen([os.environ["DARKSCOPE_SENSOR"], "-r", capture, "-n", "tokyo", "-w", "1s",
                             "--deployment-key", key, "-a", endpoint],
                            stderr=subprocess.PIPE, text=True)


def summary(aggregator):
    with urllib.request.urlopen(f"http://127.0.0.1:{aggregator.http_port}/api/v1/summary",
                                timeout=daemon.PATIENCE_S) as reply:
        return json.load(reply)


class Crash(unittest.TestCase):
    def test_kill_changes_no_figure(self):
        with tempfile.TemporaryDirectory() as directory:
            capture = os.path.join(directory, "capture.pcap")
            subprocess.run([os.environ["DARKSCOPE_GEN"], "-o", capture, "-r", "50",
                            "-d", f"{SECONDS}s"], check=True, timeout=daemon.PATIENCE_S)
            subprocess.run([os.environ["DARKSCOPE"], "keygen", "--deployment",
                            os.path.join(directory, "japan")], check=True,
                           stdout=subprocess.DEVNULL, timeout=daemon.PATIENCE_S)
            with daemon.Aggregator() as undisturbed:
                sensor = start_sensor(capture, undisturbed.endpoint)
                _, log = sensor.communicate(timeout=daemon.PATIENCE_S)
                self.assertEqual(sensor.returncode, 0, log)
                expected = summary(undisturbed)
            self.assertEqual(expected["windows"], SECONDS)

            store = os.path.join(directory, "store")
            aggregator = daemon.Aggregator(store=store)
            endpoint = aggregator.endpoint
            sensor = start_sensor(capture, endpoint)
            try:
                self.assertIn(" answers ", sensor.stderr.readline())
                for _ in range(KILLS):
                    aggregator.end(signal.SIGKILL)
                    aggregator = daemon.Aggregator("--listen", endpoint, store=store)
                _, log = sensor.communicate(timeout=daemon.PATIENCE_S)
                self.assertEqual(sensor.returncode, 0, log)
                self.assertEqual(summary(aggregator), expected)
            finally:
                sensor.kill()
                sensor.communicate()
                aggregator.end()


if __name__ == "__main__":
    daemon.main()

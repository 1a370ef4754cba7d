# SPDX-License-Identifier: Apache-2.0
"""An aggregator that a sensor has filled with a few minutes of synthetic traffic, and requests to it."""
import http.client
import json
import os
import subprocess
import tempfile

import daemon

MONITOR = ["-m", "198.18.0.0/16", "-m", "2001:db8::/48"]


def run(program, *arguments):
    done = subprocess.run([program, *arguments], text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=daemon.PATIENCE_S * 2)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fill(aggregator, directory, sensor="s1", minutes=3, seed=1):
    """Sends a capture of so many minutes as a sensor."""
    capture = os.path.join(directory, f"{sensor}-{seed}.pcap")
    run(os.environ["DARKSCOPE_GEN"], "-o", capture, "-d", f"{minutes}m", "-r", "50", "--sources",
        "60", "--seed", str(seed))
    run(os.environ["DARKSCOPE_SENSOR"], "-r", capture, *MONITOR, "-n", sensor, "-a",
        aggregator.endpoint)


class Filled:
    """Made once for a class of tests; end() when they are through."""

    def __init__(self, *arguments):
        self.directory = tempfile.TemporaryDirectory()
        self.aggregator = daemon.Aggregator(*arguments)
        self.fill()

    def fill(self, **options):
        fill(self.aggregator, self.directory.name, **options)

    def end(self):
        self.aggregator.end()
        self.directory.cleanup()

    def request(self, path, method="GET", body=None, **headers):
        """The reply and its body. Names of headers have _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.aggregator.http_port,
                                                timeout=daemon.PATIENCE_S)
        connection.request(method, path, body=body,
                           headers={name.replace("_", "-"): value
                                    for name, value in headers.items()})
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply, content

    def json(self, path):
        reply, content = self.request(path)
        assert reply.status == 200, content
        return json.loads(content)

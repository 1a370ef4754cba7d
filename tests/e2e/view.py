# SPDX-License-Identifier: Apache-2.0
"""An aggregator with a live view, as a process of its own."""
import contextlib
import os
import re
import signal

from harness import Program, check, wait_for


@contextlib.contextmanager
def aggregator(executable, where, *lines, options=()):
    """lines: more of its configuration. The program, where samples go, the port of its page."""
    config = os.path.join(where, "aggregator.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("live:\n  listen: tcp://127.0.0.1:0\n"
                   f"  publish: ipc://{where}/publish\n  attribution: by nobody\n"
                   "  place: {name: Tokyo, latitude: 35.7, longitude: 139.7}\n")
        file.writelines(line + "\n" for line in lines)

    def ready():
        check(program.runs(), f"the aggregator ended: {program.err()}")
        return re.search(r"listening (tcp://\S+), http://127\.0\.0\.1:(\d+)\n"
                         r"(?:.*\n)*?.*live samples (tcp://\S+)\n", program.err())
    with Program(executable, "-c", config, "--listen", "tcp://127.0.0.1:0", "--http",
                 "127.0.0.1:0", "--store", os.path.join(where, "store"), *options, where=where,
                 name="aggregator") as program:
        found = wait_for(ready, "the aggregator listens")
        yield program, found[3], int(found[2])
        program.stop(number=signal.SIGTERM)

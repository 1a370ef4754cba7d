#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do the lints find what they are for? Each case is a small tree with one fault; the lint must
name the file and line, and must accept the same tree without the fault. TAP on standard output.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
PRIVATE_PATH = "/" + "home/someone/data"


def function(name, lines):
    return f"int {name}(void)\n{{\n" + "    ;\n" * (lines - 4) + "    return 0;\n}\n"


GOOD = {
    "include/darkscope/types.h": SPDX + "extern const int ds_limit;\n",
    "common/types.c": SPDX + '#include "darkscope/types.h"\n#include <stdio.h>\n'
                      "static const struct {\n    int a;\n} table[] = {{1}};\n"
                      "static const char *const names[] = {\"x\"};\n"
                      "typedef int ds_print_fn(char *);\nds_print_fn ds_print;\n"
                      "int ds_print(char *to)\n{\n    /* not fprintf(stderr) */\n"
                      "    static const int two = 2;\n"
                      "    return snprintf(to, two, \"%s%d\", names[0], table[0].a);\n}\n",
    "sensor/packet.h": SPDX,
    "sensor/parse.h": SPDX,
    "sensor/parse.c": SPDX + '#include "packet.h"\n#include "parse.h"\n#include <string.h>\n',
    "sensor/capture.h": SPDX,
    "sensor/capture/file.c": SPDX + '#include "capture.h"\n#include <fcntl.h>\n',
    "sensor/main.c": SPDX + '#include "capture.h"\n#include "parse.h"\n',
    "aggregator/store.h": SPDX,
    "tools/query.c": SPDX + '#include "store.h"\n#include "darkscope/types.h"\n',
    "tools/run": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\necho run\n",
    "docs/a.md": "# A page\n\n[here](#a-page) and [there](b.md#second-part)\n",
    "docs/b.md": "# B\n\n## Second part\n\n[web](https://example.org/)\n",
}

# (lint, file, its text, line of the finding)
BAD = [
    ("includes", "common/a.c", SPDX + '#include "packet.h"\n', 2),
    ("includes", "sensor/parse.c", SPDX + '#include "store.h"\n', 2),
    ("includes", "aggregator/a.c", SPDX + '#include "parse.h"\n', 2),
    ("includes", "sensor/parse.c", SPDX + '#include "capture.h"\n', 2),
    ("includes", "sensor/parse.c", SPDX + "#include <sys/socket.h>\n", 2),
    ("includes", "sensor/parse.c", SPDX + '#include "darkscope/log.h"\n', 2),
    ("includes", "sensor/parse.c", SPDX + "int a(void)\n{\n    return printf(\"\");\n}\n", 4),
    ("includes", "sensor/parse.c", SPDX + '#include "pcap.h"\n', 2),
    ("includes", "tools/gen/a.c", SPDX + '#include "parse.h"\n', 2),
    ("sizes", "common/a.c", SPDX + "static int counter;\n", 2),
    ("sizes", "common/a.c", SPDX + "static const char *last = \"\";\n", 2),
    ("sizes", "common/a.c", SPDX + "static struct {\n    int a;\n} table[] = {{1}};\n", 4),
    ("sizes", "common/a.c", SPDX + "int a(void)\n{\n    static int calls = 0;\n"
                                   "    return ++calls;\n}\n", 4),
    ("sizes", "common/a.c", SPDX + function("a", 81), 2),
    ("sizes", "common/a.c", SPDX + "int a(int b, int c, int d, int e, int f, int g, int h, int i)\n"
                                   "{\n    return 0;\n}\n", 2),
    ("sizes", "common/a.c", SPDX + "\n" * 700, 701),
    ("sizes", "common/a.c", SPDX + "".join(function(f"f{i}", 46) for i in range(20)), None),
    ("text", "common/a.c", "int a;\n", 1),
    ("text", "tools/run", "#!/bin/sh\necho run\n", 1),
    ("text", "docs/a.md", f"kept in {PRIVATE_PATH}\n", 1),
    ("text", "docs/a.md", "[gone](c.md)\n", 1),
    ("text", "docs/a.md", "[gone](b.md#third-part)\n", 1),
    ("tools shell", "tools/run", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nrm $1\n", 3),
    ("tools format", "common/a.c", SPDX + "int   a;\n", 2),
    ("tools manual", "docs/man/a.1", ".Dd May 1, 2026\n.Dt A 1\n.Os\n.Sh NAME\n.Nm a\n.Nd b\n"
                                     ".Sh TEXT\n.Bogus macro\n", 8),
]


def run(lint, tree):
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        script, *arguments = lint.split()
        return subprocess.run([sys.executable, "-B", os.path.join(HERE, script + ".py"), *arguments,
                               root], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)


def main():
    number = failures = 0

    def report(good, what, result):
        nonlocal number, failures
        number += 1
        skipped = " # SKIP " + result.stdout.strip() if result.returncode == 77 else ""
        good = good or bool(skipped)
        failures += not good
        print("ok" if good else "not ok", f"{number} - {what}{skipped}")
        if not good:
            print("".join(f"# {line}\n" for line in result.stdout.splitlines() or ["(silent)"]))

    for lint in ("includes", "sizes", "text", "tools shell"):
        result = run(lint, GOOD)
        report(result.returncode == 0, f"{lint} accepts a good tree", result)
    for lint, path, text, line in BAD:
        result = run(lint, {**GOOD, path: text})
        place = f"{path}:{line}:" if line else "95th percentile"
        # shellcheck says "In FILE line N"; mandoc and clang-format FILE:LINE:COLUMN.
        found = place in result.stdout or f"{path} line {line}:" in result.stdout
        report(result.returncode == 1 and found, f"{lint} finds {text.splitlines()[-1]!r:.60}",
               result)
    print(f"1..{number}")
    sys.exit(failures > 0)


main()

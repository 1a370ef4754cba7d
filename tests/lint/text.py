#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every file: licence line, no path of somebody's machine; Markdown: links that lead somewhere.

usage: text.py ROOT
"""
import os
import re
import sys

import lint

LICENCE = "SPDX-License-Identifier: Apache-2.0"
LICENSED = (".c", ".h", ".py", ".1", ".8")
# Folders that exist on one machine only.
PRIVATE = re.compile(r"(?<![\w./}$-])/(?:home|root|work|tmp/[a-z]+)/[\w.-]+")


def slug(heading):
    """The anchor that a heading gets."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


def anchors(text):
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)}


def check_links(root, path, text, findings):
    text = re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text,
                  flags=re.S | re.M)
    for number, line in enumerate(text.splitlines(), 1):
        for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", line):
            target = target[0] or target[1]
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            there = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if not os.path.exists(os.path.join(root, there)):
                findings.add(path, number, f"{target} leads nowhere: mend the link")
            elif anchor and anchor not in anchors(lint.read(root, there)):
                findings.add(path, number, f"{there} has no heading #{anchor}: mend the link")


def main():
    root = sys.argv[1]
    findings = lint.Findings()
    scripts = set(lint.shell_scripts(root))
    for path in lint.files(root):
        if not lint.is_text(root, path):
            continue
        text = lint.read(root, path)
        lines = text.splitlines()
        if (path.endswith(LICENSED) or path in scripts) and LICENCE not in "\n".join(lines[:3]):
            findings.add(path, 1, f'the first lines must say "{LICENCE}"')
        for number, line in enumerate(lines, 1):
            private = PRIVATE.search(line)
            if private:
                findings.add(path, number, f"{private[0]} is a path of one machine: name no such")
        if path.endswith(".md"):
            check_links(root, path, text, findings)
    findings.exit()


main()

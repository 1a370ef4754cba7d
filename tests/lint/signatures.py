#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is the table of docs/signatures.md what the built-in signatures and the shipped files say?

usage: signatures.py DARKSCOPE ROOT [--write]
"""
import json
import os
import re
import subprocess
import sys

import lint

TABLE = re.compile(r"(<!-- signatures -->\n).*?(<!-- end -->)", re.S)
HEAD = "| id | what | family | CVE | certainty | default | from |\n|---|---|---|---|---|---|---|\n"


def cell(text):
    return (text or "").replace("|", "\\|")


def row(signature):
    return "| " + " | ".join([
        f"`{signature['id']}`", cell(signature["name"]), cell(signature["family"]),
        cell(signature["cve"]).replace(" ", ", "), signature["certainty"], signature["state"],
        cell(signature["references"])]) + " |\n"


def table(signatures):
    """Under a heading for each file, in the order of the files."""
    text, file = "", ""
    for signature in signatures:
        if signature["file"] != file:
            file = signature["file"]
            title = f"`{os.path.basename(file)}`" if file else "Built in"
            text += f"\n### {title}\n\n{HEAD}"
        text += row(signature)
    return text + "\n"


def main():
    program, root = sys.argv[1:3]
    path = os.path.join(root, "docs", "signatures.md")
    listed = subprocess.run([program, "signatures", "list", "--format", "json",
                             os.path.join(root, "share", "darkscope", "signatures")],
                            check=True, stdout=subprocess.PIPE, timeout=60).stdout
    old = lint.read(root, "docs/signatures.md")
    new = TABLE.sub(lambda found: found[1] + table(json.loads(listed)) + found[2], old)
    if "--write" in sys.argv[3:]:
        with open(path, "w", encoding="utf-8") as file:
            file.write(new)
        return
    findings = lint.Findings()
    if not TABLE.search(old):
        findings.add("docs/signatures.md", 1, "has no place for the table of signatures")
    for number, (was, now) in enumerate(zip(old.splitlines(), new.splitlines()), 1):
        if was != now:
            findings.add("docs/signatures.md", number, "is not what the signature files say: run "
                         "tests/lint/signatures.py --write")
            break
    else:
        if old != new:
            findings.add("docs/signatures.md", 1, "has too few or too many lines: run "
                         "tests/lint/signatures.py --write")
    findings.exit()


main()

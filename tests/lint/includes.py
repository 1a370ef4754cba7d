#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: the tables of docs/architecture.md, held.

usage: includes.py ROOT
"""
import os
import re
import sys

import lint

# Folders: include <- common <- sensor, aggregator <- tools. Tests see everything.
FOLDERS = {
    "include": {"include"},
    "common": {"include", "common"},
    "sensor": {"include", "common", "sensor"},
    "aggregator": {"include", "common", "aggregator"},
    "tools": {"include", "common", "sensor", "aggregator", "tools"},
    "tests": {"include", "common", "sensor", "aggregator", "tools", "tests"},
}

# Headers of data, open to every stage of their folder: they declare no functions of a stage.
DATA = {
    "sensor": {"packet.h"},
    "aggregator": set(),
}

# Modules that may include other modules' headers: those that know the order of the stages, and
# single exceptions. main sees everything. A module is a file or folder directly below its folder.
KNOWS = {
    "sensor": {},
    "aggregator": {},
}

# Stages that are plain functions of their arguments: no sockets, files, clocks, threads or logs.
PURE = {
    "common": {"message", "codec", "wire", "sketch", "types", "window", "text"},
    "sensor": {"parse", "classify", "count", "window", "encode", "link", "merge"},
    "aggregator": {"merge"},
}
IMPURE = re.compile(r"^(fcntl|unistd|time|poll|pthread|threads|signal|syslog|pcap|zmq|sqlite3"
                    r"|libwebsockets|maxminddb|sys/.*|arpa/.*|net/.*|netinet/.*|pcap/.*"
                    r"|darkscope/log)\.h$")
# Of stdio.h only what formats into memory.
IMPURE_CALL = re.compile(r"\b(f?open|fdopen|v?f?printf|f?puts|f?putc|fwrite|fread|fgets|perror|getenv)"
                         r"\s*\(")


def module(path):
    """sensor/capture/file.c -> (sensor, capture); sensor/capture.h the same."""
    parts = path.split("/")
    return parts[0], os.path.splitext(parts[1])[0] if len(parts) > 1 else ""


def resolve(paths, path, name):
    """The file of the tree that a quoted include means, or None."""
    folder = path.split("/")[0]
    for base in (os.path.dirname(path), "include", folder, "sensor", "aggregator", "common",
                 "tools", ""):
        candidate = os.path.normpath(os.path.join(base, name))
        if candidate in paths:
            return candidate
    return None


def check_folder(path, target, report):
    here, there = path.split("/")[0], target.split("/")[0]
    if there not in FOLDERS[here]:
        report(f"{here} must not include {target}: allowed is {', '.join(sorted(FOLDERS[here]))}")
        return False
    return True


def check_stage(path, target, report):
    folder, stage = module(path)
    there, other = module(target)
    if folder not in KNOWS or folder != there or stage in (other, "main"):
        return
    if target[len(folder) + 1:] in DATA[folder] or other in KNOWS[folder].get(stage, ()):
        return
    report(f"stage {stage} must not know stage {other}: hand over data (packet.h), or list the "
           f"exception in tests/lint/includes.py")


def check_pure(path, line, report):
    """line: without comments, but with the name of an included header."""
    folder, stage = module(path)
    if stage not in PURE.get(folder, ()):
        return
    include = re.match(r'\s*#\s*include\s*[<"]([^>"]+)', line)
    found = IMPURE.match(include[1]) if include else IMPURE_CALL.search(line)
    if found:
        report(f"{stage} is a plain function of its arguments: no sockets, files, clocks, threads "
               f"or logs, so no {found[0].rstrip(' (')}")


def check_file(root, paths, path, findings):
    text = lint.read(root, path)
    code = lint.without_comments(text).splitlines()
    for number, line in enumerate(text.splitlines(), 1):
        def report(what, number=number):
            findings.add(path, number, what)

        include = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        check_pure(path, line if line.lstrip().startswith("#") else code[number - 1], report)
        if not include:
            continue
        target = resolve(paths, path, include[1])
        if target is None:
            report(f'"{include[1]}" is not in the tree; system headers stand in <>')
        elif check_folder(path, target, report):
            check_stage(path, target, report)


def main():
    root = sys.argv[1]
    findings = lint.Findings()
    paths = set(lint.files(root, ".c", ".h"))
    for path in sorted(paths):
        if path.split("/")[0] in FOLDERS:
            check_file(root, paths, path, findings)
    findings.exit()


main()

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
    # The generator's figures are what the sensor's are compared with: it shares nothing with it.
    "tools/gen": {"include", "common", "tools/gen", "tools/gen/windows"},
    # Windows go straight into a store, too.
    "tools/gen/windows": {"include", "common", "aggregator", "tools/gen", "tools/gen/windows"},
    "tests": {"include", "common", "sensor", "aggregator", "tools", "tools/gen",
              "tools/gen/windows", "tests"},
}

# Modules (a file or folder directly below its folder) that every module of the folder may include:
# data that the stages hand on, and containers. They know no stage.
SHARED = {
    "sensor": {"packet", "bytes", "gate", "hash", "sort", "table"},
    "aggregator": {"channel"},
}

# Which other modules a module may include. main sees everything.
KNOWS = {
    "sensor": {
        # The stages, and what they look up.
        "link": {"tunnel"},
        "tunnel": {"link"},
        "asn": {"mmdb"},
        "geo": {"mmdb"},
        "count": {"geo", "monitor", "rules", "survey", "timeline", "victims"},
        "survey": {"monitor"},
        "survey_file": {"monitor", "survey"},
        "attacks": {"geo", "timeline", "victims"},
        "deployment": {"monitor", "permutation"},
        # Those that know the order of the stages: frame to ring, ring to tables, tables to window.
        "dispatch": {"capture", "link", "ring", "schedule", "worker"},
        "schedule": {"timeline"},
        "batch": {"classify", "count", "parse"},
        "batch_choose": {"batch"},
        "worker": {"batch", "capture", "count", "ring", "sampler"},
        # Beside the way of a packet: what is drawn for the live view, and how it is sent.
        "sampler": {"classify", "geo", "monitor", "parse", "permutation", "ring"},
        "feed": {"sampler"},
        "gather": {"attacks", "sources", "worker"},
        "sketches": {"signatures", "worker"},
        "reached": {"count", "deployment", "monitor", "permutation"},
        "sources": {"asn", "survey", "worker"},
        "signatures": {"parse", "rules"},
        "pipeline": {"asn", "capture", "dispatch", "gather", "geo", "memory", "monitor", "rules",
                     "reached", "sampler", "schedule", "sketches", "sources", "survey", "survey_file",
                     "worker", "zone"},
        "spool": {"spool_record"},
        "backlog": {"spool", "thin"},
        "thin": {"backlog", "coarsen"},
        "uplink": {"backlog", "dealer"},
        # What the user asked for.
        "config": {"deployment", "link", "monitor", "pipeline", "signatures", "spool", "survey", "survey_file",
                   "zone"},
        "options": {"config"},
        "delivery": {"config", "identity", "pipeline", "uplink"},
        "identity": {"config"},
        "privileges": {"sandbox"},
    },
    "aggregator": {
        "query": {"calendar", "store"},
        # Network thread and store thread.
        "config": {"store"},
        "extension": {"store"},
        "ingest": {"heap", "session", "store"},
        "receive": {"ingest", "observe", "zap"},
        "observe": {"session"},
        # HTTP.
        "answer": {"gzip", "pipe", "query"},
        "serve": {"answer", "assets", "listener", "live", "request"},
        "assets": {"page"},
        "request": {"assets", "gzip", "header", "page", "reply", "serve"},
        "reply": {"answer", "serve"},
        # The operator's view of all of them.
        "metrics": {"receive", "serve"},
        # The live feed.
        "live": {"receive"},
        "listener": {"live"},
    },
}

# Stages that are plain functions of their arguments: no sockets, files, clocks, threads or logs.
PURE = {
    "common": {"columns", "cursor", "fields", "frame", "live", "merge", "merge_sources", "message",
               "message_weight", "sketch",
               "sketch_columns", "sketch_estimate", "sketch_fields", "sketches", "source_columns",
               "text", "types", "window", "window_fields"},
    "sensor": {"link", "tunnel", "timeline", "parse", "classify", "count", "batch", "gather",
               "monitor", "coarsen", "permutation", "rules", "sketches", "sources", "spool_record", "survey",
               "victims", "attacks"},
    "aggregator": {"gzip", "header", "observe", "session"},
}
IMPURE = re.compile(r"^(fcntl|unistd|time|poll|pthread|threads|signal|syslog|pcap|zmq|sqlite3"
                    r"|libwebsockets|maxminddb|sys/.*|net/.*|pcap/.*"
                    r"|darkscope/log)\.h$")
# Of stdio.h only what formats into memory.
IMPURE_CALL = re.compile(r"\b(f?open|fdopen|v?f?printf|f?puts|f?putc|fwrite|fread|fgets|perror"
                         r"|getenv)\s*\(")


def module(path):
    """sensor/capture/file.c -> (sensor, capture); sensor/capture.h and capture_none.c the same."""
    folder, name = path.split("/")[:2]
    return folder, os.path.splitext(name)[0].removesuffix("_none")


def resolve(paths, path, name):
    """The file of the tree that a quoted include means, or None."""
    folder = path.split("/")[0]
    for base in (os.path.dirname(path), "include", folder, "sensor", "aggregator", "common",
                 "tools", "tools/darkscope", "tools/gen", "tests/unit", ""):
        candidate = os.path.normpath(os.path.join(base, name))
        if candidate in paths:
            return candidate
    return None


def check_folder(path, target, report):
    def folder_of(file):
        return max((f for f in FOLDERS if file.startswith(f + "/")), key=len)

    here, there = folder_of(path), folder_of(target)
    if there not in FOLDERS[here]:
        report(f"{here} must not include {target}: allowed is {', '.join(sorted(FOLDERS[here]))}")
        return False
    return True


def check_stage(path, target, report):
    folder, stage = module(path)
    there, other = module(target)
    if folder not in KNOWS or folder != there or stage in (other, "main"):
        return
    if other not in SHARED[folder] | KNOWS[folder].get(stage, set()):
        report(f"{stage} must not know {other}: hand over data, or enter it in the table of "
               f"tests/lint/includes.py with a reason in the commit")


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

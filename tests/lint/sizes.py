#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes: short files, short functions, few parameters, no mutable state outside functions.
Code lines are lines with more than white space and comments.

usage: sizes.py ROOT
"""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

import lint

FILE_MAX = 700
FILE_MEDIAN_MAX = 250
FUNCTION_MAX = 80
FUNCTION_MAX_TESTS = 120  # tables of cases
FUNCTION_P95_MAX = 45
PARAMETERS_MAX = 7

# Variables that may change though they belong to no struct: (file, name) with the reason. Besides
# these, a main.c may have one flag for its signal handler, and argp wants argp_program_version.
MUTABLE = {
    ("common/log.c", "program_name"): "set once by ds_log_init before any thread",
    ("common/log.c", "lowest_level"): "set once by ds_log_init before any thread",
}


def tags(root, paths):
    run = subprocess.run(["ctags", "-o", "-", "--output-format=json", "--kinds-C=fv",
                          "--map-C=+.h", "--language-force=C", "--fields=+neS", *paths],
                         cwd=root, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def parameters(signature):
    """How many parameters "(int a,void (*b)(int,int))" has."""
    inner = signature.strip()[1:-1]
    while re.search(r"\([^()]*\)", inner):
        inner = re.sub(r"\([^()]*\)", "", inner)
    return 0 if inner.strip() in ("", "void") else inner.count(",") + 1


def is_constant(before):
    """Is the variable declared by this text constant, not only what it points to?"""
    return "const" in before.rsplit("*", 1)[-1].split()


def declaration(code, number, name):
    """What stands before the name of the variable that is declared in line number."""
    before = re.split(rf"\b{name}\b", code[number - 1])[0]
    if before.startswith("}"):
        while number > 1 and not re.match(r"\w", code[number - 1]):
            number -= 1
        return code[number - 1].split("{")[0] + before.lstrip("}")
    return before


def is_test(path):
    return path.startswith("tests" + os.sep)


def check_function(tag, code, findings):
    lines = sum(1 for line in code[tag["line"] - 1:tag["end"]] if line.strip())
    most = FUNCTION_MAX_TESTS if is_test(tag["path"]) else FUNCTION_MAX
    if lines > most:
        findings.add(tag["path"], tag["line"], f"{tag['name']} has {lines} code lines, at most "
                     f"{most} are allowed: split it")
    count = parameters(tag.get("signature", "()"))
    if count > PARAMETERS_MAX:
        findings.add(tag["path"], tag["line"], f"{tag['name']} has {count} parameters, at most "
                     f"{PARAMETERS_MAX} are allowed: pass a struct")
    return lines


def check_statics(path, code, findings):
    for number, line in enumerate(code, 1):
        local = re.match(r"\s+static\s+(?!_Thread_local\b)([^=;(\[]*?)(\w+)\s*(=|;|\[)", line)
        if local and not is_constant(local[1]):
            findings.add(path, number,
                         f"{local[2]} keeps state between calls: put it into a struct")


def is_declared_by_type(before):
    """A function declared by a function type (extern ds_batch_fn ds_batch_count): no variable."""
    return re.fullmatch(r"(extern )?ds_\w+_(fn|function)\s+", before) is not None


def check_variable(tag, code, findings):
    before = declaration(code, tag["line"], tag["name"])
    if is_constant(before) or (tag["path"], tag["name"]) in MUTABLE or is_test(tag["path"]):
        return
    if tag["name"] == "argp_program_version" or is_declared_by_type(before):
        return
    if tag["path"].endswith("/main.c") and before.split() == ["static", "volatile", "sig_atomic_t"]:
        return
    findings.add(tag["path"], tag["line"], f"{tag['name']} can change and is at file scope: make "
                 "it const, put it into a struct, or list it with its reason in "
                 "tests/lint/sizes.py")


def check_sets(file_lines, function_lines, findings):
    median = statistics.median(file_lines)
    if median > FILE_MEDIAN_MAX:
        findings.add(".", 0, f"the median file has {median} lines, at most {FILE_MEDIAN_MAX}")
    if len(function_lines) >= 20:
        p95 = statistics.quantiles(function_lines, n=20)[-1]
        if p95 > FUNCTION_P95_MAX:
            findings.add(".", 0, f"the 95th percentile of functions has {p95:.0f} code lines, at "
                         f"most {FUNCTION_P95_MAX}: split the longest")


def main():
    root = sys.argv[1]
    if not shutil.which("ctags"):
        lint.skip("no ctags (package universal-ctags)")
    findings = lint.Findings()
    paths = lint.files(root, ".c", ".h")
    texts = {path: lint.read(root, path) for path in paths}
    code = {path: lint.without_comments(text).splitlines() for path, text in texts.items()}
    for path, text in texts.items():
        count = len(text.splitlines())
        if count > FILE_MAX:
            findings.add(path, count, f"more than {FILE_MAX} lines: one file does one thing")
        if not is_test(path):
            check_statics(path, code[path], findings)
    lengths = []
    for tag in tags(root, paths):
        if tag["kind"] == "variable":
            check_variable(tag, code[tag["path"]], findings)
        elif "end" in tag:
            lines = check_function(tag, code[tag["path"]], findings)
            if not is_test(tag["path"]):
                lengths.append(lines)
    check_sets([len(text.splitlines()) for text in texts.values()], lengths, findings)
    findings.exit()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Installs into an empty folder and looks whether all is there and usable, and nothing else.
TAP on standard output.

usage: test-install.py SOURCE BUILD VERSION CC PREFIX BINDIR MANDIR INCLUDEDIR DATADIR EXAMPLES
           EXTENSIONS WEB NAME.SECTION...
       folders are absolute; NAME.SECTION is a program with the section of its man page
"""
import os
import re
import subprocess
import sys
import tempfile

number = failures = 0


def check(good, what, why=""):
    global number, failures
    number += 1
    failures += not good
    print("ok" if good else "not ok", f"{number} - {what}")
    if not good and why:
        print("".join(f"# {line}\n" for line in why.splitlines()), end="")


def run(*command):
    """Exit status and all output."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=60)
    return done.returncode, done.stdout


def installed(folder):
    return {os.path.join(place, name) for place, _, names in os.walk(folder) for name in names}


def main():
    (source, build, version, cc, prefix, bindir, mandir, includedir, datadir, examples,
     extensions, web, *pages) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as root:
        status, output = run("meson", "install", "-C", build, "--no-rebuild", "--destdir", root)
        check(status == 0, "meson install", output)
        left = installed(root)

        def take(folder, name):
            path = root + os.path.join(folder, name)
            check(path in left, os.path.join(folder, name) + " is installed")
            left.discard(path)
            return path

        for page in pages:
            name, section = page.rsplit(".", 1)
            take(os.path.join(mandir, "man" + section), page)
            program = take(bindir, name)
            status, output = run(program, "--version")
            check(status == 0 and version in output, f"{name} --version says {version}", output)
            status, output = run(program, "--help")
            check(status == 0 and "sage:" in output, f"{name} --help", output)
        for header in sorted(os.listdir(os.path.join(source, "include", "darkscope"))):
            path = take(os.path.join(includedir, "darkscope"), header)
            status, output = run(*cc.split(), "-std=gnu17", "-Wall", "-Wextra", "-Werror",
                                 "-fsyntax-only", "-x", "c", "-I", root + includedir, path)
            check(status == 0, f"{header} can be included alone", output)
        for example in sorted(os.listdir(os.path.join(source, "docs", "examples"))):
            if example.endswith((".yaml", ".py", ".c")):
                take(examples, example)
        take(extensions, "darkscope_chunks.so")
        docs = os.path.dirname(examples)
        for text in sorted(os.listdir(os.path.join(source, "docs"))):
            if text.endswith(".md"):
                take(docs, text)
        take(docs, "LICENSE")
        for image in sorted(os.listdir(os.path.join(source, "docs", "images"))):
            take(os.path.join(docs, "images"), image)
        signatures = os.path.join("share", "darkscope", "signatures")
        shipped = sorted(os.listdir(os.path.join(source, signatures)))
        check(len(shipped) > 0, "signature files are there to be shipped")
        for file in shipped:
            take(os.path.join(datadir, "darkscope", "signatures"), file)
        take(os.path.join(datadir, "darkscope", "report"), "schema.json")
        for file in web.split():
            take(os.path.join(datadir, "darkscope", "web"), file)
        for unit in sorted(os.listdir(os.path.join(source, "share", "systemd"))):
            if unit.endswith(".service.in"):
                name = unit[:-len(".in")]
                with open(take(os.path.join(prefix, "lib/systemd/system"), name),
                          encoding="utf-8") as file:
                    text = file.read()
                program = os.path.join(bindir, name[:-len(".service")])
                check(f"ExecStart={program} " in text, f"{name} starts {program}", text)
                check(not re.search("@[a-z]+@", text), f"{name} has no blank left to fill", text)
        take(os.path.join(prefix, "lib/sysusers.d"), "darkscope.conf")
        check(not left, "nothing else is installed", "\n".join(sorted(left)))
    print(f"1..{number}")
    sys.exit(failures > 0)


main()

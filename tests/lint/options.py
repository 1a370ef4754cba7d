#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is every option and subcommand that --help names in the man page, and the other way round every
long option of the page in --help?

usage: options.py PROGRAM PAGE [SUBCOMMAND...]
"""
import os
import re
import shutil
import subprocess
import sys

import lint

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
OTHER = re.compile(r"darkscope-[a-z]+ +--[a-z-]+")  # an option of another program


def output(command):
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         check=False, timeout=20)
    if run.returncode:
        print(f"{' '.join(command)}: exit status {run.returncode}\n{run.stdout}")
        sys.exit(1)
    return run.stdout


def main():
    program, page, *subcommands = sys.argv[1:]
    if not shutil.which("mandoc"):
        lint.skip("no mandoc")
    shown = re.sub(".\b", "", output(["mandoc", "-T", "utf8", "-O", "width=200", page]))
    documented = set(OPTION.findall(shown))
    helps = [output([program, "--help"])] + [output([program, sub, "--help"])
                                             for sub in subcommands]
    name = os.path.basename(program)
    offered = {option for text in helps for option in OPTION.findall(
        OTHER.sub(lambda use: use[0] if use[0].startswith(name + " ") else "", text))}
    findings = lint.Findings()
    # argp itself offers these; a page need not repeat them.
    for option in sorted(offered - documented - {"--help", "--usage", "--version"}):
        findings.add(page, 1, f"{option} is offered by --help and not described: describe it")
    for option in sorted(documented - offered):
        findings.add(page, 1, f"{option} is described and not offered by --help: remove it")
    for sub in subcommands:
        if not re.search(rf"\b{re.escape(sub)}\b", shown):
            findings.add(page, 1, f"subcommand {sub} is not described: describe it")
    findings.exit()


main()

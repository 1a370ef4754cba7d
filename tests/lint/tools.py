#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Lints that another program makes: clang-format, shellcheck, mandoc.

usage: tools.py format|shell|manual ROOT
"""
import shutil
import subprocess
import sys

import lint

CLANG_FORMAT = "14"  # other versions format differently


def run_on(root, paths, command):
    """Runs the command on the files, shows what it says, exits with 1 where it complains."""
    if not paths:
        lint.skip("no such files")
    run = subprocess.run(command + paths, cwd=root, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False)
    print(run.stdout, end="")
    sys.exit(1 if run.returncode or run.stdout else 0)


def check_format(root):
    for name in f"clang-format-{CLANG_FORMAT}", "clang-format":
        if shutil.which(name):
            version = subprocess.run([name, "--version"], capture_output=True, text=True,
                                     check=True).stdout
            if f"version {CLANG_FORMAT}." in version:
                print(f"to mend: {name} -i FILE", file=sys.stderr)
                run_on(root, lint.files(root, ".c", ".h"), [name, "--dry-run", "--Werror"])
    lint.skip(f"no clang-format of version {CLANG_FORMAT}")


def check_shell(root):
    if not shutil.which("shellcheck"):
        lint.skip("no shellcheck")
    run_on(root, lint.shell_scripts(root), ["shellcheck", "-x"])


def check_manual(root):
    if not shutil.which("mandoc"):
        lint.skip("no mandoc")
    pages = [path for path in lint.files(root, ".1", ".8") if path.startswith("docs/man/")]
    run_on(root, pages, ["mandoc", "-T", "lint", "-W", "warning"])


def main():
    checks = {"format": check_format, "shell": check_shell, "manual": check_manual}
    checks[sys.argv[1]](sys.argv[2])


main()

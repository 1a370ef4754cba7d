# SPDX-License-Identifier: Apache-2.0
"""What the lints share: which files there are, and how a finding is reported."""
import os
import re
import sys

SKIPPED = 77  # as meson understands it


def files(root, *endings):
    """Paths relative to root of all files with one of the endings (all files without any), but
    not of what was built or fetched."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("build")
                            and f not in (".git", "node_modules", "subprojects", "__pycache__"))
        found += [os.path.relpath(os.path.join(folder, name), root) for name in sorted(names)
                  if name != ".git" and (not endings or name.endswith(endings))]
    return found


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_text(root, path):
    with open(os.path.join(root, path), "rb") as file:
        return b"\0" not in file.read(4096)


def shell_scripts(root):
    return [path for path in files(root) if is_text(root, path)
            and re.match(r"#! ?/(usr/)?bin/(env )?(ba|da)?sh\b", read(root, path))]


def without_comments(text):
    """C text with comments and string contents blanked, lines kept."""
    def blank(match):
        token = match[0]
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + token[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


class Findings:
    def __init__(self):
        self.count = 0

    def add(self, path, line, text):
        print(f"{path}:{line}: {text}")
        self.count += 1

    def exit(self):
        sys.exit(1 if self.count else 0)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes C tables of the report's texts, sorted for bsearch.

usage: words.py WORDS.TSV COUNTRIES.TSV
"""
import json
import sys


def read(path):
    rows = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#") or not line.strip():
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 3 or not all(fields):
                sys.exit(f"{path}:{number}: not three fields with tabs between them")
            if fields[0] in rows:
                sys.exit(f"{path}:{number}: {fields[0]} is there twice")
            rows[fields[0]] = fields[1:]
    return rows


def write(name, count, rows):
    print(f"const struct report_words {name}[] = {{")
    for key in sorted(rows, key=str.encode):
        # UTF-8 stands in C strings as it is.
        print("    {%s, {%s, %s}}," % tuple(json.dumps(text, ensure_ascii=False).replace("??", "?\\?")
                                          for text in (key, *rows[key])))
    print(f"}};\nconst size_t {count} = sizeof {name} / sizeof {name}[0];\n")


print('#include "words.h"\n')
write("report_words", "report_word_count", read(sys.argv[1]))
write("report_country_names", "report_country_count", read(sys.argv[2]))

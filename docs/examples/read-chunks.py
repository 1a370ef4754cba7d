#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the packed cells of a file of darkscope's store (docs/storage.md) and prints them as CSV:
start, sensor, class, proto, port, country, packets, bytes, windows, sources_peak.

usage: read-chunks.py FILE.sqlite TABLE [KIND]
       TABLE is minute_chunk, hour_chunk, day_chunk or month_chunk (start is that of the month);
       KIND 0, 1 or 2 (not of minute_chunk)

Needs the zstd program, and nothing that darkscope installs.
"""
import sqlite3
import subprocess
import sys

VERSION = 2
COUNTRIES = 3 + 26 * 26
HAS_SOURCES, HAS_OTHERS = 1, 2 # of forms
COLUMNS = ("key", "slots", "slot", "packets", "bytes", "remainder", "windows", "repeats", "survey",
           "inexact", "first", "last")
CRC32C = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
    CRC32C.append(value)


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value = value >> 8 ^ CRC32C[(value ^ byte) & 255]
    return value ^ 0xffffffff


def numbers(data):
    """7 bits a byte, lowest first; the high bit says that more follow."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0


def columns(data):
    """The columns of a chunk by name, windows_max and forms."""
    if data[0] != VERSION or crc32c(data[5:]) != int.from_bytes(data[1:5], "little"):
        raise ValueError("a chunk is damaged, or of another version")
    head_size, ends = 5, 0
    while ends < 5 + 2 * len(COLUMNS):
        ends += data[head_size] < 0x80
        head_size += 1
    keys, cells, windows_max, forms, count, *sizes = numbers(data[5:head_size])
    assert count == len(COLUMNS)
    at, plain, frames = head_size, {}, b""
    for name, size, packed in zip(COLUMNS, sizes[::2], sizes[1::2]):
        if packed == size:
            plain[name] = data[at:at + packed]
        else:
            frames += data[at:at + packed]
        at += packed
    unpacked = subprocess.run(["zstd", "-dc"], input=frames, capture_output=True,
                              check=True).stdout if frames else b""
    for name, size, packed in zip(COLUMNS, sizes[::2], sizes[1::2]):
        if packed != size:
            plain[name], unpacked = unpacked[:size], unpacked[size:]
    values = {}
    for name in COLUMNS:
        rows = keys if name in ("key", "slots") else cells
        values[name] = list(numbers(plain[name])) if plain[name] else [0] * rows
    return values, windows_max, forms


def key_of(number):
    """Numbers of keys are without the gaps between codes of countries: none, **, ??, AA to ZZ."""
    port, country = divmod(number, COUNTRIES)
    if country < 3:
        return port << 16 | (0, 0x2a2a, 0x3f3f)[country]
    first, second = divmod(country - 3, 26)
    return port << 16 | (65 + first) << 8 | 65 + second


def cells_of(data):
    """Key, slot, packets, bytes, windows, sources_peak of each cell."""
    column, windows_max, forms = columns(data)
    number, row = -1, 0
    for above, slots in zip(column["key"], column["slots"]):
        number, slot = number + 1 + above, -1
        key = key_of(number)
        for _ in range(slots + 1):
            slot += 1 + column["slot"][row]
            packets = column["packets"][row] + 1
            windows = min(packets, windows_max) - column["windows"][row]
            repeats = column["repeats"][row]
            yield (key, slot, packets, column["bytes"][row] * packets + column["remainder"][row],
                   windows, repeats + 1 if forms & HAS_SOURCES else packets - windows + 1 - repeats)
            row += 1


def main():
    path, table, kind = sys.argv[1], sys.argv[2], sys.argv[3:] or ["1"]
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    names = dict(db.execute("SELECT id, name FROM sensor"))
    classes = dict(db.execute("SELECT id, name FROM class"))
    where = "" if table == "minute_chunk" else f" WHERE kind = {int(kind[0])}"
    print("start,sensor,class,proto,port,country,packets,bytes,windows,sources_peak")
    start_of = "(SELECT value FROM store WHERE key = 'start')" if table == "month_chunk" else "start"
    for start, sensor, data in db.execute(f"SELECT {start_of}, sensor, data FROM {table}{where} "
                                          "ORDER BY 1, sensor, first_key"):
        for key, slot, *figures in cells_of(data):
            country = chr(key >> 8 & 255) + chr(key & 255) if key & 0xffff else ""
            print(start + slot * 3600, names[sensor], classes[key >> 40], key >> 32 & 255,
                  key >> 16 & 65535, country, *figures, sep=",")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""The books of a window, in the words of docs/statistics.md."""
from harness import check


def check_books(window):
    packets = window["packets"]
    counted, where = packets["counted"], f"window {window['start']}: "
    check(packets["received"] == counted + packets["outside"] + packets["malformed"],
          f"{where}received is not counted + outside + malformed: {packets}")
    check(sum(window["malformed"].values()) == packets["malformed"],
          f"{where}the reasons do not add up to malformed")
    for part in "late", "fragment", "truncated":
        check(packets[part] <= counted, f"{where}{part} is more than counted")
    for table in "types", "protocols":
        check(sum(window[table].values()) == counted, f"{where}{table} do not add up to counted")
    check(sum(c["packets"] for c in window["classes"].values()) == counted,
          f"{where}classes do not add up to counted")
    check(sum(c["bytes"] for c in window["classes"].values()) == window["bytes"],
          f"{where}classes do not add up to bytes")
    for table in "ports", "countries":
        for figure, whole in ("packets", counted), ("bytes", window["bytes"]):
            check(sum(row[figure] for row in window[table]) == whole,
                  f"{where}{figure} of {table} do not add up")
    check(sum(c["sources"] for c in window["countries"]) == window["sources"],
          f"{where}sources of countries do not add up to sources")
    for name, row in window["classes"].items():
        for figure in "packets", "bytes":
            check(sum(p[figure] for p in window["ports"] if p["class"] == name) == row[figure],
                  f"{where}{figure} of the ports of class {name} do not add up")

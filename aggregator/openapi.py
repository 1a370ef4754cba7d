#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP API as an OpenAPI document: prints it as a C constant, or (--json) as it is. Schemas name
every member that an answer may have; tests/e2e/test-api.py holds them against a running aggregator.
"""
import json
import sys

N = ["integer", "null"]
count = {"type": "integer", "minimum": 0}
maybe = {"type": N, "minimum": 0}
real = {"type": "number"}
share = {"type": "number", "minimum": 0, "maximum": 1}
text = {"type": "string"}
maybe_text = {"type": ["string", "null"]}
def ref(n): return {"$ref": "#/components/schemas/" + n}
def d(schema, what): return {**schema, "description": what}
def obj(props, optional=(), **more):
    return {"type": "object", "additionalProperties": False,
            "required": [p for p in props if p not in optional], "properties": props, **more}
def arr(items): return {"type": "array", "items": items}
def enum(*v): return {"type": "string", "enum": list(v)}
cls = enum("scan", "backscatter", "other")
TYPES = "tcp_syn tcp_synack tcp_ack tcp_push tcp_fin tcp_rst tcp_other udp icmp other".split()
by = enum("ports", "countries", "types", "classes", "protocols", "devices", "signatures")
figures = {"packets": d(maybe, "null where nobody watched, 0 where somebody watched and saw nothing"),
           "floor": d({"type": ["boolean", "null"]}, "packets and bytes are at least so many; "
                      "only of a country's ports"),
           "bytes": maybe,
           "sources": d(maybe, "unique sources, exact or estimated: see sources_error"),
           "sources_error": d({"type": ["number", "null"], "minimum": 0},
                              "0: exact; above 0: estimated, its relative standard error; null: not known"),
           "sources_peak": d(maybe, "the most in one window of one sensor: a lower bound"),
           "survey_packets": d(maybe, "those of survey scanners")}
FIG = ["floor", "bytes", "sources", "sources_error", "sources_peak", "survey_packets"]
covered = {"observed_seconds": d({"type": "number", "minimum": 0}, "time watched, summed over sensors"),
           "coverage": d(share, "part of the period that was watched")}
port = {"proto": text, "port": {"type": "integer", "minimum": 0, "maximum": 65535}}
before = {"before_packets": maybe, "change": d({"type": ["number", "null"]},
          "packets now by packets then, minus 1")}
head = {"query": text, "from": ref("Time"), "to": ref("Time"), "tz": text, "sensor": maybe_text}
period = {"from": ref("Time"), "to": ref("Time"), "sensors": count, **covered}
filt = obj({"class": cls, **port, "country": text, "type": enum(*TYPES), "signature": text,
            "survey": enum("no", "only"), "ports": arr(obj(port))},
           ["class", "proto", "port", "country", "type", "signature", "survey", "ports"])
nxt = d(maybe_text, "link to the next page; null at the end")
key = {"class": cls, **port, "country": text, "type": text, "device": text, "id": text}
toprow = obj({"rank": count, **key, **figures, "share": share, "sources_share": share,
              "before_rank": maybe, "before_sources": maybe, "before_share": {"type": ["number", "null"]}, **before},
             list(key) + FIG + ["sources_share", "before_rank", "before_share", "before_packets", "before_sources", "change"])
BOOKS = "received counted outside malformed late fragment truncated dropped_kernel dropped_interface dropped_ring".split()
counts = {"type": "object", "additionalProperties": count}
S = {
 "Time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?(Z|[+-]\d\d:\d\d)$"},
 "Problem": obj({"type": text, "title": text, "status": {"type": "integer"},
                 "detail": d(text, "what, where, how to mend it"),
                 "exit_status": d({"type": "integer"}, "that of the command line, darkscope(1)")},
                description="RFC 9457"),
 "Filter": filt, "Period": obj(period),
 "Point": obj({"start": ref("Time"), **port, **figures, **covered, "before_start": ref("Time"),
               "before_coverage": share, **before},
              ["proto", "port"] + FIG + ["before_start", "before_packets", "before_coverage", "change"]),
 "Total": obj({**port, **figures, **covered}, ["proto", "port"] + FIG),
 "TopRow": toprow,
 "Tally": obj({"packets": count, "bytes": count, "sources": maybe, "sources_error": {"type": ["number", "null"]},
               "sources_peak": count}),
 "query": obj({**head, "filter": ref("Filter"), "step": d(text, "as the parameter takes it"),
               "step_seconds": d(maybe, "null where steps are of different lengths"),
               "sensors": count, "compare": ref("Period"), "points": arr(ref("Point")),
               "total": ref("Total"), "totals": d(arr(ref("Total")), "of several ports")},
              ["compare", "total", "totals"]),
 "top": obj({**head, "filter": ref("Filter"), "by": by, "order": enum("packets", "sources"), "sensors": count, "compare": ref("Period"),
             "rows": arr(ref("TopRow")),
             "other": {"oneOf": [{"type": "null"}, obj({**figures, "share": share}, FIG)]},
             "total": ref("Total"), "next": nxt}, ["compare"]),
 "summary": obj({**head, "sensors": count, "windows": count, "split_windows": count, "addresses": maybe,
                 "country_dbs": arr(text), **covered,
                 **{k: {"oneOf": [{"type": "null"}, counts]} for k in ("packets", "malformed", "overflow", "types", "protocols")},
                 "bytes": maybe, "sources": maybe, "sources_error": {"type": ["number", "null"]}, "sources_peak": maybe,
                 "classes": {"oneOf": [{"type": "null"}, {"type": "object", "additionalProperties": ref("Tally")}]},
                 "ports": arr(ref("TopRow")), "countries": arr(ref("TopRow")),
                 "devices": arr(ref("TopRow")), "signatures": arr(ref("TopRow"))}),
 "sensors": obj({"query": text, "sensors": arr(obj({"sensor": text, "first": ref("Time"), "end": ref("Time"),
                 "last_received": ref("Time"), "windows": count, "window_seconds": count, **covered,
                 "received": count, "counted": count, "dropped": count}))}),
 "windows": obj({**head, "windows": arr(obj({"start": ref("Time"), "sensor": text, "seconds": count, **covered,
                 "parts": count, "received": count, "counted": count, "outside": count, "malformed": count,
                 "late": count, "dropped": count, "bytes": count, "sources": maybe, "sources_peak": count})), "next": nxt}),
 "window": {"type": "object", "description": "the object of `darkscope-sensor --json`, with sensors, parts and coverage",
            "required": ["start", "seconds", "sensor", "sensors", "parts", "coverage", "packets", "ports", "countries"],
            "properties": {"start": ref("Time"), "seconds": count, "sensor": maybe_text, "sensors": arr(text),
                           "parts": count, "coverage": share,
                           "packets": obj({b: count for b in BOOKS}),
                           "ports": arr({"type": "object", "required": ["class", "proto", "port", "packets"]}),
                           "countries": arr({"type": "object", "required": ["country", "packets"]})}},
 "sources": obj({**head, "filter": ref("Filter"), "sensors": count,
                 "rows": arr({"type": "object", "required": ["rank", "source", "country", "asn", "packets", "share", "survey", "first", "last"],
                              "properties": {"rank": count, "source": text, "country": text, "asn": maybe, "packets": count,
                                             "share": share, "ports_peak": count, "windows": count, "classes": arr(cls),
                                             "signatures": arr(text), "confirmed": arr(text), "first": ref("Time"), "last": ref("Time")}}),
                 "listed": count, "complete": {"type": "boolean"}, "windows_gone": count, "other": obj({"packets": maybe}),
                 "total": obj({"packets": maybe, **covered}), "next": nxt}),
 "attacks": obj({**head, "filter": ref("Filter"), "sensors": count, **covered, "overflow": count,
                 "attacks": arr(obj({"sensor": text, "victim": text, "country": text, **port, "start": ref("Time"),
                   "last": ref("Time"), "duration_seconds": real, "packets": count, "bytes": count, "mismatches": count,
                   "max_ppm": count, "ports_peak": count, "attack_ports_peak": count, "addresses_peak": count,
                   "period_packets": count, "period_bytes": count, "windows": count})), "next": nxt}),
 "seen": obj({**head, "filter": ref("Filter"), "by": enum("ports", "signatures"),
              "rows": arr(obj({"class": cls, **port, "id": text, "first": ref("Time"), "last": ref("Time")},
                              ["class", "proto", "port", "id"])), "next": nxt}),
 "export": {"type": "object", "description": "a row: all columns of the table; null: not known, or nobody watched"},
 "Health": {"type": "object", "required": ["status", "store", "version", "uptime_s", "sensors_connected", "queue", "windows"]},
}
P = {
 "port": ("a service port; of query up to 16 with commas between them: a series of each", text, "23/tcp"),
 "proto": ("IP protocol of the service", text, "tcp"),
 "country": ("country of the sources (of attacks: of the victims); ?? for unknown", {"type": "string", "pattern": "^([A-Z]{2}|\\?\\?)$"}, "CN"),
 "class": ("traffic class", cls, "scan"),
 "type": ("packet type; stands alone", enum(*TYPES), "tcp_syn"),
 "signature": ("a signature's id; stands alone", {"type": "string", "maxLength": 47}, "mirai"),
 "survey": ("with, without or only the packets of survey scanners", enum("all", "no", "only"), "no"),
 "by": ("what has a row", by, "ports"),
 "order": ("which rows come first: those with most packets or with most unique sources", enum("packets", "sources"), "sources"),
 "from": ("first start of a window, included; without Z or +HH:MM in the zone of tz", text, "2026-01-01T00:00:00Z"),
 "to": ("last start of a window, excluded", text, "2027-01-01"),
 "tz": ("time zone", {"type": "string", "maxLength": 47, "default": "UTC"}, "Asia/Tokyo"),
 "step": ("auto, window, minute, hour, day, week, month, year or a duration such as 5m", {"type": "string", "default": "auto"}, "10m"),
 "compare": ("another period beside: previous, year-ago or FROM/TO", text, "previous"),
 "at": ("start of the window, UTC", text, "2026-01-01T00:00:00Z"),
 "limit": ("rows", {"type": "integer", "minimum": 1, "maximum": 10000}, 3),
 "cursor": ("that of a next link", {"type": "string", "maxLength": 191}, None),
 "sensor": ("one sensor; without it all of them together", {"type": "string", "maxLength": 63}, "tokyo-1"),
 "format": ("CSV has the keys of the rows as its columns; of exports jsonl or csv, with units behind the names", enum("json", "csv", "jsonl"), None),
 "table": ("which table; the data dictionary of `darkscope export --dictionary` explains them", enum(
     "series", "ports", "port-countries", "countries", "classes", "types", "protocols", "devices", "signatures", "infected",
     "sensors", "malformed", "windows", "attacks", "sources", "first-ports", "first-signatures", "sensor-list"), None),
}
kinds = {
 "query": ("a series over time", "port proto country class type signature survey step compare from to tz sensor format"),
 "top": ("the rows with most packets, or sources", "by order port proto country class survey compare limit cursor from to tz sensor format"),
 "summary": ("all figures of a period", "limit from to tz sensor format"),
 "sensors": ("who sent windows", "format"),
 "windows": ("the stored windows", "limit cursor from to tz sensor format"),
 "window": ("one window, whole", "at sensor format"),
 "sources": ("the sources with most packets", "country survey limit cursor from to tz sensor format"),
 "attacks": ("attacks with spoofed sources", "country limit cursor from to tz sensor format"),
 "export": ("a table to take away, a line a row; step is day unless given, or all for the whole time as one",
            "table port proto country class type signature survey step limit from to tz sensor format"),
 "seen": ("when ports and signatures were first seen", "by port proto class signature limit cursor from to tz sensor format"),
}
def param(name, required=False):
    what, schema, example = P[name]
    p = {"name": name, "in": "query", "description": what, "required": required, "schema": schema}
    if example is not None: p["example"] = example
    return p
headers = {"ETag": {"description": "of the content; absent where the answer is sent in chunks", "schema": text}}
def problems(*codes): return {c: {"$ref": f"#/components/responses/{c}"} for c in codes}
paths = {}
for kind, (what, names) in kinds.items():
    paths["/api/v1/" + kind] = {"get": {"operationId": kind, "summary": what,
        "parameters": [({"$ref": "#/components/parameters/" + n} if n != "at" else param("at", True)) for n in names.split()],
        "responses": {"200": {"description": "the answer", "headers": headers,
                              "content": {**({"application/jsonl": {"schema": ref(kind)}} if kind == "export" else
                                             {"application/json": {"schema": ref(kind)}}), "text/csv": {"schema": text}}},
                      "304": {"description": "the answer is still that of If-None-Match"},
                      **problems("400", "401", "403", "404", "405", "413", "414", "421", "500", "503")}}}
def simple(op, what, types, extra=()):
    return {"get": {"operationId": op, "summary": what, "responses": {
        "200": {"description": what, "content": types}, **({"304": {"description": "still the same"}} if "304" in extra else {}),
        **problems("401", "403", "405", "413", "414", "421"), **{k: v for k, v in dict(extra if isinstance(extra, dict) else {}).items()}}}}
paths["/api/v1/openapi.json"] = simple("openapi", "this document", {"application/json": {"schema": {"type": "object", "required": ["openapi", "paths"]}}}, ("304",))
paths["/healthz"] = simple("health", "is it well?", {"application/json": {"schema": ref("Health")}},
    {"503": {"description": "the last attempt to store a window failed", "content": {"application/json": {"schema": ref("Health")}}}})
paths["/metrics"] = simple("metrics", "the aggregator's state for Prometheus", {"text/plain": {"schema": text}})
paths["/"] = simple("page", "a page that lists what there is", {"text/html": {"schema": text}}, ("304",))
titles = {"400": "the question is wrong; detail says what is allowed", "401": "a token is wanted", "403": "a page of another site asks", "404": "what is asked for is not there",
          "405": "only GET and HEAD", "413": "a request has no body", "414": "the address is too long",
          "421": "ask by a loopback name, or with a token", "500": "an error of the aggregator", "503": "the store cannot be read, or not now"}
doc = {"openapi": "3.1.0",
 "info": {"title": "darkscope", "version": "1", "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
          "description": "What a darknet packet telescope's sensors counted. docs/query.md says what the figures mean. GET and HEAD; gzip on request."},
 "security": [{}, {"token": []}],
 "paths": paths,
 "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "where the aggregator has http.token_file"}},
   "parameters": {n: param(n) for n in P if n != "at"},
   "responses": {c: {"description": t, "content": {"application/problem+json": {"schema": ref("Problem")}}} for c, t in titles.items()},
   "schemas": S}}
text = json.dumps(doc, separators=(",", ":"))
if "--json" in sys.argv:
    print(text)
else:
    print('#include "page.h"\n\nconst char ds_openapi_json[] = {')
    octets = [*text.encode(), 10, 0]
    for i in range(0, len(octets), 20):
        print("    " + ", ".join(str(b) for b in octets[i:i + 20]) + ",")
    print("};")

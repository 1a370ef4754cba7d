#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP API against its own description: every path, parameter, status and answer; and what HTTP
itself promises: entity tags, gzip, chunks, pages."""
import gzip
import json
import re
import unittest
import urllib.parse

import api
import daemon
import harness

try:
    import jsonschema
except ImportError:
    jsonschema = None

# For each parameter a value that is refused, whatever the kind.
WRONG = {"port": "70000/tcp", "proto": "tcpx", "country": "CHN", "class": "scans", "type": "syn",
         "signature": "a" * 48, "survey": "yes", "by": "names", "order": "bytes", "from": "yesterday",
         "to": "2026-13-01", "tz": "Asia/Nowhere", "step": "0s", "compare": "last",
         "at": "noon", "limit": "0", "cursor": "x", "sensor": "a" * 64, "format": "xml",
         "table": "port"}
# What these kinds want beside, or take only so.
BESIDE = {"window": "at=2026-01-01T00:00:00Z", "export": "table=series"}
INSTEAD = {("query", "cursor"): None, ("windows", "cursor"): "1767225600:s1", ("top", "cursor"): "2",
           ("sources", "cursor"): "2", ("attacks", "cursor"): "0", ("seen", "cursor"): "2",
           ("seen", "signature"): "mirai&by=signatures", ("query", "step"): "1m",
           ("export", "limit"): None}  # of other tables
MORE = ["query?port=23/tcp,22/tcp&step=1m&compare=previous", "query?type=udp",
        "query?signature=mirai&step=day&tz=Asia/Tokyo", "query?country=CN&class=scan",
        "query?from=2020-01-01&to=2020-01-02&step=hour", "query?step=month&from=2025-11-01",
        *(f"top?by={by}&limit=2" for by in ("ports", "countries", "types", "classes", "protocols",
                                            "devices", "signatures")),
        "top?compare=2026-01-01/2026-01-01T00:01&from=2026-01-01T00:01&tz=UTC",
        "top?from=2020-01-01&to=2020-01-02", "top?survey=no", "summary?from=2020-01-01&to=2020-01-02",
        "seen?by=signatures", "attacks?tz=America/St_Johns", "sources?survey=no&limit=2",
        "export?table=ports&limit=3&step=all", "export?table=sensors&format=csv&tz=Asia/Tokyo"]


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.filled = api.Filled()
        cls.document = cls.filled.json("/api/v1/openapi.json")
        cls.components = cls.document["components"]

    @classmethod
    def tearDownClass(cls):
        cls.filled.end()

    def resolve(self, item):
        while "$ref" in item:
            target = self.document
            for part in item["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            item = target
        return item

    def kinds(self):
        return {path.removeprefix("/api/v1/"): item["get"]
                for path, item in self.document["paths"].items()
                if "parameters" in item["get"]}

    def parameters(self, kind):
        return [self.resolve(item) for item in self.kinds()[kind]["parameters"]]

    def validate(self, value, schema, where):
        if jsonschema is None:
            self.skipTest("needs python3-jsonschema")
        whole = {**schema, "components": self.components}
        errors = list(jsonschema.Draft202012Validator(whole).iter_errors(value))
        self.assertEqual([], [f"{list(e.absolute_path)}: {e.message[:200]}" for e in errors[:5]],
                         where)

    def assert_documented(self, path, status=None, **options):
        """The reply is one that the document describes for the path; its JSON."""
        reply, content = self.filled.request(path, **options)
        name = path.split("?")[0]
        responses = self.document["paths"][name]["get"]["responses"]
        self.assertIn(str(reply.status), responses, f"{path}: {content[:300]}")
        if status is not None:
            self.assertEqual(reply.status, status, f"{path}: {content[:300]}")
        described = self.resolve(responses[str(reply.status)])
        if "content" not in described:
            self.assertEqual(content, b"")
            return None
        kind = reply.getheader("content-type").split(";")[0]
        self.assertIn(kind, described["content"], path)
        if "json" not in kind:
            return content
        if kind == "application/jsonl":
            for line in content.splitlines():
                self.validate(json.loads(line), described["content"][kind]["schema"], path)
            return content
        value = json.loads(content)
        self.validate(value, described["content"][kind]["schema"], path)
        return value

    # ---- the document ----

    def test_document_is_whole(self):
        text = json.dumps(self.document)
        for target in set(re.findall(r'"\$ref": "([^"]+)"', text)):
            self.resolve({"$ref": target})
        self.assertTrue(self.document["openapi"].startswith("3.1"))
        self.assertEqual(len(self.document["paths"]), 14)
        names = [item["get"]["operationId"] for item in self.document["paths"].values()]
        self.assertEqual(len(names), len(set(names)))
        if jsonschema:
            for schema in self.components["schemas"].values():
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_parameters_are_those_that_are_taken(self):
        for kind in self.kinds():
            problem = self.assert_documented(f"/api/v1/{kind}?nonsense=1", 400)
            taken = problem["detail"].split(" it takes ")[1].split(", ")
            self.assertEqual(set(taken), {p["name"] for p in self.parameters(kind)}, kind)

    # ---- answers ----

    def test_every_parameter_is_answered_as_described(self):
        for kind in self.kinds():
            beside = BESIDE.get(kind, "")
            for parameter in self.parameters(kind):
                name = parameter["name"]
                value = INSTEAD.get((kind, name), parameter.get("example"))
                if name == "at" or value is None:
                    continue
                value = str(value).replace("tokyo-1", "s1")
                if name in ("from", "to"):
                    value = "2026-01-01T00:00:00Z" if name == "from" else "2027-01-01"
                value = value.replace("+", "%2B")
                pairs = "&".join(filter(None, (beside, f"{name}={value}")))
                self.assert_documented(f"/api/v1/{kind}?{pairs}", 200)
            for form, start in ("jsonl" if kind == "export" else "json", b"{"), ("csv", b""):
                pairs = "&".join(filter(None, (beside, f"format={form}")))
                reply, content = self.filled.request(f"/api/v1/{kind}?{pairs}")
                self.assertEqual(reply.status, 200, kind)
                self.assertTrue(content.startswith(start))

    def test_tables_are_those_there_are(self):
        problem = self.assert_documented("/api/v1/export?table=port", 400)
        tables = problem["detail"].split(": not ")[1].replace(" or ", ", ").split(", ")
        schema = next(p["schema"] for p in self.parameters("export") if p["name"] == "table")
        self.assertEqual(tables, schema["enum"])
        for table in tables:
            self.assert_documented(f"/api/v1/export?table={table}", 200)

    def test_more_questions_are_answered_as_described(self):
        for question in MORE:
            self.assert_documented("/api/v1/" + question, 200)
        for path in "/", "/healthz", "/metrics", "/api/v1/openapi.json":
            self.assert_documented(path, 200)

    def test_wrong_values_are_problems(self):
        for kind in self.kinds():
            for parameter in self.parameters(kind):
                name = parameter["name"]
                pairs = "&".join(filter(None, (BESIDE.get(kind, "") if name != "at" else "",
                                               f"{name}={WRONG[name]}")))
                if name == "table":
                    pairs = f"table={WRONG[name]}"
                problem = self.assert_documented(f"/api/v1/{kind}?{pairs}", 400)
                self.assertEqual(problem["exit_status"], 2)
                self.assertIn(name, problem["detail"])

    def test_every_status_is_a_problem_as_described(self):
        for path in self.document["paths"]:
            self.assert_documented(path, 405, method="POST")
            self.assert_documented(path, 413, body=b"x" * 10)
            self.assert_documented(path + "?" + "x" * 2100, 414)
            self.assert_documented(path, 421, Host="example.org")
        self.assert_documented("/api/v1/window?at=2020-01-01", 404)
        self.assert_documented("/api/v1/query?sensor=nobody", 404)
        self.assert_documented("/api/v1/window", 400)

    # ---- entity tags ----

    def test_tag_stays_while_the_answer_does(self):
        for path in ("/api/v1/top", "/api/v1/summary?limit=1", "/api/v1/sensors", "/",
                     "/api/v1/openapi.json", "/api/v1/query?format=csv"):
            reply, content = self.filled.request(path)
            tag = reply.getheader("etag")
            self.assertRegex(tag, r'^W/"[0-9a-f]{16}"$')
            self.assertEqual(reply.getheader("cache-control"), "private, no-cache")
            for known in tag, tag[2:], f'"x", {tag}', "*":
                reply, nothing = self.filled.request(path, If_None_Match=known)
                self.assertEqual((reply.status, nothing), (304, b""), path)
                self.assertEqual(reply.getheader("etag"), tag)
            again = self.filled.request(path, If_None_Match='"0123456789abcdef"')
            self.assertEqual((again[0].status, again[1]), (200, content))
            packed = self.filled.request(path, If_None_Match=tag, Accept_Encoding="gzip")
            self.assertEqual(packed[0].status, 304)

    def test_tag_changes_with_what_is_stored(self):
        past = "/api/v1/summary?from=2026-01-01T00:00&to=2026-01-01T00:01&sensor=s1"
        paths = ("/api/v1/summary", "/api/v1/sensors", "/api/v1/windows", past)
        before = {path: self.filled.request(path)[0].getheader("etag") for path in paths}
        self.filled.fill(sensor="s2", minutes=1, seed=2)
        for path in paths:
            reply, _ = self.filled.request(path, If_None_Match=before[path])
            self.assertEqual(reply.status, 304 if path == past else 200, path)

    # ---- encodings ----

    def test_gzip_is_the_same(self):
        for path in "/api/v1/windows", "/api/v1/openapi.json", "/api/v1/query?step=window&format=csv":
            _, plain = self.filled.request(path)
            reply, packed = self.filled.request(path, Accept_Encoding="br, gzip;q=0.5")
            if len(plain) >= 1024:
                self.assertEqual(reply.getheader("content-encoding"), "gzip")
                self.assertEqual(int(reply.getheader("content-length")), len(packed))
                self.assertLess(len(packed), len(plain))
                packed = gzip.decompress(packed)
            self.assertEqual(packed, plain)
            self.assertEqual(reply.getheader("vary"), "accept-encoding")
            reply, _ = self.filled.request(path, Accept_Encoding="gzip;q=0")
            self.assertIsNone(reply.getheader("content-encoding"))
        reply, _ = self.filled.request("/api/v1/window", Accept_Encoding="gzip")
        self.assertIsNone(reply.getheader("content-encoding"))  # short

    def test_head_has_the_headers_of_get(self):
        for path in "/api/v1/top", "/metrics", "/", "/nothing", "/api/v1/top?by=x":
            get, content = self.filled.request(path)
            head, nothing = self.filled.request(path, method="HEAD")
            self.assertEqual((head.status, nothing), (get.status, b""))
            self.assertEqual(head.getheader("etag"), get.getheader("etag"))
            if path != "/metrics":
                self.assertEqual(int(head.getheader("content-length")), len(content))

    # ---- long answers ----

    LONG = "/api/v1/query?from=2025-12-01&to=2026-01-01T00:03&step=1m&port=23/tcp"
    POINTS = 31 * 1440 + 3

    def test_long_series_come_in_chunks(self):
        reply, content = self.filled.request(self.LONG)
        self.assertEqual(reply.getheader("transfer-encoding"), "chunked")
        self.assertIsNone(reply.getheader("content-length"))
        self.assertIsNone(reply.getheader("etag"))
        answer = json.loads(content)
        self.assertEqual(len(answer["points"]), self.POINTS)
        self.assertEqual(sum(p["packets"] or 0 for p in answer["points"]),
                         answer["total"]["packets"])
        self.assertIsNone(answer["points"][0]["packets"])
        _, rows = self.filled.request(self.LONG + "&format=csv")
        self.assertEqual(rows.count(b"\n"), self.POINTS + 1)
        _, packed = self.filled.request(self.LONG, Accept_Encoding="gzip")
        self.assertEqual(json.loads(gzip.decompress(packed)), answer)
        head, nothing = self.filled.request(self.LONG, method="HEAD")
        self.assertEqual((head.status, nothing), (200, b""))

    def test_old_clients_get_long_series_without_chunks(self):
        reply = self.filled.aggregator.exchange(
            f"GET {self.LONG} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        head, body = reply.split(b"\r\n\r\n", 1)
        self.assertNotIn(b"chunked", head.lower())
        self.assertEqual(len(json.loads(body)["points"]), self.POINTS)

    def test_clients_that_leave_or_do_not_read_leave_room_for_others(self):
        request = f"GET {self.LONG} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        sockets = []
        for _ in range(6):
            s = self.filled.aggregator.connect()
            s.sendall(request)
            s.recv(1000)
            sockets.append(s)
        self.assertGreater(len(self.filled.json("/api/v1/sensors")["sensors"]), 0)
        for s in sockets:
            s.close()
        # As soon as the threads have noticed.
        harness.wait_for(lambda: self.filled.request(self.LONG)[0].status == 200,
                         "a long answer after others were left")

    # ---- pages ----

    def test_next_links_lead_through_all_rows(self):
        for path, key in (("windows?limit=2", "windows"), ("top?limit=7", "rows"),
                          ("seen?limit=9", "rows"), ("sources?limit=11&tz=Asia/Tokyo", "rows"),
                          ("attacks?limit=1&country=%3F%3F", "attacks")):
            whole = self.filled.json("/api/v1/" + re.sub(r"limit=\d+", "limit=10000", path))
            rows, link = [], "/api/v1/" + path
            while link:
                page = self.assert_documented(link, 200)
                rows += page[key]
                link = page["next"]
                if link:
                    self.assertEqual(urllib.parse.urlsplit(link).path,
                                     "/api/v1/" + path.split("?")[0])
            self.assertEqual(rows, whole[key], path)
            self.assertIsNone(whole["next"])


if __name__ == "__main__":
    daemon.main()

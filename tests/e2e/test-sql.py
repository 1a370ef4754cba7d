# SPDX-License-Identifier: Apache-2.0
"""Strangers read the store: the sqlite3 shell with the extension, plain SQL, and the Python example
get the figures that darkscope prints; darkscope store looks after the files."""
import csv
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest

import daemon

DARKSCOPE = os.environ["DARKSCOPE"]
EXTENSION = os.environ["DARKSCOPE_EXTENSION"].removesuffix(".so")
STORAGE_MD = os.environ["STORAGE_MD"]
READER = os.environ["DARKSCOPE_READER"]


def run(*command, status=0, **options):
    done = subprocess.run(command, text=True, capture_output=True, check=False,
                          timeout=daemon.PATIENCE_S, **options)
    assert done.returncode == status, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


def ask(store, *arguments):
    return json.loads(run(DARKSCOPE, *arguments, "--store", store, "--format", "json"))


class Sql(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.store = os.path.join(cls.directory, "store")
        capture = os.path.join(cls.directory, "capture.pcap")
        # From 2026-01-01 on: all of it is long past, so that it can be rolled up at once.
        run(os.environ["DARKSCOPE_GEN"], "-o", capture, "-d", "3h", "-r", "4")
        with daemon.Aggregator(store=cls.store) as aggregator:
            run(os.environ["DARKSCOPE_SENSOR"], "-r", capture, "-w", "5m", "-n", "tokyo",
                "-a", aggregator.endpoint)
            aggregator.end(signal.SIGTERM)
        cls.packets = ask(cls.store, "query")["total"]["packets"]
        assert cls.packets > 20000

    def shell(self, store, *statements):
        script = f".load {EXTENSION}\nSELECT darkscope_open('{store}');\n" + "\n".join(statements)
        done = subprocess.run(["sqlite3", "-bail", "-csv"], input=script, text=True,
                              capture_output=True, timeout=daemon.PATIENCE_S, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = list(csv.reader(io.StringIO(done.stdout)))
        self.assertEqual(rows[0], [store])
        return rows[1:]

    def copy(self):
        """The store as it is, and rolled up."""
        copy = tempfile.mkdtemp(dir=self.directory)
        rolled = os.path.join(copy, "store")
        shutil.copytree(self.store, rolled)
        run(DARKSCOPE, "store", "prune", "--keep", "1d/400d/forever", rolled)
        return rolled

    def levels(self, store):
        for table in "minute", "hour", "day":
            yield table, self.shell(store, f"SELECT sum(packets), sum(bytes) FROM port_{table};")[0]

    def test_shell_adds_up_all_levels(self):
        for store in self.store, self.copy():
            figures = dict(self.levels(store))
            query = ask(store, "query", "--step", "day")["total"]
            for table, sums in figures.items():
                self.assertEqual([int(n) for n in sums], [query["packets"], query["bytes"]], table)

    def test_shell_equals_query(self):
        for store in self.store, self.copy():
            points = ask(store, "query", "--port", "23/tcp", "--class", "scan", "--step", "hour")
            rows = self.shell(store, "SELECT start, sum(packets), max(sources_peak) FROM port_hour"
                              " WHERE class = 'scan' AND proto = 6 AND port = 23 GROUP BY start;")
            wanted = [[str(p["packets"]), str(p["sources_peak"])] for p in points["points"]
                      if p["packets"]]
            self.assertEqual([row[1:] for row in rows], wanted)
            top = ask(store, "top", "--limit", "5")["rows"]
            rows = self.shell(store, "SELECT class, port, sum(packets) AS n FROM port_day GROUP BY"
                              " class, proto, port ORDER BY n DESC LIMIT 5;")
            self.assertEqual([int(row[2]) for row in rows], [row["packets"] for row in top])

    def test_hosts_beside_sketches_equal_query(self):
        rolled = self.copy()
        points = ask(rolled, "query", "--class", "scan", "--step", "hour")["points"]
        rows = run("sqlite3", "-bail", os.path.join(rolled, "minutes-2026-01-01.sqlite"),
                   "SELECT CAST(round(hosts) AS INTEGER) FROM hour_sketch WHERE kind = 'class' AND"
                   " key = 'scan' ORDER BY start;")
        self.assertEqual(len(points), 3)
        self.assertEqual([int(row) for row in rows.split()], [p["sources"] for p in points])

    def test_shell_takes_conditions(self):
        one = self.shell(self.store, "SELECT count(*), sum(packets) FROM port_minute WHERE"
                         " start >= 1767225900 AND start < 1767226500;")[0]
        two = self.shell(self.store, "SELECT count(*), sum(packets) FROM port_minute WHERE"
                         " start IN (1767225900, 1767226200) AND sensor = 'tokyo';")[0]
        self.assertEqual(one, two)
        self.assertGreater(int(one[0]), 100)
        none = self.shell(self.store, "SELECT count(*) FROM port_hour WHERE sensor = 'osaka' OR"
                          " class = 'x' OR proto = 999 OR start > 9e15;",
                          "SELECT count(*) FROM port_hour WHERE start = NULL;")
        self.assertEqual(none, [["0"], ["0"]])
        by_argument = self.shell("" + self.store, f"SELECT sum(packets) FROM port_country_minute"
                                 f"('{self.store}') WHERE country = '??';")
        self.assertEqual(by_argument, [[str(self.packets)]])

    def test_shell_says_what_is_wrong(self):
        for statement, text in (("SELECT * FROM port_hour;", "darkscope_open"),
                                ("SELECT darkscope_open('/none');", "darkscope.sqlite")):
            done = subprocess.run(["sqlite3", "-bail"], input=f".load {EXTENSION}\n{statement}\n",
                                  text=True, capture_output=True, timeout=daemon.PATIENCE_S,
                                  check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stderr)

    def test_examples_of_the_document_run(self):
        rolled = self.copy()
        with open(STORAGE_MD, encoding="utf-8") as document:
            blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", document.read(), re.M)
        sql = [block for block in blocks if "SELECT" in block and "import" not in block and
               "..." not in block]
        self.assertEqual(len(sql), 3)
        for block in sql:
            script = re.sub(r"\.load .*", f".load {EXTENSION}", block)
            script = script.replace("/var/lib/darkscope", rolled).replace("    .load", ".load")
            done = run("sqlite3", "-bail", "-csv", os.path.join(rolled, "hours-2026-01.sqlite"),
                       input=script)
            self.assertGreater(len(done.splitlines()), 2)
        python = next(block for block in blocks if "import sqlite3" in block)
        code = re.sub("^    ", "", python, flags=re.M).replace("/var/lib/darkscope", rolled)
        printed = run("python3", "-c", code)
        self.assertEqual(sum(int(line.split()[1]) for line in printed.splitlines()), self.packets)

    def test_python_reads_chunks(self):
        rolled = self.copy()
        for file, table, kinds in (("hours-2026-01", "hour_chunk", "02"),
                                   ("days-2026-01", "day_chunk", "02"),
                                   ("days-2026-01", "month_chunk", "02")):
            for kind in kinds:
                path = os.path.join(rolled, file + ".sqlite")
                rows = csv.DictReader(io.StringIO(run("python3", READER, path, table, kind)))
                self.assertEqual(sum(int(row["packets"]) for row in rows), self.packets)
        path = os.path.join(self.store, "minutes-2026-01-01.sqlite")
        rows = list(csv.DictReader(io.StringIO(run("python3", READER, path, "minute_chunk"))))
        self.assertEqual(sum(int(row["packets"]) for row in rows), self.packets)
        window = ask(self.store, "window", "--at", "2026-01-01T00:05:00Z")
        mine = sum(int(row["bytes"]) for row in rows if row["start"] == "1767225900")
        self.assertEqual(mine, window["bytes"])

    def test_store_is_looked_after(self):
        rolled = self.copy()
        self.assertEqual(os.listdir(rolled).count("minutes-2026-01-01.sqlite"), 1)  # just received
        self.assertEqual(run(DARKSCOPE, "store", "check", rolled), "sound\n")
        before = ask(rolled, "summary"), ask(rolled, "top")
        run(DARKSCOPE, "store", "repack", rolled)
        self.assertEqual((ask(rolled, "summary"), ask(rolled, "top")), before)
        self.assertEqual(run(DARKSCOPE, "store", "check", rolled), "sound\n")
        listed = run(DARKSCOPE, "store", "info", rolled)
        for name in "minutes-2026-01-01.sqlite", "hours-2026-01.sqlite", "days-2026-01.sqlite":
            self.assertIn(name, listed)
        path = os.path.join(rolled, "hours-2026-01.sqlite")
        with sqlite3.connect(path) as db:
            db.execute("UPDATE hour_chunk SET data = data || x'00' WHERE kind = 0")
        db.close()
        with sqlite3.connect(os.path.join(rolled, "days-2026-01.sqlite")) as db:
            sums = db.execute("SELECT * FROM month_chunk WHERE kind = 2").fetchall()
            db.execute("DELETE FROM month_chunk WHERE kind = 2")
            db.execute("INSERT INTO month_chunk SELECT NULL, 2, sensor, first_key, last_key, cells,"
                       " data FROM month_chunk WHERE kind = 0 ORDER BY first_key DESC LIMIT 1")
        damaged = run(DARKSCOPE, "store", "check", rolled, status=8)
        self.assertIn("hours-2026-01.sqlite: a chunk of kind 0", damaged)
        self.assertIn("days-2026-01.sqlite: cells of kind 2 of month", damaged)
        with sqlite3.connect(os.path.join(rolled, "days-2026-01.sqlite")) as db:
            db.execute("DELETE FROM month_chunk WHERE kind = 2")
            db.executemany("INSERT INTO month_chunk VALUES (?, ?, ?, ?, ?, ?, ?)", sums)
        db.close()
        self.assertEqual((ask(rolled, "summary"), ask(rolled, "top")), before)  # answered by days
        for words in ([], ["check"], ["mend", rolled], ["prune", "--keep", "1h/2d/forever", rolled],
                      ["prune", "--keep", "9d/2d/forever", rolled], ["prune", rolled],
                      ["info", "--keep", "7d/400d/forever", rolled]):
            run(DARKSCOPE, "store", *words, status=2)


if __name__ == "__main__":
    daemon.main()

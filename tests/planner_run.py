"""One run of generated queries, by one SQLite: a program, since a process can have one alone.

    PYTHONPATH=tests[:FOLDER] python tests/planner_run.py EXTENSION queries SEED QUERIES
    PYTHONPATH=tests[:FOLDER] python tests/planner_run.py EXTENSION plans STATEMENTS

Uses apsw where FOLDER, a folder of tests/setup/install's, brings it, else Python's own sqlite3.

The first makes tables on the DynamoDB Local of the environment, one set for each seed from SEED on,
and copies of them in SQLite, and runs queries on both until it has had QUERIES. It prints a line of
JSON that counts them. A difference ends the run with code 1, made small and with what repeats it.
The second prints the plans of a JSON array of statements, and sends nothing.
"""

import collections
import json
import os
import random
import re
import sys
import uuid

import boto3
from generated_tables import LAYOUTS, SIDS, TYPES, make_items
from planner_queries import HIDDEN, KEYS, LOCALS, Queries, Writes

ITEMS = 26
# For each set of tables: as they are, and then in a transaction with writes that wait.
COMMITTED = 150
WAITING = 50
TRANSACTIONS = 2
WRITES = 6
SHRINK_STEPS = 200
MAX_DIFFERENCES = int(os.environ.get("DDS_DIFFERENCES", 1))


class Sqlite:
    """A connection of Python's own sqlite3 or of apsw."""

    def __init__(self, extension):
        try:
            import apsw
        except ImportError:
            apsw = None
        if apsw:
            self.version = apsw.sqlite_lib_version() if hasattr(apsw, "sqlite_lib_version") else (
                apsw.sqlitelibversion())
            self.error, self.code = apsw.Error, "extendedresult"
            self.connection = apsw.Connection(":memory:")
        else:
            import sqlite3

            self.version = sqlite3.sqlite_version
            self.error, self.code = sqlite3.Error, "sqlite_errorcode"
            self.connection = sqlite3.connect(":memory:", isolation_level=None)
        enable, load = (
            getattr(self.connection, name, None) or getattr(self.connection, name.replace("_", ""))
            for name in ("enable_load_extension", "load_extension"))
        enable(True)
        load(extension)

    def rows(self, sql, parameters=()):
        return self.connection.cursor().execute(sql, parameters).fetchall()

    def answer(self, sql, parameters, meanwhile=None):
        """The rows, or the code of the error; `meanwhile` is called behind the first row."""
        try:
            cursor = self.connection.cursor().execute(sql, parameters)
            if not meanwhile:
                return cursor.fetchall()
            first = cursor.fetchone()
            meanwhile()
            return [] if first is None else [first, *cursor.fetchall()]
        except self.error as error:
            self.last_error = str(error)
            return getattr(error, self.code)


class Server:
    """Session tables on DynamoDB Local."""

    def __init__(self):
        self.dynamodb = boto3.client("dynamodb", region_name=os.environ["AWS_REGION"])
        self.names = []

    def make(self, rng, layout, indexes):
        name = "planner-" + uuid.uuid4().hex
        keys = {LAYOUTS[layout][0]: "S"}
        for key, _, sort in indexes:
            keys.update({column: "SNB"["ukw".index(column)] for column in (key, sort) if column})
        self.dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=schema(LAYOUTS[layout][0]),
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()],
            **({"GlobalSecondaryIndexes": [
                {"IndexName": index_name(key, sort), "KeySchema": schema(key, sort),
                 "Projection": projection} for key, projection, sort in indexes]}
               if indexes else {}))
        self.names.append(name)
        # An item that lacks a sort key is not in its index: who names one knows that.
        sorts = [sort for _, _, sort in indexes]
        for item in make_items(rng, layout, ITEMS):
            for key, values in KEYS.items():
                if key in sorts or rng.random() < 0.8:
                    item[key] = rng.choice(values)
            self.dynamodb.put_item(TableName=name, Item=item)
        return name

    def drop(self):
        while self.names:
            self.dynamodb.delete_table(TableName=self.names.pop())


def schema(key, sort=None):
    kinds = [(key, "HASH")] + ([(sort, "RANGE")] if sort else [])
    return [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]


def index_name(key, sort):
    return "%s-%s-index" % (key, sort) if sort else key + "-index"


PROJECTIONS = [
    {"ProjectionType": "ALL"}, {"ProjectionType": "KEYS_ONLY"},
    {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["t", "sess", "n"]},
]


class World:
    """The tables of a seed: s1 and s2 of the extension, r1 and r2 that copy them, local ones."""

    def __init__(self, seed, sqlite, server):
        self.rng = random.Random(seed)
        self.sqlite = sqlite
        self.declarations = {}
        for name in ("1", "2"):
            self.make_table(name, server)
        self.stored = {}
        self.copy()
        self.make_locals()

    def make_table(self, name, server):
        rng = self.rng
        layout = rng.choice(list(LAYOUTS))
        indexes = [
            (key, rng.choice(PROJECTIONS), rng.choice([None, None, "k"]) if key == "u" else None)
            for key in KEYS if rng.random() < 0.4]
        table = server.make(rng, layout, indexes)
        types = {**TYPES, "u": "TEXT", "k": "INTEGER", "w": "BLOB"}
        for key in KEYS:
            if rng.random() < 0.2:
                types[key] = rng.choice(list(TYPES.values()))
        columns = list(types.items())
        rng.shuffle(columns)
        columns = ", ".join("%s %s" % column for column in columns)
        options = ["table='%s'" % table, "layout='%s'" % layout, columns]
        options += rng.choice([[], [], ["consistent_read=1"], ["total_segments=3"]])
        options += ["index='%s(%s)'" % (index_name(key, sort), ", ".join(filter(None, (key, sort))))
                    for key, _, sort in indexes]
        sql = "CREATE VIRTUAL TABLE temp.s%s USING dynamodb_sessions(%s)" % (
            name, ", ".join(options))
        self.declarations["s" + name] = sql
        self.sqlite.rows(sql)
        sql = ("CREATE TABLE r%s(sid TEXT NOT NULL PRIMARY KEY, session TEXT, expires NUMERIC, %s, "
               "expired INTEGER, size INTEGER, sid_hash TEXT, item TEXT) WITHOUT ROWID" % (
                   name, columns))
        self.declarations["r" + name] = sql
        self.sqlite.rows(sql)

    def copy(self):
        """Of all rows as they are now, in this transaction too."""
        columns = ["sid", "session", "expires", *TYPES, *KEYS, *HIDDEN]
        for name in ("1", "2"):
            self.sqlite.rows("DELETE FROM r%s" % name)
            self.sqlite.rows("INSERT INTO r{0}({1}) SELECT {1} FROM s{0}".format(
                name, ", ".join(columns)))
            self.remember("@" + name, "r" + name, columns)

    def remember(self, name, table, columns):
        rows = self.sqlite.rows("SELECT %s FROM %s ORDER BY 1" % (", ".join(columns), table))
        if rows:
            self.stored[name] = dict(zip(columns, zip(*rows)))

    def make_locals(self):
        rng = self.rng
        sids = self.stored["@1"]["sid"] + self.stored["@2"]["sid"]
        values = Queries(rng, self.stored)
        values.stored = self.stored["@1"]
        some = [values.value(rng.choice(["sid", "expires", *TYPES, *KEYS])) for _ in range(7)]
        contents = {
            "few": [*rng.sample(sids, 4), rng.choice(SIDS), "nobody", None],
            "many": {*sids, *("nobody-%03d" % i for i in range(rng.choice([40, 120, 260])))},
            "folded": [rng.choice(sids).upper() for _ in range(4)] + ["U-0", None],
        }
        for name, declaration in LOCALS.items():
            self.sqlite.rows("CREATE TABLE %s(v %s)" % (name, declaration))
            for value in sorted(contents.get(name, some), key=repr):
                self.sqlite.rows("INSERT INTO %s VALUES (?)" % name, (value,))
            self.remember(name, name, ["v"])

    def close(self):
        for name in ("s1", "s2", "r1", "r2", *LOCALS):
            self.sqlite.rows("DROP TABLE " + name)


class Run:
    def __init__(self, extension, server):
        self.sqlite = Sqlite(extension)
        self.server = server
        self.counts = collections.Counter()
        self.requests = collections.Counter()
        self.last_request = 0
        self.log = []
        self.number = None
        self.differences = []
        self.asked = []

    # ---- one query

    def answers(self, query, meanwhile=None):
        everything = ()
        real = self.sqlite.answer(query.text("s"), query.parameters, meanwhile)
        expected = self.sqlite.answer(query.text("r"), query.parameters)
        if query.order == "some" and not isinstance(expected, int):
            unlimited = query.text("r", query.unlimited)
            everything = self.sqlite.answer(unlimited, query.parameters)
        return real, expected, everything

    def check(self, query, meanwhile=None):
        _, expected, _ = answers = self.answers(query, meanwhile)
        self.counts["queries"] += 1
        if isinstance(expected, int):
            self.counts["errors"] += 1
        else:
            self.counts["found"] += bool(expected)
            self.counts["rows"] += len(expected)
        if query.differs(*answers):
            self.differences.append(self.report(self.shrunk(query), answers))
            if len(self.differences) == MAX_DIFFERENCES:
                raise Difference

    def shrunk(self, query):
        """The query without what the difference does not need."""
        steps = SHRINK_STEPS
        is_done = False
        while not is_done:
            is_done = True
            for less in query.smaller():
                steps -= 1
                answers = self.answers(less) if steps >= 0 else None
                # An error of the smaller query's own says nothing.
                if answers and less.differs(*answers) and not isinstance(answers[1], int):
                    query, is_done = less, False
                    break
        return query

    def report(self, query, before):
        self.sqlite.last_error = "none"
        now = self.answers(query)
        error = self.sqlite.last_error
        is_again = query.differs(*now)
        real, expected, _ = now if is_again else before
        sql = query.text("s")
        try:
            plan = [row[-1] for row in self.sqlite.rows(
                "EXPLAIN QUERY PLAN " + sql, query.parameters)]
        except self.sqlite.error as error:
            plan = [str(error)]
        return "\n".join([
            "DDS_SEED=%d: the extension and SQLite %s differ (rows are compared: %s)" % (
                self.number, self.sqlite.version, query.order),
            *self.log, sql, repr(query.used()), "plan: " + "\n      ".join(plan),

            "extension: " + lines(query, real, expected),
            "SQLite:    " + lines(query, expected, real), "last error: " + error,
            "It differs again by itself." if is_again else
            "It does not by itself: what ran before it, or while it had more rows, matters."])

    # ---- a set of tables

    def seed(self, seed):
        self.number = seed
        world = World(seed, self.sqlite, self.server)
        self.log = list(world.declarations.values())
        queries = Queries(world.rng, world.stored)
        self.asked = [queries.make()]
        self.queries(queries, COMMITTED)
        for _ in range(TRANSACTIONS):
            self.write(world)
            self.queries(queries, WAITING)
            self.sqlite.rows("ROLLBACK")
            world.copy()
            self.log = list(world.declarations.values())
        self.counts["seeds"] += 1
        self.count_requests()
        world.close()
        self.server.drop()

    def queries(self, queries, count):
        rng = queries.rng
        for place in range(count):
            query = queries.make()
            self.check(query)
            if place % 8 == 0:
                # The same statement again, whose plan was made for other values.
                self.check(query.but(parameters=queries.redraw()))
            elif place % 8 == 1:
                # A statement from before what was written since.
                self.check(rng.choice(self.asked))
            elif place % 8 == 2:
                # One statement while another one has more rows to give.
                self.check(query, lambda: self.check(rng.choice(self.asked)))
            elif place % 8 == 3:
                # One that is left after its first row.
                self.abandon(rng.choice(self.asked))
            self.asked.append(query)
            if place % 50 == 0:
                self.count_requests()

    def abandon(self, query):
        try:
            self.sqlite.connection.cursor().execute(query.text("s"), query.parameters).fetchone()
        except self.sqlite.error:
            pass

    def write(self, world):
        self.sqlite.rows("BEGIN")
        self.log.append("BEGIN")
        writes = Writes(world.rng, world.stored)
        for _ in range(WRITES):
            query = writes.make()
            answer = self.sqlite.answer(query.text("s"), query.parameters)
            self.log.append("%s %r -> %r" % (query.text("s"), query.used(), answer))
            self.counts["writes"] += not isinstance(answer, int)
        world.copy()

    def count_requests(self):
        rows = self.sqlite.rows("SELECT operation, id FROM dynamodb_requests WHERE id > ?",
                                (self.last_request,))
        for operation, number in rows:
            self.requests[operation] += 1
            self.last_request = max(self.last_request, number)


class Difference(Exception):
    pass


def lines(query, rows, others):
    """The rows of an answer, those first that the other one has not, or has elsewhere."""
    if isinstance(rows, int):
        return "error code %d" % rows
    others = [] if isinstance(others, int) else others
    if query.order == "total":
        pairs = zip(query.comparable(rows), query.comparable(others))
        place = next((i for i, (one, other) in enumerate(pairs) if one != other), 0)
        return "%d rows, from number %d on: %r" % (len(rows), place, rows[place:place + 5])
    only = collections.Counter(query.comparable(rows))
    only.subtract(query.comparable(others))
    return "%d rows; these only here: %r; all: %r" % (
        len(rows), list((+only).elements())[:5], rows[:20])


def show_plans(extension, statements):
    sqlite = Sqlite(extension)
    sqlite.rows("CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions"
                "(table='plans', u TEXT, k INTEGER, index='u-index(u)')")
    sqlite.rows("CREATE TABLE l(v TEXT)")
    plans = {}
    for sql in json.loads(statements):
        details = [row[-1] for row in sqlite.rows("EXPLAIN QUERY PLAN " + sql)]
        (words,) = (re.search(r"VIRTUAL TABLE INDEX \d+:(.*?)(?: LEFT-JOIN)?$", detail)[1]
                    for detail in details if "VIRTUAL TABLE" in detail)
        plans[sql] = words
    print(json.dumps(plans))
    return 0


def run_queries(extension, first, wanted):
    server = Server()
    run = Run(extension, server)
    seed = int(first)
    try:
        while run.counts["queries"] < int(wanted):
            run.seed(seed)
            seed += 1
    except Difference:
        pass
    finally:
        server.drop()
    if run.differences:
        print("\n\n".join(run.differences))
        return 1
    print(json.dumps({"sqlite": run.sqlite.version, "first_seed": int(first), **run.counts,
                      "requests": run.requests}))
    return 0


if __name__ == "__main__":
    what = {"queries": run_queries, "plans": show_plans}
    sys.exit(what[sys.argv[2]](sys.argv[1], *sys.argv[3:]))

"""Generated queries on two session tables and a few local ones, for test_planner.py.

    queries = Queries(rng, world)
    query = queries.make()
    query.text("s"), query.parameters        # on the extension's tables s1 and s2
    query.text("r"), query.parameters        # on their ordinary copies r1 and r2

`@1` and `@2` stand for the tables in the SQL. What may differ between two correct answers is part
of the query: Query.order says how the rows are to be compared. Whatever SQL leaves open is kept out
(bare columns of aggregates, sums of floats, LIMIT without a total order inside a subquery), and so
is `expires` compared with a text that is a date, which the extension refuses.
"""

import collections
import copy
import re

from generated_tables import BYTES, TEXTS, TYPES, Conditions

# Attributes that an index may have as its key: they have one type. Name -> its values in DynamoDB.
KEYS = {
    "u": [{"S": text} for text in ("u-0", "u-1", "U-1", "12", "012", "é", "a\0b")],
    "k": [{"N": text} for text in ("0", "1", "2.5", "-3", "1" + "2345678901" * 3 + "2345678")],
    "w": [{"B": text} for text in BYTES if text],
}
HIDDEN = ["expired", "size", "sid_hash", "item"]
# What conditions, sort orders and results are made of, as often as each stands here.
COMMON = ["sid", "sid", "sid", "expires", "expires", "expired", *TYPES, *KEYS, "u", "k"]
SORTABLE = ["sid", "expires", *TYPES, *KEYS, "expired", "size", "sid_hash"]
# Local tables: name -> the declaration of their column v.
LOCALS = {
    "few": "TEXT", "many": "TEXT PRIMARY KEY", "folded": "TEXT COLLATE NOCASE", "jt": "TEXT",
    "ji": "INTEGER", "jr": "REAL", "jn": "",
}
# What DynamoDB refuses as a key or as a number, and SQL compares all the same.
EXTREMES = [
    "", "y" * 1025, "y" * 2100, "\0", b"", bytes(2100), 1e300, -1e300, 1e-200, 5e-324, 9e999,
    -9e999,
]
COMPARISONS = ["=", "=", "=", "<", "<=", ">", ">=", "!=", "IS", "IS NOT", "=="]
PATTERNS = [
    "a*", "*2", "1*", "A?C", "é*", "*", "", "?", "s*", "session-0*", "session-00?", "[a-c]*",
    "[^s]*", "*bc", "*e*", "s-1", "x*x", "u-*", "*%*", "sess:*", "\U0001f600*", "*\"of\": \"s*",
    "a[*]", "session-[0]1*", "\uffff*", "**", "a**b",
]


# ---- conditions as trees, so that a failure can be made smaller ---------------------------------


class Tree:
    """A condition: leaves are texts; `word` joins the parts, or is NOT before the only one."""

    def __init__(self, word, parts):
        self.word = word
        self.parts = parts

    def __str__(self):
        if self.word == "NOT":
            return "NOT (%s)" % self.parts[0]
        return "(" + (" %s " % self.word).join(map(str, self.parts)) + ")"


def smaller(tree):
    """Every condition that is one step smaller."""
    if isinstance(tree, str):
        if tree != "1":
            yield "1"
        return
    yield from tree.parts
    for place, part in enumerate(tree.parts):
        others = tree.parts[:place] + tree.parts[place + 1:]
        if len(others) > 1:
            yield Tree(tree.word, others)
        for less in smaller(part):
            yield Tree(tree.word, tree.parts[:place] + [less] + tree.parts[place + 1:])


class Query:
    """`form` is SQL with {0}, {1}, ... where the `conditions` come; `order` one of

    - "none": the same rows
    - "total": the same rows in this order
    - "some": LIMIT without a total order: as many rows, all of them of the query `unlimited`

    Not `typed`: which of 1 and 1.0 a group shows is left open.
    """

    def __init__(self, form, conditions, parameters, order, unlimited=None, typed=True):
        self.form = form
        self.conditions = conditions
        self.parameters = parameters
        self.order = order
        self.unlimited = unlimited
        self.typed = typed

    def text(self, name, form=None):
        sql = re.sub(r"\{(\d)\}", lambda match: str(self.conditions[int(match[1])]),
                     form or self.form)
        return re.sub(r"@([12])\b", name + r"\1", sql)

    def used(self):
        """The parameters that the text has."""
        names = re.findall(r":(p\d+)\b", self.text(""))
        return {name: self.parameters[name] for name in names}

    def but(self, **changes):
        """The same query but for these attributes."""
        other = copy.copy(self)
        other.__dict__.update(changes)
        return other

    def smaller(self):
        for place, condition in enumerate(self.conditions):
            for less in smaller(condition):
                others = [*self.conditions[:place], less, *self.conditions[place + 1:]]
                yield self.but(conditions=others)

    def differs(self, real, expected, everything):
        """Whether the answers differ, rows or an error's code; `everything`: of `unlimited`."""
        if isinstance(real, int) or isinstance(expected, int):
            return real != expected
        real, expected, everything = map(self.comparable, (real, expected, everything))
        if self.order == "total":
            return real != expected
        if self.order == "some":
            more = collections.Counter(real) - collections.Counter(everything)
            return len(real) != len(expected) or bool(more)
        return collections.Counter(real) != collections.Counter(expected)

    def comparable(self, rows):
        if not self.typed:
            return rows
        return [tuple((type(value).__name__, value) for value in row) for row in rows]


# ---- the generator ------------------------------------------------------------------------------


class Queries(Conditions):
    """`stored` has for each of `@1`, `@2` and the local tables the values of each column."""

    def __init__(self, rng, stored):
        super().__init__(rng, True, {})
        self.of_table = stored
        self.redrawn = {}  # parameters whose value may be any other, and the column it was made for

    # ---- values

    def bound(self, value):
        """A literal or a parameter."""
        self.is_bound = self.rng.random() < 0.5 or (isinstance(value, str) and "\0" in value)
        return self.literal(value)

    def operand(self, source, column):
        table = source[1]
        self.stored = self.of_table[table]
        text = self.bound(self.value(column))
        if text.startswith(":"):
            self.redrawn[text[1:]] = (table, column)
        return text

    def value(self, column):
        kind = self.rng.random()
        if self.rng.random() < 0.03:
            return self.rng.choice(EXTREMES)
        if column in KEYS and kind < 0.6:
            return self.rng.choice(self.stored[column])
        if column == "sid" and kind < 0.5:
            return self.rng.choice(self.stored[column])
        if column in ("size", "sid_hash", "item", "session", "v"):
            return self.rng.choice(self.stored[column])
        return super().value(column)

    def redraw(self):
        """Other values for the same statement, of any type."""
        parameters = dict(self.parameters)
        for name, (table, column) in self.redrawn.items():
            self.stored = self.of_table[table]
            parameters[name] = self.value(column)
        return parameters

    # ---- conditions on a source, which is (alias, table)

    def column(self, source, choices=COMMON):
        alias, table = source
        name = "v" if table in LOCALS else self.rng.choice(choices)
        return "%s.%s" % (alias, name), name

    def leaf_of(self, source, others=(), depth=0):
        """A condition on the source; `others` may stand on its other side."""
        rng = self.rng
        term, column = self.column(source)
        kinds = [
            (self.comparison, 30), (self.between, 8), (self.null_test, 6), (self.in_list, 12),
            (self.pattern, 12), (self.odd, 8), (self.row_value, 3),
        ]
        if others:
            kinds.append((self.other_column, 12))
        if depth < 1:
            kinds += [(self.in_subquery, 8), (self.exists, 2), (self.scalar, 3)]
        makers, weights = zip(*kinds)
        maker = rng.choices(makers, weights)[0]
        plain = term
        if rng.random() < 0.08:
            term += rng.choice([" COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY"])
        elif rng.random() < 0.05:
            term = rng.choice(["+%s", "CAST(%s AS TEXT)", "(%s)", "-%s", "unlikely(%s)"]) % term
        return maker(source=source, term=term, plain=plain, column=column, others=others)

    def comparison(self, source, term, column, **_):
        operator = self.rng.choice(COMPARISONS)
        value = self.operand(source, column)
        if self.rng.random() < 0.04:
            value += self.rng.choice([" COLLATE NOCASE", " COLLATE RTRIM"])
        if self.rng.random() < 0.15:
            return "%s %s %s" % (value, operator, term)
        return "%s %s %s" % (term, operator, value)

    def between(self, source, term, column, **_):
        low, high = self.operand(source, column), self.operand(source, column)
        return "%s %sBETWEEN %s AND %s" % (term, self.rng.choice(["", "", "NOT "]), low, high)

    def null_test(self, term, **_):
        return "%s IS %sNULL" % (term, self.rng.choice(["", "NOT "]))

    def in_list(self, source, term, column, **_):
        count = self.rng.choice([1, 1, 2, 3, 4, 6])
        values = [self.operand(source, column) for _ in range(count)]
        if column == "sid" and self.rng.random() < 0.1:
            values += ["'session-%03d'" % i for i in range(self.rng.choice([98, 100, 250]))]
        elif self.rng.random() < 0.03:
            values += map(str, range(self.rng.choice([40, 120])))
        return "%s %sIN (%s)" % (term, self.rng.choice(["", "", "", "NOT "]), ", ".join(values))

    def in_subquery(self, source, term, column, **_):
        rng = self.rng
        local = rng.choice(list(LOCALS))
        inner = ("q", rng.choice(["@1", "@2"]))
        first, second = self.operand(source, column), self.operand(source, column)
        choices = [
            "SELECT v FROM %s" % local, "SELECT v FROM %s" % local,
            "SELECT v FROM %s WHERE v > %s" % (local, first),
            "SELECT v FROM few UNION SELECT v FROM %s" % local,
            "VALUES (%s), (%s)" % (first, second),
            "SELECT %s WHERE %s" % (first, rng.choice(["1", "0"])),
            "SELECT q.%s FROM %s q WHERE %s" % (column if column != "v" else "sid", inner[1],
                                                self.leaf_of(inner, depth=1)),
            "SELECT q.sid FROM %s q WHERE %s ORDER BY q.sid LIMIT %d" % (
                inner[1], self.leaf_of(inner, depth=1), rng.randrange(6)),
        ]
        word = rng.choice(["IN", "IN", "IN", "NOT IN"])
        if rng.random() < 0.1:
            return "%s %s %s" % (term, word, local)
        return "%s %s (%s)" % (term, word, rng.choice(choices))

    def exists(self, plain, **_):
        inner = ("q", self.rng.choice(["@1", "@2"]))
        mine = self.column(inner)[0]
        operator = self.rng.choice(["=", "=", "=", "<", "IS"])
        return "%sEXISTS (SELECT 1 FROM %s q WHERE %s %s %s AND %s)" % (
            self.rng.choice(["", "NOT "]), inner[1], mine, operator, plain,
            self.leaf_of(inner, depth=1))

    def scalar(self, term, plain, **_):
        inner = ("q", self.rng.choice(["@1", "@2"]))
        what = self.rng.choice(["count(*)", "min(q.sid)", "max(q.i)", "count(q.u)"])
        where = self.leaf_of(inner, depth=1)
        if self.rng.random() < 0.3:
            where += " AND %s = %s" % (self.column(inner)[0], plain)
        return "%s %s (SELECT %s FROM %s q WHERE %s)" % (
            term, self.rng.choice(["=", "<", ">="]), what, inner[1], where)

    def pattern(self, term, **_):
        rng = self.rng
        pattern = rng.choice(PATTERNS)
        kind = rng.random()
        if kind < 0.65:
            return "%s %sGLOB %s" % (term, rng.choice(["", "", "", "NOT "]), self.bound(pattern))
        pattern = pattern.replace("*", "%").replace("?", "_")
        if kind < 0.9:
            return "%s %sLIKE %s" % (term, rng.choice(["", "", "NOT "]), self.bound(pattern))
        return "%s LIKE %s ESCAPE '%s'" % (term, self.bound(pattern), rng.choice("-!s"))

    def other_column(self, term, others, **_):
        return "%s %s %s" % (term, self.rng.choice(["=", "=", "=", "<", ">=", "IS"]),
                             self.column(self.rng.choice(others))[0])

    def row_value(self, source, term, column, **_):
        other, name = self.column(source)
        left = "(%s, %s)" % (term, other)
        right = "(%s, %s)" % (self.operand(source, column), self.operand(source, name))
        # Not `IN (SELECT v, v FROM …)`: SQLite compares such rows otherwise (README, Limits).
        if self.rng.random() < 0.3:
            return "%s IN (VALUES %s)" % (left, right)
        return "%s %s %s" % (left, self.rng.choice(["=", "<", ">=", "IS"]), right)

    def odd(self, source, term, plain, column, **_):
        """What nothing can be pushed of."""
        value = self.operand(source, column)
        choices = [
            "typeof(%s) = '%s'" % (plain, self.rng.choice(["text", "integer", "real", "null"])),
            "length(%s) > %d" % (plain, self.rng.randrange(6)),
            "coalesce(%s, %s) = %s" % (plain, value, value),
            "CASE WHEN %s IS NULL THEN 1 ELSE %s > %s END" % (plain, plain, value),
            "lower(%s) = lower(%s)" % (plain, value), "%s || '' = %s" % (plain, value),
            "%s IS TRUE" % plain, "%s IS NOT FALSE" % plain, term, "0", "1", "NULL",
        ]
        if source[1] not in LOCALS:
            choices += ["%s.session->>'$.of' = %s" % (source[0], self.operand(source, "sid")),
                        "%s.session GLOB %s" % (source[0], self.bound('*"of"*"s*'))] * 2
        return self.rng.choice(choices)

    def keyed(self, source):
        """What a request by key can answer, or looks as if it could."""
        rng = self.rng
        if source[1] in LOCALS:
            return self.leaf_of(source, depth=1)
        column = rng.choice(["sid", "sid", "sid", *KEYS, "u", "k"])
        term = "%s.%s" % (source[0], column)
        maker = rng.choice([self.comparison, self.in_list, self.in_subquery])
        if maker != self.comparison:
            return maker(source=source, term=term, column=column)
        return "%s %s %s" % (term, rng.choice(["=", "=", "=", "IS"]), self.operand(source, column))

    def where(self, sources):
        kind = self.rng.random()
        if kind < 0.1:
            return "1"
        if kind < 0.25:
            return self.keyed(self.rng.choice(sources))
        if kind < 0.4:
            return Tree("AND", [self.keyed(self.rng.choice(sources)), self.tree(sources, 1)])
        return self.tree(sources)

    def tree(self, sources, depth=0):
        rng = self.rng
        if depth == 2 or rng.random() < 0.4:
            source = rng.choice(sources)
            others = [other for other in sources if other is not source]
            return self.leaf_of(source, others or [source])
        if rng.random() < 0.1:
            return Tree("NOT", [self.tree(sources, depth + 1)])
        parts = [self.tree(sources, depth + 1) for _ in range(rng.choice([2, 2, 3]))]
        return Tree(rng.choice(["AND", "AND", "AND", "OR"]), parts)

    # ---- the rest of a SELECT

    def source(self, alias):
        return alias, self.rng.choice(["@1", "@1", "@2"])

    def results(self, sources):
        choices = COMMON + HIDDEN + ["session"]
        return [self.column(source, choices)[0] for source in sources
                for _ in range(self.rng.choice([1, 2, 4]))]

    def limit(self, may_lack=True):
        rng = self.rng
        if may_lack and rng.random() < 0.5:
            return ""
        text = " LIMIT " + self.bound(rng.choice([0, 1, 1, 2, 3, 5, 10, 20, 1000, -1]))
        if rng.random() < 0.4:
            text += " OFFSET " + self.bound(rng.choice([0, 1, 2, 5, 15, 100, -1]))
        return text

    def sort_terms(self, sources, count):
        terms = []
        for _ in range(count):
            term = self.column(self.rng.choice(sources), SORTABLE)[0]
            if self.rng.random() < 0.1:
                term += self.rng.choice([" COLLATE NOCASE", " COLLATE RTRIM"])
            term += self.rng.choice(["", "", " DESC", " ASC", " DESC NULLS LAST", " NULLS LAST"])
            terms.append(term)
        return terms

    @staticmethod
    def key(source):
        return source[0] + (".rowid" if source[1] in LOCALS else ".sid")

    def finish(self, form, conditions, sources):
        """ORDER BY and LIMIT, and how the rows are then to be compared."""
        rng = self.rng
        kind = rng.random()
        limit = self.limit()
        if kind < 0.35:
            terms = self.sort_terms(sources, rng.choice([0, 0, 1, 2]))
            terms += [self.key(source) + rng.choice(["", " DESC"]) for source in sources]
            if len(sources) > 1:
                # SQLite leaves out a column that a join holds equal to another table's, although
                # '12' and '012' are both equal to 12.
                terms = ["+" + term for term in terms]
            return self.query(form + " ORDER BY " + ", ".join(terms) + limit, conditions, "total")
        if kind < 0.5:
            unlimited = form
            form += " ORDER BY " + ", ".join(self.sort_terms(sources, 1))
            return self.query(form + limit, conditions, "some" if limit else "none", unlimited)
        return self.query(form + limit, conditions, "some" if limit else "none", form)

    def query(self, form, conditions, order, unlimited=None, typed=True):
        return Query(form, conditions, dict(self.parameters), order, unlimited, typed)

    # ---- the kinds of queries

    def plain(self):
        source = self.source("a")
        form = "SELECT %s FROM %s a WHERE {0}" % (", ".join(self.results([source])), source[1])
        return self.finish(form, [self.where([source])], [source])

    def aggregate(self):
        source = self.source("a")
        columns = [self.column(source, SORTABLE)[0] for _ in range(3)]
        what = self.rng.sample([
            "count(*)", "count(%s)" % columns[0], "min(%s)" % columns[1], "max(%s)" % columns[2],
            "count(DISTINCT %s)" % columns[0], "sum(a.size)", "total(a.expired)", "max(a.sid)",
            "count(*) FILTER (WHERE %s)" % self.leaf_of(source, depth=1),
        ], self.rng.choice([1, 2, 3]))
        form = "SELECT %s FROM %s a WHERE {0}" % (", ".join(what), source[1])
        conditions = [self.where([source])]
        if self.rng.random() < 0.4:
            group = self.column(source, SORTABLE)[0]
            form = form.replace("SELECT ", "SELECT %s, " % group, 1) + " GROUP BY " + group
            if self.rng.random() < 0.3:
                form += " HAVING count(*) > 1"
        return self.query(form, conditions, "none", typed=False)

    def distinct(self):
        source = self.source("a")
        form = "SELECT DISTINCT %s FROM %s a WHERE {0}" % (
            ", ".join(self.results([source])), source[1])
        limit = self.limit()
        order = "some" if limit else "none"
        return self.query(form + limit, [self.where([source])], order, form, False)

    def meeting(self, left, right):
        """The condition of a join, most often one that a request by key can answer."""
        rng = self.rng
        mine = "%s.%s" % (right[0], "v" if right[1] in LOCALS else rng.choice(
            ["sid", "sid", "sid", "u", "k", "w", *TYPES, "expires"]))
        theirs = self.column(left, ["sid", "sid", "u", "k", "w", *TYPES, "expires"])[0]
        operator = rng.choice(["=", "=", "=", "=", "=", "=", "IS", "<", ">="])
        if rng.random() < 0.5:
            mine, theirs = theirs, mine
        return "%s %s %s" % (mine, operator, theirs)

    def join(self):
        rng = self.rng
        session = self.source("a")
        local = ("l", rng.choice(list(LOCALS)))
        sources = rng.choice([
            [local, session], [local, session], [session, local], [session, local],
            [session, self.source("b")], [session, self.source("b")],
            [local, session, self.source("b")],
        ])
        form = "SELECT %s FROM %s %s" % (
            ", ".join(self.results(sources)), sources[0][1], sources[0][0])
        conditions = []
        for place, right in enumerate(sources[1:], 1):
            word = rng.choice(["JOIN"] * 4 + ["LEFT JOIN"] * 4 + ["CROSS JOIN"] * 2 +
                              ["RIGHT JOIN", "FULL JOIN"])
            meeting = self.meeting(sources[place - 1], right)
            if rng.random() < 0.4:
                meeting = Tree("AND", [meeting, self.tree(sources[:place + 1], 1)])
            form += " %s %s %s ON {%d}" % (word, right[1], right[0], len(conditions))
            conditions.append(meeting)
        form += " WHERE {%d}" % len(conditions)
        conditions.append(self.where(sources) if rng.random() < 0.5 else "1")
        return self.finish(form, conditions, sources)

    def compound(self):
        rng = self.rng
        word = rng.choice(["UNION ALL", "UNION ALL", "UNION ALL", "UNION", "INTERSECT", "EXCEPT"])
        count = rng.choice([1, 2])
        columns = [rng.choice(["sid", "expires", *TYPES, *KEYS]) for _ in range(count)]
        arms, conditions = [], []
        for place in range(rng.choice([2, 2, 3])):
            if place and rng.random() < 0.25:
                arms.append("SELECT %s FROM %s" % (
                    ", ".join(["v"] * count), rng.choice(list(LOCALS))))
                continue
            source = self.source("a")
            if rng.random() < 0.3:
                conditions.append("1")
            else:
                conditions.append(self.tree([source], 1))
            arm = "SELECT %s FROM %s a WHERE {%d}" % (
                ", ".join("a." + column for column in columns), source[1], len(conditions) - 1)
            if rng.random() < 0.25:
                arm = "SELECT * FROM (%s ORDER BY a.sid%s)" % (arm, self.limit(False))
            arms.append(arm)
        form = (" %s " % word).join(arms)
        limit = self.limit()
        if rng.random() < 0.4:
            places = ", ".join(str(i + 1) for i in range(count))
            form += " ORDER BY " + places
            return self.query(form + limit, conditions, "total", typed=False)
        if rng.random() < 0.3:
            form = "SELECT * FROM (%s)" % form
        return self.query(form + limit, conditions, "some" if limit else "none", form, False)

    def nested(self):
        """A subquery or a CTE in FROM, which SQLite flattens, pushes into or materialises."""
        rng = self.rng
        source = self.source("a")
        inner = "SELECT a.sid, a.u, a.k, a.n, a.expires FROM %s a WHERE {0}" % source[1]
        conditions = [self.tree([source], 1)]
        if rng.random() < 0.5:
            inner += " ORDER BY a.sid" + self.limit(False)
        head, body = "", "(%s)" % inner
        if rng.random() < 0.6:
            head = "WITH c AS %s(%s) " % (
                rng.choice(["", "MATERIALIZED ", "NOT MATERIALIZED "]), inner)
            body = "c"
        outer = self.source("b")
        forms = [
            "SELECT d.sid, d.n FROM %s d WHERE d.sid > %s" % (body, self.operand(outer, "sid")),
            "SELECT count(*), min(d.sid), count(d.u) FROM %s d" % body,
            "SELECT d.u, b.sid FROM %s d JOIN %s b ON b.sid = d.sid" % (body, outer[1]),
            "SELECT d.k, b.sid FROM %s d LEFT JOIN %s b ON b.k = d.k" % (body, outer[1]),
            "SELECT b.sid FROM %s b WHERE b.sid IN (SELECT d.sid FROM %s d)" % (outer[1], body),
            "SELECT l.v, d.sid FROM few l LEFT JOIN %s d ON d.sid = l.v" % body,
            "SELECT b.sid, d.u FROM %s d JOIN %s b USING (sid)" % (body, outer[1]),
            "SELECT d.sid, row_number() OVER (ORDER BY d.sid) FROM %s d" % body,
        ]
        return self.query(head + rng.choice(forms), conditions, "none")

    def correlated(self):
        rng = self.rng
        inner = self.source("a")
        local = ("l", rng.choice(["few", "folded", "jt", "ji", "jr", "jn"]))
        what = rng.choice(["count(*)", "min(a.sid)", "max(a.n)", "count(a.t)"])
        meeting = self.meeting(local, inner)
        form = "SELECT l.rowid, (SELECT %s FROM %s a WHERE %s AND {0}) FROM %s l" % (
            what, inner[1], meeting, local[1])
        if rng.random() < 0.3:
            form += " WHERE EXISTS (SELECT 1 FROM %s a WHERE {0})" % inner[1]
        return self.query(form, [self.tree([inner], 1)], "none", typed=False)

    def recursive(self):
        """A walk along the sids, or from one session to others of its user, over and over."""
        source = self.source("a")
        step = self.rng.choice([
            "SELECT (SELECT min(a.sid) FROM {0} a WHERE a.sid > c.sid AND {{0}}), c.n + 1 FROM c"
            " WHERE c.n < 5 AND c.sid IS NOT NULL",
            "SELECT a.sid, 0 FROM c JOIN {0} b ON b.sid = c.sid JOIN {0} a ON a.u = b.u"
            " WHERE {{0}}",
        ]).format(source[1])
        form = "WITH RECURSIVE c(sid, n) AS (SELECT min(sid), 0 FROM %s UNION %s) SELECT * FROM c"
        return self.query(form % (source[1], step), [self.where([source])], "none")

    KINDS = [
        (plain, 42), (aggregate, 12), (distinct, 6), (join, 18), (compound, 12), (nested, 8),
        (correlated, 4), (recursive, 2),
    ]

    def make(self):
        self.parameters = {}
        self.redrawn = {}
        makers, weights = zip(*self.KINDS)
        return self.rng.choices(makers, weights)[0](self)


# ---- writes that wait while queries run ---------------------------------------------------------


class Writes(Queries):
    """Statements for `@1`: what a transaction has written and not sent yet."""

    def new_sid(self):
        return self.rng.choice([*self.of_table["@1"]["sid"], "new-1", "new-2", "new 3", "session-"])

    def assignment(self):
        column = self.rng.choice(["expires", *KEYS, *TYPES])
        if column == "expires":
            return "expires", self.rng.choice(["1600000000", "4000000000.5", "4100000000"])
        if column in KEYS:
            stored = [value for value in self.of_table["@1"][column] if value is not None]
            return column, self.bound(self.rng.choice(stored or [None]))
        return column, self.bound(self.rng.choice([None, *self.rng.sample(TEXTS, 3), 5, 2.5]))

    def make(self):
        self.parameters = {}
        rng = self.rng
        where = "sid IN (%s, %s)" % (self.bound(self.new_sid()), self.bound(self.new_sid()))
        if rng.random() < 0.4:
            self.is_bound = False
            where = rng.choice(["u = 'u-1'", "expired = 1", "i > 0", "sid GLOB 'session-01*'",
                                "k IN (0, 1)", "t IS NULL"])
        kind = rng.random()
        if kind < 0.5:
            column, value = self.assignment()
            sql = "INSERT OR REPLACE INTO @1(sid, session, expires%s) VALUES (%s, %s, %s%s)" % (
                "" if column == "expires" else ", " + column, self.bound(self.new_sid()),
                "'{\"of\": \"new\"}'", rng.choice(["1600000000", "4000000001"]),
                "" if column == "expires" else ", " + value)
        elif kind < 0.8:
            sql = "UPDATE @1 SET %s = %s WHERE %s" % (*self.assignment(), where)
        elif kind < 0.85:
            sql = "UPDATE @1 SET sid = %s WHERE sid = %s" % (
                self.bound("moved-%d" % rng.randrange(4)), self.bound(self.new_sid()))
        else:
            sql = "DELETE FROM @1 WHERE " + rng.choice([where, where, where, "sid > ''"])
        return self.query(sql, [], "none")

"""Generated session tables and conditions, for tests that hold the extension beside SQLite itself.

Everything is drawn from the random.Random that it is given, and no clock is asked: a seed repeats.
"""

import json
import math
import os
import random

TYPES = {"t": "TEXT", "i": "INTEGER", "r": "REAL", "n": "NUMERIC", "b": "BLOB"}
NUMBERS = [
    "0", "1", "-1", "12", "100", "12.5", "0.1", "-0.1", "1700000000", "1700000000.5",
    "9007199254740992", "9007199254740993", "9223372036854775807", "-9223372036854775808",
    "9223372036854775808", "12345678901234567890123456789012345678", "1E30", "1E-30", "-1E100",
    "0.30000000000000004", "0.3", "99999999999999999999999999999999999999", "1.5E120",
]
TEXTS = [
    "", "a", "A", "abc", "ABC", "ab", "b", "é", "É", "ß", "\ufffd", "\uffee", "\U0001f600", "12",
    "12.0", "012", " 12", "12 ", "1e2", "100", "-1", ".5", "0x10", "abc\ndef", "a'b", 'a"b', "%",
    "a%", ":", "9", "zz", "true", "null", "[1]", "inf", "nan",
]
BYTES = [b"a", b"abc", b"\x00", b"\x00\xff", b"12", b"\xff", b""]
OTHERS = [
    {"BOOL": True}, {"BOOL": False}, {"NULL": True}, {"L": [{"N": "1"}]}, {"L": []},
    {"M": {"a": {"S": "b"}}}, {"SS": ["a", "b"]}, {"NS": ["1", "2.5"]}, {"BS": [b"x"]},
]
SIDS = [
    "a", "A", "12", "012", "12.0", "é", "\U0001f600", "s-1", "s 2", "x" * 60, "sess:", "%", "NULL",
]
GLOBS = [
    "a*", "*2", "1*", "A?C", "é*", "*", "session-*", "session-00[1-5]", "*on-01*", "s?2", "*a*b*",
    "", "\ufffd*", "*\uffee", "\uffff*", "[a-z]*", "[", "a[", "sess:", "x" * 50 + "*", "*\"of\"*",
]
# Tables of one column each, `v`, which hold values of all kinds; by the column's affinity.
AFFINITIES = {"vt": "TEXT", "vi": "INTEGER", "vr": "REAL", "vb": ""}

# No clock comes near these: what has expired stays expired, and what has not stays alive.
LONG_AGO = 1_700_000_000
LATER = 4_000_000_000
MOMENTS = [LONG_AGO - 86400, LONG_AGO - 5000, LONG_AGO, LATER - 5000, LATER, LATER + 86400]

# Names -> (hash key, prefix, payload, expiry attribute, its factor, TTL attribute)
LAYOUTS = {
    "serverless-dynamodb-session-store":
        ("sessionId", "", "session_data", "expireTime", 1000, "expireTime_TTL"),
    "connect-dynamodb": ("id", "sess:", "sess", "expires", 1, "expires"),
    "dynamodb-store": ("sessionId", "sess:", "sess", "expires", 1, "expires"),
}


def new_seed():
    return int(os.environ.get("DDS_SEED") or random.SystemRandom().randrange(10**9))


def make_attribute(rng):
    kind = rng.random()
    if kind < 0.15:
        return None
    if kind < 0.45:
        return {"N": rng.choice(NUMBERS)}
    if kind < 0.75:
        return {"S": rng.choice(TEXTS)}
    if kind < 0.85:
        return {"B": rng.choice(BYTES)}
    return rng.choice(OTHERS)


def make_moment(rng, factor):
    """An expiry attribute: most are numbers, in seconds or milliseconds, with fractions or not."""
    kind = rng.random()
    if kind < 0.1:
        return None
    if kind < 0.2:
        return rng.choice([{"S": "1700000000"}, {"S": "soon"}, {"NULL": True}, {"BOOL": True}])
    if kind < 0.3:
        return {"N": rng.choice(NUMBERS)}
    seconds = rng.choice(MOMENTS)
    if rng.random() < 0.3:
        factor = 1000
    thousandths = rng.choice([0, 0, 0, 1, 500, 999])
    value = seconds * factor + (thousandths if factor == 1000 else 0)
    text = str(value)
    if factor == 1 and thousandths:
        text += ".%03d" % thousandths
    return {"N": text}


def make_items(rng, layout, count):
    """`count` items that are rows and, where the layout's key has a prefix, one that is none."""
    hash_key, prefix, payload, expires, factor, ttl = LAYOUTS[layout]
    sids = SIDS + ["session-%03d" % i for i in range(count - len(SIDS))]
    for sid in sids:
        item = {hash_key: {"S": prefix + sid}, payload: {"S": json.dumps({"of": sid})}}
        if payload == "sess" and layout == "dynamodb-store":
            item[payload] = {"M": {"of": {"S": sid}}}
        moments = {expires: make_moment(rng, factor)}
        if ttl != expires:
            moments[ttl] = make_moment(rng, 1)
        for name, value in moments.items():
            if value is not None:
                item[name] = value
        for name in TYPES:
            value = make_attribute(rng)
            if value is not None:
                item[name] = value
        yield item
    if prefix:
        # An item of another kind in the same table is no row.
        yield {hash_key: {"S": "other:1"}, payload: {"S": "{}"}, "t": {"S": "abc"}}


class Conditions:
    """Makes conditions; values are literals or, if `is_bound`, named parameters. `stored` has the
    values of each column, which conditions meet and just miss."""

    def __init__(self, rng, is_bound, stored):
        self.rng = rng
        self.stored = stored
        self.is_bound = is_bound
        self.parameters = {}

    def literal(self, value):
        if self.is_bound:
            name = "p%d" % len(self.parameters)
            self.parameters[name] = value
            return ":" + name
        if value is None:
            return "NULL"
        if isinstance(value, bytes):
            return "x'%s'" % value.hex()
        if isinstance(value, str):
            return "'%s'" % value.replace("'", "''")
        if isinstance(value, float) and math.isinf(value):
            return "9e999" if value > 0 else "-9e999"
        return repr(value)

    def value(self, column):
        rng = self.rng
        kind = rng.random()
        if kind < 0.06:
            return None
        if rng.random() < 0.25:
            value = rng.choice(self.stored[column])
            if isinstance(value, float) and rng.random() < 0.5:
                value = math.nextafter(value, rng.choice([-math.inf, math.inf]))
            elif isinstance(value, int) and rng.random() < 0.5:
                value = self.fitting(value + rng.choice([-1, 1]))
            return value
        if column == "sid" and kind < 0.7:
            return rng.choice(SIDS)
        if column == "expired" and kind < 0.7:
            return rng.choice([0, 1, 0.0, 1.0, "0", "1", 2])
        if column == "expires" and kind < 0.7:
            second = rng.choice(MOMENTS)
            return rng.choice(
                [second, second + 0.5, second + 0.999, str(second), second * 1000, second + 0.001])
        if kind < 0.55:
            number = rng.choice(NUMBERS)
            try:
                return self.fitting(int(number))
            except ValueError:
                return float(number)
        if kind < 0.9:
            return rng.choice(TEXTS)
        return rng.choice(BYTES)

    @staticmethod
    def fitting(number):
        return number if -(2**63) < number < 2**63 else float(number)

    def leaf(self):
        rng = self.rng
        column = rng.choice(["sid", "sid", "expires", "expired", *TYPES, *TYPES])
        kind = rng.random()
        term = column
        if rng.random() < 0.08:
            term += rng.choice([" COLLATE NOCASE", " COLLATE RTRIM"])
        elif rng.random() < 0.05:
            term = rng.choice(["+%s", "CAST(%s AS TEXT)", "(%s)", "-%s"]) % column
        if kind < 0.5:
            operator = rng.choice(["=", "<", "<=", ">", ">=", "!=", "IS", "IS NOT", "=="])
            value = self.literal(self.value(column))
            if rng.random() < 0.15:
                return "%s %s %s" % (value, operator, term)
            return "%s %s %s" % (term, operator, value)
        if kind < 0.65:
            words = rng.choice(["BETWEEN %s AND %s", "NOT BETWEEN %s AND %s"])
            low = self.literal(self.value(column))
            return "%s %s" % (term, words % (low, self.literal(self.value(column))))
        if kind < 0.75:
            return "%s IS %sNULL" % (term, rng.choice(["", "NOT "]))
        if kind < 0.85:
            return self.some_of(term, column)
        if kind < 0.92:
            other = rng.choice(["sid", "expires", "expired", *TYPES])
            return "%s %s %s" % (term, rng.choice(["=", "<", ">="]), other)
        if rng.random() < 0.5:
            if rng.random() < 0.3:
                term = "session"
            return "%s %sGLOB %s" % (term, rng.choice(["", "", "NOT "]),
                                     self.literal(rng.choice(GLOBS)))
        pattern = rng.choice(["a%", "%2", "1%", "A_C", "é%", "%"])
        return "%s %sLIKE %s" % (term, rng.choice(["", "NOT "]), self.literal(pattern))

    def some_of(self, term, column):
        """IN: few values, values of another table's affinity, or more than DynamoDB takes."""
        rng = self.rng
        word = rng.choice(["IN", "IN", "NOT IN"])
        if rng.random() < 0.25:
            return "%s %s (SELECT v FROM %s)" % (term, word, rng.choice(list(AFFINITIES)))
        count = rng.choice([1, 1, 2, 3, 5, 12, 40, 99, 100, 101, 130])
        return "%s %s (%s)" % (
            term, word, ", ".join(self.literal(self.value(column)) for _ in range(count)))

    def make(self, depth=0):
        rng = self.rng
        if depth == 2 or rng.random() < 0.45:
            return self.leaf()
        if rng.random() < 0.15:
            return "NOT (%s)" % self.make(depth + 1)
        words = rng.choice([" AND ", " AND ", " OR "])
        parts = [self.make(depth + 1) for _ in range(rng.randrange(2, 4))]
        return "(" + words.join(parts) + ")"

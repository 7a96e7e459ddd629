"""A second writer that changes, extends, replaces and deletes sessions under a write's feet.

Between what a statement reads and what DynamoDB gets of it, boto3 writes to the same sessions:
between statement and COMMIT, or, through an endpoint that stops each request on its way, right
before the server sees it. What must then be there is computed from the rules of the README's table
of writes: nothing that the second writer did is overwritten or undone, no session is revived, none
that lives is reaped, and a failed COMMIT of one transaction changes nothing.

Races that two writers really run at the same time stand at the end. DDS_SEED=n repeats a run.
"""

import dataclasses
import json
import os
import random
import sqlite3
import threading
import time

import pytest
from session_table import LATER, LONG_AGO, SERVERLESS, SessionTable

SIDS = [f"s{number:02}" for number in range(12)]
MOVED = [sid.replace("s", "m") for sid in SIDS]
SOON = "in 1000 s"  # dynamodb_touch's expiry, of which the test does not know the second
# Of each way to COMMIT; a sanitizer build is some ten times as slow.
RACES = 40 if os.environ.get("DDS_PRELOAD") else 400


@dataclasses.dataclass(frozen=True)
class Session:
    ours: int = 0  # a counter that the extension counts up
    theirs: int = 0  # and one that the second writer does
    user: str = "u0"
    expires: object = LATER

    @property
    def payload(self):
        return (self.ours, self.theirs)

    @property
    def is_live(self):
        return self.expires != LONG_AGO

    def but(self, **changes):
        return dataclasses.replace(self, **changes)

    def item(self, sid):
        expires = time.time() + 1000 if self.expires == SOON else self.expires
        session = {"cookie": {"path": "/"}, "ours": self.ours, "theirs": self.theirs}
        # As SQLite writes it: the same session is the same text.
        text = json.dumps(session, separators=(",", ":"))
        return SERVERLESS.item(sid, text, expires, userId={"S": self.user})


# ---- what the second writer does ----------------------------------------------------------------

RIVALS = {
    "visit": lambda at, rng: at and at.but(theirs=at.theirs + 1, expires=LATER),
    "extend": lambda at, rng: at and at.but(expires=LATER + rng.randrange(1000)),
    "expire": lambda at, rng: at and at.but(expires=LONG_AGO),
    "log in": lambda at, rng: at and at.but(user=f"u{rng.randrange(2)}"),
    "log out": lambda at, rng: None,
    "begin": lambda at, rng: at or Session(theirs=rng.randrange(1, 4)),
}

# ---- what a statement does ----------------------------------------------------------------------

DROPPED = "dropped"  # as if the statement had run a moment later
CHANGED = "SQLITE_BUSY_SNAPSHOT"
EXISTS = "SQLITE_CONSTRAINT_PRIMARYKEY"


@dataclasses.dataclass(frozen=True)
class Form:
    """`sql` writes the sids of its one parameter, a JSON array. `takes(session)`: whether it
    writes what it read, None where there is nothing. `meets(read, found)`: the session that
    DynamoDB then has, DROPPED, or the error."""

    sql: str
    takes: object
    meets: object


def counted(read, found):
    same = found is not None and found.payload == read.payload
    return found.but(ours=found.ours + 1) if same else CHANGED


def counted_live(read, found):
    return counted(read, found) if found is not None and found.is_live else CHANGED


def renamed(read, found):
    return found.but(user="u9") if found is not None and found.user == read.user else CHANGED


def touched(read, found):
    """The cookie in the session moves with the expiry."""
    same = found is not None and found.payload == read.payload and found.expires == read.expires
    return found.but(expires=SOON) if same else CHANGED


def deleted_if(holds):
    return lambda read, found: DROPPED if found is not None and not holds(found) else None


def deleted_as_read(read, found):
    return CHANGED if found is not None and found.payload != read.payload else None


def put_new(read, found):
    return EXISTS if found is not None else Session()


def exists(session):
    return session is not None


def is_live(session):
    return session is not None and session.is_live


def has_expired(session):
    return session is not None and not session.is_live


def is_of_u0(session):
    return session is not None and session.user == "u0"


COUNT = "session = json_set(session, '$.ours', session->'$.ours' + 1)"
NEW = (f"INTO sessions(sid, session, expires, userId) SELECT value, "
       f"'{{\"cookie\":{{\"path\":\"/\"}},\"ours\":0,\"theirs\":0}}', {LATER}, 'u0' "
       "FROM json_each(?1)")
OF_SIDS = "sid IN (SELECT value FROM json_each(?1))"

FORMS = {
    "count": Form(f"UPDATE sessions SET {COUNT} WHERE {OF_SIDS}", exists, counted),
    "count the live": Form(
        f"UPDATE sessions SET {COUNT} WHERE expired = 0 AND {OF_SIDS}", is_live, counted_live),
    "rename": Form(f"UPDATE sessions SET userId = 'u9' WHERE userId = 'u0' AND {OF_SIDS}",
                   is_of_u0, renamed),
    "touch": Form("SELECT dynamodb_touch('sessions', value, 1000) FROM json_each(?1)",
                  is_live, touched),
    "delete": Form(f"DELETE FROM sessions WHERE {OF_SIDS}", exists, lambda read, found: None),
    "delete the expired": Form("DELETE FROM sessions WHERE expired = 1 AND ?1 <> ''", has_expired,
                               deleted_if(has_expired)),
    "delete a user's": Form(f"DELETE FROM sessions WHERE userId = 'u0' AND {OF_SIDS}", is_of_u0,
                            deleted_if(is_of_u0)),
    "delete by the session": Form(
        f"DELETE FROM sessions WHERE session->'$.theirs' % 2 = 0 AND {OF_SIDS}",
        lambda session: session is not None and session.theirs % 2 == 0, deleted_as_read),
    "reap": Form("SELECT dynamodb_reap('sessions') WHERE ?1 <> ''", has_expired,
                 deleted_if(has_expired)),
    "insert": Form(f"INSERT {NEW}", lambda session: session is None, put_new),
    "insert or ignore": Form(
        f"INSERT OR IGNORE {NEW}", lambda session: True,
        lambda read, found: DROPPED if found is not None else Session()),
    "replace": Form(f"REPLACE {NEW}", lambda session: True, lambda read, found: Session()),
    "move": Form(f"UPDATE sessions SET sid = replace(sid, 's', 'm') WHERE {OF_SIDS}", exists,
                 lambda read, found: None if found == read else CHANGED),
}
# They look at every session of the table.
OF_ALL = ("delete the expired", "reap")


# ---- a race -------------------------------------------------------------------------------------


class Race:
    """One table, what must be in it, and the second writer."""

    def __init__(self, dynamodb, connection, make_table, seed, *arguments):
        self.table = SessionTable(dynamodb, connection, make_table, SERVERLESS, "userId TEXT",
                                  *arguments)
        self.rng = random.Random(seed)
        self.state = dict.fromkeys(SIDS + MOVED)
        self.lock = threading.Lock()
        self.plan = {}  # by sid: what the second writer does there, once
        self.raced = 0
        self.deck = []  # forms that have their turn
        self.outcomes = {}

    # The second writer

    def put(self, changes):
        requests = [
            {"DeleteRequest": {"Key": SERVERLESS.key(sid)}} if session is None else
            {"PutRequest": {"Item": session.item(sid)}} for sid, session in changes.items()]
        if requests:
            answer = self.table.dynamodb.batch_write_item(
                RequestItems={self.table.name: requests})
            assert not answer["UnprocessedItems"]
        self.state.update(changes)

    def shuffle(self):
        """Sessions of all kinds to begin with; the counters of those that live go on."""
        def anything(at):
            at = at or (Session() if self.rng.random() < 0.8 else None)
            return at and at.but(user=f"u{self.rng.randrange(2)}",
                                 expires=self.rng.choice([LATER, LONG_AGO]))

        stray = [sid for sid in MOVED if self.state[sid]]
        self.put({**{sid: anything(self.state[sid]) for sid in SIDS}, **dict.fromkeys(stray)})

    def interfere(self, sids):
        """The second writer does what is planned for these, if it has not yet."""
        with self.lock:
            due = {sid: self.plan.pop(sid) for sid in sids if sid in self.plan}
            self.raced += len(due)
            self.put({sid: RIVALS[rival](self.state[sid], self.rng) for sid, rival in due.items()})

    # The extension's statement

    def keys_of(self, form, sid):
        return (sid, sid.replace("s", "m")) if form == "move" else (sid,)

    def expect(self, name, read, sid):
        """By key what must be there if the write is applied, and the errors if it must not be."""
        after = FORMS[name].meets(read[sid], self.state[sid])
        if name == "move":
            _, to = self.keys_of(name, sid)
            errors = ([after] if after else []) + ([EXISTS] if self.state[to] else [])
            return {sid: None, to: read[sid]}, errors
        if after in (CHANGED, EXISTS):
            return {}, [after]
        return {sid: self.state[sid] if after == DROPPED else after}, []

    def run(self, interferes_between=None, is_atomic=True):
        self.shuffle()
        if not self.deck:
            self.deck = self.rng.sample(list(FORMS), len(FORMS))
        name = self.deck.pop()
        form = FORMS[name]
        some = self.rng.sample(SIDS, self.rng.choice([1, 2, 5, len(SIDS)]))
        read = dict(self.state)
        taken = [sid for sid in (SIDS if name in OF_ALL else some) if form.takes(read[sid])]
        if name in ("insert", "move"):
            some = taken
        if name == "touch" and not interferes_between:
            is_atomic = False  # each call of the function is a statement of its own
        keys = [key for sid in taken for key in self.keys_of(name, sid)]
        share = self.rng.choice([0.1, 0.5, 0.9])
        self.plan = {key: self.rng.choice(list(RIVALS)) for key in keys
                     if self.rng.random() < share}
        error = self.execute(form.sql, some, interferes_between)
        self.plan = {}
        outcomes = {sid: self.expect(name, read, sid) for sid in taken}
        refused = [error for _, errors in outcomes.values() for error in errors]
        self.outcomes[name, error] = self.outcomes.get((name, error), 0) + 1
        assert error in (refused or [None]), (name, error, outcomes)
        self.check(name, outcomes, is_atomic and refused, not is_atomic and refused)

    def execute(self, sql, some, interferes_between):
        try:
            if interferes_between:
                self.table.sql("BEGIN")
            self.table.rows(sql, json.dumps(some))
            if interferes_between:
                interferes_between(self)
                self.table.sql("COMMIT")
        except sqlite3.Error as error:
            assert not self.table.connection.in_transaction
            return error.sqlite_errorname
        return None

    def check(self, name, outcomes, is_undone, is_cut_short):
        actual = self.read()
        for sid, (after, errors) in outcomes.items():
            before = {key: self.state[key] for key in self.keys_of(name, sid)}
            seen = {key: actual[key] for key in before}
            may_be = [before] if is_undone or errors else [after]
            may_be += [before] if is_cut_short else []
            assert seen in may_be, (name, sid, seen, may_be)
        untouched = set(actual) - {
            key for sid in outcomes for key in self.keys_of(name, sid)}
        assert all(actual[key] == self.state[key] for key in untouched), name
        self.state = actual

    def read(self):
        items = self.table.dynamodb.scan(TableName=self.table.name, ConsistentRead=True)["Items"]
        state = dict.fromkeys(SIDS + MOVED)
        for item in items:
            session = json.loads(item["session_data"]["S"])
            expires = int(item["expireTime"]["N"]) / 1000
            is_soon = abs(expires - time.time() - 1000) < 120
            state[item["sessionId"]["S"]] = Session(
                session["ours"], session["theirs"], item["userId"]["S"],
                SOON if is_soon else int(expires))
        return state


def new_seed():
    seed = int(os.environ.get("DDS_SEED", random.randrange(1 << 32)))
    print(f"DDS_SEED={seed}")
    return seed


def keys_of(request):
    """The sids that a request writes."""
    body = request.json()
    writes = [body]
    if request.operation == "TransactWriteItems":
        writes = [write for element in body["TransactItems"] for write in element.values()]
    elif request.operation == "BatchWriteItem":
        writes = [write for requests in body["RequestItems"].values() for element in requests
                  for write in element.values()]
    elif request.operation not in ("PutItem", "UpdateItem", "DeleteItem"):
        return []
    return [(write.get("Key") or write["Item"])["sessionId"]["S"] for write in writes]


def run_races(race, **how):
    # Each form had its turns, some went through, and each error that must be was seen.
    wanted, rounds = {None, CHANGED, EXISTS}, 0
    while race.raced < RACES or wanted - {error for _, error in race.outcomes}:
        race.run(**how)
        rounds += 1
        assert rounds < 10 * RACES, race.outcomes
    print(race.raced, "races", race.outcomes)


def test_between_statement_and_commit(dynamodb, connect, make_table):
    race = Race(dynamodb, connect(), make_table, new_seed())
    run_races(race, interferes_between=lambda race: race.interfere(list(race.plan)))


def test_between_commit_and_the_server(dynamodb, connect, make_table, scripted_endpoint):
    race = Race(dynamodb, connect(), make_table, new_seed(),
                f"endpoint_url='{scripted_endpoint.url}'")
    scripted_endpoint.handler = lambda request: race.interfere(keys_of(request))
    run_races(race)


def test_between_calls_in_flight(dynamodb, connect, make_table, scripted_endpoint):
    """commit='through': each write is a call of its own, several at a time."""
    race = Race(dynamodb, connect(), make_table, new_seed(),
                f"endpoint_url='{scripted_endpoint.url}'", "commit='through'", "concurrency=3")
    scripted_endpoint.handler = lambda request: race.interfere(keys_of(request))
    run_races(race, is_atomic=False)


# ---- at the same time ---------------------------------------------------------------------------

# A transaction that lost is run again: it was changed, or DynamoDB saw two at once.
AGAIN = (CHANGED, "SQLITE_BUSY")


def at_once(*works):
    """Runs them in threads of their own, until all have ended; the first error is the test's."""
    errors = []

    def target(work):
        try:
            work()
        except BaseException as error:  # an assertion's too
            errors.append(error)

    threads = [threading.Thread(target=target, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.fixture
def live(dynamodb, connect, make_table):
    """A table, and `another()`: a connection for another thread."""
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT")
    table.another = lambda: table.create(connect(check_same_thread=False))
    return table


def transaction(connection, *statements):
    """True where it was committed, False where it must be run again."""
    try:
        connection.execute("BEGIN")
        for sql, *parameters in statements:
            connection.execute(sql, parameters)
        connection.execute("COMMIT")
        return True
    except sqlite3.Error as error:
        assert error.sqlite_errorname in AGAIN, error
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return False


def visit(table, sid):
    """The application counts, by compare and set; False where it was not first."""
    item = table.get(sid)
    session = json.loads(item["session_data"]["S"])
    session["theirs"] += 1
    try:
        table.dynamodb.update_item(
            TableName=table.name, Key=SERVERLESS.key(sid),
            UpdateExpression="SET session_data = :new", ConditionExpression="session_data = :old",
            ExpressionAttributeValues={":new": {"S": json.dumps(session)},
                                       ":old": item["session_data"]})
        return True
    except table.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    except table.dynamodb.exceptions.TransactionConflictException:
        return False


def test_two_who_count_lose_no_count(live):
    seed, sids, times = new_seed(), SIDS[:6], RACES // 3
    for sid in sids:
        live.put(sid, '{"cookie":{},"ours":0,"theirs":0}')
    counts = {"ours": 0, "theirs": 0, "lost": 0}

    def extension(number, connection):
        rng = random.Random(seed + number)
        for _ in range(times):
            some = rng.sample(sids, rng.randrange(1, 4))
            if transaction(connection, (FORMS["count"].sql, json.dumps(some))):
                counts["ours"] += len(some)
            else:
                counts["lost"] += 1

    def application(number):
        rng = random.Random(seed + number)
        for _ in range(2 * times):
            won = visit(live, rng.choice(sids))
            counts["theirs" if won else "lost"] += 1

    at_once(lambda: application(1), lambda: application(2),
            *(lambda number=number, connection=live.another(): extension(number, connection)
              for number in (3, 4)))
    print(counts)
    sessions = [json.loads(live.session(sid)) for sid in sids]
    for name in ("ours", "theirs"):
        assert sum(session[name] for session in sessions) == counts[name] > 0
    assert counts["lost"] > 0


@pytest.mark.parametrize("reaps", [
    ["SELECT dynamodb_reap('sessions')"], ["DELETE FROM sessions WHERE expired = 1"],
    ["BEGIN", "SELECT dynamodb_reap('sessions')", "COMMIT"],
], ids=["reap", "delete", "reap in a transaction"])
def test_who_comes_back_in_time_stays(live, reaps):
    seed = new_seed()
    sids = [f"s{number:03}" for number in range(RACES // 2)]
    for start in range(0, len(sids), 25):
        live.dynamodb.batch_write_item(RequestItems={live.name: [
            {"PutRequest": {"Item": SERVERLESS.item(sid, "{}", LONG_AGO)}}
            for sid in sids[start:start + 25]]})
    back, gone = [], []

    def application():
        for sid in random.Random(seed).sample(sids, len(sids)):
            try:
                live.dynamodb.update_item(
                    TableName=live.name, Key=SERVERLESS.key(sid),
                    UpdateExpression="SET expireTime = :e, expireTime_TTL = :t",
                    ConditionExpression="attribute_exists(sessionId)",
                    ExpressionAttributeValues={":e": {"N": f"{LATER}000"}, ":t": {"N": f"{LATER}"}})
                back.append(sid)
            except live.dynamodb.exceptions.ConditionalCheckFailedException:
                gone.append(sid)

    def extension(connection):
        # First when some are back: not all of them are to be gone.
        while len(back) < len(sids) // 8:
            time.sleep(0.001)
        while len(back) + len(gone) < len(sids):
            for sql in reaps:
                connection.execute(sql).fetchall()

    at_once(application, *(lambda connection=live.another(): extension(connection)
                           for _ in range(2)))
    print(len(back), "back", len(gone), "gone")
    assert live.sids() == sorted(back) and back and gone


def test_who_logged_out_stays_out(live):
    seed, sids = new_seed(), [f"s{number:03}" for number in range(RACES // 2)]
    for sid in sids:
        live.put(sid, '{"cookie":{},"ours":0,"theirs":0}')
    writes = {"won": 0, "lost": 0}
    is_over = threading.Event()

    def application():
        try:
            for sid in random.Random(seed).sample(sids, len(sids)):
                live.delete(sid)
        finally:
            is_over.set()

    def extension(number, connection):
        rng = random.Random(seed + number)
        forms = [FORMS["count"], FORMS["touch"],
                 Form("UPDATE sessions SET userId = 'u' || random() "
                      "WHERE sid IN (SELECT value FROM json_each(?1))", None, None)]
        while not is_over.is_set():
            some = json.dumps(rng.sample(sids, rng.randrange(1, 5)))
            won = transaction(connection, (rng.choice(forms).sql, some))
            writes["won" if won else "lost"] += 1

    at_once(application, *(lambda number=number, connection=live.another():
                           extension(number, connection) for number in (1, 2)))
    print(writes)
    assert live.sids() == [] and writes["won"] > 0

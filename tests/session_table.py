"""A DynamoDB table of sessions beside its SQL name, for tests that write.

    table = SessionTable(dynamodb, connect(), make_table, "connect-dynamodb", "userId TEXT")
    table.put("a", {"views": 1}, 2e9)        # by boto3
    table.sql("UPDATE sessions SET ...")             # by the extension
    assert table.get("a") == {...}                   # by boto3 again
"""

import contextlib
import dataclasses
import json
import time
from decimal import Decimal

import pytest
from boto3.dynamodb.types import TypeSerializer


@dataclasses.dataclass
class Layout:
    name: str
    hash_key: str
    prefix: str
    data: str
    is_map: bool
    expires: str
    unit_ms: int  # of the attribute of expiry
    ttl: str
    default_age_s: int
    allows_never: bool

    def key(self, sid):
        return {self.hash_key: {"S": self.prefix + sid}}

    def expiry(self, seconds):
        """The attributes of an expiry; of None: the type NULL."""
        if seconds is None:
            return {self.expires: {"NULL": True}, self.ttl: {"NULL": True}}
        ms = int(round(seconds * 1000))
        ttl = {self.ttl: {"N": str(ms // 1000)}}
        return {**ttl, self.expires: {"N": str(ms // self.unit_ms)}}

    def payload(self, session):
        """`session` is an object, or the very text to store."""
        if self.is_map:
            parsed = json.loads(session) if isinstance(session, str) else session
            return TypeSerializer().serialize(json.loads(json.dumps(parsed), parse_float=Decimal))
        return {"S": session if isinstance(session, str) else json.dumps(session)}

    def item(self, sid, session, expires, /, **attributes):
        return {
            **self.key(sid),
            **({} if session is None else {self.data: self.payload(session)}),
            **self.expiry(expires),
            **attributes,
        }


SERVERLESS = Layout(
    "serverless-dynamodb-session-store", "sessionId", "", "session_data", False,
    "expireTime", 1, "expireTime_TTL", None, True,
)
CONNECT = Layout(
    "connect-dynamodb", "id", "sess:", "sess", False, "expires", 1000, "expires", 86400, True
)
MAP = Layout(
    "dynamodb-store", "sessionId", "sess:", "sess", True, "expires", 1000, "expires", 86400, False
)
LAYOUTS = (SERVERLESS, CONNECT, MAP)

# Far away, so that no clock and no sweep of the server's matters.
LATER = 4_000_000_000
LONG_AGO = 1_000_000_000


class SessionTable:
    # Scans ask for no size first, so that what is sent is what the statements are about.
    usual_arguments = ("total_segments=1",)

    def __init__(self, dynamodb, connection, make_table, layout=SERVERLESS, *arguments,
                 sql_name="sessions", name=None):
        self.layout = layout
        self.dynamodb = dynamodb
        self.connection = connection
        self.name = make_table(layout.hash_key, **({"name": name} if name else {}))
        self.sql_name = sql_name
        self.arguments = arguments
        self.create(connection)

    def create(self, connection, sql_name=None, *arguments, schema="temp"):
        """The same DynamoDB table under a name of another connection, or another name."""
        given = [f"table='{self.name}'", f"layout='{self.layout.name}'"]
        given += [*(arguments or self.arguments), *self.usual_arguments]
        connection.execute(
            f"CREATE VIRTUAL TABLE {schema}.{sql_name or self.sql_name}"
            f" USING dynamodb_sessions({', '.join(given)})"
        )
        return connection

    # ---- by the extension

    def sql(self, statement, *parameters):
        return self.connection.execute(statement, parameters)

    def rows(self, statement, *parameters):
        return self.sql(statement, *parameters).fetchall()

    def value(self, statement, *parameters):
        return self.sql(statement, *parameters).fetchone()[0]

    def operations(self, since=0):
        rows = self.rows("SELECT operation FROM dynamodb_requests WHERE id > ? ORDER BY id", since)
        return [operation for (operation,) in rows]

    def last_request(self):
        return self.value("SELECT coalesce(max(id), 0) FROM dynamodb_requests")

    @contextlib.contextmanager
    def sends(self, *operations):
        """Exactly these requests, in this order, are sent inside the block."""
        since = self.last_request()
        yield
        sent = self.operations(since)
        assert sent == list(operations), sent

    # ---- by boto3

    def put(self, sid, session='{"views":1}', expires=LATER, /, **attributes):
        item = self.layout.item(sid, session, expires, **attributes)
        self.dynamodb.put_item(TableName=self.name, Item=item)
        return item

    def get(self, sid):
        key = self.layout.key(sid)
        answer = self.dynamodb.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def session(self, sid):
        """The text of the session as it is stored."""
        return self.get(sid)[self.layout.data]["S"]

    def change(self, sid, expression, **values):
        """An application's visit: change("a", "views = :v", v={"N": "2"})."""
        given = {":" + name: value for name, value in values.items()}
        self.dynamodb.update_item(
            TableName=self.name,
            Key=self.layout.key(sid),
            UpdateExpression="SET " + expression,
            **({"ExpressionAttributeValues": given} if given else {}),
        )

    def delete(self, sid):
        self.dynamodb.delete_item(TableName=self.name, Key=self.layout.key(sid))

    def sids(self):
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.name, ConsistentRead=True
        )
        keys = [item[self.layout.hash_key]["S"] for page in pages for item in page["Items"]]
        return sorted(key[len(self.layout.prefix):] for key in keys)


@contextlib.contextmanager
def refused(code, *words):
    """The block ends in this SQLite error, whose message holds all of these words."""
    with pytest.raises(Exception) as caught:
        yield caught
    assert getattr(caught.value, "sqlite_errorname", repr(caught.value)) == code, str(caught.value)
    for word in words:
        assert word in str(caught.value)


def now():
    return time.time()

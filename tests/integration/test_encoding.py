"""In a database of UTF-16 text SQLite orders text by UTF-16 bytes, DynamoDB by UTF-8 bytes."""

import pytest

USERS = ["a", "b", "Ā", "ā", "中", "\U0001f600", "", "aĀ"]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "=", "BETWEEN 'A' AND"])
def test_ranges_of_text_find_the_rows_of_a_local_table(connect, make_table, encoding, operator):
    table = make_table(
        "sessionId",
        items=[
            {"sessionId": {"S": f"s{i}"}, "session_data": {"S": "{}"}, "userId": {"S": user}}
            for i, user in enumerate(USERS)
        ],
    )
    connection = connect()
    connection.execute(f"PRAGMA encoding = '{encoding}'")
    connection.execute("CREATE TABLE here(userId TEXT)")
    assert connection.execute("PRAGMA encoding").fetchone() == (encoding,)
    connection.executemany("INSERT INTO here VALUES (?)", [(user,) for user in USERS])
    connection.execute(
        f"CREATE VIRTUAL TABLE temp.there USING dynamodb_sessions(table='{table}', userId TEXT)"
    )
    for user in USERS:
        where = f"WHERE userId {operator} '{user}' ORDER BY userId"
        expected = connection.execute(f"SELECT userId FROM here {where}").fetchall()
        assert connection.execute(f"SELECT userId FROM there {where}").fetchall() == expected

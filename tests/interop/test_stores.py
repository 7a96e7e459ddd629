"""What the stores themselves write, seen by boto3: the ground that the other tests stand on."""

import json

import pytest

STORES = ["serverless-dynamodb-session-store", "connect-dynamodb", "dynamodb-store"]
MAX_AGE = {"max_age": 3_600_000}


def types_of(item):
    return {name: next(iter(value)) for name, value in item.items()}


@pytest.mark.parametrize("store", STORES)
def test_a_visitor_is_recognised_and_logged_out(start_application, store):
    app = start_application(store, **MAX_AGE)
    visitor = app.visitor()
    assert [visitor.get("/visit")["views"] for _ in range(3)] == [1, 2, 3]
    visitor.post("/login", {"user": "ada"})
    assert visitor.get("/me")["user"] == "ada"
    assert app.visitor().get("/me")["user"] is None
    assert app.item(visitor.get("/me")["sid"]) is not None
    visitor.post("/logout")
    assert app.items() == {}
    assert visitor.get("/me")["user"] is None


@pytest.mark.parametrize(
    ("store", "types"),
    [
        (
            "serverless-dynamodb-session-store",
            {"sessionId": "S", "session_data": "S", "expireTime": "N", "expireTime_TTL": "N"},
        ),
        ("connect-dynamodb", {"id": "S", "sess": "S", "expires": "N", "type": "S"}),
        ("dynamodb-store", {"sessionId": "S", "sess": "M", "expires": "N"}),
    ],
)
def test_the_attributes_of_a_session(start_application, store, types):
    app = start_application(store, **MAX_AGE)
    sid = app.visitor().get("/visit")["sid"]
    assert types_of(app.item(sid)) == types


def test_a_session_without_an_age(start_application):
    """Only the default layout's store keeps it without an expiry; others give it a day."""
    app = start_application("serverless-dynamodb-session-store")
    item = app.item(app.visitor().get("/visit")["sid"])
    assert item["expireTime"] == item["expireTime_TTL"] == {"NULL": True}
    assert json.loads(item["session_data"]["S"])["cookie"]["expires"] is None
    app = start_application("connect-dynamodb")
    assert types_of(app.item(app.visitor().get("/visit")["sid"]))["expires"] == "N"


@pytest.mark.parametrize("store", STORES)
def test_a_cookie_with_a_wrong_signature_is_nobody(start_application, store):
    app = start_application(store, **MAX_AGE)
    visitor = app.visitor()
    visitor.post("/login", {"user": "ada"})
    forged = visitor.cookie.rsplit(".", 1)[0] + "." + "A" * 43
    assert app.visitor(visitor.cookie).get("/me")["user"] == "ada"
    assert app.visitor(forged).get("/me")["user"] is None

"""Answers of a wrong form, from every service: a clear error, and nothing made up of them.

Each of ANSWERS is given in place of each of SERVICES' good one, over a real socket. It must not
crash the process, hang, make up a row or keys, or show a secret; what was wrong once leaves nothing
behind: the next statement of the same connection works.
"""

import dataclasses
import gzip
import json
import sqlite3

import pytest
from scripted_endpoint import Response, ScriptedEndpoint
from session_table import refused

ROLE = "arn:aws:iam::111111111111:role/app"
ELSEWHERE = "@ELSEWHERE@"  # stands for the URL of a server that nobody may be sent to
# A good answer of DynamoDB's, which each of these could make up a row of.
PAGE = json.dumps({
    "Items": [{"sessionId": {"S": "made-up"}, "session_data": {"S": '{"made":"up"}'}}],
    "Count": 1, "ScannedCount": 1,
}).encode()
GOOD_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"


def moved(status):
    return Response(status=status, body=b"it has moved", crc32="none",
                    headers={"Location": ELSEWHERE + "/", "Content-Type": "text/plain"})


def endless(piece, head=GOOD_HEAD + b"\r\n"):
    def pieces():
        yield head
        while True:
            yield piece

    return pieces


def length(claimed, body=PAGE):
    return Response(raw=GOOD_HEAD + b"Content-Length: %b\r\n\r\n" % claimed + body)


ANSWERS = {
    "nothing": Response(raw=b""),
    "cut": Response(body=PAGE, truncate_bytes=40),
    "cut in the headers": Response(raw=GOOD_HEAD + b"Content-Le"),
    "HTML": Response(body=b"<html>\n<h1>Log in to the network</h1></html>", crc32="none",
                     headers={"Content-Type": "text/html"}),
    "HTML as 403": Response(status=403, body=b"<html>No</html>", crc32="none",
                            headers={"Content-Type": "text/html"}),
    "HTML as 502": Response(status=502, body=b"<html>Bad gateway</html>", crc32="none",
                            headers={"Content-Type": "text/html"}),
    "bytes": Response(body=bytes(range(256)) * 8),
    "no body": Response(body=b""),
    "204": Response(raw=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "null": Response(body=b"null"),
    "an array": Response(body=b"[]"),
    "a number": Response(body=b"1e999"),
    "a string that does not end": Response(body=b'{"Items":["'),
    "JSON and more": Response(body=b"{}{}"),
    "a zero byte": Response(body=b'{"a":"\x00"}'),
    "depth": Response(body=b"[" * 200_000),
    "no XML that ends": Response(body=b"<AssumeRoleResponse>" + b"<a>" * 50_000),
    "an entity": Response(body=b'<!DOCTYPE a [<!ENTITY b "cc">]><AssumeRoleResponse><Credentials>'
                          b"<AccessKeyId>&b;</AccessKeyId></Credentials></AssumeRoleResponse>"),
    "301": moved(301), "302": moved(302), "307": moved(307), "308": moved(308),
    "304": Response(raw=b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "101": Response(raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
                    b"Connection: Upgrade\r\n\r\n" + PAGE),
    "a header that does not end": Response(raw=GOOD_HEAD + b"X-Long: " + b"x" * 1_000_000),
    "too many headers": Response(raw=GOOD_HEAD + b"X-Many: x\r\n" * 100_000 + b"\r\n" + PAGE),
    "a header of a line break alone": Response(raw=GOOD_HEAD + b"\x00\r\r\n: x\r\n\r\n{"),
    "no HTTP": Response(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
    "HTTP/0.9": Response(raw=PAGE),
    "no status": Response(raw=b"HTTP/1.1 OK\r\n\r\n" + PAGE),
    "an unknown version": Response(raw=b"HTTP/7.3 200 OK\r\n\r\n" + PAGE),
    "a chunk of no size": Response(
        raw=GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + PAGE),
    "a chunk of a huge size": Response(
        raw=GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + PAGE),
    "a chunk and no end": Response(
        raw=GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(PAGE) + PAGE),
    "a length too long": length(b"100000"),
    "a length too short": length(b"40"),
    "a length below zero": length(b"-1", PAGE[:-1]),
    "a length that is no number": length(b"many", PAGE[:-1]),
    "a length beyond all numbers": length(b"99999999999999999999999", PAGE[:-1]),
    "two lengths": length(b"%d\r\nContent-Length: 4" % len(PAGE)),
    "gzip": Response(body=gzip.compress(PAGE), headers={"Content-Encoding": "gzip"}),
    "an unknown encoding": Response(body=b"{\x01", headers={"Content-Encoding": "br, zstd"}),
}
NEVER_ENDING = {
    "a body that does not end": endless(b" " * 65536),
    "chunks that do not end": endless(
        b"10000\r\n" + b" " * 65536 + b"\r\n", GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
    "headers that do not end": endless(b"X-Many: x\r\n" * 1000, GOOD_HEAD),
    "no more than 100s": endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, b""),
}


# ---- the services, each with the request that goes wrong -----------------------------------------


def dynamodb(machine):
    machine.environment_keys()


def role(machine):
    machine.credentials("[base]\n" + machine.keys("Base"))
    machine.config(f"[profile dev]\nrole_arn = {ROLE}\nsource_profile = base\n")
    machine.variables["AWS_PROFILE"] = "dev"


def web_identity(machine):
    machine.aws.hide("a-web-token")
    machine.variables.update(
        AWS_ROLE_ARN=ROLE, AWS_WEB_IDENTITY_TOKEN_FILE=machine.write("token", "a-web-token"))


def sso(machine, expires="2100-01-01T00:00:00Z"):
    machine.config("[default]\nsso_session = corp\nsso_account_id = 111111111111\n"
                   "sso_role_name = R\n[sso-session corp]\nsso_region = us-east-1\n"
                   "sso_start_url = https://corp.example.test/\n")
    machine.aws.sso_tokens.add("sso-token")
    machine.aws.refresh_tokens.add("refresh-token")
    machine.sso_token("corp", accessToken="sso-token", expiresAt=expires, clientId="client",
                      refreshToken="refresh-token", clientSecret="secret-of-the-client",
                      registrationExpiresAt="2100-01-01T00:00:00Z")


def old_sso(machine):
    sso(machine, "2020-01-01T00:00:00Z")


def container(machine):
    machine.aws.hide("token-for-the-container")
    machine.aws.container.authorization = "token-for-the-container"
    machine.variables.update(
        AWS_CONTAINER_CREDENTIALS_FULL_URI=machine.aws.url + "/container",
        AWS_CONTAINER_AUTHORIZATION_TOKEN="token-for-the-container")


def instance(machine):
    del machine


# Name: set up by, the operation that goes wrong.
SERVICES = {
    "Scan": (dynamodb, "Scan"),
    "AssumeRole": (role, "AssumeRole"),
    "AssumeRoleWithWebIdentity": (web_identity, "AssumeRoleWithWebIdentity"),
    "GetRoleCredentials": (sso, "GetRoleCredentials"),
    "CreateToken": (old_sso, "CreateToken"),
    "container": (container, "container"),
    "instance token": (instance, "instance token"),
    "instance role": (instance, "instance role"),
}


@pytest.fixture
def elsewhere():
    with ScriptedEndpoint() as server:
        yield server


@pytest.fixture
def open_service(machine, connect, monkeypatch):
    """open_service(name): a connection of a machine that uses it, and tries once."""

    def make(name, *arguments):
        SERVICES[name][0](machine)
        machine.variables["AWS_MAX_ATTEMPTS"] = "1"
        machine.arguments = list(arguments)
        return machine.connection(connect, monkeypatch)

    return make


def fails(connection):
    """A statement ends in an error of the extension's; its text."""
    with pytest.raises(sqlite3.Error) as caught:
        rows = connection.execute("SELECT * FROM s").fetchall()
        pytest.fail(f"no error, but {rows}")
    assert str(caught.value).startswith("dynamodb_sessions: ")
    return str(caught.value)


def works(connection):
    assert connection.execute("SELECT sid FROM s").fetchall() == [("a",)]


def for_elsewhere(answer, elsewhere):
    """The answer with that server's URL."""
    headers = {name: value and value.replace(ELSEWHERE, elsewhere.url)
               for name, value in answer.headers.items()}
    return dataclasses.replace(answer, headers=headers)


@pytest.mark.parametrize("name", SERVICES)
def test_a_wrong_answer(machine, open_service, elsewhere, subtests, name):
    for answer, response in ANSWERS.items():
        with subtests.test(answer):
            machine.aws.reset()
            connection = open_service(name)
            fault = for_elsewhere(response, elsewhere)
            machine.aws.inject(fault, SERVICES[name][1], at=0)
            message = fails(connection)
            assert "made-up" not in message and "<h" not in message
            machine.traces(connection)
            assert elsewhere.requests == []
            # No key was made up of it either.
            assert machine.used() == (["idOfEnvironment"] if name == "Scan" else [])
            machine.aws.clear_faults()
            works(connection)


@pytest.mark.parametrize("name", SERVICES)
def test_an_answer_without_end(machine, open_service, subtests, name):
    for answer, pieces in NEVER_ENDING.items():
        with subtests.test(answer):
            machine.aws.reset()
            connection = open_service(name)
            machine.aws.inject(Response(raw=pieces()), SERVICES[name][1])
            fails(connection)
            machine.traces(connection)
            works(connection)


# ---- what only DynamoDB has ---------------------------------------------------------------------


def test_a_wrong_checksum(open_service, machine):
    connection = open_service("Scan")
    machine.aws.inject(Response(body=PAGE, crc32="wrong"), "Scan")
    assert "CRC-32" in fails(connection)
    works(connection)


def test_a_page_of_html_says_what_it_may_be(open_service, machine):
    connection = open_service("Scan")
    machine.aws.inject(ANSWERS["HTML"], "Scan")
    message = fails(connection)
    assert "captive portal" in message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_says_where_nobody_went(open_service, machine, elsewhere, status):
    connection = open_service("Scan")
    machine.aws.inject(for_elsewhere(moved(status), elsewhere), "Scan")
    assert str(status) in fails(connection)
    assert elsewhere.requests == []


# ---- a drip, which a timeout ends ----------------------------------------------------------------


def drip():
    yield GOOD_HEAD + b"Content-Length: 1000\r\n\r\n{"
    while True:
        yield b" "


@pytest.mark.parametrize("name", ["Scan", "AssumeRole", "instance role"])
def test_a_drip_is_ended_by_the_timeout(open_service, machine, name):
    connection = open_service(name, "request_timeout=1")
    machine.aws.inject(Response(raw=drip(), pause_s=0.05), SERVICES[name][1])
    fails(connection)
    machine.traces(connection)
    works(connection)


# ---- in the middle of a write --------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["cut", "HTML", "bytes", "gzip", "a length too short"])
def test_a_write_after_which_nothing_is_sure(open_service, machine, answer):
    connection = open_service("Scan")
    machine.aws.inject(ANSWERS[answer], "PutItem")
    with refused("SQLITE_ERROR", "0 applied, 0 not applied, 1 unknown"):
        connection.execute("INSERT INTO s(sid, session) VALUES ('n', '{}')")
    works(connection)

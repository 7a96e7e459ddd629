"""The fake of AWS itself: boto3 gets credentials from it, and what is signed wrong is refused."""

import datetime
import ssl
import urllib.request

import boto3
import botocore.auth
import botocore.config
import botocore.exceptions
import pytest
from fake_aws import FakeAws
from scripted_endpoint import Response, ScriptedEndpoint


def client_of(aws, service, access_key_id="idOfUser", secret="secret-of-user", token=None):
    return boto3.client(
        service, endpoint_url=aws.url, region_name="eu-north-1", aws_access_key_id=access_key_id,
        aws_secret_access_key=secret, aws_session_token=token,
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def user(aws):
    aws.know("idOfUser", "secret-of-user")
    return aws


def test_a_role_and_what_is_signed_by_its_keys(user, make_table):
    role = "arn:aws:iam::111111111111:role/path/my-role"
    given = client_of(user, "sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    assert given["AccessKeyId"] == "idOfMyRole1"
    client = client_of(user, "dynamodb", "idOfMyRole1", given["SecretAccessKey"],
                       given["SessionToken"])
    assert "Table" in client.describe_table(TableName=make_table())
    assert [(call.operation, call.access_key_id, call.region) for call in user.calls] == [
        ("AssumeRole", "idOfUser", "eu-north-1"), ("DescribeTable", "idOfMyRole1", "eu-north-1")]


@pytest.mark.parametrize("keys, code", [
    (("idOfUser", "another secret"), "InvalidSignatureException"),
    (("idOfNobody", "secret-of-user"), "UnrecognizedClientException"),
    (("idOfUser", "secret-of-user", "a-token"), "UnrecognizedClientException"),
    (("idOfDead", "secret-of-dead", "token-of-dead"), "ExpiredTokenException"),
])
def test_what_is_signed_wrong_is_refused(user, keys, code):
    user.know("idOfDead", "secret-of-dead", "token-of-dead", expires=1)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client_of(user, "dynamodb", *keys).list_tables()
    assert caught.value.response["Error"]["Code"] == code
    with pytest.raises(botocore.exceptions.ClientError):
        client_of(user, "sts", *keys).assume_role(
            RoleArn="arn:aws:iam::111111111111:role/x", RoleSessionName="me")
    assert user.issued == {}


def test_a_signature_of_another_hour_is_refused(user, monkeypatch):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: then.replace(tzinfo=None))
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidSignatureException"):
        client_of(user, "dynamodb").list_tables()


def test_a_proxy_and_a_tunnel_are_answered_by_itself(authority, monkeypatch):
    trusting = ssl.create_default_context(cafile=authority.path)
    with FakeAws(tunnel_tls=authority.server()) as aws:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"http": aws.url, "https": aws.url}),
            urllib.request.HTTPSHandler(context=trusting))
        region = "/latest/meta-data/placement/region"
        aws.instance.version = 1
        for host in ("http://a.example.test", "https://b.example.test", "https://c.example.test"):
            assert opener.open(host + region).read() == b"eu-north-1"
        assert [call.through for call in aws.calls] == [
            "a.example.test", "b.example.test:443", "c.example.test:443"]


def test_a_server_with_a_certificate(authority):
    with ScriptedEndpoint(tls=authority.server()) as server:
        server.queue(Response(json={"x": 1}))
        trusting = ssl.create_default_context(cafile=authority.path)
        assert urllib.request.urlopen(server.url, context=trusting).read() == b'{"x": 1}'
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(server.url)
    with ScriptedEndpoint(tls=authority.server("else.example.test")) as server:
        with pytest.raises(urllib.error.URLError, match="IP address mismatch"):
            urllib.request.urlopen(server.url, context=trusting)


def test_raw_answers_are_sent_as_they_are():
    with ScriptedEndpoint() as server:
        server.queue(Response(raw=[b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 2\r\n\r\n{}"]))
        assert urllib.request.urlopen(server.url).read() == b"{}"
